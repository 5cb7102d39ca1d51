"""The ledger's own stateless checks (domain.checks), run at the edge, so that a hopeless command costs no event.

The rules stand once, in the domain; here a refusal gets the JSON pointer of the field it is about.
"""

from __future__ import annotations

from decimal import Decimal

from api.problems import ProblemError, refused
from domain import checks, order_checks
from domain.catalog import Catalog
from domain.checks import Refusal
from domain.commands import Command, OpenAccount, SubmitOrder
from domain.decide_orders import terms_of
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


def _problem(refusal: Refusal, order: SubmitOrder | None) -> ProblemError:
    """422 with the ledger's code, text and values, and the field's pointer."""
    pointer = next((p for prefix, p in _POINTERS.items() if refusal.code.startswith(prefix)), None)
    if pointer is None and order is not None and refusal.code.startswith("PRICE"):
        pointer = _price_pointer(refusal, order)
    return refused(refusal.code, refusal.text, pointer, **refusal.details)


def _price_pointer(refusal: Refusal, order: SubmitOrder) -> str:
    """The price that the refusal's details name, or whose value they hold; else the one that its type lacks."""
    values = refusal.details.values()
    for name, price in (("limit_price", order.limit_price), ("protection_price", order.protection_price)):
        if name in refusal.details or (price is not None and str(price) in values):
            return f"#/{name}"
    return "#/limit_price" if order.order_type == "LIMIT" else "#/protection_price"


def opening(command: OpenAccount) -> None:
    """Raises ProblemError 422."""
    with exact():
        _raise(checks.envelope(command) or checks.number("FEE", command.fee_bps) or checks.opening(command))


def amount(command: Command, value: Decimal) -> None:
    """Raises ProblemError 422."""
    with exact():
        _raise(checks.envelope(command) or checks.number("AMOUNT", value) or checks.amount_alone(value))


def order(command: SubmitOrder, catalog: Catalog, *, price_may_follow: bool) -> None:
    """Raises ProblemError 422. price_may_follow: a market order that lacks its protection price passes."""
    terms = terms_of(command)
    with exact():
        refusal = (
            checks.envelope(command)
            or order_checks.order_form(command.account_id, command)
            or order_checks.order_alone(terms, catalog)
        )
    may_pass = price_may_follow and command.order_type == "MARKET"
    if refusal is not None and not (may_pass and refusal.code == "PRICE_REQUIRED"):
        raise _problem(refusal, command)


def _raise(refusal: Refusal | None) -> None:
    if refusal is not None:
        raise _problem(refusal, None)
