"""How long a ledger worker needs to load: from the log, and from a snapshot with so many records behind it.

A tape of N events for A accounts is made by the domain's own decisions (orders that are placed, acknowledged and
filled, buying and selling in turn) and appended by the tape writer. A week of record time passes with every 100,000
events, so that what accounts remember does not grow with history. Each figure is a fresh process that loads all
partitions, as a worker does when they are assigned to it.

`python -m bench.recovery --events 100000,1000000 --accounts 10000 --json FILE`; `make bench` has a small one.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from bench.world import child, fresh, servers
from domain import ids
from domain import reports as r
from domain.commands import Deposit, OpenAccount, SubmitOrder
from runtime.settings import Settings
from runtime.settings import settings as settings_of_process
from streams import codec
from streams.codec import Cause
from streams.decider import Folded
from streams.ledger.decider import LedgerDecider
from streams.ledger.worker import spec
from streams.loading import Loading
from streams.partitioning import partition_of
from streams.snapshots.checkpoint import Checkpoint
from streams.snapshots.form import Codec
from streams.snapshots.topic import Outlet
from streams.tape import TapeWriter, Unsealed

DISTANCES = (0, 10_000, 100_000)
START_US = 1_300_000_000_000_000
STEP_US = 7 * 24 * 3600 * 1_000_000 // 100_000
_BATCH = 2_000
_LOAD_S_MAX = 600


class Load(NamedTuple):
    """One load. history: events on the tape; behind: of these, behind the epoch, or all of them without a snapshot."""

    history: int
    accounts: int
    source: str
    behind: int
    seconds: float


class Tape:
    """A ledger's tape that grows. All partitions, as the ledger's agent would have written them."""

    def __init__(self, settings: Settings, accounts: int) -> None:
        self.settings = settings
        self.accounts = accounts
        self.events = 0
        made = spec(settings)
        assert made.snapshots is not None
        self._topic = settings.topic(made.snapshots.topic)
        self._states = made.snapshots.states
        self._writer = TapeWriter(settings, settings.topic(made.tape))
        self._deciders: list[Any] = [made.decider(partition) for partition in range(settings.partitions)]
        for partition in range(settings.partitions):
            self._writer.fold(partition, lambda _record, _head: None)
        self._checkpoints = [
            Checkpoint(Codec(self._writer.topic, partition, self._states.form), self._states, decider, {})
            for partition, decider in enumerate(self._deciders)
        ]
        self._messages = _messages(accounts)
        self._offsets = [0] * settings.partitions

    def grow(self, total: int) -> None:
        """Append events until there are so many."""
        while self.events < total:
            self._append(min(_BATCH, total - self.events))

    def _append(self, number: int) -> None:
        drafts: dict[int, list[Unsealed]] = {}
        events: dict[int, list[Any]] = {}
        for _ in range(number):
            message = next(self._messages)
            self.events += 1
            partition = partition_of(message.account_id.encode(), self.settings.partitions)
            decider: LedgerDecider = self._deciders[partition]
            event = decider.ledger.decide(message, START_US + self.events * STEP_US)
            assert event is not None
            assert event.originator_version, event
            self._offsets[partition] += 1
            cause = Cause("trading.commands", partition, self._offsets[partition] - 1, "")
            value, headers = codec.encode(
                event, id_=f"e{self.events}", source="ledger", time_us=1, subject=message.account_id, cause=cause
            )
            drafts.setdefault(partition, []).append(Unsealed(message.account_id.encode(), value, headers))
            events.setdefault(partition, []).append(Folded(partition, 0, 0, event, cause, None))
        self._writer.append(drafts)
        for partition, made in events.items():
            self._checkpoints[partition].appended(made)

    def snapshot(self) -> float:
        """Write a snapshot of every partition; the seconds it took."""
        started = time.perf_counter()
        outlet = Outlet(self.settings, self._topic)
        asyncio.run(self._write(outlet))
        return time.perf_counter() - started

    async def _write(self, outlet: Outlet) -> None:
        for partition, checkpoint in enumerate(self._checkpoints):
            checkpoint.begin(self._writer.position(partition))
            while not checkpoint.drained:
                outlet.put(partition, checkpoint.chunk())
                await outlet.room()
            await outlet.flush()
            outlet.put(partition, [checkpoint.epoch()])
            await outlet.flush()
            checkpoint.commit()


def _messages(accounts: int) -> Iterator[Any]:
    """Accounts with cash, then orders without end; each message gives an event that changes an account."""
    names = [f"acc_{number}" for number in range(accounts)]
    times = count(START_US + STEP_US, STEP_US)
    for name in names:
        yield OpenAccount(command_id=f"o-{name}", account_id=name, issued_at_us=next(times), owner="bench")
        yield Deposit(command_id=f"d-{name}", account_id=name, issued_at_us=next(times), amount=Decimal("100000.00"))
    for number in count():
        name = names[number % accounts]
        client = f"c{number}"
        order = ids.order_id(name, client)
        yield SubmitOrder(
            command_id=client,
            account_id=name,
            issued_at_us=next(times),
            order_id=order,
            client_order_id=client,
            symbol="AAPL",
            side="SELL" if number // accounts % 2 else "BUY",
            order_type="LIMIT",
            quantity=Decimal(10),
            limit_price=Decimal("12.34"),
        )
        own: Any = {"account_id": name, "order_id": order, "dispatch_epoch": 1, "worker_id": "w"}
        yield r.ReportAcknowledged(report_id=f"a{number}", venue="paper", reported_at_us=next(times), **own)
        now = next(times)
        yield r.ReportFilled(
            report_id=f"f{number}",
            execution_id=f"x{number}",
            venue="paper",
            quantity=Decimal(10),
            price=Decimal("12.34"),
            fee=Decimal("0.01"),
            market_time_us=now,
            reported_at_us=now,
            **own,
        )


def run(base: Settings, histories: Sequence[int], accounts: int, console: Console) -> list[Load]:
    """Loads of one growing ledger: at each length from the log, then from a snapshot at each distance."""
    settings = fresh(base)
    tape = Tape(settings, accounts)
    loads: list[Load] = []

    def measure(source: str, behind: int) -> None:
        seconds = _load(settings, source)
        loads.append(Load(tape.events, accounts, source, behind, seconds))

    for history in histories:
        with console.status(f"{history:,} events of {accounts:,} accounts"):
            tape.grow(history)
            epoch = tape.events  # more than `history` where the round before has gone on beyond it
            measure("log", epoch)
            tape.snapshot()
            for distance in DISTANCES:
                tape.grow(epoch + distance)
                measure("snapshot", tape.events - epoch)
    return loads


def _load(settings: Settings, source: str) -> float:
    """In a process of its own; the seconds that it took to load all partitions."""
    with child(settings, "-m", "bench.recovery", "--load", source) as process, closing(process.stdout) as output:
        assert output is not None
        process.wait(_LOAD_S_MAX)
        answer = json.loads(output.read())
    assert answer["source"] == source, f"expected a load from the {source}, it was from the {answer['source']}"
    return float(answer["seconds"])


def load(source: str) -> None:
    """What the process does: load, and print how long it took and whence."""
    settings = settings_of_process()
    made = spec(settings)
    writer = TapeWriter(settings, settings.topic(made.tape))
    snapshots = made.snapshots if source == "snapshot" else None
    loading = Loading(settings, writer, made.inputs, made.decider, snapshots)
    started = time.perf_counter()
    loaded = [loading.load(partition) for partition in range(settings.partitions)]
    seconds = time.perf_counter() - started
    whole = all(one.checkpoint is not None and one.checkpoint.epoch_offset > 0 for one in loaded)
    print(json.dumps({"seconds": seconds, "source": "snapshot" if whole else "log"}))


def show(console: Console, loads: Sequence[Load]) -> None:
    table = Table("events on the tape", "accounts", "loaded from", "records read", "seconds", title="Loading a ledger")
    for one in loads:
        table.add_row(f"{one.history:,}", f"{one.accounts:,}", one.source, f"{one.behind:,}", f"{one.seconds:.2f}")
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--load", choices=("log", "snapshot"), help="what the measured process is started with")
    parser.add_argument("--events", default="100000,300000", help="lengths of history, ascending, comma separated")
    parser.add_argument("--accounts", default="2000", help="numbers of accounts, comma separated")
    parser.add_argument("--json", type=Path, help="where the figures go")
    options = parser.parse_args()
    if options.load:
        load(options.load)
        return
    console = Console()
    loads: list[Load] = []
    with servers() as base:
        for accounts in options.accounts.split(","):
            loads += run(base, [int(part) for part in options.events.split(",")], int(accounts), console)
    show(console, loads)
    if options.json:
        options.json.write_text(json.dumps([one._asdict() for one in loads], indent=2))


if __name__ == "__main__":
    sys.exit(main())
