"""What an account, a strategy or a desk may do: the figures of the pre-trade checks.

Names follow EU 2017/589 (RTS 6) article 15 and SEC rule 15c3-5. None means that there is no such limit. Of several
limits that apply to one order the tightest counts. They are checked in domain.risk, what they may be in
domain.limit_checks.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The figures. Each stands by itself; docs/reference/limits.md is made from what is said here.

    price_collar_bps: how far a limit, stop or protection price may be from the mark on the side that costs (a purchase
        above it, a sale below it), in basis points of the mark; an order that would take any price is beyond it.
    order_value_max: quantity x worst price of one order (quantity x mark where any price will do), in the instrument's
        currency.
    order_quantity_max: units of one order.
    message_rate_max: orders, replacements and cancels that were recorded within any window; of a strategy's limits its
        own. Orders and groups that were refused count, each order of a group is one; cancels always pass.
    message_rate_window_us: that window, record time.
    duplicate_window_us: record time within which no second order of the account may have the same symbol, side, type,
        quantity and prices as an accepted one. Of several windows the longest counts.
    position_quantity_max: units of one symbol, long or short, as if all that works on that side were filled.
    position_value_max: the same at the mark, in the instrument's currency.
    gross_exposure_max: over all symbols, the larger side of each at its mark, working orders included, in the account's
        currency.
    net_exposure_max: over all symbols, the side of the order at the marks, working orders included, in the account's
        currency.
    open_orders_max: working orders at once, those that wait for a parent included; of a strategy's limits its own.
    restricted_symbols: not to be traded at all.
    permitted_traders: who may send orders; empty: anybody.
    executions_max: fills of one strategy in one account within any window; the one that reaches it disables the
        strategy until a named person enables it again (RTS 6 article 15(3)).
    executions_window_us: that window, market time.
    """

    price_collar_bps: Decimal | None = None
    order_value_max: Decimal | None = None
    order_quantity_max: Decimal | None = None
    message_rate_max: int | None = None
    message_rate_window_us: int = 1_000_000
    duplicate_window_us: int | None = None
    position_quantity_max: Decimal | None = None
    position_value_max: Decimal | None = None
    gross_exposure_max: Decimal | None = None
    net_exposure_max: Decimal | None = None
    open_orders_max: int | None = None
    restricted_symbols: tuple[str, ...] = ()
    permitted_traders: tuple[str, ...] = ()
    executions_max: int | None = None
    executions_window_us: int = 1_000_000


NO_LIMITS = Limits()
