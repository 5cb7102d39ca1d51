"""The signals agent's mind: one signal per completed bar, repeats harmless, and restarts that change nothing."""

from __future__ import annotations

import random
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from domain.catalog import catalog
from domain.market import Bar, Tick
from domain.signals import SignalGenerated, SignalRefused, SignalRequested
from models import features
from models.engine import engine
from models.engine.engine import Engine
from runtime.settings import Settings
from streams.codec import Cause
from streams.decider import Draft, Folded, Input
from streams.signals import decider as decider_module
from streams.signals.decider import REQUESTS, TICKS, SignalsDecider
from streams.signals.judge import StoredJudges
from tests.streams.signals.conftest import StoreModel

AGE_DAYS_MAX = 800
NOW_US = 1_700_000_000_000_000
WINDOW = features.WINDOW


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, store_model: StoreModel) -> Path:
    folder = tmp_path_factory.mktemp("home")
    store_model(folder, "1")
    return folder


@pytest.fixture(scope="module")
def judges(home: Path) -> StoredJudges:
    return stored(home)


def stored(home: Path) -> StoredJudges:
    settings = Settings(_env_file=None, tape_home=home)
    return StoredJudges(settings, Engine(settings))


def fresh(judges: StoredJudges) -> SignalsDecider:
    return SignalsDecider(catalog(["AAPL", "MSFT"]), judges, AGE_DAYS_MAX)


def bar_of(number: int) -> Bar:
    """A price that wanders with the number, the same for the same number."""
    walk = random.Random(number)
    close = Decimal(50 + number % 17) + Decimal(walk.randrange(100)) / 100
    return Bar(open=close, high=close + 1, low=close - 1, close=close, volume=Decimal(walk.randrange(1000, 2000)))


def tick(number: int, symbol: str = "AAPL", closing: bool = True, split: Decimal | None = None) -> Tick:
    """A tick at market time `number` seconds."""
    bar = bar_of(number)
    return Tick(
        symbol=symbol,
        market_time_us=number * 1_000_000,
        price=bar.close,
        volume=Decimal(10),
        bar=bar if closing else None,
        split=split,
    )


def request(number: int, symbol: str = "AAPL") -> SignalRequested:
    return SignalRequested(request_id=f"req_{number}", symbol=symbol, requested_by="ann", issued_at_us=NOW_US + number)


def source(topic: str, offset: int, message: Any) -> Input:
    return Input(topic, 0, offset, 0, message.symbol.encode(), message, [])


def feed(decider: SignalsDecider, messages: Sequence[Any], first: int = 0) -> list[Any]:
    """The events of messages that arrive at offsets `first` and on, None where there is none."""
    drafts = [
        decider.decide(source(TICKS if isinstance(message, Tick) else REQUESTS, first + index, message), NOW_US)
        for index, message in enumerate(messages)
    ]
    return [None if draft is None else draft.message for draft in drafts]


def test_a_completed_bar_gives_one_signal(judges: StoredJudges) -> None:
    """Ticks within a bar give none; the tick that completes it gives one, which names its inputs and the model."""
    messages: list[Tick] = []
    for number in range(1, WINDOW + 1):
        messages += [tick(2 * number, closing=False), tick(2 * number + 1)]
    made = feed(fresh(judges), messages)
    last = made[-1]

    assert [item is None for item in made] == [True, False] * WINDOW
    assert {item.abstained for item in made[1:-1:2]} == {"warm_up"}
    assert isinstance(last, SignalGenerated)
    assert last.abstained is None
    assert last.first_tick is not None
    assert last.last_tick is not None
    assert (last.first_tick.offset, last.last_tick.offset) == (1, 2 * WINDOW - 1)
    assert (last.model_name, last.model_version) == ("signals", "1")
    assert last.price == messages[-1].price
    assert last.market_time_us == messages[-1].market_time_us


def test_a_signal_is_the_models_word_on_its_window(judges: StoredJudges, home: Path) -> None:
    """Features, probabilities and direction are what the offline code makes of the same bars."""
    messages = [tick(number) for number in range(1, WINDOW + 6)]
    last = feed(fresh(judges), messages)[-1]
    window = features.Bars.of([bar_of(number) for number in range(6, WINDOW + 6)])
    offline = engine.load(Settings(_env_file=None, tape_home=home))

    assert last.features == features.compute(window)
    assert last.probabilities == offline.predict(offline.matrix([features.compute(window)]))
    assert last.direction == offline.decide(last.probabilities)


def test_signal_ids_are_derived(judges: StoredJudges) -> None:
    """The same tick gives the same signal id to whoever decides it, another tick another one."""
    first, second = feed(fresh(judges), [tick(1), tick(2)])
    (again,) = feed(fresh(judges), [tick(1)])

    assert first.signal_id == again.signal_id != second.signal_id


def test_repeats_and_late_ticks_change_nothing(judges: StoredJudges) -> None:
    """What a feed publishes twice, or too late, gives no signal, and later signals are as if it had not come."""
    clean = [tick(number) for number in range(1, WINDOW + 3)]
    disturbed = [tick(1), tick(1), tick(3), tick(2), *[tick(number) for number in range(4, WINDOW + 3)]]
    late = feed(fresh(judges), disturbed)
    expected = feed(fresh(judges), [item for item in clean if item.market_time_us != 2_000_000])

    assert [item is None for item in late[:4]] == [False, True, False, True]
    assert late[-1].features == expected[-1].features
    assert len([item for item in late if item is not None]) == WINDOW + 1


def test_a_bar_behind_a_newer_tick_is_late(judges: StoredJudges) -> None:
    """A bar that completes before a tick already seen is out of order, even if that tick completed none."""
    made = feed(fresh(judges), [tick(1), tick(5, closing=False), tick(4), tick(6)])

    assert [item is None for item in made] == [False, True, True, False]


def test_unknown_symbols_are_counted(judges: StoredJudges) -> None:
    """A tick of a symbol that is no instrument gives no signal and is counted."""
    before = REGISTRY.get_sample_value("ticks_unknown_symbol_total") or 0.0
    (made,) = feed(fresh(judges), [tick(1, "NOPE")])

    assert made is None
    assert REGISTRY.get_sample_value("ticks_unknown_symbol_total") == before + 1


def test_other_messages_cause_nothing(judges: StoredJudges) -> None:
    """A message on the wrong topic is passed over: offsets of a request must never pass for a tick's."""
    decider = fresh(judges)

    assert decider.decide(source(REQUESTS, 0, tick(1)), NOW_US) is None
    assert decider.decide(source(TICKS, 0, request(1)), NOW_US) is None


def test_requests(judges: StoredJudges) -> None:
    """A request is answered from the bars known, abstains while they are too few, and is answered once."""
    decider = fresh(judges)
    (nothing,) = feed(decider, [request(1)])
    feed(decider, [tick(1), tick(2)])
    (short,) = feed(decider, [request(2)])
    feed(decider, [tick(number) for number in range(3, WINDOW + 1)], first=2)
    full, again = feed(decider, [request(3), request(3)])

    assert (nothing.abstained, nothing.price, nothing.last_tick) == ("no_ticks", None, None)
    assert nothing.market_time_us == NOW_US + 1
    assert (short.abstained, short.price, short.last_tick.offset) == ("warm_up", bar_of(2).close, 1)
    assert (full.abstained, full.requested_by_id, full.first_tick.offset) == (None, "req_3", 0)
    assert again is None


def test_a_request_for_no_instrument_is_refused(judges: StoredJudges) -> None:
    """The refusal carries a stable code and says what could have been asked for."""
    (refused, again) = feed(fresh(judges), [request(1, "NOPE"), request(1, "NOPE")])

    assert isinstance(refused, SignalRefused)
    assert (refused.code, refused.request_id) == ("INSTRUMENT_UNKNOWN", "req_1")
    assert refused.text == "no instrument 'NOPE'; expected one of AAPL, MSFT"
    assert again is None


def test_answered_requests_are_known_after_a_restart_and_bounded(
    judges: StoredJudges, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answers are remembered from the tape, the newest of them up to the bound."""
    monkeypatch.setattr(decider_module, "REQUESTS_REMEMBERED_MAX", 2)
    steady, restarted = fresh(judges), fresh(judges)
    for number, event in enumerate(feed(steady, [request(1), request(2), request(3, "NOPE")])):
        restarted.fold(Folded(0, number, number + 1, event, Cause(REQUESTS, 0, number, ""), None))

    for decider in (steady, restarted):
        assert [item is None for item in feed(decider, [request(3, "NOPE"), request(2), request(1)])] == [
            True,
            True,
            False,
        ]


def test_without_a_model_it_abstains(tmp_path: Path) -> None:
    """Full windows without a model give HOLD with the reason and no probabilities."""
    nobody = stored(tmp_path)
    last = feed(fresh(nobody), [tick(number) for number in range(1, WINDOW + 1)])[-1]

    assert (last.abstained, last.direction, last.model_version) == ("model_missing", "HOLD", "")
    assert set(last.probabilities.values()) == {0.0}


def test_prices_beyond_floats_do_not_stop_it(judges: StoredJudges) -> None:
    """A price that no float can hold makes it abstain while it is in the window, and no longer."""
    huge = Decimal("1E+400")
    monster = Tick(
        symbol="AAPL",
        market_time_us=1_000_000,
        price=huge,
        volume=Decimal(1),
        bar=Bar(open=huge, high=huge, low=huge, close=huge, volume=Decimal(1)),
    )
    made = feed(fresh(judges), [monster, *[tick(number) for number in range(2, WINDOW + 2)]])

    assert [item.abstained for item in made[-2:]] == ["features_invalid", None]


class Agent:
    """What streams.agent does with a decider, without servers: topics, a tape, and restarts."""

    def __init__(self, judges: StoredJudges, ticks: list[Tick], requests: list[SignalRequested]) -> None:
        self._judges = judges
        self._logs: dict[str, list[Any]] = {TICKS: ticks, REQUESTS: requests}
        self.tape: list[Folded] = []
        self.restart()

    def restart(self) -> None:
        self._decider = fresh(self._judges)
        causes: dict[str, int] = {}
        for event in self.tape:
            self._decider.fold(event)
            causes[event.cause.topic] = event.cause.offset
        for topic, first in self._decider.rewind(causes).items():
            for offset in range(first, causes[topic] + 1):
                self._decider.observe(source(topic, offset, self._logs[topic][offset]))
        self._next = {topic: causes.get(topic, -1) + 1 for topic in self._logs}

    def step(self, topic: str, until: int) -> None:
        """Decide a topic's inputs up to, not including, offset `until`."""
        for offset in range(self._next[topic], until):
            draft: Draft | None = self._decider.decide(source(topic, offset, self._logs[topic][offset]), NOW_US)
            if draft is not None:
                cause = Cause(topic, 0, offset, "")
                self.tape.append(Folded(0, len(self.tape), len(self.tape) + 1, draft.message, cause, None))
            self._next[topic] = offset + 1


def disturbed_market(seed: int) -> list[Tick]:
    """Two symbols, one of which starts late: ticks that complete nothing, repeats, ticks out of order, splits."""
    rng = random.Random(seed)
    ticks: list[Tick] = []
    number = {"AAPL": 1, "MSFT": 1, "NOPE": 1}
    for index in range(4 * WINDOW):
        symbol = rng.choice(["AAPL", "AAPL", "MSFT", "NOPE"] if index > 200 else ["AAPL"])
        if rng.random() < 0.15 and ticks:
            ticks.append(rng.choice(ticks[-20:]))
        number[symbol] += rng.choice([1, 1, 1, 2, -1])
        split = Decimal(rng.choice(["2", "3", "0.1"])) if rng.random() < 0.03 else None
        ticks.append(tick(max(number[symbol], 1), symbol, closing=rng.random() < 0.8, split=split))
    return ticks


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.lists(st.integers(0, 600), max_size=4))
def test_restarts_change_no_later_signal(judges: StoredJudges, seed: int, restarts: list[int]) -> None:
    """Wherever the agent is restarted, how often ever, the tape is the one of an agent that never stopped."""
    ticks, asked = disturbed_market(seed), [request(number, "AAPL") for number in range(6)]
    steady, restarted = Agent(judges, ticks, asked), Agent(judges, ticks, asked)
    for until in range(len(ticks) + 1):
        for agent in (steady, restarted):
            agent.step(TICKS, until)
            if until % 100 == 99:
                agent.step(REQUESTS, until // 100 + 1)
        if until in restarts:
            restarted.restart()

    assert steady.tape == restarted.tape
    assert {"warm_up", None} <= {event.message.abstained for event in steady.tape}


def test_the_property_can_fail(judges: StoredJudges) -> None:
    """An agent that does not read its window again after a restart gives other signals: the comparison sees it."""
    ticks = [tick(number) for number in range(1, WINDOW + 10)]
    steady, forgetful = Agent(judges, ticks, []), Agent(judges, ticks, [])
    steady.step(TICKS, len(ticks))
    forgetful.step(TICKS, WINDOW + 2)
    forgetful._decider = fresh(judges)
    forgetful.step(TICKS, len(ticks))

    assert steady.tape != forgetful.tape
