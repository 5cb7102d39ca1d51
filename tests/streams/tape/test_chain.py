"""The chain rule: any interleaving of two writers gives one chain to every reader, and tampering is named."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import ChainError
from streams.tape import Chain, Head, TapeRecord
from tests.streams.tape.simulated import TOPIC, Log, origin, sealed

INPUTS = 30


class Writer:
    """A writer as promise 3 describes it: fold, send a batch, compare offsets, fold again when they differ."""

    def __init__(self, log: Log, name: str) -> None:
        self.log, self.name = log, name
        self.pending: list[tuple[Head, bytes, list[tuple[str, bytes]]]] = []
        self.expected: list[int] = []
        self.fold()

    def fold(self) -> None:
        chain = Chain(TOPIC, 0)
        self.done = 0
        for record in self.log.records:
            if chain.accept(record):
                self.done = int(record.value or b"0")
        self.head = chain.head
        self.clean = True

    def decide(self, size: int) -> None:
        """Seal the next inputs behind the head; they land one by one in `send_one`."""
        head = self.head
        for number in range(self.done + 1, min(self.done + size, INPUTS) + 1):
            value = str(number).encode()
            head, headers = sealed(head, value, self.name.encode())
            self.pending.append((head, value, headers))
        self.first_offset = len(self.log.records)

    def send_one(self) -> None:
        head, value, headers = self.pending.pop(0)
        expected = self.first_offset
        self.first_offset += 1
        found = self.log.land(self.name.encode(), value, headers)
        if found != expected:
            self.clean = False
        if self.clean:
            self.head, self.done = head, int(value)
        if not self.pending and not self.clean:
            self.fold()


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_any_interleaving_of_two_writers_gives_one_chain(data: st.DataObject) -> None:
    """Goal: every input is applied once and in order. Method: two writers over one simulated log, any schedule."""
    log = Log()
    writers = [Writer(log, "a"), Writer(log, "b")]
    for _ in range(400):
        writer = writers[data.draw(st.integers(0, 1))]
        if writer.pending:
            writer.send_one()
        else:
            if data.draw(st.booleans()):
                writer.fold()
            writer.decide(data.draw(st.integers(1, 5)))
        if max(w.done for w in writers) == INPUTS and not any(w.pending for w in writers):
            break
    for writer in writers:
        while writer.pending:
            writer.send_one()
    writers[0].fold()
    while writers[0].done < INPUTS:
        writers[0].decide(5)
        while writers[0].pending:
            writers[0].send_one()

    chain = Chain(TOPIC, 0)
    live = [int(record.value or b"0") for record in log.records if chain.accept(record)]

    assert live == list(range(1, INPUTS + 1))
    assert chain.dead == len(log.records) - INPUTS


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_reader_that_resumes_agrees_with_one_that_never_stopped(data: st.DataObject) -> None:
    """Stopping anywhere and going on from the stored head, with a lookup for the rest, changes no verdict."""
    log = Log()
    writers = [Writer(log, "a"), Writer(log, "b")]
    for _ in range(60):
        writer = writers[data.draw(st.integers(0, 1))]
        if writer.pending:
            writer.send_one()
        else:
            writer.decide(data.draw(st.integers(1, 4)))
    whole = Chain(TOPIC, 0)
    verdicts = [whole.accept(record) for record in log.records]
    cut = data.draw(st.integers(0, len(log.records)))
    first = Chain(TOPIC, 0)
    resumed_verdicts = [first.accept(record) for record in log.records[:cut]]
    earlier = {bytes.fromhex(dict(record.headers)["tape-hash"].decode()) for record in log.records[:cut]}

    second = Chain.resume(TOPIC, 0, first.head, lambda digest, _seq, _before: digest in earlier)
    resumed_verdicts += [second.accept(record) for record in log.records[cut:]]

    assert resumed_verdicts == verdicts


def _three() -> list[TapeRecord]:
    log, head = Log(), origin()
    for value in (b"1", b"2", b"3"):
        head, headers = sealed(head, value)
        log.land(b"k", value, headers)
    return log.records


def _with_header(record: TapeRecord, name: str, content: bytes) -> TapeRecord:
    return record._replace(headers=[(n, content if n == name else c) for n, c in record.headers])


TAMPERINGS = {
    "value": lambda r: r._replace(value=b"9"),
    "key": lambda r: r._replace(key=b"x"),
    "null value": lambda r: r._replace(value=None),
    "header": lambda r: _with_header(r, "ce_id", b"z"),
    "header added": lambda r: r._replace(headers=[("x", b""), *r.headers]),
    "header removed": lambda r: r._replace(headers=r.headers[1:]),
    "seq": lambda r: _with_header(r, "tape-seq", b"5"),
    "seq not a number": lambda r: _with_header(r, "tape-seq", b"02"),
    "prev": lambda r: _with_header(r, "tape-prev", b"0" * 64),
    "hash": lambda r: _with_header(r, "tape-hash", b"0" * 64),
    "hash in capitals": lambda r: _with_header(r, "tape-hash", dict(r.headers)["tape-hash"].upper()),
    "no hash": lambda r: r._replace(headers=[h for h in r.headers if h[0] != "tape-hash"]),
    "hash twice": lambda r: r._replace(headers=[*r.headers, r.headers[-1]]),
    "other partition": lambda r: r._replace(partition=1),
}


@pytest.mark.parametrize("name", TAMPERINGS)
def test_a_changed_record_is_named(name: str) -> None:
    """Whatever is changed in a record, the reader stops there and names topic, partition and offset."""
    records = _three()
    records[1] = TAMPERINGS[name](records[1])
    chain = Chain(TOPIC, 0)
    chain.accept(records[0])

    with pytest.raises(ChainError, match=f"^{TOPIC}/{records[1].partition} at offset 1: ") as caught:
        chain.accept(records[1])

    assert caught.value.offset == 1


def test_a_missing_record_stops_the_reader() -> None:
    """A record whose predecessor nobody knows says that something is missing."""
    records = _three()
    chain = Chain(TOPIC, 0)
    chain.accept(records[0])

    with pytest.raises(ChainError, match="something is missing"):
        chain.accept(records[2])


def test_a_repeated_record_is_dead() -> None:
    """The same record twice: the second follows a known record that is not the head."""
    records = _three()
    chain = Chain(TOPIC, 0)

    assert [chain.accept(r) for r in (records[0], records[1], records[1], records[2])] == [True, True, False, True]


def test_a_record_of_another_tape_is_refused() -> None:
    """The first record of one tape does not begin another: their origins differ."""
    foreign_head, headers = sealed(Head(0, bytes(32)), b"1")

    with pytest.raises(ChainError, match="another tape"):
        Chain(TOPIC, 0).accept(TapeRecord(TOPIC, 0, 0, 0, b"k", b"1", headers))
    assert foreign_head.seq == 1


def test_whole_batches_of_a_sleeping_writer_are_dead() -> None:
    """A writer that lost its partition lands a batch late: all of it is skipped, and the chain goes on."""
    log, head = Log(), origin()
    head1, headers = sealed(head, b"1")
    log.land(b"k", b"1", headers)
    late = []
    stale = head1
    for value in (b"2x", b"3x"):
        stale, headers = sealed(stale, value)
        late.append((value, headers))
    head2, headers = sealed(head1, b"2")
    log.land(b"k", b"2", headers)
    for value, stale_headers in late:
        log.land(b"k", value, stale_headers)
    _, headers = sealed(head2, b"3")
    log.land(b"k", b"3", headers)
    chain = Chain(TOPIC, 0)

    assert [chain.accept(record) for record in log.records] == [True, True, False, False, True]


def test_a_record_that_was_moved_forward_is_not_dead() -> None:
    """A reader that looks back must not find the predecessor behind the record: order is part of what is proven."""
    first, second, third = _three()
    moved = [first, third._replace(offset=1), second._replace(offset=2)]

    def lookup(digest: bytes, _seq: int, before: int) -> bool:
        return any(dict(record.headers)["tape-hash"] == digest.hex().encode() for record in moved[:before])

    chain = Chain(TOPIC, 0, lookup=lookup)
    chain.accept(moved[0])

    with pytest.raises(ChainError, match=r"at offset 1: it follows .* something is missing"):
        chain.accept(moved[1])
