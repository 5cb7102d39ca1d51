"""Bugs that the harness plants into the code, to show that it finds them. Switched on here and nowhere else.

A plant replaces one piece of source text of a module when a worker of the harness imports it. Those of the domain are
in the ledger workers alone, whose state then differs from what `tape audit replay` makes of the log.
"""

from __future__ import annotations

import importlib.machinery
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from types import CodeType, ModuleType
from typing import NamedTuple

from tests.faults.schedule import Fault


class Plant(NamedTuple):
    """module: whose source is changed. old: stands in it exactly once. why: what the bug is, for people.

    found: which seed found it when all were hunted, for how long it ran, and the checks that failed. also: module, old
    and new of a second place, where one guard alone would hide the bug. faults, seconds: a schedule of its own, for a
    bug that shows only when nothing that happens later heals it.
    """

    name: str
    module: str
    old: str
    new: str
    why: str
    found: str = "not yet hunted"
    also: tuple[str, str, str] | None = None
    faults: tuple[Fault, ...] = ()
    seconds: float = 0.0


PLANTS = (
    Plant(
        "chain-check-off",
        "streams.tape.chain",
        "        if prev == self.head.hash and seq == self.head.seq + 1:",
        "        if True:",
        "every record is taken, whoever wrote it",
        "seed 2, 30 s: answered, archive, cash, final, holds, once, replay, shares, venue, verify, workers",
    ),
    Plant(
        "epochs-ignored",
        "domain.decide_reports",
        "    refusal = report_checks.fence(order, message)",
        "    refusal = None",
        "reports of workers that were replaced are taken",
        "seed 2, 30 s: fenced",
    ),
    Plant(
        "offsets-committed-first",
        "streams.agent",
        "{name: causes.get(name, -1) + 1 for name in self.spec.inputs}",
        "{name: causes.get(name, -1) + 2 for name in self.spec.inputs}",
        "after a take-over the input that was under way counts as done",
        "seed 1, 30 s: cash, content, final, holds, once, shares, venue",
    ),
    Plant(
        "progress-outside-transaction",
        "projections.runner",
        "        with connection.transaction(), connection.cursor() as cursor:",
        "        with connection.cursor() as cursor:",
        "rows and progress are committed one by one",
        "seed 1, 30 s: archive, cash, final, replay, verify",
    ),
    Plant(
        "guard-off",
        "projections.progress",
        "        if cursor.rowcount != 1:",
        "        if cursor.rowcount > 1:",
        "a second projector writes the same rows again",
        "seed 1, 30 s: workers",
    ),
    Plant(
        "ids-forgotten-at-restart",
        "domain.ledger",
        "        self.accounts[account.id] = account\n\n    def _unopened",
        "        self.accounts[account.id] = account\n        account.closed.clear()\n\n    def _unopened",
        "a ledger that was folded anew does not know finished orders",
        "seed 1, 30 s: archive, cash, content, final, holds, once, repeats, shares, venue, watch, workers",
    ),
    Plant(
        "hold-not-released",
        "domain.decide_reports",
        "    end = _void(account, order, world)\n    return account.record(\n        events.OrderCanceled,",
        "    end = _End(Hold(ZERO, ZERO, ), (), ())\n    return account.record(\n        events.OrderCanceled,",
        "what a cancelled order held stays held",
        "seed 1, 30 s: holds, replay",
    ),
    Plant(
        "writer-trusts-itself",
        "streams.agent",
        "                if self._writer.next_offset(partition) != ends[partition]:",
        "                if self._writer.next_offset(partition) is None:",
        "a writer that comes back trusts what it knew, and does not compare the offsets it gets (no seed "
        "saw harm from either alone: the other check holds)",
        also=("streams.tape.writer", "            if wanted != found:", "            if found < 0:"),
        found="its own 18 s: cash, final, holds, once, shares, snapshots, venue",
        faults=(
            Fault(2.0, "freeze", "ledger-1", 5.0),
            Fault(9.0, "freeze", "ledger-2", 5.0),
            Fault(15.0, "silence", "kafka-ledger-1", 3.0),
        ),
        seconds=18.0,
    ),
    Plant(
        "never-sent-again",
        "streams.ledger.dispatcher",
        "                await self._resend()",
        "                pass",
        "an order that Redis has lost is not sent again",
        "its own 9 s: final, holds",
        faults=(Fault(6.0, "flush", "valkey"),),
        seconds=9.0,
    ),
    Plant(
        "executions-not-recognised",
        "domain.report_checks",
        "            return message.execution_id in order.executions",
        "            return False",
        "a fill that is reported twice counts twice",
        "seed 1, 30 s: archive, cash, final, holds, repeats, shares, venue, workers",
    ),
    Plant(
        "random-command-ids",
        "api.gateway.repeats",
        '    return ids.derive("cmd", account_id, kind, key)',
        '    return ids.derive("cmd", account_id, kind, key, __import__("uuid").uuid4().hex)',
        "a deposit that is sent again is another deposit",
        "seed 1, 30 s: cash, client, once",
    ),
    Plant(
        "answered-before-acknowledged",
        "api.gateway.producer",
        "            async with asyncio.timeout(self._timeout_s + 1):\n                return await done",
        "            return Position(topic, 0, 0)",
        "202 before Kafka has the command",
        "seed 1, 30 s: cash, content, final, once",
    ),
    Plant(
        "dead-letters-dropped",
        "streams.agent",
        "            self._check_key(record, message)\n        except UnreadableInput as error:\n"
        "            self._dead_letters.add(record, str(error))",
        "            self._check_key(record, message)\n        except UnreadableInput as error:\n"
        "            log.warning(str(error))",
        "inputs that cannot be read vanish",
        "seed 1, 30 s: letters",
    ),
    Plant(
        "unattended-not-found",
        "streams.ledger.dispatcher",
        "                await self._find_unattended()",
        "                pass",
        "an order whose worker and queue entry are both lost stays so",
        "its own 10 s: cash, final, holds, shares, venue",
        faults=(Fault(3.0, "flush", "valkey"), Fault(6.0, "kill", "engine-1"), Fault(6.0, "kill", "engine-2")),
        seconds=10.0,
    ),
    Plant(
        "others-go-on",
        "domain.groups",
        "        return Consequences(tuple(_others_after(account, group, order, quantity)), ())",
        "        return NONE",
        "a fill of one leg of an OCO group or a bracket means nothing for the others",
        "seed 1, 12 s: groups",
    ),
    Plant(
        "old-terms-on-record",
        "domain.decide_replace",
        "        order=terms,\n        leaves_quantity=",
        "        order=order.terms,\n        leaves_quantity=",
        "when the venue works other terms the old ones stay on record",
        "seed 3, 12 s: cash, replaces, replay, shares, venue",
    ),
)
BY_NAME = {plant.name: plant for plant in PLANTS}


def edits(plant: Plant) -> dict[str, tuple[str, str]]:
    """Module -> old and new text."""
    first = {plant.module: (plant.old, plant.new)}
    return first if plant.also is None else {**first, plant.also[0]: plant.also[1:]}


def changed(plant: Plant, module: str, source: str) -> str:
    """A module's source with the bug in it. Raises ValueError when the place is not there exactly once."""
    old, new = edits(plant)[module]
    if source.count(old) != 1:
        raise ValueError(f"plant {plant.name}: expected its place in {module} once, found {source.count(old)} times")
    return source.replace(old, new)


class _Loader(SourceFileLoader):
    def __init__(self, plant: Plant, fullname: str, path: str) -> None:
        super().__init__(fullname, path)
        self._plant = plant

    def get_code(self, fullname: str) -> CodeType:
        """Compiled anew each time: no bytecode with the bug in it is ever stored."""
        path = self.get_filename(fullname)
        return compile(changed(self._plant, fullname, self.get_data(path).decode()), path, "exec")


class _Finder(MetaPathFinder):
    def __init__(self, plant: Plant) -> None:
        self._plant = plant

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in edits(self._plant):
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.origin is not None:
            spec.loader = _Loader(self._plant, fullname, spec.origin)
        return spec


def install(name: str) -> None:
    """Plant one bug into this process. To be called before its modules are imported."""
    plant = BY_NAME[name]
    for module in edits(plant):
        if module in sys.modules:
            raise ValueError(f"{module} is imported already")
    sys.meta_path.insert(0, _Finder(plant))
