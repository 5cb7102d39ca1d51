"""Goal: a dead letter is settled once, on record, whoever is killed or comes second. Method: a real audit worker, and
the steps of a retry taken one by one, as a process that is killed between them leaves them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from prometheus_client import REGISTRY

from domain.actions import RETRIED
from domain.errors import InvalidValue, UnavailableError
from runtime.clients import kafka_producer
from runtime.clock import now_us
from runtime.settings import Settings
from streams.deadletters import DeadLetters, Place
from streams.deadletters.dossier import dossier, lines
from streams.deadletters.letter import scan
from streams.deadletters.listing import Filter, Row, followed, listing
from streams.deadletters.settle import Outcome, Settler
from streams.tape import TapeRecord
from tests.streams.deadletters.letters import account_on, bury, deposit, opening, put, record_at, records, retries
from tests.streams.trading import events
from tests.workers import eventually, worker

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]
AUDIT = "streams.auditlog.worker"


@pytest.fixture
def settings(ledger_settings: Settings) -> Iterator[Settings]:
    """A ledger whose audit worker runs."""
    with worker(ledger_settings, AUDIT):
        yield ledger_settings


def poison(settings: Settings, number: int = 0) -> Place:
    """A dead letter of a record that is no message, on partition 0."""
    return bury(settings, put(settings, b"\x00poison", [("x", b"\xff")], b"key", 0), f"it is poison {number}")


def retry(settings: Settings, *places: Place, by: str = "carol") -> list[Outcome]:
    settler = Settler(settings, places, wait_s=60)
    try:
        return settler.retry(places, by)
    finally:
        settler.close()


def discard(settings: Settings, *places: Place, by: str = "carol", wait_s: float = 60) -> list[Outcome]:
    settler = Settler(settings, places, wait_s)
    try:
        return settler.discard(places, by, "of no use")
    finally:
        settler.close()


def rows(settings: Settings) -> dict[str, Row]:
    return {row.place: row for row in listing(settings, Filter(), 100).rows}


def test_a_retry_sends_the_record_as_it_was_to_the_partition_of_its_key(settings: Settings) -> None:
    """Value, key and headers are the record's own and nothing of the dead letter's; the place stands beside them."""
    account = account_on(2, settings.partitions)
    value, headers = deposit(account, "d1")
    headers.append(("x-desk", b"\x00\xff"))
    place = bury(settings, put(settings, value, headers, account.encode(), partition=0), copies=2)

    (outcome,) = retry(settings, place)

    (sent,) = retries(settings, place)
    assert (sent.key, sent.value, sent.partition) == (account.encode(), value, 2)
    assert sent.headers == [*headers, ("retried-from", str(place).encode())]
    assert (outcome.done, outcome.sent_to) == (True, f"{place.topic}:2:0")
    row = rows(settings)[str(place)]
    assert (row.status, row.by, row.sent_to, row.copies) == ("retried", "carol", f"{place.topic}:2:0", 2)


def test_killed_before_the_record_was_sent_the_next_retry_sends_it(settings: Settings) -> None:
    """A retry that was only begun stands as `retrying`; anybody's next one sends the record and finishes it."""
    place = poison(settings)
    settler = Settler(settings, [place], wait_s=60)
    settler.begin([place], "carol")
    settler.close()
    assert rows(settings)[str(place)].status == "retrying"
    with pytest.raises(InvalidValue, match=r"retrying by carol at .*; it is not known whether it was sent"):
        discard(settings, place)

    (outcome,) = retry(settings, place, by="dave")

    assert outcome.done
    assert len(retries(settings, place)) == 1
    assert (rows(settings)[str(place)].status, rows(settings)[str(place)].by) == ("retried", "dave")


def test_killed_after_the_record_was_sent_it_is_not_sent_again(settings: Settings) -> None:
    """The next retry finds the record on its topic by the place that it names, and puts that on record."""
    place = poison(settings)
    settler = Settler(settings, [place], wait_s=60)
    settler.begin([place], "carol")
    sent = settler.send([place])[place]
    settler.close()
    assert rows(settings)[str(place)].status == "retrying"

    (outcome,) = retry(settings, place)

    assert (outcome.done, outcome.sent_to) == (True, str(sent))
    assert len(retries(settings, place)) == 1


def test_of_those_who_saw_a_letter_open_one_wins(settings: Settings) -> None:
    """Three people look at open letters, then act: the tape has one decision for each, the others are told and refused.

    Nothing is sent for a letter that somebody gave up in between, and a letter that was sent is not given up.
    """
    places = [poison(settings, number) for number in range(6)]
    dave, carol, erin = (Settler(settings, places, wait_s=60) for _ in range(3))
    given_up = dave.discard(places[:3], "dave", "of no use")
    sent = carol.retry(places, "carol")
    too_late = erin.discard(places[3:], "erin", "of no use")
    for settler in (dave, carol, erin):
        settler.close()

    assert [outcome.done for outcome in given_up] == [True] * 3
    assert [outcome.done for outcome in sent] == [False] * 3 + [True] * 3
    assert [outcome.done for outcome in too_late] == [False] * 3
    assert all("somebody was faster: it is discarded by dave at " in outcome.text for outcome in sent[:3])
    assert all(" by carol at " in outcome.text for outcome in too_late)
    assert [len(retries(settings, place)) for place in places] == [0] * 3 + [1] * 3
    found = rows(settings)
    assert [found[str(place)].status for place in places] == ["discarded"] * 3 + ["retried"] * 3

    def decisions(place: Place) -> list[tuple[str, str]]:
        """Who decided, and the code with which the audit agent refused it."""
        events = [entry.event for entry in followed(settings, [place]).history(place)]
        return [(event.actor, getattr(event, "code", "")) for event in events if event.action != RETRIED]

    for place, winner, loser in zip(places, ["dave"] * 3 + ["carol"] * 3, ["carol"] * 3 + ["erin"] * 3, strict=True):
        eventually(lambda place=place: len(decisions(place)) == 2, "both decisions are on the tape")
        assert decisions(place) == [(winner, ""), (loser, "ACTION_ID_CONFLICT")]


def test_without_the_audit_worker_nothing_is_sent_and_nothing_is_lost(ledger_settings: Settings) -> None:
    """What was asked for is on its way and says so; once the worker runs it is on record, and a retry can go on."""
    first, second = poison(ledger_settings, 1), poison(ledger_settings, 2)
    settler = Settler(ledger_settings, [first], wait_s=0.3)
    (retried,) = settler.retry([first], "carol")
    settler.close()
    (discarded,) = discard(ledger_settings, second, wait_s=0.3)

    assert (retried.done, discarded.done) == (False, False)
    assert retried.text.startswith("nothing was sent; retry again. The action is on its way")
    assert discarded.text.startswith("The action is on its way, but the audit agent has not recorded it")
    assert retries(ledger_settings, first) == []
    assert {row.status for row in rows(ledger_settings).values()} == {"open"}
    with worker(ledger_settings, AUDIT):
        (outcome,) = retry(ledger_settings, first)
        eventually(lambda: rows(ledger_settings)[str(second)].status == "discarded", "the discard is on record")
    assert outcome.done
    assert len(retries(ledger_settings, first)) == 1


def test_an_action_that_is_refused_says_why(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """An operator's clock is ten minutes ahead: nothing is done, and the text is the audit agent's own."""
    place = poison(settings)
    monkeypatch.setattr("streams.deadletters.settle.now_us", lambda: now_us() + 600_000_000)

    (discarded,), (retried,) = discard(settings, place), retry(settings, place)

    assert not discarded.done
    assert discarded.text.startswith("The audit agent refused the action (ACTION_AHEAD): expected an action issued")
    assert retried.text.startswith("nothing was sent; retry again. The audit agent refused the action (ACTION_AHEAD)")
    assert retries(settings, place) == []


def test_what_is_settled_or_unknown_is_said_so_and_then_nothing_is_done(settings: Settings) -> None:
    """One wrong place among several: the error names it and what is so, and the others are left as they are."""
    settled, open_ = poison(settings, 1), poison(settings, 2)
    discard(settings, settled)
    unknown = Place(settled.topic, 0, 999)

    for act in (retry, discard):
        with pytest.raises(InvalidValue) as error:
            act(settings, open_, settled, unknown)
        assert f"{settled} is settled: discarded by carol at " in str(error.value)
        assert f"there is no dead letter {unknown}" in str(error.value)
    assert rows(settings)[str(open_)].status == "open"
    assert retries(settings, open_) == []


@pytest.mark.parametrize("by", ["", "x" * 129, "new\nline"])
def test_who_does_it_must_be_said(settings: Settings, by: str) -> None:
    """An empty, endless or unprintable name is refused before anything is sent."""
    place = poison(settings)

    with pytest.raises(InvalidValue, match="expected who does it, 1 to 128 printable characters"):
        discard(settings, place, by=by)
    assert records(settings, "audit.intake") == []


def test_a_letter_that_names_a_tape_is_never_sent_there(settings: Settings) -> None:
    """Whoever can write to `ledger.deadletters` cannot make an operator break a tape with it."""
    letters = DeadLetters(settings, "ledger", kafka_producer(settings))
    places = []
    for topic in ("ledger.events", "ledger.deadletters"):
        letters.add(TapeRecord(settings.topic(topic), 0, 0, 0, b"k", b"v", []), "forged")
        places.append(Place(settings.topic(topic), 0, 0))
    letters.flush()

    for place in places:
        with pytest.raises(InvalidValue, match=f"{place.topic} is none of the inputs"):
            retry(settings, place)
    assert records(settings, "ledger.events") == []


def test_a_record_too_large_to_be_kept_is_named_and_retried_from_its_place(settings: Settings) -> None:
    """A record near the broker's limit stops no agent: the letter has its place, and a retry reads it there."""
    account = account_on(1, settings.partitions)
    value, headers = b"x" * 1_000_000, [("x-desk", b"7")]
    place = bury(settings, put(settings, value, headers, account.encode(), 0), reason="r" * 5_000)

    (letter,) = scan(settings)
    assert (letter.place, letter.value, letter.reason) == (place, None, "r" * 999 + "…")
    assert letter.cut_bytes is not None
    assert letter.cut_bytes > len(value)
    shown = dossier(settings, place)
    assert shown.value is not None
    assert shown.value.size == len(value)

    retry(settings, place)

    (sent,) = retries(settings, place)
    assert (sent.value, sent.key, sent.partition) == (value, account.encode(), 1)
    assert sent.headers == [*headers, ("retried-from", str(place).encode())]
    again = bury(settings, Place(sent.topic, sent.partition, sent.offset))
    assert rows(settings)[str(again)].retried_from == str(place)


def test_a_record_without_key_or_value_stays_one(settings: Settings) -> None:
    """Nothing is made of what was not there: no key is not an empty key."""
    place = bury(settings, put(settings, None, [], None, 3))

    retry(settings, place)

    (sent,) = retries(settings, place)
    assert (sent.key, sent.value) == (None, None)


def test_a_retry_that_fails_again_is_a_letter_that_names_its_origin(settings: Settings) -> None:
    """The new letter leads back to the old one, the old one to the new one, and a second retry to the newest."""
    first = poison(settings)
    (outcome,) = retry(settings, first)
    second = bury(settings, Place.parse(outcome.sent_to), "still poison")
    (again,) = retry(settings, second)

    new, old = dossier(settings, second), dossier(settings, first)
    assert new.came_from is not None
    assert (new.came_from.place, new.came_from.standing.split(" at ")[0]) == (str(first), "retried by carol")
    assert [link.place for link in old.came_back_as] == [str(second)]
    assert [one.action for one in old.history] == ["deadletter.retry_begun", "deadletter.retried"]
    assert rows(settings)[str(second)].retried_from == str(first)
    sent = record_at(settings, Place.parse(again.sent_to))
    assert [content for name, content in sent.headers if name == "retried-from"] == [str(second).encode()]


def test_a_letter_is_shown_without_harm(settings: Settings) -> None:
    """Control characters of a record and of its reason reach no terminal; the bytes are all there as a dump."""
    value = b"\x1b]0;owned\x07" + bytes(range(32))
    place = bury(settings, put(settings, value, [("\x1b[2J", b"\x9b31m")], b"k\x00", 0), "bad \x1b[31m reason")

    text = "\n".join(lines(dossier(settings, place)))

    assert all(line.isprintable() for line in text.splitlines())
    assert "bad \\x1b[31m reason" in text
    assert "\\x1b[2J: \\x9b31m" in text
    assert "00000000  1b 5d 30 3b 6f 77 6e 65  64 07 00 01" in text
    assert "Key    k\\x00" in text
    assert "nothing was done with it" in text


def test_lists_are_filtered_bounded_and_newest_first(settings: Settings) -> None:
    """Filters by topic, service and status; the limit cuts the oldest, and what was not looked at is counted."""
    ledgers = [poison(settings, number) for number in range(5)]
    signal = bury(settings, put(settings, b"?", [], b"AAPL", 1, "market.ticks"), service="signals", copies=3)
    discard(settings, ledgers[1])

    def places(chosen: Filter, limit: int = 100) -> list[str]:
        return [row.place for row in listing(settings, chosen, limit).rows]

    assert places(Filter()) == [str(place) for place in (signal, *ledgers[::-1])]
    assert places(Filter(topic="market.ticks")) == places(Filter(service="signals")) == [str(signal)]
    assert places(Filter(topic=signal.topic)) == [str(signal)]
    assert places(Filter(statuses=("discarded",))) == [str(ledgers[1])]
    assert places(Filter(service="ledger", statuses=("open",)), 2) == [str(ledgers[4]), str(ledgers[3])]
    assert listing(settings, Filter(service="ledger", statuses=("open",)), 2).matching == 4
    cut = listing(settings, Filter(), 100, newest=1)
    assert cut.older == 8 - cut.matching > 0


def test_dead_letters_are_counted_by_service(ledger_settings: Settings) -> None:
    """The metric rises with each that is added, under the name of the service that could not read it."""

    def counted(service: str) -> float:
        return REGISTRY.get_sample_value("dead_letters_total", {"service": service}) or 0.0

    place = put(ledger_settings, b"?", [], b"k", 0)
    before = counted("ledger"), counted("signals")
    bury(ledger_settings, place, service="ledger", copies=2)
    bury(ledger_settings, place, service="signals")

    assert (counted("ledger"), counted("signals")) == (before[0] + 2, before[1] + 1)


def test_a_record_that_no_agent_wrote_is_passed_over(settings: Settings) -> None:
    """Junk on `ledger.deadletters` hides nothing and breaks nothing."""
    put(settings, b"junk", [], None, 0, "ledger.deadletters")
    put(
        settings,
        b"junk",
        [("deadletter-service", b"x"), ("deadletter-place", b"nowhere")],
        None,
        0,
        "ledger.deadletters",
    )
    place = poison(settings)

    assert list(rows(settings)) == [str(place)]


def test_a_dead_letter_that_kafka_did_not_take_is_an_error(ledger_settings: Settings) -> None:
    """Its input must not count as done: flush says so instead of losing it."""
    settings = ledger_settings.model_copy(update={"topic_prefix": ledger_settings.topic_prefix + "none."})
    producer = kafka_producer(settings, **{"message.timeout.ms": 500})
    letters = DeadLetters(settings, "ledger", producer)
    letters.add(TapeRecord("t", 0, 0, 0, b"k", b"v", []), "r")

    with pytest.raises(UnavailableError, match="Kafka did not take 1 dead letters"):
        letters.flush()


def test_the_ledger_takes_a_command_that_was_sent_twice_once(settings: Settings) -> None:
    """A retry that was doubled by two processes going on at once gives one event each command."""
    account = account_on(1, settings.partitions)
    value, headers = opening(account)
    place = bury(settings, put(settings, value, headers, account.encode(), partition=0))
    settler = Settler(settings, [place], wait_s=60)
    settler.begin([place], "carol")
    sent = [settler.send([place])[place] for _ in range(2)]
    settler.finish({place: sent[1]}, "carol")
    settler.close()

    with worker(settings, "streams.ledger.worker"):
        later, more = deposit(account, "d1")
        put(settings, later, more, account.encode(), 1)
        eventually(lambda: len(events(settings)) >= 2, "the account is opened, and paid into")

    assert [type(event).__name__ for event in events(settings)] == ["AccountOpened", "CashDeposited"]
