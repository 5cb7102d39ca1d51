"""What decisions look at besides the account: instruments, the market as the ledger knows it, and the desk's rules."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import NamedTuple, Protocol

import msgspec

from domain.catalog import Catalog
from domain.limits import Limits
from domain.market import TickRef


class Mark(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The price of a symbol, or of a currency pair such as EUR/USD, and the tick it was seen on."""

    price: Decimal
    market_time_us: int
    tick: TickRef | None = None


class MarkedPrice(Mark, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A mark, and of what: a symbol that may be traded, or a currency pair (EUR/USD: dollars for a euro)."""

    symbol: str

    @property
    def mark(self) -> Mark:
        return Mark(price=self.price, market_time_us=self.market_time_us, tick=self.tick)


Marks = Mapping[str, Mark]


class DeskView(Protocol):
    """What risk officers have laid down for all accounts of a partition; read only."""

    @property
    def version(self) -> int:
        """Counts every change of what stands here, from 1; 0 before the first."""

    @property
    def limits(self) -> Limits:
        """Of each account."""

    @property
    def strategy_limits(self) -> Mapping[str, Limits]:
        """Of each strategy within each account, by strategy id."""

    @property
    def halted(self) -> str | None:
        """Why all trading is halted; None when it is not."""

    @property
    def halted_strategies(self) -> Mapping[str, str]:
        """Why a strategy is halted on all accounts, by strategy id."""


class PlainDesk(NamedTuple):
    """A DeskView of plain values. Without any, a desk that has laid down nothing."""

    version: int = 0
    limits: Limits = Limits()
    strategy_limits: Mapping[str, Limits] = MappingProxyType({})
    halted: str | None = None
    halted_strategies: Mapping[str, str] = MappingProxyType({})


NO_DESK: DeskView = PlainDesk()


class World(NamedTuple):
    """catalog: what may be traded. marks: the newest price of each symbol; empty where the ledger was told none."""

    catalog: Catalog
    marks: Marks
    desk: DeskView = NO_DESK
