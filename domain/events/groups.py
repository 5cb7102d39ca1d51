"""Orders that depend on each other, taken or refused as one. See domain.groups."""

from __future__ import annotations

from decimal import Decimal

from domain.borrow import LocateUse
from domain.events.base import LedgerEvent
from domain.terms import GroupKind, OrderTerms


class OrderGroupAccepted(LedgerEvent, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All legs are checked and held for. The parent, or each leg of an OCO, is PENDING_NEW, the others SUSPENDED.

    hold_cash, hold_quantity: what is set aside for what goes to the venue now; legs that exclude each other share it.
    desk_version: of the partition's desk at that time, see domain.desk. currencies: of each order, none where all are
    of the account's base currency; the hold's is the first's. locates: what short sales may borrow, pending from now.
    """

    command_id: str
    group_id: str
    client_group_id: str
    kind: GroupKind
    orders: tuple[OrderTerms, ...]
    hold_cash: Decimal
    hold_quantity: Decimal
    dispatch_epoch: int
    limits_version: int = 0
    desk_version: int = 0
    overrides: tuple[str, ...] = ()
    currencies: tuple[str, ...] = ()
    locates: tuple[LocateUse, ...] = ()


class OrderGroupRejected(LedgerEvent, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A leg did not pass a check, or the legs do not fit each other; none is taken.

    order_id: of the leg at fault, empty when it is the group. code: stable CATEGORY_CONDITION; details: the values.
    """

    command_id: str
    group_id: str
    client_group_id: str
    kind: GroupKind
    orders: tuple[OrderTerms, ...]
    order_id: str
    code: str
    text: str
    details: dict[str, str]
    limits_version: int = 0
    desk_version: int = 0
