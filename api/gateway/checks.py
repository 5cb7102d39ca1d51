"""The ledger's own stateless checks (domain.checks), run at the edge, so that a hopeless command costs no event.

The rules stand once, in the domain; here a refusal gets the JSON pointer of the field it is about.
"""

from __future__ import annotations

from decimal import Decimal

from api.problems import ProblemError, refused
from domain import checks, decide_groups, forms, groups, operator_checks, order_checks
from domain import rebalance as domain_rebalance
from domain.catalog import Catalog
from domain.checks import Refusal
from domain.commands import (
    Command,
    Deposit,
    PlanRebalance,
    ReplaceOrder,
    SubmitOrder,
    SubmitOrderGroup,
    Withdraw,
)
from domain.decide_orders import terms_of
from domain.fingerprints import changes_of
from domain.numbers import exact
from domain.terms import OrderTerms

_POINTERS = {
    "ACCOUNT": "#/account_id",
    "AMOUNT": "#/amount",
    "CLIENT_ORDER": "#/client_order_id",
    "CONVERSION": "#/to_currency",
    "CURRENCY": "#/currency",
    "EXPIRY": "#/expire_at",
    "FEE_SCHEDULE": "#/fee_schedule",
    "FEE": "#/fee_bps",
    "GROUP_INVALID": "#/orders",
    "INSTRUMENT": "#/symbol",
    "MARGIN": "#/margin",
    "OWNER": "#/owner",
    "POST_ONLY": "#/post_only",
    "QUANTITY": "#/quantity",
    "RATE": "#/rate",
    "STOP": "#/stop_price",
    "TIME_IN_FORCE": "#/time_in_force",
    "TRAIL": "#/trail_amount",
    "TRANSFER": "#/to_account_id",
}
_TEXTS = {"actor": "requested_by"}
"""The ledger's name of a text -> the field's."""


def _problem(refusal: Refusal, order: SubmitOrder | OrderTerms | None, place: str = "#") -> ProblemError:
    """422 with the ledger's code, text and values, and the field's pointer. place: pointer to the order."""
    pointer = _pointer(refusal, order)
    if pointer is not None or place != "#":
        pointer = place + (pointer or "#")[1:]
    return refused(refusal.code, refusal.text, pointer, **refusal.details)


def _pointer(refusal: Refusal, order: SubmitOrder | OrderTerms | None) -> str | None:
    pointer = next((p for prefix, p in _POINTERS.items() if refusal.code.startswith(prefix)), None)
    if pointer is None and refusal.code == "TEXT_INVALID":
        return f"#/{_TEXTS.get(name := next(iter(refusal.details)), name)}"
    if pointer is None and order is not None and refusal.code.startswith("PRICE"):
        return _price_pointer(refusal, order)
    return pointer


def _price_pointer(refusal: Refusal, order: SubmitOrder | OrderTerms) -> str:
    """The price that the refusal's details name, or whose value they hold."""
    values = refusal.details.values()
    for name in (*order_checks.PRICES, "trail_bps"):
        price: Decimal | None = getattr(order, name)
        if name in refusal.details or name in values or (price is not None and str(price) in values):
            return f"#/{name}"
    return "#/limit_price"


def stateless(command: Command) -> None:
    """All that the ledger checks of a command without an account. Raises ProblemError 422."""
    with exact():
        _raise(checks.envelope(command) or forms.form(command) or operator_checks.form(command))


def amount(command: Deposit | Withdraw) -> None:
    """Raises ProblemError 422."""
    value = command.amount
    with exact():
        refusal = checks.envelope(command) or checks.number("AMOUNT", value)
        _raise(refusal or checks.amount_alone(value, command.currency))


def order(command: SubmitOrder, catalog: Catalog, *, price_may_follow: bool) -> None:
    """Raises ProblemError 422. price_may_follow: one that lacks only its protection price passes."""
    terms = terms_of(command)
    with exact():
        refusal = (
            checks.envelope(command)
            or order_checks.order_form(command.account_id, command)
            or order_checks.order_alone(terms, catalog)
        )
    if refusal is None or (price_may_follow and refusal.details == {"missing": "protection_price"}):
        return
    raise _problem(refusal, command)


def group(command: SubmitOrderGroup, catalog: Catalog) -> None:
    """Raises ProblemError 422, with the pointer of the order at fault."""
    with exact():
        _raise(checks.envelope(command))
        for place, terms in enumerate(decide_groups.orders_of(command)):
            refusal = order_checks.order_form(command.account_id, terms) or order_checks.order_alone(terms, catalog)
            if refusal is not None:
                raise _problem(refusal, terms, f"#/orders/{place}")
        refusal = forms.form(command) or groups.check(command.kind, command.orders)
    if refusal is not None:
        raise refused(refusal.code, refusal.text, "#/orders", **refusal.details)


def rebalance(command: PlanRebalance, catalog: Catalog) -> None:
    """Raises ProblemError 422. What the account has only the ledger knows."""
    with exact():
        refusal = checks.envelope(command) or domain_rebalance.check_wish(command, catalog)
    if refusal is not None:
        name = next((name for name in ("drift_band", "allowance") if name in refusal.details), "weights")
        raise refused(refusal.code, refusal.text, f"#/{name}", **refusal.details)


def replacement(command: ReplaceOrder) -> None:
    """Raises ProblemError 422. What the order is only the ledger knows."""
    with exact():
        refusal = checks.envelope(command) or forms.form(command)
        if refusal is None and not changes_of(command):
            refusal = checks.refuse("REPLACE_CHANGES_NOTHING", "expected a field that changes, there is none")
    _raise(refusal)


def _raise(refusal: Refusal | None) -> None:
    if refusal is not None:
        raise _problem(refusal, None)
