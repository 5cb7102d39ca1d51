"""The paper venue. Decision 0026 tells its rules and their sources.

domain.paper_costs: costs and shares of a tick. parameters: as the settings give them. fills: a fill with its evidence,
and the same again. acceptance: what is taken, replaced. trigger, lifetime: stops and times in force. resting: one order
meets one tick. book: the orders of a symbol share a tick. venue: the adapter.
"""

from domain.paper_costs import PaperParameters, seed
from execution.paper.book import Book
from execution.paper.fills import BOOK_MODEL, MODEL, Fill, fill, recompute
from execution.paper.parameters import parameters_of
from execution.paper.venue import PaperVenue

__all__ = [
    "BOOK_MODEL",
    "MODEL",
    "Book",
    "Fill",
    "PaperParameters",
    "PaperVenue",
    "fill",
    "parameters_of",
    "recompute",
    "seed",
]
