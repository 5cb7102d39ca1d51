"""The paper venue. Decision 0026 tells its rules and their sources.

model: costs and shares of a tick. fills: a fill with its evidence, and the same again. acceptance: what is taken,
replaced. trigger, lifetime: stops and times in force. resting: one order meets one tick. book: the orders of a symbol
share a tick. venue: the adapter.
"""

from execution.paper.book import Book
from execution.paper.fills import BOOK_MODEL, MODEL, Fill, fill, recompute
from execution.paper.model import PaperParameters, seed
from execution.paper.venue import PaperVenue

__all__ = ["BOOK_MODEL", "MODEL", "Book", "Fill", "PaperParameters", "PaperVenue", "fill", "recompute", "seed"]
