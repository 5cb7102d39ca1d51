"""What a replay publishes: the total order, the way of a bar through its four ticks, and the warm-up before."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidValue
from models.marketdata import MarketBar
from models.registry import store
from runtime.settings import Settings
from streams.feed.feed import Feed
from streams.feed.plan import order, plan, select
from tests.models.service.stage import add, point, settings_of

DAY = date(2011, 1, 3)


def bar(symbol: str, day: date, volume: int = 1003, **prices: str) -> MarketBar:
    known = {"open": "10", "high": "12", "low": "9", "close": "11"} | prices
    return MarketBar(symbol=symbol, date=day, volume=Decimal(volume), **{k: Decimal(v) for k, v in known.items()})


def test_a_bar_is_four_ticks() -> None:
    """A bar becomes open, high, low and close; the volume is shared out whole; the close alone carries the bar."""
    ticks = order([bar("AAPL", DAY)]).ticks

    assert [tick.price for tick in ticks] == [Decimal(10), Decimal(12), Decimal(9), Decimal(11)]
    assert [tick.volume for tick in ticks] == [250, 250, 250, 253]
    assert [tick.bar is not None for tick in ticks] == [False, False, False, True]
    assert ticks[3].bar == bar("AAPL", DAY).bar()


BARS = st.lists(
    st.tuples(st.sampled_from(["AAPL", "IBM", "MSFT"]), st.integers(0, 20), st.integers(0, 10**9)),
    unique_by=lambda drawn: drawn[:2],
    max_size=40,
).map(lambda drawn: [bar(symbol, DAY + timedelta(days=days), volume) for symbol, days, volume in drawn])


@given(BARS)
def test_total_order(bars: list[MarketBar]) -> None:
    """Whatever the order of the bars, ticks go out by market time, then symbol, and no share of volume is lost."""
    planned = order(bars)
    keys = [(tick.market_time_us, tick.symbol) for tick in planned.ticks]

    assert keys == sorted(set(keys))
    assert len(keys) == 4 * len(bars)
    assert planned.bars == len(bars)
    assert sum(tick.volume for tick in planned.ticks) == sum(item.volume for item in bars)


@given(BARS, st.integers(0, 160))
def test_going_on_after_any_tick(bars: list[MarketBar], cut: int) -> None:
    """A feed that was stopped after any tick goes on with exactly the ticks it had not published."""
    planned = order(bars)
    published = {tick.symbol: tick.market_time_us for tick in planned.ticks[:cut]}
    left = planned.after(published)

    assert left.ticks == planned.ticks[cut:]
    assert left.bars == sum(tick.bar is not None for tick in planned.ticks[cut:])


def test_warm_up_is_per_symbol() -> None:
    """Each symbol gets its own last bars before the first day, as many as there are."""
    days = [DAY + timedelta(days=n) for n in range(5)]
    bars = [bar("AAPL", day) for day in days] + [bar("FB", day) for day in days[2:]]
    chosen = select(bars, days[3], 2)

    assert sorted(item.date for item in chosen if item.symbol == "AAPL") == days[1:]
    assert sorted(item.date for item in chosen if item.symbol == "FB") == days[2:]
    assert {item.date for item in select(bars, days[3], 0)} == set(days[3:])


def test_contradicting_bar_is_dropped() -> None:
    """A bar whose high is below its low gives no tick, and the plan says why; the others go out."""
    planned = order([bar("AAPL", DAY, high="8"), bar("MSFT", DAY)])

    assert [(item.symbol, item.date) for item in planned.dropped] == [("AAPL", DAY)]
    assert planned.dropped[0].reason.startswith("BAR_HIGH_BELOW_LOW: high 8 is below low 9")
    assert {tick.symbol for tick in planned.ticks} == {"MSFT"}
    assert planned.bars == 1


def test_the_real_replay() -> None:
    """2011 and 2012 had 502 trading days; FB is traded from 2012-05-18 and has no bars to warm up with."""
    planned = plan(["MSFT", "FB"], date(2011, 1, 1), date(2012, 12, 31), 127)
    first_fb = next(tick for tick in planned.ticks if tick.symbol == "FB")
    msft = [tick for tick in planned.ticks if tick.symbol == "MSFT" and tick.bar is not None]

    assert len(msft) == 502 + 127
    assert datetime.fromtimestamp(first_fb.market_time_us / 1e6, UTC).isoformat() == "2012-05-18T14:30:00+00:00"
    assert datetime.fromtimestamp(msft[127].market_time_us / 1e6, UTC).isoformat() == "2011-01-03T21:00:00+00:00"
    assert planned.dropped == ()


@pytest.mark.parametrize(
    ("symbols", "first", "last", "code"),
    [
        (["MSFT"], date(2012, 1, 2), date(2012, 1, 1), "FEED_RANGE_EMPTY"),
        (["FB"], date(2011, 1, 1), date(2011, 2, 1), "FEED_RANGE_EMPTY"),
        ([], date(2011, 1, 1), date(2011, 2, 1), "FEED_NO_SYMBOLS"),
        (["NOPE"], date(2011, 1, 1), date(2011, 2, 1), "INSTRUMENT_UNKNOWN"),
    ],
)
def test_nothing_to_replay(symbols: list[str], first: date, last: date, code: str) -> None:
    """A replay of nothing is refused with its reason rather than finished at once."""
    with pytest.raises(InvalidValue) as refused:
        plan(symbols, first, last, 5)

    assert refused.value.code == code


def test_a_replay_is_not_now() -> None:
    """Where the clock ends orders, the past is not to be played: every order of 2011 would be over at once."""
    real_time = Settings(_env_file=None, market_real_time=True)

    with pytest.raises(InvalidValue) as refused:
        Feed(real_time, ["AAPL"], date(2011, 1, 3), date(2011, 1, 31))

    assert refused.value.code == "FEED_NOT_REAL_TIME"


def test_the_model_that_judges_says_how_much_history_it_needs(tmp_path: Path) -> None:
    """127 bars complete a window on the first day; a model of four rows needs three bars more, and has an opinion then.
    One that cannot be read is the signals agent's to tell of.
    """
    settings = settings_of(tmp_path)

    def before() -> int:
        return Feed(settings, ["AAPL"], DAY, DAY).plan.bars - 1

    assert before() == 127
    point(settings, add(settings, "xgboost", "1"))
    add(settings, "lstm", "2")
    assert before() == 127
    settings = settings.model_copy(update={"model_version": "2"})
    assert before() == 130
    (store.root(settings, settings.model_name) / "2" / "meta.json").write_bytes(b"{")
    assert before() == 127
