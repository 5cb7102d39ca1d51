"""The adapters, held to the conformance tests, and the door to real money."""

from __future__ import annotations

import pytest

from domain.errors import UnavailableError
from execution.adapters import make_venue
from execution.order import TickAt
from execution.paper import PaperVenue
from execution.venue import Venue
from runtime.settings import Settings
from tests.execution.examples import PARAMETERS, tick_at
from tests.execution.venue_conformance import VenueConformance


class TestPaperVenue(VenueConformance):
    """The paper venue conforms."""

    @pytest.fixture
    def venue(self) -> Venue:
        return PaperVenue(PARAMETERS)

    @pytest.fixture
    def busy(self) -> TickAt:
        return tick_at(5, "100", "1000")


def test_paper_is_the_default() -> None:
    """Who sets nothing trades on paper."""
    assert make_venue(Settings(_env_file=None)).name == "PAPER"


def test_a_live_venue_is_refused() -> None:
    """Paper mode off and no live adapter: a clear error, and nothing trades."""
    with pytest.raises(UnavailableError, match="no live venue adapter is configured"):
        make_venue(Settings(_env_file=None, paper_trade_mode=False))
