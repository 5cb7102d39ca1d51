"""What the contract test may not hold against the API: each for a reason in its nature, as narrow as it can be.

A request that the document's schemas allow may still break a rule that no schema can tell. It is then 422, or 400 for a
cursor, with a code of the operation's own from RULES; any other code says that the document is not exact.
"""

from __future__ import annotations

from typing import Any

from schemathesis import Case, HookContext, Response
from schemathesis.core.failures import Failure
from schemathesis.openapi.checks import EnsureResourceAvailability, RejectedPositiveData

CURSOR = {"CURSOR_INVALID"}
"""A cursor is opaque and bound to its list and filters."""
PLACE = {"PROJECTION_BEHIND", "POSITION_UNKNOWN"}
"""Which places there are, and what has been projected, only the ledger knows."""
KEY = {"IDEMPOTENCY_KEY_CONFLICT"}
"""What another request with this key had said."""
TRADED = {"INSTRUMENT_UNKNOWN"}
"""Which symbols are traded is a setting."""
CURRENCY = {"AMOUNT_OVER_PRECISE", "AMOUNT_OUT_OF_RANGE", "CURRENCY_INVALID"}
"""How many decimals a currency has, and which there are (ISO 4217)."""
TEXT = {"TEXT_INVALID"}
"""What may be printed is Unicode's matter."""
ORDER = TRADED | {
    *("PRICE_REQUIRED", "PRICE_NOT_ALLOWED", "TRAIL_INVALID", "STOP_WRONG_SIDE"),  # which prices go with which type
    *("PRICE_OFF_INCREMENT", "QUANTITY_OVER_PRECISE", "PRICE_NOT_POSITIVE"),  # the instrument's increments
    *("EXPIRY_REQUIRED", "EXPIRY_NOT_ALLOWED", "TIME_IN_FORCE_NOT_ALLOWED", "POST_ONLY_NOT_ALLOWED"),
    "CLIENT_ORDER_ID_CONFLICT",  # what an earlier request said
}
REBALANCE = TRADED | {"WEIGHTS_INVALID"}
"""Weights sum to one."""

RULES: dict[str, set[str]] = {
    "open_account": KEY | CURRENCY | TEXT | {"OWNER_INVALID", "FEE_INVALID", "FEE_SCHEDULE_INVALID", "MARGIN_INVALID"},
    "deposit_cash": KEY | CURRENCY,
    "withdraw_cash": KEY | CURRENCY,
    "convert_cash": KEY | CURRENCY | TEXT | {"CONVERSION_SAME_CURRENCY", "RATE_OUT_OF_RANGE"},
    "transfer_cash": KEY | CURRENCY | TEXT | {"TRANSFER_TO_ITSELF"},
    "submit_order": KEY | ORDER,
    "preview_order": ORDER,
    "submit_order_batch": KEY | ORDER | {"BATCH_REFUSED", "CLIENT_ORDER_ID_TWICE"},
    "submit_order_group": KEY | ORDER | {"GROUP_INVALID", "GROUP_LEGS_CROSS", "GROUP_LEGS_DIFFER", "GROUP_ID_CONFLICT"},
    "replace_order": KEY | {"REPLACE_CHANGES_NOTHING"},
    "cancel_order": KEY,
    "request_signal": KEY | TRADED,
    "rebalance_portfolio": KEY | REBALANCE,
    "preview_rebalance": REBALANCE | {"PLAN_ACTIVE", "PORTFOLIO_ORDERS_OPEN", "MARK_MISSING"},
    "cancel_rebalance": KEY,
    "create_key": {"EXPIRY_PAST"},
    "put_user": {"USER_ID_INVALID", "ACCOUNTS_TOO_MANY"},  # no user is called root; the record has a length
    "request_backtest": KEY | TRADED | {"PERIOD_EMPTY", "PERIOD_TOO_LONG"},
    "cancel_backtest": KEY,
    "get_order_book": {"MOMENT_AMBIGUOUS", "POSITION_INVALID"},
    "list_depth": CURSOR | {"PERIOD_EMPTY"},
}


UNREACHED = {
    "POST /api/portfolio/{account_id}/rebalance/preview",  # the stage's accounts have orders or a plan at work
    *("GET /api/auth/session", "DELETE /api/auth/session"),  # of who came with a session's cookie
    *("POST /api/keys", "DELETE /api/keys/{key_id}", "DELETE /api/users/{user_id}"),  # the root key is nobody's
}
"""Operations of which no success can be had here; tests/api/security has those of keys, users and sessions,
tests/api/test_rebalance.py the preview."""


PUBLIC = {"GET /livez", "GET /readyz", "GET /asyncapi.json", "POST /api/auth/refresh", "POST /api/auth/revoke"}
"""Operations that anybody may call."""


ENDLESS = {"follow_stream"}
"""Their answers have no end, and schemathesis would wait for it; tests/api/stream has them."""


def keep(context: HookContext, failure: Failure, case: Case, response: Response) -> bool:
    """Whether a failure counts (schemathesis' hook `filter_failure`)."""
    if isinstance(failure, RejectedPositiveData):
        return not codes_of(response) <= rules_of(case)
    # A command is accepted (202), not done: what it asks for is there once the ledger has decided and it is projected.
    return not isinstance(failure, EnsureResourceAvailability)


def rules_of(case: Case) -> set[str]:
    definition: dict[str, Any] = case.operation.definition.raw
    names = {parameter["name"] for parameter in definition.get("parameters", ())}
    allowed = RULES.get(definition["operationId"], set())
    return allowed | (CURSOR if "cursor" in names else set()) | (PLACE if "min_position" in names else set())


def codes_of(response: Response) -> set[str]:
    """The codes of a problem and of all that it says is wrong."""
    problem = response.json()
    return {problem["code"], *(error["code"] for error in problem["errors"])} - {"REQUEST_INVALID"}
