"""Waiting for the projections: until what an input has caused is in the tables (read-your-writes).

An event names its cause, and the projector writes down the newest cause of each tape with the events themselves
(`tape_causes`). Of an input that gave no event (a repeat of one that did) its agent says that it is decided: once the
projections have all that was on the tape then, they have what the first of them caused.

All that wait share one look at the database, at most once in 20 ms.
Verification: tests/api/test_waiting.py.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

from api.problems import FieldProblem, ProblemError
from api.query import progress_sql
from api.query.broker import Broker
from api.query.database import Database, Snapshot
from api.query.places import INPUTS, TAPES, Place, declared
from runtime.settings import Settings

_EVERY_S = 0.02
_ASK_AFTER_S = 0.25  # an input that gives an event is there by then, nearly always
_SERVICES = {"ledger.events": "ledger", "trading.signals": "signals", "audit.logs": "audit"}

Reached = Mapping[tuple[str, int], int]
"""(topic as declared, partition) -> behind the last record that the tables include."""


class Waiting:
    """One for a process."""

    def __init__(self, settings: Settings, database: Database, broker: Broker) -> None:
        self._settings = settings
        self._database = database
        self._broker = broker
        self._looking: asyncio.Task[Reached] | None = None
        self._looked_at = 0.0

    async def reached(self, place: Place, timeout_s: float) -> None:
        """Return once the tables include what stands at a tape's place, or what the input at a place has caused.

        Raises ProblemError 412: PROJECTION_BEHIND when that is not so in time, POSITION_UNKNOWN for no place of this
        ledger; and 503.
        """
        name = declared(self._settings, place)
        if name is None:
            raise self._unknown(place)
        began = time.monotonic()
        deadline, ask_at = began + timeout_s, began + min(_ASK_AFTER_S, timeout_s / 2)
        while place.offset >= (next_offset := (await self._look()).get((name, place.partition), 0)):
            now = time.monotonic()
            if now >= deadline:
                raise _behind(place, next_offset, timeout_s)
            tape = INPUTS.get(name)
            if now >= ask_at and tape is not None:
                ask_at = now + _ASK_AFTER_S
                found = await self._tape_place(name, tape, place)
                if found is not None:
                    name, place = found
            await asyncio.sleep(_EVERY_S)

    async def _look(self) -> Reached:
        """A look that everybody shares who waits now."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look_anew())
        return await asyncio.shield(self._looking)

    async def _look_anew(self) -> Reached:
        await asyncio.sleep(max(0.0, self._looked_at + _EVERY_S - time.monotonic()))
        self._looked_at = time.monotonic()
        async with self._database.snapshot() as snapshot:
            return await self._reached(snapshot)

    async def _reached(self, snapshot: Snapshot) -> Reached:
        topics = [self._settings.topic(tape) for tape in TAPES]
        groups = {group: tape for tape, group in TAPES.items()}
        taken_in = {self._settings.topic(name): name for name, tape in INPUTS.items() if tape is None}
        rows = await progress_sql.reached(snapshot, groups, topics, taken_in)
        return {(row["name"], row["partition"]): row["next_offset"] for row in rows}

    async def _tape_place(self, name: str, tape: str, place: Place) -> tuple[str, Place] | None:
        """Where the tape ended after its agent had decided an input; None before, or where Kafka does not answer."""
        topic = self._settings.topic(tape)
        decided = await self._broker.decided(_SERVICES[tape], self._settings.topic(name), place.partition)
        if decided is None or decided <= place.offset:
            return None
        ends = await self._broker.ends([(topic, place.partition)])
        end = None if ends is None else ends.get((topic, place.partition))
        return None if end is None else (tape, Place(topic, place.partition, end - 1))

    def _unknown(self, place: Place) -> ProblemError:
        names = ", ".join((*INPUTS, *TAPES))
        detail = f"expected a place on {names}, partition 0 to {self._settings.partitions - 1}; it was {place}"
        return _problem("POSITION_UNKNOWN", detail)


def _behind(place: Place, next_offset: int, waited_s: float) -> ProblemError:
    detail = (
        f"expected the projections to include {place} within {waited_s:g} s; of that topic and partition they include "
        f"what comes up to offset {next_offset - 1}. Ask again, or ask without min_position for what there is"
    )
    return _problem("PROJECTION_BEHIND", detail, {"Retry-After": "1"}, reached=str(next_offset - 1))


def _problem(code: str, detail: str, headers: Mapping[str, str] | None = None, **values: str) -> ProblemError:
    error = FieldProblem(code=code, detail=detail, parameter="query:min_position", values=values or None)
    return ProblemError(412, code, detail, errors=[error], headers=headers)
