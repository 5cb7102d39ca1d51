"""Pre-trade risk: whether an order may go out under the limits of the account, its strategy and the desk.

`halts` asks whether anything trades at all, `limits` runs every check, `overrides` and all. Buying power is
domain.holds. An account and a desk that have laid down nothing pay for two comparisons.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from domain import checks, risk_checks, risk_exposure
from domain.account import Account
from domain.checks import Refusal
from domain.orders import Order
from domain.risk_book import Halt
from domain.risk_case import Case
from domain.scopes import scopes_of
from domain.terms import OrderTerms
from domain.world import DeskView, World


class Check(NamedTuple):
    """code: what it refuses with, but for a mark that is missing."""

    code: str
    run: Callable[[Case], Refusal | None]


CHECKS = (
    Check("INSTRUMENT_RESTRICTED", risk_checks.restricted),
    Check("TRADER_NOT_PERMITTED", risk_checks.trader),
    Check("MESSAGE_RATE_EXCEEDED", risk_checks.message_rate),
    Check("ORDER_DUPLICATE", risk_checks.duplicate),
    Check("ORDER_QUANTITY_EXCEEDED", risk_checks.order_quantity),
    Check("PRICE_COLLAR_EXCEEDED", risk_checks.price_collar),
    Check("ORDER_VALUE_EXCEEDED", risk_checks.order_value),
    Check("OPEN_ORDERS_EXCEEDED", risk_checks.open_orders),
    Check("POSITION_LIMIT_EXCEEDED", risk_exposure.position_quantity),
    Check("POSITION_LIMIT_EXCEEDED", risk_exposure.position_value),
    Check("EXPOSURE_GROSS_EXCEEDED", risk_exposure.gross),
    Check("EXPOSURE_NET_EXCEEDED", risk_exposure.net),
)
"""In the order in which they are asked; the first refusal counts."""

OVERRIDABLE = frozenset(check.code for check in CHECKS) - {"INSTRUMENT_RESTRICTED", "TRADER_NOT_PERMITTED"}
"""What a risk officer can let one order pass: figures. Prohibitions, halts, cash and unknown instruments stand."""


def halts(account: Account, terms: OrderTerms, desk: DeskView) -> Refusal | None:
    """Whether all trading, the account or the order's strategy is stopped."""
    book, strategy = account.risk, terms.strategy_id
    if desk.halted is not None:
        return _stopped("TRADING_HALTED", "trading", "DESK", desk.halted)
    if book.halted is not None:
        return _stopped("ACCOUNT_HALTED", f"account {account.id!r}", "ACCOUNT", book.halted)
    if strategy is None:
        return None
    if (reason := desk.halted_strategies.get(strategy)) is not None:
        return _stopped("STRATEGY_DISABLED", f"strategy {strategy!r}", "DESK", reason)
    stop = book.halted_strategies.get(strategy) or book.disabled_strategies.get(strategy)
    return None if stop is None else _stopped("STRATEGY_DISABLED", f"strategy {strategy!r}", "ACCOUNT", stop)


def _stopped(code: str, what: str, scope: str, stop: Halt | str) -> Refusal:
    reason = stop if isinstance(stop, str) else stop.reason
    by = {} if isinstance(stop, str) else {"by": stop.by, "since_us": stop.since_us}
    return checks.refuse(
        code,
        f"expected {checks.clean(what)} not to be stopped, it was: {checks.clean(reason)}",
        scope=scope,
        reason=reason,
        **by,
    )


def limits(
    account: Account,
    terms: OrderTerms,
    world: World,
    now_us: int,
    replacing: Order | None = None,
    beside: Sequence[OrderTerms] = (),
) -> Refusal | tuple[str, ...]:
    """The first refusal that no override lifts; otherwise the ids of the overrides by which it passes. See Case."""
    scopes = scopes_of(account, terms.strategy_id, world.desk)
    if not scopes:
        return ()
    case = Case(account, terms, world, now_us, scopes, replacing, beside)
    used: list[str] = []
    for check in CHECKS:
        refusal = check.run(case)
        if refusal is None:
            continue
        override = override_for(case, check.code)
        if override is None:
            return refusal
        if override not in used:
            used.append(override)
    return tuple(used)


def override_for(case: Case, code: str) -> str | None:
    """The oldest override by which this order may pass this check. Nobody lifts a check for an order of their own."""
    if code not in OVERRIDABLE:
        return None
    for override_id, grant in case.account.risk.overrides.items():
        if (
            grant.client_order_id == case.terms.client_order_id
            and code in grant.codes
            and case.now_us < grant.expires_at_us
            and grant.granted_by != case.terms.trader_id
        ):
            return override_id
    return None
