"""What would become of an order, without writing anything: the verdict of every check, what it holds, what is left."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from domain import checks, fees, holds, order_checks, risk
from domain.account import Account
from domain.checks import Refusal
from domain.currencies import minor_unit
from domain.holds import NO_HOLD, Hold
from domain.limits import NO_LIMITS
from domain.numbers import ONE, ZERO, exact, up
from domain.risk_case import Case
from domain.scopes import Scope, ScopeName, scopes_of
from domain.terms import OrderTerms
from domain.world import World


class LimitInForce(NamedTuple):
    """One figure of the limits that hold for the order. version: of the account's limits, or of the desk's."""

    name: str
    value: str
    scope: ScopeName
    version: int


class Preview(NamedTuple):
    """What submitting the order now would give.

    refusals: of every check that does not pass, in the order in which they are asked; the first would be the order's.
    overridden: codes of refusals that an override would lift; they are not among the refusals. overrides: their ids.
    hold: what would be set aside. estimated_cost: what filling all of it at the mark, or no better than its own prices,
    would cost with the account's fee and the most that its schedule charges, rounded up to the smallest unit; below
    zero for a sale; None where no price is known.
    buying_power_after: free cash less the hold, below zero where it would not suffice.
    """

    refusals: tuple[Refusal, ...]
    overridden: tuple[str, ...]
    overrides: tuple[str, ...]
    hold: Hold
    estimated_cost: Decimal | None
    buying_power_after: Decimal
    limits: tuple[LimitInForce, ...]
    limits_version: int
    desk_version: int

    @property
    def is_accepted(self) -> bool:
        return not self.refusals


def preview(account: Account, terms: OrderTerms, world: World, now_us: int) -> Preview:
    """Ask every check. The texts and numbers of the terms have been checked (domain.forms).

    Where instrument, quantity or prices are refused, nothing can be computed from them: limits and hold are left out.
    """
    with exact():
        scopes = scopes_of(account, terms.strategy_id, world.desk)
        now_us = account.clock(now_us)
        found = [risk.halts(account, terms, world.desk), order_checks.order(account, terms, world, now_us)]
        lifted: list[tuple[str, str]] = []
        hold, cost = NO_HOLD._replace(currency=account.currency), None
        if found[1] is None:
            case = Case(account, terms, world, now_us, scopes)
            for check in risk.CHECKS:
                refusal = check.run(case)
                override = None if refusal is None else risk.override_for(case, check.code)
                if override is None:
                    found.append(refusal)
                else:
                    lifted.append((check.code, override))
            needs = holds.needed(account, terms, terms.quantity, world)
            if isinstance(needs, Refusal):
                found.append(needs)
            else:
                hold = needs
                found.append(holds.check(account, terms, hold, world))
            cost = _estimated_cost(account, terms, world)
        overrides = tuple(dict.fromkeys(override for _, override in lifted))
        return Preview(
            refusals=tuple(refusal for refusal in found if refusal is not None),
            overridden=tuple(dict.fromkeys(code for code, _ in lifted)),
            overrides=overrides,
            hold=hold._replace(overrides=overrides),
            estimated_cost=cost,
            buying_power_after=account.funds[hold.currency].free - hold.cash,
            limits=tuple(line for scope in scopes for line in _lines(scope)),
            limits_version=account.risk.limits_version,
            desk_version=world.desk.version,
        )


def _estimated_cost(account: Account, terms: OrderTerms, world: World) -> Decimal | None:
    """Quantity x price, the fee and the commission, in the instrument's currency.

    The price: where it triggers, otherwise the mark; never beyond the worst price that the order allows.
    """
    mark, worst = world.marks.get(terms.symbol), terms.worst_price
    price = terms.stop_price or (None if mark is None else mark.price)
    if price is None or worst is None:
        price = worst if price is None else price
    else:
        price = max(price, worst) if terms.is_sale else min(price, worst)
    if price is None:
        return None
    unit = minor_unit(world.catalog[terms.symbol].currency)
    tally = holds.tally_of(account, terms)
    commission = ZERO if tally is None else fees.most_of_purchase(tally, terms.quantity, price, unit)
    if terms.is_sale:
        return up(terms.quantity * price * (account.fee_bps.scaleb(-4) - ONE), unit) + commission
    return account.hold_for(terms.quantity, price, unit) + commission


def _lines(scope: Scope) -> list[LimitInForce]:
    limits = scope.limits
    names = [name for name in limits.__struct_fields__ if getattr(limits, name) != getattr(NO_LIMITS, name)]
    return [LimitInForce(name, checks.clean(getattr(limits, name)), scope.name, scope.version) for name in names]
