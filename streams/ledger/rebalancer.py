"""Turns rebalances into order commands: the process manager between a plan's event and its orders.

It keeps nothing that the ledger's state does not have: which orders of a plan are due follows from the account
(domain.plans). Ids are derived from the plan, so a command that is sent twice is a repeat. What was sent and is not
decided yet is remembered only so as not to send it with every event in between.
Verification: tests/streams/ledger/test_rebalancer.py.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple, cast

from confluent_kafka import KafkaError, Message

from domain import ids
from domain.account import Account
from domain.commands import SubmitOrder
from domain.decide_orders import command_of
from domain.terms import OrderTerms
from runtime.clients import kafka_producer
from runtime.clock import now_us
from runtime.settings import Settings
from streams import codec
from streams.decider import Folded
from streams.ledger.decider import LedgerDecider

log = logging.getLogger(__name__)
_POLL_S = 0.02
_TOPIC = "trading.commands"


class _Due(NamedTuple):
    """An order that is to be sent. traceparent: of the event that made it due."""

    partition: int
    account_id: str
    terms: OrderTerms
    traceparent: str | None


class Rebalancer:
    """A streams.agent.Follower."""

    def __init__(self, settings: Settings) -> None:
        self._topic = settings.topic(_TOPIC)
        self._producer = kafka_producer(settings)
        self._due: deque[_Due] = deque()
        self._sent: dict[int, set[str]] = {}
        self._wake = asyncio.Event()

    async def loaded(self, partition: int, decider: Any) -> None:
        """Nobody knows what was sent before: send all that is due."""
        await self.closed(partition)
        self._sent[partition] = set()
        ledger = cast(LedgerDecider, decider).ledger
        for account in ledger.accounts.values():
            self._look(partition, account, None)

    async def appended(self, partition: int, decider: Any, events: Sequence[Folded]) -> None:
        ledger = cast(LedgerDecider, decider).ledger
        for event in events:
            account = ledger.accounts.get(event.message.originator_id)
            if account is not None and account.plans:
                self._look(partition, account, event.traceparent)

    async def closed(self, partition: int) -> None:
        self._sent.pop(partition, None)
        self._due = deque(due for due in self._due if due.partition != partition)

    async def run(self) -> None:
        """Send what is due, until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._due or len(self._producer):
                while self._due and self._send(self._due[0]):
                    self._due.popleft()
                self._producer.poll(0)
                await asyncio.sleep(_POLL_S)

    def _look(self, partition: int, account: Account, traceparent: str | None) -> None:
        sent = self._sent[partition]
        for plan in account.plans.values():
            sent.difference_update(plan.done)
            for terms in plan.due(account):
                if terms.order_id not in sent:
                    sent.add(terms.order_id)
                    self._due.append(_Due(partition, account.id, terms, traceparent))
                    self._wake.set()

    def _send(self, due: _Due) -> bool:
        """False when Kafka is so slow that its client takes no more for now."""
        command = self._command(due)
        value, headers = codec.encode(
            command,
            id_=command.command_id,
            source="ledger",
            time_us=command.issued_at_us,
            subject=due.account_id,
            traceparent=due.traceparent,
        )
        try:
            self._producer.produce(
                self._topic,
                key=due.account_id.encode(),
                value=value,
                headers=cast(Any, headers),
                on_delivery=partial(self._delivered, due),
            )
        except BufferError:
            return False
        return True

    def _command(self, due: _Due) -> SubmitOrder:
        command_id = ids.derive("cmd", due.account_id, "order", due.terms.client_order_id)
        return command_of(due.terms, command_id=command_id, account_id=due.account_id, issued_at_us=now_us())

    def _delivered(self, due: _Due, error: KafkaError | None, _: Message) -> None:
        if error is not None and due.partition in self._sent:
            log.warning("sending again: %s", error, extra={"order_id": due.terms.order_id})
            self._due.append(due)
            self._wake.set()
