"""A row that changed, encoded once for all who follow it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from api.stream.messages import Change
from api.stream.views import MARKET, Alert, Bar, Channel, Row

_encode = msgspec.json.Encoder().encode


class Encoded(NamedTuple):
    """A Change as JSON, and what decides who gets it.

    account: of the account channels; "" in alerts that concern everybody, None in those for who may read all accounts.
    """

    seq: int
    channel: Channel
    account: str | None
    symbol: str | None
    interval: str | None
    json: bytes

    @property
    def key(self) -> tuple[Channel, str | None]:
        """Channel, and symbol or account: by which it is looked up who follows it."""
        return self.channel, self.symbol if self.channel in MARKET else self.account


def encoded(seq: int, channel: Channel, row: Row) -> Encoded:
    account = getattr(row, "account_id", None)
    if isinstance(row, Alert) and account is None and not row.alert.startswith("BREAK"):
        account = ""
    interval = row.interval if isinstance(row, Bar) else None
    return Encoded(
        seq,
        channel,
        account,
        getattr(row, "symbol", None),
        interval,
        _encode(Change(seq, channel, row)),  # type: ignore[arg-type]
    )


def update(seq: int, changes: Iterable[Encoded], more: bool = False) -> bytes:
    """An Update of changes that are encoded already."""
    parts = b",".join([change.json for change in changes])
    return b'{"type":"update","seq":%d,"more":%s,"changes":[%s]}' % (seq, b"true" if more else b"false", parts)
