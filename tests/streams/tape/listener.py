"""A follower that checks what it is told at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from streams.decider import Folded
from tests.streams.tape import tally
from tests.streams.tape.tally import Place, Violation

if TYPE_CHECKING:
    from tests.streams.tape.simulation import World


class Listener:
    """A Follower that checks each word against the chain, as the oracle has it at that moment."""

    def __init__(self, world: World, number: int) -> None:
        self.world, self.number = world, number
        self.views: dict[int, list[Place]] = {}

    async def loaded(self, partition: int, decider: Any) -> None:
        self.views[partition] = list(decider.places)
        self._check(partition, "loaded")

    async def appended(self, partition: int, decider: Any, events: Sequence[Folded]) -> None:
        live = self.world.live[partition]
        for event in events:
            wanted = (event.offset, self.number, Place(event.cause.topic, event.cause.offset))
            record = live[event.seq - 1] if event.seq <= len(live) else None
            found = record and (record.offset, tally.writer_of(record), tally.place_of(record))
            if found != wanted:
                raise Violation(f"told of (offset, writer, input) {wanted} as number {event.seq}; there is {found}")
            self.views.setdefault(partition, []).append(wanted[2])
        self._check(partition, "appended")

    async def closed(self, partition: int) -> None:
        self.views.pop(partition, None)

    async def run(self) -> None: ...

    def _check(self, partition: int, word: str) -> None:
        view, live = self.views[partition], [tally.place_of(record) for record in self.world.live[partition]]
        if view != live[: len(view)]:
            raise Violation(f"{word}: a follower was told {view}, the chain is {live}")
        self.world.told[partition] = max(self.world.told[partition], len(view))
