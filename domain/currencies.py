"""Currencies as ISO 4217 has them: three capital letters, and the smallest amount that is paid."""

from __future__ import annotations

from decimal import Decimal

CURRENCY_CHARACTERS = 3

# ISO 4217 list one: currencies whose minor unit is not a hundredth, by the number of decimals.
_MINOR_DIGITS: dict[int, str] = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
_HUNDREDTH = Decimal("0.01")
_UNITS: dict[str, Decimal] = {
    code: Decimal(1).scaleb(-digits) for digits, codes in _MINOR_DIGITS.items() for code in codes.split()
}


def is_currency(text: str) -> bool:
    return len(text) == CURRENCY_CHARACTERS and text.isascii() and text.isalpha() and text.isupper()


def minor_unit(currency: str) -> Decimal:
    """The smallest amount of a currency that is paid: 0.01 for USD, 1 for JPY, 0.001 for KWD."""
    return _UNITS.get(currency, _HUNDREDTH)
