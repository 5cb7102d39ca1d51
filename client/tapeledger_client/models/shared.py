"""Bodies that several parts of the API share.

Made by `python -m client.codegen` from the OpenAPI document. Do not edit.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from tapeledger_client.model import Model, Open

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


class Place(Model, frozen=True, kw_only=True):
    """Where the input stands on Kafka. The event that answers it names this position as its cause."""

    topic: str
    partition: int
    offset: int
