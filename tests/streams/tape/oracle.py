"""What must hold after any schedule, judged from the records alone: no Chain, no agent, lists and comparisons."""

from __future__ import annotations

from streams.tape import Chain, TapeRecord, chain, kafka_lookup
from tests.streams.tape import tally
from tests.streams.tape.simulation import SETTINGS, TAPE, World
from tests.streams.tape.tally import Violation

SMALL_MEMORY = 3


def judge(world: World) -> None:
    """Raises Violation, or what a reader raised."""
    for partition in world.plan.partitions:
        _each_input_once(world, partition)
        _all_readers_agree(world.tape[partition], world.live[partition], partition)
        _all_is_told(world, partition)
    _unreadable_inputs_are_kept(world)


def _each_input_once(world: World, partition: int) -> None:
    """The chain has one event for each input that gives one, each topic's in order, decided from all before it."""
    live = world.live[partition]
    places = [tally.place_of(record) for record in live]
    for (topic, home), kinds in world.plan.inputs.items():
        if home != partition:
            continue
        expected = [offset for offset, kind in enumerate(kinds) if kind == "e"]
        actual = [place.offset for place in places if place.topic == topic]
        if actual != expected:
            raise Violation(f"{topic}/{partition}: expected events for inputs {expected}, they were for {actual}")
    for number, (record, place) in enumerate(zip(live, places, strict=True), start=1):
        quiet = world.plan.inputs[place.topic, partition][: place.offset].count("q")
        wanted = (f'"account_version":{number},', f'"code":"{quiet}"')
        text = (record.value or b"").decode()
        if not all(part in text for part in wanted):
            raise Violation(f"event {number} of {place}: expected it to say {wanted}, it says {text}")


def _all_readers_agree(tape: list[TapeRecord], live: list[TapeRecord], partition: int) -> None:
    """From the beginning, resumed anywhere, and with a memory so small that it has to look back."""
    alive = {record.offset for record in live}
    expected = [record.offset in alive for record in tape]
    lookup = kafka_lookup(SETTINGS, TAPE, partition)
    reader = Chain(TAPE, partition)
    heads, verdicts = [reader.head], []
    for record in tape:
        verdicts.append(reader.accept(record))
        heads.append(reader.head)
    _compare("from the beginning", verdicts, expected)
    if reader.dead != len(tape) - len(live):
        raise Violation(f"expected {len(tape) - len(live)} dead records to be counted, it was {reader.dead}")
    offset = sum(expected[::2]) + len(tape) // 3  # somewhere, elsewhere in each schedule, the same in a repeated one
    resumed = Chain.resume(TAPE, partition, heads[offset], lookup)
    _compare(f"resumed at {offset}", [resumed.accept(record) for record in tape[offset:]], expected[offset:])
    kept, chain.KNOWN_MAX = chain.KNOWN_MAX, SMALL_MEMORY
    try:
        forgetful = Chain(TAPE, partition, lookup=lookup)
        _compare("with a small memory", [forgetful.accept(record) for record in tape], expected)
    finally:
        chain.KNOWN_MAX = kept


def _compare(reader: str, verdicts: list[bool], expected: list[bool]) -> None:
    if verdicts != expected:
        raise Violation(f"the reader {reader} says {verdicts}, expected {expected}")


def _all_is_told(world: World, partition: int) -> None:
    """A reload tells the whole chain, and each writer that has not ended has told all that it put there."""
    places = [tally.place_of(record) for record in world.live[partition]]
    if world.told[partition] != len(places):
        raise Violation(f"{world.told[partition]} of {len(places)} events were ever told")
    for worker in world.workers:
        view = worker.listener.views.get(partition, [])
        own = [number for number, r in enumerate(world.live[partition], 1) if tally.writer_of(r) == worker.number]
        if own and own[-1] > len(view):
            raise Violation(f"writer {worker.number} put number {own[-1]} on the chain and told of {len(view)}")


def _unreadable_inputs_are_kept(world: World) -> None:
    expected = {
        f"{SETTINGS.topic(topic)}:{partition}:{offset}".encode()
        for (topic, partition), kinds in world.plan.inputs.items()
        for offset, kind in enumerate(kinds)
        if kind == "u"
    }
    if world.dead_letters != expected:
        raise Violation(f"expected the dead letters {expected}, they were {world.dead_letters}")
