"""The adapters, held to the conformance tests, and the door to real money."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest

from domain.errors import UnavailableError
from domain.market import TickAt
from execution.adapters import make_venue
from execution.alpaca.access import access_of
from execution.paper import PaperVenue
from execution.refusals import REFUSALS
from execution.venue import Venue
from runtime.settings import Settings
from tests.execution.examples import PARAMETERS, tick_at
from tests.execution.venue_conformance import VenueConformance
from tests.execution.venue_conformance_depth import VenueConformanceDepth

_REFUSAL = re.compile(r'Refusal\(\s*(?:revision,\s*)?"([A-Z_]+)"')


class TestPaperVenue(VenueConformance):
    """The paper venue conforms."""

    @pytest.fixture
    def venue(self) -> Venue:
        return PaperVenue(PARAMETERS)

    @pytest.fixture
    def busy(self) -> TickAt:
        return tick_at(5, "100", "1000")


class TestPaperVenueShared(TestPaperVenue):
    """So it does when orders share a tick."""

    @pytest.fixture
    def venue(self) -> Venue:
        return PaperVenue(PARAMETERS, shared_liquidity=True)


class TestPaperVenueDepth(VenueConformanceDepth):
    """Stops, times in force and replacements."""

    @pytest.fixture
    def venue(self) -> Venue:
        return PaperVenue(PARAMETERS)

    @pytest.fixture
    def busy(self) -> TickAt:
        return tick_at(5, "100", "1000")


class TestPaperVenueDepthShared(TestPaperVenueDepth):
    """The same in one book."""

    @pytest.fixture
    def venue(self) -> Venue:
        return PaperVenue(PARAMETERS, shared_liquidity=True)


def test_the_settings_say_whether_orders_share_a_tick() -> None:
    """PAPER_SHARED_LIQUIDITY is off unless it is switched on."""
    alone, shared = (make_venue(Settings(_env_file=None, paper_shared_liquidity=on)) for on in (False, True))

    assert isinstance(alone, PaperVenue)
    assert isinstance(shared, PaperVenue)
    assert (alone.shares_liquidity, shared.shares_liquidity) == (False, True)


def test_every_refusal_has_a_meaning() -> None:
    """The codes with which the desk and the paper venue refuse are those of the table, no more and no fewer."""
    folder = Path(__file__).parents[2] / "execution"
    sources = [*(folder / "paper").glob("*.py"), folder / "desk.py"]

    used = {code for path in sources for code in _REFUSAL.findall(path.read_text())}

    assert used == set(REFUSALS)


def test_paper_is_the_default() -> None:
    """Who sets nothing trades on paper."""
    assert make_venue(Settings(_env_file=None)).name == "PAPER"


KEYS = {"alpaca_api_key": "PKVISIBLE0001", "alpaca_secret_key": "not-for-anybodys-eyes"}
LIVE = {"alpaca_base_url": "https://api.alpaca.markets", "alpaca_stream_url": "wss://api.alpaca.markets/stream"}


def settings(**given: Any) -> Settings:
    return Settings(_env_file=None, **{"paper_trade_mode": False, **given})


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({}, "ALPACA_API_KEY and ALPACA_SECRET_KEY are missing"),
        ({"alpaca_api_key": "PK"}, "ALPACA_SECRET_KEY is missing"),
        ({"alpaca_secret_key": "x"}, "ALPACA_API_KEY is missing"),
    ],
)
def test_a_broker_without_keys_is_refused(given: dict[str, str], missing: str) -> None:
    """Paper mode off and no keys: the error names what is missing, and nothing trades."""
    with pytest.raises(UnavailableError, match=f"PAPER_TRADE_MODE is false.*{missing}"):
        make_venue(settings(**given))


async def test_paper_mode_wins_over_keys() -> None:
    """Keys that lie around send no order anywhere."""
    assert make_venue(settings(paper_trade_mode=True, **KEYS)).name == "PAPER"


async def test_keys_give_the_brokers_paper_account() -> None:
    """Paper mode off with keys: Alpaca, and its paper account unless more is said."""
    venue = make_venue(settings(**KEYS))
    await venue.stop()

    assert venue.name == "ALPACA_PAPER"


def test_real_money_needs_its_own_word() -> None:
    """A live address without ALPACA_LIVE is refused, and the error names both."""
    with pytest.raises(UnavailableError, match=r"ALPACA_BASE_URL is live.*ALPACA_LIVE=true"):
        make_venue(settings(**KEYS, **LIVE))


async def test_real_money_with_its_own_word() -> None:
    """ALPACA_LIVE and a live address together: reports say that it is not paper."""
    venue = make_venue(settings(**KEYS, **LIVE, alpaca_live=True))
    await venue.stop()

    assert venue.name == "ALPACA"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"alpaca_live": True}, "ALPACA_LIVE is true; expected both to say the same: ALPACA_LIVE=false"),
        ({"alpaca_base_url": LIVE["alpaca_base_url"], "alpaca_live": True}, "must be of one account"),
        ({"alpaca_stream_url": LIVE["alpaca_stream_url"]}, "must be of one account"),
        ({"alpaca_base_url": "http://paper-api.alpaca.markets"}, "ALPACA_BASE_URL: expected .*https://"),
        ({"alpaca_stream_url": "ws://paper-api.alpaca.markets/stream"}, "ALPACA_STREAM_URL: expected .*wss://"),
        ({"alpaca_base_url": "https://me:pw@paper-api.alpaca.markets"}, "holds a user or a password"),
    ],
)
def test_contradictory_addresses_are_refused(given: dict[str, Any], says: str) -> None:
    """Nobody can believe to trade on paper while the other address is live, and no key goes out in the clear."""
    with pytest.raises(UnavailableError, match=says):
        make_venue(settings(**KEYS, **given))


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation without the extra `broker` says so instead of failing somewhere inside."""
    monkeypatch.delitem(sys.modules, "execution.alpaca", raising=False)
    monkeypatch.setitem(sys.modules, "execution.alpaca.venue", None)

    with pytest.raises(UnavailableError, match="expected the extra `broker`"):
        make_venue(settings(**KEYS))


async def test_no_secret_is_ever_shown() -> None:
    """Neither the settings nor the venue nor the access shows a key in its repr, nor does an error about addresses."""
    given = settings(**KEYS)
    venue = make_venue(given)
    await venue.stop()
    shown = [repr(given), str(given), given.model_dump_json(), repr(venue), repr(access_of(given))]
    with pytest.raises(UnavailableError) as caught:
        make_venue(settings(**KEYS, **LIVE))
    shown.append(str(caught.value))

    assert [text for text in shown if "not-for-anybodys-eyes" in text or "PKVISIBLE0001" in text] == []
