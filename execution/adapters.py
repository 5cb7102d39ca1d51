"""Which venue the settings name."""

from __future__ import annotations

from domain.errors import UnavailableError
from execution.paper import PaperParameters, PaperVenue
from execution.venue import Venue
from runtime.settings import Settings


def make_venue(settings: Settings) -> Venue:
    """The paper venue, unless paper mode was switched off: then a live adapter is needed.

    Raises UnavailableError then, because no live adapter is configured: real money never moves by default.
    """
    if settings.paper_trade_mode:
        return PaperVenue(PaperParameters.of(settings))
    raise UnavailableError(
        "PAPER_TRADE_MODE is false, but no live venue adapter is configured; "
        "expected PAPER_TRADE_MODE=true, or an adapter of execution.venue.Venue"
    )
