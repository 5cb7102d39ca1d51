"""Actions on record: one event each, repeats none, conflicts and bad forms refused, and ids forgotten in time."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import jsonschema
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import schema
from domain.action_book import ActionBook
from domain.actions import ACTIONS, ActionRecorded, ActionRefused, RecordAction
from domain.checks import CLOCK_AHEAD_US_MAX
from domain.errors import UnreadableInput
from domain.market import Tick
from streams import schemas

NOW_US = 1_767_225_600_000_000
KEPT_US = 3_600_000_000
HORIZON_US = KEPT_US + CLOCK_AHEAD_US_MAX
"""The tests' published time is an hour; an id whose sender's clock ran ahead is remembered five minutes longer."""


def action(**changes: Any) -> RecordAction:
    fields: dict[str, Any] = {
        "action_id": "act_1",
        "actor": "carol",
        "action": "deadletter.discarded",
        "subject": "trading.commands:0:7",
        "reason": "a test message",
        "details": {"service": "ledger"},
        "issued_at_us": NOW_US,
    }
    return RecordAction(**(fields | changes))


ACTIONS_REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("ACTION_ID_INVALID", {"action_id": ""}, "1 to 128 printable"),
    ("ACTION_ID_INVALID", {"action_id": "x" * 129}, "1 to 128 printable"),
    ("ACTION_ID_CONFLICT", {"action_id": "taken"}, "it was other content"),
    ("ACTION_EXPIRED", {"issued_at_us": NOW_US - KEPT_US - 1}, "at most 3600 s ago"),
    ("ACTION_AHEAD", {"issued_at_us": NOW_US + CLOCK_AHEAD_US_MAX + 1}, "300 s ahead"),
    ("ACTION_NAME_INVALID", {"action": "discard"}, "it was 'discard'"),
    ("ACTION_NAME_INVALID", {"action": "Dead.Letter"}, "it was 'Dead.Letter'"),
    ("ACTION_NAME_INVALID", {"action": "a." + "b" * 127}, "up to 128 characters"),
    ("ACTION_TEXT_INVALID", {"actor": ""}, "expected actor to be 1 to 128"),
    ("ACTION_TEXT_INVALID", {"subject": "x" * 513}, "expected subject to be 1 to 512"),
    ("ACTION_TEXT_INVALID", {"reason": "line\nbreak"}, "expected reason to be 1 to 1000"),
    ("ACTION_TEXT_INVALID", {"details": {"": "x"}}, "the name of a detail"),
    ("ACTION_TEXT_INVALID", {"details": {"size": "x" * 1001}}, "expected detail size to be 1 to 1000"),
    ("ACTION_TEXT_INVALID", {"details": {f"d{n}": "" for n in range(33)}}, "at most 32 details, there were 33"),
]


def test_an_action_is_put_on_record_as_it_was_sent() -> None:
    """The event says all that the input said, and when it was recorded."""
    event = ActionBook(KEPT_US).decide(action(), NOW_US + 5)

    assert event == ActionRecorded(
        action_id="act_1",
        actor="carol",
        action="deadletter.discarded",
        subject="trading.commands:0:7",
        reason="a test message",
        details={"service": "ledger"},
        issued_at_us=NOW_US,
        recorded_at_us=NOW_US + 5,
    )


@pytest.mark.parametrize(("code", "changes", "words"), ACTIONS_REFUSED)
def test_what_cannot_be_recorded_is_refused_on_record(code: str, changes: dict[str, Any], words: str) -> None:
    """A refusal names the code, what was expected and what it was, who asked for what, and takes no id."""
    book = ActionBook(KEPT_US)
    assert isinstance(book.decide(action(action_id="taken", reason="first"), NOW_US), ActionRecorded)

    event = book.decide(action(**changes), NOW_US)

    assert isinstance(event, ActionRefused)
    assert event.code == code
    assert words in event.text
    assert len(book) == 1
    type_, value = schema.encode(event)
    jsonschema.validate(json.loads(value), schemas.stored()[type_])
    assert schema.decode(type_, value) == event


@pytest.mark.parametrize(
    "changes", [{"actor": "dave"}, {"action": "deadletter.retried"}, {"reason": "other"}, {"details": {}}]
)
def test_one_id_is_one_action(changes: dict[str, Any]) -> None:
    """The same id with the same content is a repeat, whenever it was issued; with other content it is a conflict."""
    book = ActionBook(KEPT_US)
    book.decide(action(), NOW_US)

    assert book.decide(action(issued_at_us=NOW_US + 1), NOW_US + 2) is None
    refused = book.decide(action(**changes), NOW_US + 3)
    assert isinstance(refused, ActionRefused)
    assert refused.code == "ACTION_ID_CONFLICT"


def test_an_id_belongs_to_its_subject() -> None:
    """The same id on another subject is another action: it may stand on another partition."""
    book = ActionBook(KEPT_US)
    book.decide(action(), NOW_US)

    assert isinstance(book.decide(action(subject="other"), NOW_US), ActionRecorded)


def test_a_late_copy_is_never_recorded_twice() -> None:
    """Before the published time is over it is a repeat, after it it is too old; there is no gap between the two."""
    book = ActionBook(KEPT_US)
    first = action(issued_at_us=NOW_US + CLOCK_AHEAD_US_MAX)
    assert isinstance(book.decide(first, NOW_US), ActionRecorded)

    for age_us in (1, KEPT_US, KEPT_US + 1, HORIZON_US, HORIZON_US + 1, 10 * HORIZON_US):
        event = book.decide(first, NOW_US + age_us)
        assert event is None or (isinstance(event, ActionRefused) and event.code == "ACTION_EXPIRED"), age_us


def test_ids_are_forgotten_when_their_time_is_over() -> None:
    """The book does not grow for ever: an event forgets what is older than the horizon, and keeps what is not."""
    book = ActionBook(KEPT_US)
    for number in range(100):
        book.decide(action(action_id=f"a{number}"), NOW_US)
    book.decide(action(action_id="later", issued_at_us=NOW_US + HORIZON_US), NOW_US + HORIZON_US)
    assert len(book) == 101
    late_us = NOW_US + HORIZON_US + 1
    book.decide(action(action_id="last", issued_at_us=late_us), late_us)

    assert len(book) == 2


def test_a_clock_that_is_set_back_forgets_nothing_and_records_no_earlier_time() -> None:
    """Record times on a tape never fall."""
    book = ActionBook(KEPT_US)
    book.decide(action(), NOW_US)

    assert book.decide(action(), NOW_US - 10) is None
    event = book.decide(action(action_id="b"), NOW_US - 10)
    assert isinstance(event, ActionRecorded)
    assert event.recorded_at_us == NOW_US


def test_another_message_is_unreadable() -> None:
    """A tick is no action, and the error says so."""
    tick = msgspec.convert({"symbol": "X", "market_time_us": 1, "price": "1", "volume": "1"}, Tick)

    with pytest.raises(UnreadableInput, match="takes RecordAction, it was a Tick"):
        ActionBook(KEPT_US).decide(tick, NOW_US)


def test_the_names_of_actions_are_of_the_form_that_is_taken() -> None:
    """Every name in the table can be recorded."""
    book = ActionBook(KEPT_US)
    events = [book.decide(action(action_id=name, action=name), NOW_US) for name in ACTIONS]

    assert [type(event) for event in events] == [ActionRecorded] * len(ACTIONS)


texts = st.text(max_size=140)
sent = st.builds(
    RecordAction,
    action_id=st.sampled_from(["a", "b", "c"]) | texts,
    actor=st.sampled_from(["carol", "dave"]) | texts,
    action=st.sampled_from(["x.y", "x.z"]) | texts,
    subject=st.sampled_from(["s", "t"]) | texts,
    reason=st.sampled_from(["", "why"]) | texts,
    details=st.dictionaries(texts, texts, max_size=3),
    issued_at_us=st.integers(NOW_US - 2 * HORIZON_US, NOW_US + 2 * HORIZON_US),
)


@given(st.lists(st.tuples(sent, st.integers(0, HORIZON_US)), max_size=40), st.integers(0, 40))
def test_any_inputs_in_any_order(inputs: list[tuple[RecordAction, int]], restart_at: int) -> None:
    """Goal: each action is recorded at most once, and a fold of the tape decides as the first book did.

    Method: arbitrary actions at arbitrary clocks (going back too), each sent twice, a successor folding half way.
    """
    book, tape, now_us = ActionBook(KEPT_US), [], NOW_US
    undisturbed = ActionBook(KEPT_US)
    for number, (message, step_us) in enumerate(inputs):
        if number == restart_at:
            book = ActionBook(KEPT_US)
            for event in tape:
                book.fold(event)
        now_us += step_us
        for _ in range(2):
            event = book.decide(message, now_us - step_us // 2)
            assert event == undisturbed.decide(message, now_us - step_us // 2)
            if event is not None:
                tape.append(event)
                assert schema.decode(*schema.encode(event)) == event
                for text in (event.actor, event.action_id, event.subject, event.action):
                    assert text == "" or text.isprintable()

    recorded = Counter(
        (event.subject, event.action_id, event.issued_at_us) for event in tape if isinstance(event, ActionRecorded)
    )
    assert all(count == 1 for count in recorded.values())
    times = [event.recorded_at_us for event in tape]
    assert times == sorted(times)
