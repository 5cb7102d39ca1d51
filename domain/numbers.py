"""Decimal arithmetic: one context in which nothing is rounded silently, and the few places where rounding is meant.

No global context is changed: whoever computes enters `exact()`. Its 100 digits hold any product of two numbers that
`is_sound` lets in, so an Inexact signal is a defect of ours and raises; it never becomes a wrong cent.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from decimal import (
    ROUND_CEILING,
    ROUND_DOWN,
    ROUND_HALF_EVEN,
    Context,
    Decimal,
    DivisionByZero,
    FloatOperation,
    Inexact,
    InvalidOperation,
    Overflow,
    localcontext,
)

ZERO = Decimal(0)
ONE = Decimal(1)
CENT = Decimal("0.01")
COST_STEP = Decimal("0.0001")

INTEGER_DIGITS_MAX = 15
DECIMALS_MAX = 18

_LAST_DECIMAL = ONE.scaleb(-DECIMALS_MAX)

_BROKEN = [InvalidOperation, DivisionByZero, Overflow, FloatOperation]
_EXACT = Context(prec=100, rounding=ROUND_HALF_EVEN, traps=[*_BROKEN, Inexact])
_ROUNDING = Context(prec=100, rounding=ROUND_HALF_EVEN, traps=_BROKEN)


def exact() -> AbstractContextManager[Context]:
    """A context manager in which sums and products are exact, or raise decimal.Inexact."""
    return localcontext(_EXACT)


def is_sound(number: Decimal) -> bool:
    """Whether a number from outside may be computed with: finite, below 10^15 in size, at most 18 decimals."""
    return number.is_finite() and number.adjusted() < INTEGER_DIGITS_MAX and within_decimals(number)


def within_decimals(number: Decimal) -> bool:
    exponent = number.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= -DECIMALS_MAX


def up(amount: Decimal, unit: Decimal) -> Decimal:
    """Rounded up to a currency's smallest unit, so that what is set aside is never too little."""
    return amount.quantize(unit, rounding=ROUND_CEILING, context=_ROUNDING)


def nearest(amount: Decimal, unit: Decimal) -> Decimal:
    """Rounded half to even to a currency's smallest unit: what is paid."""
    return amount.quantize(unit, context=_ROUNDING)


def quotient(amount: Decimal, by: Decimal, step: Decimal) -> Decimal:
    """Rounded half to even to `step`; for what is shown and compared, never for what is posted."""
    return _ROUNDING.divide(amount, by).quantize(step, context=_ROUNDING)


def part_up(amount: Decimal, part: Decimal, whole: Decimal, unit: Decimal) -> Decimal:
    """`part` of `whole` of an amount, rounded up to the unit and never above the amount."""
    share = _ROUNDING.divide(_ROUNDING.multiply(amount, part), whole)
    return min(amount, share.quantize(unit, rounding=ROUND_CEILING, context=_ROUNDING))


def whole_steps(amount: Decimal, step: Decimal, rounding: str = ROUND_DOWN) -> Decimal:
    """How many whole steps are in an amount; towards zero unless said otherwise. step: above zero."""
    return _ROUNDING.divide(amount, step).to_integral_value(rounding, context=_ROUNDING)


def cents(amount: Decimal) -> Decimal:
    """Rounded half to even to the cent, the way money is paid out."""
    return amount.quantize(CENT, context=_ROUNDING)


def scaled(quantity: Decimal, numerator: int, denominator: int) -> Decimal:
    """quantity x numerator / denominator: exact where 18 decimals hold it, otherwise rounded half to even to 18."""
    quotient = _ROUNDING.divide(_ROUNDING.multiply(quantity, numerator), denominator)
    return quotient if within_decimals(quotient) else quotient.quantize(_LAST_DECIMAL, context=_ROUNDING)


def cost_share(cost: Decimal, quantity: Decimal, taken: Decimal) -> Decimal:
    """What `taken` of `quantity` units cost, of which all cost `cost` together.

    The share is rounded half to even to 0.0001 and taken off the cost that is left, so the next share is computed from
    the true remainder; whoever takes the last unit takes all that is left. Hence the shares sum to the cost exactly,
    however it was cut, and no share is below zero or above what is left.
    """
    if taken == quantity:
        return cost
    share = _ROUNDING.divide(_ROUNDING.multiply(cost, taken), quantity)
    return min(cost, share.quantize(COST_STEP, context=_ROUNDING))


def plain(number: Decimal) -> str:
    """One text for one value: no exponent, no trailing zeros, no negative zero."""
    if not number:
        return "0"
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
