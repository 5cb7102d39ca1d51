"""What must be true when all is over, judged from outside the code under test.

The measure is what the clients were told, what the venue recorded, and the raw bytes on Kafka; never a fold of the
ledger's own. The ledger's own verdicts (`tape audit verify`, `tape audit replay`) are asked for as well.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any, NamedTuple

import httpx
import psycopg

from tests import keys, nursery
from tests.faults import depth_checks
from tests.faults.exchange import VenueOrder
from tests.faults.house import MODULES, House
from tests.faults.load import FINAL, Load
from tests.faults.mischief import Mischief
from tests.faults.rawtape import ChainRule, Event, Raw, events, read, sums

FINAL_WITHIN_S = 30.0
_HEALING = ("UnavailableError", "KafkaException", "KafkaError", "OperationalError", "KafkaConnectionError")
_DECISIONS = ("OrderAccepted", "OrderRejected")


class Violation(NamedTuple):
    """check: which of the promises is broken. text: how."""

    check: str
    text: str

    def __str__(self) -> str:
        return f"{self.check}: {self.text}"


class Oracle:
    """Everything that is known of a run from outside, and the checks. `tape` is filled by `judge`."""

    def __init__(self, house: House, load: Load, mischief: Mischief) -> None:
        self._house, self._load, self._mischief = house, load, mischief
        self._settings = house.settings
        self.violations: list[Violation] = []
        self.raw: dict[int, list[Raw]] = {}
        self.chains: dict[int, list[Raw]] = {}
        self.tape: list[Event] = []
        self._is_projected = True
        self._venue: dict[str, VenueOrder] = {}

    def found(self, check: str, text: str) -> None:
        self.violations.append(Violation(check, text))

    def judge(self) -> list[Violation]:
        """All checks; what is not final yet must be so within FINAL_WITHIN_S of this call."""
        address = f"http://127.0.0.1:{self._settings.api_port}"
        with httpx.Client(base_url=address, timeout=10, headers=keys.ROOT) as client:
            self._client = client
            self._check_final()
            self._read_tape()
            checks: tuple[Callable[[], None], ...] = (
                self._check_clients,
                self._check_causes,
                self._check_repeats,
                self._check_decisions,
                self._check_depth,
                self._check_epochs,
                self._check_venue,
                self._check_accounts,
                self._check_balances,
                self._check_archive,
                self._check_letters,
                self._check_workers,
                self._check_commands,
            )
            for check in checks:
                check()
        return self.violations

    # Liveness

    def _check_final(self) -> None:
        """Every acknowledged order reaches a final state, as a client sees it."""
        waiting = {order_id: "unknown" for asked in self._load.acknowledged() for order_id in asked.order_ids}
        deadline = time.monotonic() + FINAL_WITHIN_S
        is_last = False
        while waiting and not is_last:
            is_last = time.monotonic() > deadline  # who was asked early in a long round is asked once more
            for order_id in list(waiting):
                status = self._status(order_id)
                if status in FINAL:
                    del waiting[order_id]
                else:
                    waiting[order_id] = status
            time.sleep(0.2)
        for order_id, status in list(waiting.items())[:5]:
            self.found("final", f"{order_id} is {status} after {FINAL_WITHIN_S:.0f} s ({len(waiting)} are not final)")

    def _status(self, order_id: str) -> str:
        try:
            response = self._client.get(f"/api/orders/{order_id}")
        except httpx.HTTPError as error:
            return type(error).__name__
        return str(response.json()["status"]) if response.status_code == 200 else str(response.status_code)

    # The tape

    def _read_tape(self) -> None:
        topic = self._settings.topic("ledger.events")
        self.raw = read(self._settings.kafka_bootstrap_servers, topic, self._settings.partitions)
        problems: list[str] = []
        for partition, records in self.raw.items():
            self.chains[partition] = ChainRule(topic, partition).live(records, problems)
            self.tape += events(self.chains[partition])
        for problem in problems:
            self.found("chain", problem)

    def _check_clients(self) -> None:
        for problem in self._load.problems:
            self.found("client", problem)

    def _check_causes(self) -> None:
        """One input, one event: no input is answered twice, and each partition's inputs are answered in order."""
        last: dict[tuple[int, str], int] = {}
        for event in self.tape:
            topic, partition, offset = event.cause
            key = (event.raw.partition, topic)
            if partition != event.raw.partition:
                self.found("one-event", f"an input of partition {partition} is answered on {event.raw.partition}")
            if offset <= last.get(key, -1):
                self.found("one-event", f"{topic}/{partition}@{offset} is answered after {last[key]}: {event.kind}")
            last[key] = max(offset, last.get(key, -1))

    def _check_repeats(self) -> None:
        """A fill that is in causes nothing when it is reported again, whatever has happened to its order since."""
        taken: set[str] = set()
        for event in self.tape:
            report_id = event.data.get("report_id")
            if event.kind == "OrderFilled":
                taken.add(event.data["report_id"])
            elif event.kind == "ReportRejected" and report_id in taken:
                self.found("repeats", f"{report_id} is in, and was refused when it came again: {event.data['code']}")

    def _check_decisions(self) -> None:
        """Each acknowledged order is one order with the content that was asked for; each movement of cash is one."""
        decided: dict[str, list[Event]] = defaultdict(list)
        moves: Counter[str] = Counter()
        for event in self.tape:
            if event.kind in _DECISIONS:
                decided[event.data["order"]["client_order_id"]].append(event)
            elif event.kind in ("CashDeposited", "CashWithdrawn"):
                moves[event.data["command_id"]] += 1
        for name, asked in self._load.orders.items():
            if len(decided[name]) != 1 and (asked.acknowledged or decided[name]):
                kinds = [event.kind for event in decided[name]]
                self.found("once", f"order {name}, acknowledged: {asked.acknowledged}, was decided as {kinds}")
            for event in decided[name]:
                self._check_content(name, dict(asked.content), event)
        for name in decided.keys() - self._load.orders.keys():
            self.found("once", f"order {name} was asked for by nobody")
        wanted = [asked.answer["command_id"] for asked in self._load.cash if asked.acknowledged]
        for asked in self._load.cash:
            count = moves.pop(asked.answer.get("command_id", ""), 0) if asked.acknowledged else 0
            if asked.acknowledged and count != (0 if self._is_rejected(asked.answer["command_id"]) else 1):
                self.found("once", f"{asked.path} {asked.key} was booked {count} times")
        assert len(wanted) == len(set(wanted)), "the harness asks for each movement of cash once"
        for command_id, count in moves.items():
            self.found("once", f"movement {command_id} was booked {count} times and asked for by nobody")

    def _check_content(self, name: str, content: dict[str, Any], event: Event) -> None:
        for field, expected in content.items():
            actual = event.data["account_id"] if field == "account_id" else event.data["order"][field]
            if str(actual) != str(expected):
                self.found("content", f"order {name}: {field} is {actual}, asked for was {expected}")

    def _check_depth(self) -> None:
        """Groups, and other terms for orders."""
        for problem in depth_checks.groups(self._load.groups, self.tape):
            self.found("groups", problem)
        for problem in depth_checks.replaces(self._load.replaces, self.tape):
            self.found("replaces", problem)

    def _is_rejected(self, command_id: str) -> bool:
        return any(e.kind == "CommandRejected" and e.data["command_id"] == command_id for e in self.tape)

    def _check_epochs(self) -> None:
        """Only reports of an order's current dispatch epoch became events."""
        epochs: dict[str, int] = {}
        for event in self.tape:
            data = event.data
            if event.kind == "OrderAccepted":
                epochs[data["order"]["order_id"]] = data["dispatch_epoch"]
            elif event.kind == "OrderGroupAccepted":
                waits = event.data["kind"] != "OCO"
                for leg, order in enumerate(data["orders"]):
                    epochs[order["order_id"]] = 0 if waits and leg else data["dispatch_epoch"]
            elif event.kind == "OrderRedispatched":
                if data["dispatch_epoch"] != epochs[data["order_id"]] + 1:
                    self.found("fenced", f"{data['order_id']} went from epoch {epochs[data['order_id']]} to {data}")
                epochs[data["order_id"]] = data["dispatch_epoch"]
            elif "dispatch_epoch" in data and data["dispatch_epoch"] != epochs[data["order_id"]]:
                expected = epochs[data["order_id"]]
                self.found(
                    "fenced",
                    f"{event.kind} of {data['order_id']} names epoch {data['dispatch_epoch']}, current was {expected}",
                )
            for link in data.get("linked", ()):
                if link["effect"] == "ACTIVATED":
                    epochs[link["order_id"]] = 1

    # The venue

    def _check_venue(self) -> None:
        """What the venue did is what the ledger has, execution by execution."""
        booked: dict[str, list[Event]] = defaultdict(list)
        accepted = {e.data["order"]["order_id"] for e in self.tape if e.kind == "OrderAccepted"}
        for event in self.tape:
            if event.kind == "OrderGroupAccepted":
                accepted |= {order["order_id"] for order in event.data["orders"]}
        for event in self.tape:
            if event.kind == "OrderFilled":
                booked[event.data["order_id"]].append(event)
        fills = [event.data for of_order in booked.values() for event in of_order]
        self._venue = self._house.venue_record({fill["execution_id"]: Decimal(fill["quantity"]) for fill in fills})
        if self._house.venue == "shared":
            for problem in depth_checks.shares(fills):
                self.found("ticks", problem)
        for order_id, order in self._venue.items():
            for conflict in order.conflicts:
                self.found("venue", f"{order_id} was sent with other terms: {conflict}")
            if order_id not in accepted:
                self.found("venue", f"{order_id} is at the venue, and the ledger never accepted it")
            if order.done_quantity > order.quantity:
                self.found("venue", f"{order_id} is overfilled at the venue")
            self._check_executions(order, booked.pop(order_id, []))
        for order_id in booked:
            self.found("venue", f"{order_id} has fills and was never at the venue")

    def _check_executions(self, order: VenueOrder, fills: list[Event]) -> None:
        did = Counter((t.execution_id, t.quantity, t.price, t.fee) for t in order.traded)
        has = Counter(
            (d["execution_id"], Decimal(d["quantity"]), Decimal(d["price"]), Decimal(d["fee"]))
            for d in (event.data for event in fills)
        )
        if did != has:
            self.found("venue", f"{order.order_id}: the venue did {dict(did - has)} more, {dict(has - did)} less")

    def _check_accounts(self) -> None:
        """Cash and shares as the API shows them, from the clients' movements and the venue's record."""
        cash: dict[str, Decimal] = defaultdict(Decimal)
        shares: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        for asked in self._load.cash:
            if asked.acknowledged and not self._is_rejected(asked.answer["command_id"]):
                sign = -1 if asked.path.endswith("withdrawals") else 1
                cash[asked.account_id] += sign * Decimal(asked.content["amount"])
        for order in self._venue.values():
            sign = 1 if order.side == "BUY" else -1
            for traded in order.traded:
                cash[order.account_id] -= sign * traded.quantity * traded.price + traded.fee
                shares[order.account_id, order.symbol] += sign * traded.quantity
        for account_id, expected in sorted(cash.items()):
            response = self._client.get(f"/api/portfolio/{account_id}")
            if response.status_code != 200:
                self.found("cash", f"the portfolio of {account_id} is answered {response.status_code}")
                continue
            found = response.json()
            if Decimal(found["hold"]) != 0:
                self.found("holds", f"{account_id} holds {found['hold']} though every order is final")
            total = Decimal(found["cash"]) + Decimal(found["hold"])
            if total != expected:
                self.found("cash", f"{account_id} has {total}, clients and venue make it {expected}")
            held = {p["symbol"]: Decimal(p["quantity"]) for p in found["positions"]}
            for position in found["positions"]:
                if Decimal(position["held_quantity"]) != 0:
                    self.found("holds", f"{account_id} holds {position['held_quantity']} of {position['symbol']}")
            for (owner, symbol), quantity in shares.items():
                if owner == account_id and held.get(symbol, Decimal(0)) != quantity:
                    self.found("shares", f"{account_id} has {held.get(symbol)} {symbol}, the venue made {quantity}")

    def _check_balances(self) -> None:
        """Every commodity of every account sums to zero, on the tape and in the table of balances."""
        for (account_id, commodity), total in sums(self.tape).items():
            if total != 0:
                self.found("balance", f"the postings of {account_id} sum to {total} {commodity}")
        with psycopg.connect(self._settings.database_url) as connection:
            query = "select account_id, commodity, sum(amount) from balances group by 1, 2 having sum(amount) <> 0"
            for row in connection.execute(query):
                self.found("balance", f"balances of {row[0]} sum to {row[2]} {row[1]}")

    def _check_archive(self) -> None:
        """The archive has Kafka's records, bytes and all, and calls the same ones live."""
        self._wait_projected()
        query = (
            "select partition, record_offset, key, value, header_names, header_values, live from tape_records "
            "where topic = %s"
        )
        with psycopg.connect(self._settings.database_url) as connection:
            rows = {(r[0], r[1]): r[2:] for r in connection.execute(query, [self._settings.topic("ledger.events")])}
        chained = {(record.partition, record.offset) for chain in self.chains.values() for record in chain}
        for records in self.raw.values():
            for record in records:
                place = (record.partition, record.offset)
                row = rows.pop(place, None)
                names, values = [n for n, _ in record.headers], [v for _, v in record.headers]
                if row is None:
                    self.found("archive", f"{place} is not in the archive")
                elif row != (record.key, record.value, names, values, place in chained):
                    self.found("archive", f"{place} differs in the archive, or is called live: {row[4]}")
        for place in rows:
            self.found("archive", f"{place} is in the archive and not on Kafka")

    def _wait_projected(self) -> None:
        """Until the projections have what was read from Kafka, at most FINAL_WITHIN_S."""
        ends = {partition: len(records) for partition, records in self.raw.items()}
        query = "select partition, next_offset from projection_progress where projection = 'ledger'"
        deadline = time.monotonic() + FINAL_WITHIN_S
        while time.monotonic() < deadline:
            with psycopg.connect(self._settings.database_url) as connection:
                progress = dict(connection.execute(query).fetchall())
            if all(progress.get(partition, 0) >= end for partition, end in ends.items()):
                return
            time.sleep(0.1)
        self._is_projected = False
        self.found("final", f"the projections are at {progress}, Kafka at {ends}")

    def _check_letters(self) -> None:
        """Every unreadable input is among the dead letters, and nothing else is."""
        topic = self._settings.topic("ledger.deadletters")
        letters = read(self._settings.kafka_bootstrap_servers, topic, self._settings.partitions)
        places = {(record.key or b"").decode() for records in letters.values() for record in records}
        sent = {poison.place for poison in self._mischief.poisons}
        for place in sent - places:
            self.found("letters", f"{place} could not be read, and is not among the dead letters")
        for place in places - sent:
            self.found("letters", f"{place} is among the dead letters, though it can be read")

    # The house

    def _check_workers(self) -> None:
        """No worker ended by itself, but for a server that was away, and no projection stood still at a record."""
        for ended in self._house.ended:
            if ended.code and not any(name in ended.words for name in _HEALING):
                self.found("workers", f"{ended.name} ended with {ended.code}: {ended.words}")
        for name in (name for name, module in MODULES.items() if module == "projections.worker"):
            for line in self._house.log(name).read_text(errors="replace").splitlines():
                if "stands still at" in line:
                    self.found("workers", f"{name}: {line[-600:]}")

    def _check_commands(self) -> None:
        """The ledger's own verdicts: the log is what was written, tables and snapshots say what it says."""
        if not self._is_projected:
            return  # they would wait for it, in vain
        asked: dict[str, list[str]] = {"verify": ["--wait"], "replay": [], "snapshots": []}
        with ThreadPoolExecutor() as side_by_side:
            for name, text in zip(asked, side_by_side.map(self._command, asked, asked.values()), strict=True):
                if text:
                    self.found(name, text)

    def _command(self, name: str, options: list[str]) -> str:
        """Run `tape audit NAME`; the end of what it said when it found something, else nothing."""
        done = subprocess.run(
            [sys.executable, "-m", "runtime.cli", "audit", name, *options],
            cwd=nursery.ROOT,
            env={**os.environ, **self._settings.environ()},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        return (done.stdout + done.stderr)[-1_000:] if done.returncode else ""
