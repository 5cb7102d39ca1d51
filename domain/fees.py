"""The commission of an order by its account's fee schedule, fill by fill.

What an order owes is a function of all that it has filled: fixed part, units, value and rates together, at least the
minimum, at most the cap, rounded half to even to the currency's smallest unit. A fill is charged what the order owes
after it, less what was charged before. So per-order amounts are charged once, and partial fills at the same price
cost what one fill costs.

An order keeps the schedule under which it was accepted, since its hold was computed from it.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

import msgspec

from domain.account_terms import FeeSchedule, Liquidity
from domain.numbers import ZERO, nearest, up


class Tally(msgspec.Struct, kw_only=True):
    """What an order has filled and was charged. variable: commission by units and rates, before minimum and cap."""

    schedule: FeeSchedule
    value: Decimal = ZERO
    variable: Decimal = ZERO
    charged: Decimal = ZERO


class Part(NamedTuple):
    """Of what an order has filled."""

    quantity: Decimal
    price: Decimal
    liquidity: Liquidity | None

    @property
    def value(self) -> Decimal:
        return self.quantity * self.price

    def of(self, schedule: FeeSchedule) -> Decimal:
        """Its commission by units and rates."""
        return _variable(schedule, self.quantity, self.value, rate(schedule, self.liquidity))


def rate(schedule: FeeSchedule, liquidity: Liquidity | None) -> Decimal:
    """Of the value, as a fraction."""
    own = schedule.maker_bps if liquidity == "MAKER" else schedule.taker_bps
    return (schedule.bps + own).scaleb(-4)


def due(tally: Tally, quantity: Decimal, price: Decimal, liquidity: Liquidity | None, unit: Decimal) -> Decimal:
    """The commission of a fill; below zero when rebates are more than fees. unit: the currency's smallest."""
    value = quantity * price
    variable = tally.variable + _variable(tally.schedule, quantity, value, rate(tally.schedule, liquidity))
    return nearest(_owed(tally.schedule, tally.value + value, variable), unit) - tally.charged


def take(tally: Tally, quantity: Decimal, price: Decimal, liquidity: Liquidity | None, commission: Decimal) -> None:
    """Add a fill that was charged `commission`."""
    value = quantity * price
    tally.variable += _variable(tally.schedule, quantity, value, rate(tally.schedule, liquidity))
    tally.value += value
    tally.charged += commission


def after_restatement(tally: Tally | None, old: Part | None, new: Part | None, unit: Decimal) -> Tally | None:
    """The tally as if a fill had been another from the beginning; None: as if it had not been.

    `charged` is what the order owes then. An order of which nothing has filled owes nothing.
    """
    if tally is None:
        return None
    value, variable = tally.value, tally.variable
    for part, sign in ((old, -1), (new, 1)):
        if part is not None:
            value += sign * part.value
            variable += sign * part.of(tally.schedule)
    owed = nearest(_owed(tally.schedule, value, variable), unit) if value else ZERO
    return Tally(schedule=tally.schedule, value=value, variable=variable, charged=owed)


def most_of_purchase(tally: Tally, leaves: Decimal, price: Decimal, unit: Decimal) -> Decimal:
    """The most that `leaves` units can still be charged when none costs more than `price`; never below zero."""
    value = leaves * price
    variable = tally.variable + _variable(tally.schedule, leaves, value, _worst_rate(tally.schedule))
    return max(ZERO, up(_owed(tally.schedule, tally.value + value, variable), unit) - tally.charged)


def most_beyond_proceeds(tally: Tally, leaves: Decimal, price: Decimal, step: Decimal, unit: Decimal) -> Decimal:
    """By how much commission can at worst outrun proceeds while `leaves` units are sold at `price` or better.

    price: zero where any price will do. step: the least that can fill at once. Without the cap what an order owes, less
    proceeds, is convex in the units sold, so it is largest after the first step or after the last; the cap, a part of
    the value, less proceeds only falls.
    """
    schedule, rate_ = tally.schedule, _worst_rate(tally.schedule)
    beyond = []
    for quantity in (step, leaves):
        value = quantity * price
        fixed = schedule.per_order + tally.variable + _variable(schedule, quantity, value, rate_)
        beyond.append(_at_least(fixed, schedule.order_minimum) - value)
    most = max(beyond)
    if schedule.order_cap_bps is not None:
        value = step * price
        most = min(most, (tally.value + value) * schedule.order_cap_bps.scaleb(-4) - value)
    return max(ZERO, up(most, unit) - tally.charged)


def _variable(schedule: FeeSchedule, quantity: Decimal, value: Decimal, rate_: Decimal) -> Decimal:
    return schedule.per_unit * quantity + rate_ * value


def _worst_rate(schedule: FeeSchedule) -> Decimal:
    """Rebates that may come are not counted on."""
    return max(ZERO, rate(schedule, "MAKER"), rate(schedule, "TAKER"))


def _owed(schedule: FeeSchedule, value: Decimal, variable: Decimal) -> Decimal:
    owed = _at_least(schedule.per_order + variable, schedule.order_minimum)
    return owed if schedule.order_cap_bps is None else min(owed, value * schedule.order_cap_bps.scaleb(-4))


def _at_least(amount: Decimal, least: Decimal | None) -> Decimal:
    return amount if least is None else max(amount, least)
