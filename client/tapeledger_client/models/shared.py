"""Bodies that several parts of the API share.

Made by `python -m client.codegen` from the OpenAPI document. Do not edit.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, TypeAlias

from tapeledger_client.model import Model, Open

Encoding: TypeAlias = Open[Literal["utf-8", "base64"]]


OrderSide: TypeAlias = Open[Literal["BUY", "SELL", "SELL_SHORT"]]


OrderStatus: TypeAlias = Open[
    Literal[
        "PENDING_NEW",
        "NEW",
        "PARTIALLY_FILLED",
        "FILLED",
        "PENDING_CANCEL",
        "PENDING_REPLACE",
        "CANCELED",
        "EXPIRED",
        "REJECTED",
        "SUSPENDED",
    ]
]


OrderType: TypeAlias = Open[Literal["MARKET", "LIMIT", "STOP", "STOP_LIMIT", "TRAILING_STOP"]]


Outcome: TypeAlias = Open[Literal["ACCEPTED", "REJECTED"]]


TimeInForce: TypeAlias = Open[Literal["DAY", "GTC", "GTD", "IOC", "FOK", "AT_OPEN", "AT_CLOSE"]]


class CauseView(Model, frozen=True, kw_only=True):
    """The input that the event answers."""

    topic: str
    """as declared"""
    partition: int
    offset: int
    id: str


class Decision(Model, frozen=True, kw_only=True):
    """What the ledger has decided, and is projected."""

    outcome: Outcome
    order_status: OrderStatus | None
    """of the order (of a group: of its first) that the command is about, when this was read"""
    code: str | None
    """why it was rejected"""
    detail: str | None
    """what was expected, and what it was"""
    values: dict[str, str]
    """the values that failed"""


class FieldProblem(Model, frozen=True, kw_only=True):
    """One thing that is wrong with a request."""

    code: str
    detail: str
    pointer: str | None = None
    """JSON pointer into the body, as a URI fragment"""
    parameter: str | None = None
    """the parameter instead: its place and name"""
    values: dict[str, str] | None = None
    """the values that failed"""


class HeaderView(Model, frozen=True, kw_only=True):
    """Header view."""

    name: str
    value: str | None


class Place(Model, frozen=True, kw_only=True):
    """Where the input stands on Kafka. The event that answers it names this position as its cause."""

    topic: str
    partition: int
    offset: int


class TapeRecord(Model, frozen=True, kw_only=True):
    """A record of ledger.events. docs/how-to/check-the-chain.md shows how its hash is computed from it."""

    topic: str
    partition: int
    record_offset: int
    seq: int
    """its number on the partition's chain, from 1; dead records have no place there"""
    hash: str
    """tape-hash: SHA-256, hex, 64 digits"""
    prev: str
    """tape-prev: the hash of the record numbered seq − 1"""
    event_id: str | None
    """ce_id"""
    event_type: str | None
    """ce_type"""
    recorded_at: datetime
    """ce_time: when its writer wrote it"""
    kafka_time: datetime
    """Kafka's CreateTime, milliseconds"""
    cause: CauseView | None
    data: dict[str, Any] | None
    """the event"""
    encoding: Encoding
    """of key, value and the headers' values"""
    key: str | None
    """the record's key, byte for byte"""
    value: str | None
    """the record's value, byte for byte: JSON"""
    headers: tuple[HeaderView, ...]
    """all of them, in their order"""


class TapeRecordPage(Model, frozen=True, kw_only=True):
    """Tape record page."""

    data: tuple[TapeRecord, ...]
    has_more: bool
    """whether more rows follow"""
    cursor: str | None
    """pass it back for the next page; null on the last one"""
