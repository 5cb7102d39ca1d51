"""What an account, a strategy or a desk may do: the figures of the pre-trade checks.

Names follow EU 2017/589 (RTS 6) article 15 and SEC rule 15c3-5. None means that there is no such limit. Of several
limits that apply to one order the tightest counts. They are checked in domain.risk.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Money is in the instrument's currency, quantities in units, times in microseconds.

    price_collar_bps: how far a limit, stop or protection price may be from the mark on the side that costs (a purchase
        above it, a sale below it), in basis points of the mark.
    order_value_max: quantity x worst price of one order (quantity x mark where it has none). order_quantity_max: units.
    message_rate_max: orders, replacements and cancels taken within any message_rate_window_us.
    duplicate_window_us: within it no second order of the same symbol, side, type, quantity and prices.
    position_quantity_max, position_value_max: of one symbol, long or short, as if all working orders on that side were
        filled. gross_exposure_max, net_exposure_max: over all symbols at their marks, working orders included.
    open_orders_max: working orders at once.
    restricted_symbols: not to be traded at all. permitted_traders: who may send orders; empty: anybody.
    executions_max: fills of one strategy within any executions_window_us; the one that reaches it disables the strategy
        until a named person enables it again (RTS 6 article 15(3)).
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
