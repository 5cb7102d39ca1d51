"""Commands of a small trader, a way to send them, and what the ledger made of them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, cast

from domain import ids
from domain.commands import Command, Deposit, MarkPrices, OpenAccount, SubmitOrder
from domain.world import MarkedPrice
from runtime.clients import kafka_producer
from runtime.clock import now_us
from runtime.settings import Settings
from streams import codec
from streams.desks import desk_keys
from streams.tape import Chain, read_range


def opened(account: str, amount: str = "1000.00") -> list[Command]:
    """An account, and money in it."""
    return [
        OpenAccount(command_id=f"o-{account}", account_id=account, issued_at_us=now_us(), owner="test"),
        Deposit(command_id=f"d-{account}", account_id=account, issued_at_us=now_us(), amount=Decimal(amount)),
    ]


def buy(account: str, client_order_id: str) -> SubmitOrder:
    return SubmitOrder(
        command_id=client_order_id,
        account_id=account,
        issued_at_us=now_us(),
        order_id=ids.order_id(account, client_order_id),
        client_order_id=client_order_id,
        symbol="AAPL",
        side="BUY",
        order_type="LIMIT",
        quantity=Decimal(1),
        limit_price=Decimal("10.50"),
    )


def mark(settings: Settings, **prices: str) -> list[Command]:
    """Tell every partition's ledger these prices by symbol."""
    marks = tuple(
        MarkedPrice(symbol=symbol, price=Decimal(price), market_time_us=now_us()) for symbol, price in prices.items()
    )
    return [
        MarkPrices(command_id=f"mark-{key}-{now_us()}", account_id=key, issued_at_us=now_us(), marks=marks)
        for key in desk_keys(settings.partitions)
    ]


def send(settings: Settings, *messages: Any, topic: str = "trading.commands") -> None:
    """Put commands or reports on a topic, each to its account's partition."""
    producer = kafka_producer(settings, **{"linger.ms": 5})
    for message in messages:
        id_ = message.command_id if isinstance(message, Command) else message.report_id
        value, headers = codec.encode(message, id_=id_, source="test", time_us=1, subject=message.account_id)
        producer.produce(
            settings.topic(topic), key=message.account_id.encode(), value=value, headers=cast(Any, headers)
        )
    assert producer.flush(30) == 0


def events(settings: Settings, tape: str = "ledger.events") -> list[Any]:
    """The live events of all partitions, read afresh; checks the chain on the way."""
    topic = settings.topic(tape)
    found: list[Any] = []
    for partition in range(settings.partitions):
        chain = Chain(topic, partition)
        for record in read_range(settings, topic, partition):
            if chain.accept(record):
                found.append(codec.decode(record.value, record.headers))
    return found
