"""Settling dead letters: send them to their topic again, or declare that they need no more work.

A retry takes three steps, and the order is what makes it safe:

1. RecordAction `deadletter.retry_begun`, and wait until the audit agent has put it on `audit.logs`. Its id is the one
   that a discard of the same place uses, so of any number of people who retry and discard at once exactly one wins.
2. Send the record to its topic and wait for Kafka's acknowledgement.
3. RecordAction `deadletter.retried`, with the new record's place.

Killed before step 1 has reached Kafka: nothing happened, the letter is open. Killed before step 3: the letter stands as
`retrying`, visible in the list, never as done; the next `retry` goes on. It first looks on the topic for a record that
names the place in its header `retried-from`, and sends only when there is none. Recording "retried" first and sending
then would lose the input when killed in between; sending first and recording then would let two people do opposite
things to one letter. A discard is one action, hence one step.

One record can still be sent twice: when two processes go on with the same `retrying` letter at once, or a killed
process's last request reaches the broker after the next one has looked. That is harmless on `trading.commands`,
`execution.reports` and `audit.intake` (ids are remembered for CLIENT_IDS_KEPT_S, and what is older is refused) and on
`signals.requests` (the newest 10,000 ids of a partition are remembered). It is not harmless on `market.ticks`: the
signals agent takes a tick of a symbol once, but the table `ticks` and the bars would count its volume twice.
Verification: tests/streams/deadletters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, cast

import msgspec
from confluent_kafka import KafkaException, TopicPartition

from domain import actions
from domain.action_book import DETAIL_CHARACTERS_MAX, REASON_CHARACTERS_MAX
from domain.actions import RecordAction
from domain.checks import TEXT_CHARACTERS_MAX, clean, is_text
from domain.errors import InvalidValue, UnavailableError
from runtime.clients import kafka_consumer, kafka_producer
from runtime.clock import now_us
from runtime.settings import Settings
from streams.auditlog import intake
from streams.codec import Headers, header
from streams.deadletters.letter import RETRIED_FROM, TOPIC, Letter, Place, whole
from streams.deadletters.listing import fetch
from streams.deadletters.standing import Standing, Standings, decision_id, retried_id
from streams.tape.reader import end_offsets, read_range
from streams.topics import declared

WAIT_S = 20.0
"""How long the audit agent is waited for."""
AT_ONCE_MAX = 100
"""How many letters are settled together, with their contents in memory."""
_SOURCE = "deadletters"
_TIMEOUT_S = 15.0
_CLOCK_SLACK_MS = 60_000
_RECORD_BYTES_MAX = 16_777_216  # more than any broker of ours takes: it decides, and its refusal is told


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one place. done: it is settled, and the tape says so. sent_to: where it was sent, if it was."""

    place: str
    done: bool
    text: str
    sent_to: str = ""


class Settler:
    """Settles the dead letters of given places. Knows what stood on `audit.logs` when it was made, and follows it."""

    def __init__(self, settings: Settings, places: Sequence[Place], wait_s: float = WAIT_S) -> None:
        """Raises ChainError, UnavailableError."""
        self._settings = settings
        self._letters = fetch(settings, places, content=False)
        self._wait_s = wait_s
        self._standings = Standings(settings)
        self._standings.follower.catch_up()
        self._topics = {settings.topic(topic.name) for topic in declared().topics if topic.kind == "input"}
        self._topics.discard(settings.topic(TOPIC))
        self._not_taken: dict[Place, str] = {}

    def close(self) -> None:
        self._standings.follower.close()

    def standing(self, place: Place) -> Standing:
        return self._standings.of(place)

    def check(self, places: Iterable[Place], *, retry: bool) -> None:
        """Raises InvalidValue, naming each place that is unknown, settled already, or cannot be retried."""
        wrong = [problem for place in places if (problem := self._problem(place, retry=retry)) is not None]
        if wrong:
            raise InvalidValue("DEADLETTER_NOT_OPEN", "; ".join(wrong))

    def _problem(self, place: Place, *, retry: bool) -> str | None:
        if place not in self._letters:
            return f"there is no dead letter {place}"
        standing = self.standing(place)
        if standing.status == "retrying" and not retry:
            return f"{place} is {standing.text()}; it is not known whether it was sent, and a retry finishes that"
        if standing.status not in ("open", "retrying"):
            return f"{place} is settled: {standing.text()}"
        if retry and place.topic not in self._topics:
            return f"{place} cannot be retried: {place.topic} is none of the inputs {', '.join(sorted(self._topics))}"
        return None

    def discard(self, places: Sequence[Place], by: str, reason: str) -> list[Outcome]:
        """Declare that these need no more work. Raises InvalidValue as `check` does, and then nothing was done."""
        _check_text("a reason", reason, REASON_CHARACTERS_MAX)
        self.check(places, retry=False)
        self._decide(places, actions.DISCARDED, by, reason)
        return [self._decided(place, "discarded", by) for place in places]

    def retry(self, places: Sequence[Place], by: str, reason: str = "") -> list[Outcome]:
        """Send these to their topics again. Raises InvalidValue as `check` does, and then nothing was done."""
        if reason:
            _check_text("a reason", reason, REASON_CHARACTERS_MAX)
        self.check(places, retry=True)
        interrupted = {place for place in places if self.standing(place).status == "retrying"}
        begun_us = self.begin([place for place in places if place not in interrupted], by, reason)
        outcomes = {}
        sent: dict[Place, Place] = {}
        mine = []
        for place in places:
            standing = self.standing(place)
            if standing.status != "retrying" or (place not in interrupted and standing.by != by):
                outcomes[place] = self._decided(place, "retrying", by)
                continue
            mine.append(place)
            # Not begun by this very call, though perhaps under this name: it may have been sent.
            if standing.at_us != begun_us and (found := self.sent_before(place)) is not None:
                sent[place] = found
        sent |= self.send([place for place in mine if place not in sent])
        self.finish(sent, by)
        for place in mine:
            outcomes[place] = self._retried(place, sent.get(place))
        return [outcomes[place] for place in places]

    # The steps

    def begin(self, places: Sequence[Place], by: str, reason: str = "") -> int:
        """Step 1: on record that a retry begins, or that it has to be waited for. Returns its time, microseconds."""
        return self._decide(places, actions.RETRY_BEGUN, by, reason)

    def send(self, places: Sequence[Place]) -> dict[Place, Place]:
        """Step 2: the records as they were, keys to the partitions where they belong. Returns where each stands now."""
        limits = {"message.timeout.ms": int(_TIMEOUT_S * 1_000), "message.max.bytes": _RECORD_BYTES_MAX}
        producer = kafka_producer(self._settings, **limits)
        sent: dict[Place, Place] = {}

        def delivered(place: Place) -> Any:
            def report(error: Any, message: Any) -> None:
                if error is None:
                    sent[place] = Place(message.topic(), message.partition(), message.offset())
                else:
                    self._not_taken[place] = str(error)

            return report

        for place, kept in (fetch(self._settings, places, content=True) if places else {}).items():
            letter = whole(self._settings, kept)
            headers: Headers = [(name, content) for name, content in letter.headers if name != RETRIED_FROM]
            headers.append((RETRIED_FROM, str(place).encode()))
            producer.produce(  # without a partition: the producer's murmur2 finds the key's own
                place.topic,
                key=letter.key,
                value=letter.value,
                headers=cast(Any, headers),
                on_delivery=delivered(place),
            )
            producer.poll(0)
        producer.flush(_TIMEOUT_S + 1)
        return sent

    def finish(self, sent: Mapping[Place, Place], by: str) -> None:
        """Step 3: on record that these were sent, or that it has to be waited for."""
        if not sent:
            return
        now = now_us()
        told = [
            RecordAction(
                action_id=retried_id(place),
                actor=by,
                action=actions.RETRIED,
                subject=str(place),
                reason=self.standing(place).reason,
                details={"sent_to": str(to)},
                issued_at_us=now,
            )
            for place, to in sent.items()
        ]
        self._ask(told, lambda place: self.standing(place).status == "retried")

    def sent_before(self, place: Place) -> Place | None:
        """Where the record of a retry that was interrupted stands, if it was sent. Reads on from when it was begun."""
        since_ms = self.standing(place).at_us // 1_000 - _CLOCK_SLACK_MS
        wanted = str(place).encode()
        for partition, end in end_offsets(self._settings, place.topic).items():
            first = self._first_since(place.topic, partition, since_ms)
            for record in read_range(self._settings, place.topic, partition, first, end):
                if header(record.headers, RETRIED_FROM) == wanted:
                    return Place(record.topic, record.partition, record.offset)
        return None

    def _first_since(self, topic: str, partition: int, since_ms: int) -> int:
        consumer = kafka_consumer(self._settings)
        try:
            (found,) = consumer.offsets_for_times([TopicPartition(topic, partition, since_ms)], timeout=_TIMEOUT_S)
            end = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=_TIMEOUT_S)[1]
        except KafkaException as error:
            raise UnavailableError(f"{topic}/{partition} cannot be read: {error}") from error
        finally:
            consumer.close()
        return int(found.offset) if found.offset >= 0 else int(end)

    def _decide(self, places: Sequence[Place], action: str, by: str, reason: str) -> int:
        _check_text("who does it", by, TEXT_CHARACTERS_MAX)
        now = now_us()
        if not places:
            return now
        asked = [
            RecordAction(
                action_id=decision_id(place),
                actor=by,
                action=action,
                subject=str(place),
                reason=reason,
                details=_details(self._letters[place]),
                issued_at_us=now,
            )
            for place in places
        ]
        self._ask(asked, lambda place: self.standing(place).status != "open")
        return now

    def _ask(self, asked: Sequence[RecordAction], is_done: Callable[[Place], bool]) -> None:
        """Send actions and wait until the tape has done with each of them, refusals included; or until time is up."""
        self._standings.refusals.clear()
        waiting = {Place.parse(action.subject) for action in asked}
        intake.send(self._settings, asked, _SOURCE)

        def settled() -> bool:
            waiting.difference_update([p for p in waiting if is_done(p) or str(p) in self._standings.refusals])
            return not waiting

        self._standings.follower.wait(settled, self._wait_s)

    def _decided(self, place: Place, wanted: str, by: str) -> Outcome:
        """What the tape says after a decision was asked for."""
        standing = self.standing(place)
        if standing.status == "open":
            text = ("" if wanted == "discarded" else "nothing was sent; retry again. ") + self._undone(place)
            return Outcome(place=str(place), done=False, text=text)
        done = standing.status == wanted == "discarded" and standing.by == by
        text = standing.text() if done else f"somebody was faster: it is {standing.text()}"
        return Outcome(place=str(place), done=done, text=text)

    def _retried(self, place: Place, to: Place | None) -> Outcome:
        standing = self.standing(place)
        if to is None:
            problem = self._not_taken.get(place, f"no answer within {_TIMEOUT_S:.0f} s")
            text = f"Kafka did not take the record: {problem}; retry again"
            return Outcome(place=str(place), done=False, text=text)
        if standing.status == "retried":
            return Outcome(place=str(place), done=True, text=standing.text(), sent_to=standing.sent_to or str(to))
        text = f"sent as {to}, and not yet on record as such; retry again, it is not sent twice. {self._undone(place)}"
        return Outcome(place=str(place), done=False, text=text, sent_to=str(to))

    def _undone(self, place: Place) -> str:
        """Why an action is not on record."""
        refusal = self._standings.refusals.get(str(place))
        if refusal is not None:
            return f"The audit agent refused the action ({refusal.code}): {refusal.text}"
        return (
            f"The action is on its way, but the audit agent has not recorded it after {self._wait_s:g} s: "
            "does it run (`tape status`)?"
        )


def _check_text(what: str, text: str, characters_max: int) -> None:
    if not is_text(text, characters_max):
        raise InvalidValue(
            "TEXT_INVALID", f"expected {what}, 1 to {characters_max} printable characters, it was {text!r}"
        )


def _details(letter: Letter) -> dict[str, str]:
    """What a reader of `audit.logs` alone wants to know; the same whenever it is asked, so that a repeat is one."""
    unreadable = letter.reason if letter.reason.isprintable() else ascii(letter.reason)
    if len(unreadable) > DETAIL_CHARACTERS_MAX:
        unreadable = unreadable[: DETAIL_CHARACTERS_MAX - 1] + "…"
    return {"service": clean(letter.service), "unreadable": unreadable}
