"""What decisions look at besides the account: instruments and the market as the ledger knows it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

import msgspec

from domain.catalog import Catalog
from domain.market import TickRef


class Mark(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The price of a symbol, or of a currency pair such as EUR/USD, and the tick it was seen on."""

    price: Decimal
    market_time_us: int
    tick: TickRef | None = None


Marks = Mapping[str, Mark]


class World(NamedTuple):
    """catalog: what may be traded. marks: the newest price of each symbol; empty where the ledger was told none."""

    catalog: Catalog
    marks: Marks
