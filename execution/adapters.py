"""Which venue the settings name."""

from __future__ import annotations

from domain.catalog import catalog
from domain.errors import UnavailableError
from execution.paper import PaperVenue, parameters_of
from execution.venue import Venue
from runtime.settings import Settings


def make_venue(settings: Settings) -> Venue:
    """The paper venue, unless paper mode was switched off: then Alpaca, by the keys of the settings.

    Raises UnavailableError when keys are missing, when real money would move without ALPACA_LIVE, or when the packages
    of the extra `broker` are not installed: real money never moves by default.
    """
    if settings.paper_trade_mode:
        instruments = catalog(settings.symbols())
        return PaperVenue(
            parameters_of(settings),
            mics={symbol: instrument.mic for symbol, instrument in instruments.items()},
            shared_liquidity=settings.paper_shared_liquidity,
            real_time=settings.market_real_time,
        )
    try:
        from execution.alpaca import AlpacaVenue
        from execution.alpaca.access import access_of
    except ImportError as error:
        raise UnavailableError(
            f"PAPER_TRADE_MODE is false, but the package {error.name} is missing; expected the extra `broker` to be "
            "installed, or PAPER_TRADE_MODE=true"
        ) from error
    return AlpacaVenue(access_of(settings), settings)
