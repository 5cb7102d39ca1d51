"""The ledger's own stateless checks (domain.checks), run at the edge, so that a hopeless command costs no event.

The rules stand once, in the domain; here a refusal gets the JSON pointer of the field it is about.
"""

from __future__ import annotations

from decimal import Decimal

from api.problems import ProblemError, refused
from domain import checks
from domain.catalog import Catalog
from domain.checks import Refusal
from domain.commands import Command, OpenAccount, SubmitOrder
from domain.events import OrderTerms
from domain.numbers import exact

_POINTERS = {
    "ACCOUNT": "#/account_id",
    "AMOUNT": "#/amount",
    "CLIENT_ORDER": "#/client_order_id",
    "CURRENCY": "#/currency",
    "FEE": "#/fee_bps",
    "INSTRUMENT": "#/symbol",
    "OWNER": "#/owner",
    "QUANTITY": "#/quantity",
}


def problem(refusal: Refusal) -> ProblemError:
    """422 with the ledger's code, text and values, and the field's pointer."""
    pointer = next((p for prefix, p in _POINTERS.items() if refusal.code.startswith(prefix)), None)
    return refused(refusal.code, refusal.text, pointer or _price_pointer(refusal), **refusal.details)


def _price_pointer(refusal: Refusal) -> str | None:
    """A price's refusal names the price among its details, or in its text where there is none to show."""
    if "limit_price" in refusal.details or "limit price" in refusal.text:
        return "#/limit_price"
    if "protection_price" in refusal.details or "protection price" in refusal.text:
        return "#/protection_price"
    return None


def opening(command: OpenAccount) -> None:
    """Raises ProblemError 422."""
    with exact():
        _raise(checks.envelope(command) or checks.number("FEE", command.fee_bps) or checks.opening(command))


def amount(command: Command, value: Decimal) -> None:
    """Raises ProblemError 422."""
    with exact():
        _raise(checks.envelope(command) or checks.number("AMOUNT", value) or checks.amount_alone(value))


def order(command: SubmitOrder, catalog: Catalog) -> None:
    """Raises ProblemError 422."""
    terms = OrderTerms(**{name: getattr(command, name) for name in OrderTerms.__struct_fields__})
    with exact():
        _raise(checks.envelope(command) or checks.order_form(command) or checks.order_alone(terms, catalog))


def _raise(refusal: Refusal | None) -> None:
    if refusal is not None:
        raise problem(refusal)
