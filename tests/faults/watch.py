"""Checks while the faults go on: what must be true at every moment, on the tape as it grows.

The clients' own reads (load) check that reads never go back in time; the rest waits for the end (oracle).
"""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from decimal import Decimal

from confluent_kafka import KafkaException

from runtime.settings import Settings
from tests.faults.rawtape import ChainRule, Event, Raw, events, read_on, sums

EVERY_S = 2.0


class Watch:
    """Follows `ledger.events` past the wires. `problems` is what broke a promise; `rounds` how often it looked."""

    def __init__(self, settings: Settings) -> None:
        self.problems: list[str] = []
        self.rounds = 0
        self._settings = settings
        self._topic = settings.topic("ledger.events")
        self._ends = dict.fromkeys(range(settings.partitions), 0)
        self._rules = {partition: ChainRule(self._topic, partition) for partition in self._ends}
        self._decided: Counter[str] = Counter()
        self._quantity: dict[str, Decimal] = {}
        self._filled: dict[str, Decimal] = defaultdict(Decimal)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(EVERY_S):
            try:
                found = read_on(self._settings.kafka_bootstrap_servers, self._topic, self._ends)
            except (KafkaException, TimeoutError):
                continue  # the broker is away
            self.rounds += 1
            for partition, records in found.items():
                self._look(partition, records)

    def _look(self, partition: int, records: list[Raw]) -> None:
        if not records:
            return
        self._ends[partition] = records[-1].offset + 1
        fresh = events(self._rules[partition].live(records, self.problems))
        for event in fresh:
            self._take(event)
        for (account_id, commodity), total in sums(fresh).items():
            if total != 0:
                self.problems.append(f"postings of {account_id} sum to {total} {commodity}")

    def _take(self, event: Event) -> None:
        data = event.data
        if event.kind in ("OrderAccepted", "OrderRejected"):
            order = data["order"]
            self._decided[order["client_order_id"]] += 1
            self._quantity[order["order_id"]] = Decimal(order["quantity"])
            if self._decided[order["client_order_id"]] > 1:
                self.problems.append(f"order {order['client_order_id']} was decided again")
        elif event.kind == "OrderGroupAccepted":
            self._quantity |= {order["order_id"]: Decimal(order["quantity"]) for order in data["orders"]}
        elif event.kind == "OrderReplaced":
            self._quantity[data["order_id"]] = Decimal(data["order"]["quantity"])
        elif event.kind == "OrderFilled":
            filled = self._filled[data["order_id"]] = self._filled[data["order_id"]] + Decimal(data["quantity"])
            if filled > self._quantity[data["order_id"]]:
                self.problems.append(f"order {data['order_id']} is overfilled: {filled}")
