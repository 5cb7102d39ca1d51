"""The ledger's own stateless checks (domain.checks), run at the edge, so that a hopeless command costs no event.

The rules stand once, in the domain; here a refusal gets the JSON pointer of the field it is about.
"""

from __future__ import annotations

from api.problems import ProblemError, refused
from domain import checks
from domain.catalog import Catalog
from domain.checks import Refusal
from domain.commands import Deposit, OpenAccount, SubmitOrder, Withdraw
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


def amount(command: Deposit | Withdraw) -> None:
    """Raises ProblemError 422."""
    value = command.amount
    with exact():
        refusal = checks.envelope(command) or checks.number("AMOUNT", value)
        _raise(refusal or checks.amount_alone(value, command.currency))


def order(command: SubmitOrder, catalog: Catalog, *, price_may_follow: bool) -> None:
    """Raises ProblemError 422. price_may_follow: a market order that lacks its protection price passes."""
    terms = OrderTerms(**{name: getattr(command, name) for name in OrderTerms.__struct_fields__})
    with exact():
        refusal = checks.envelope(command) or checks.order_form(command) or checks.order_alone(terms, catalog)
    may_pass = price_may_follow and command.order_type == "MARKET"
    if refusal is not None and not (may_pass and refusal.code == "PRICE_REQUIRED"):
        raise _problem(refusal, command)


def _raise(refusal: Refusal | None) -> None:
    if refusal is not None:
        raise _problem(refusal, None)
