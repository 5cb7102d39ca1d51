"""What each operation asks of its caller, in one place. An operation that is not here is refused to all, and the
application does not start with one (`check`).

Reading what is another's is 404, the same as what does not exist; commanding it is 403 ACCOUNT_FORBIDDEN.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any, NamedTuple

from fastapi import Request
from fastapi.routing import APIRoute, APIWebSocketRoute
from starlette.requests import HTTPConnection

from api.problems import ProblemError
from api.security.access import Access
from api.security.principal import Principal
from domain.errors import TapeledgerError

_ACCOUNT_ID = "account_id"


class Accounts(Enum):
    """How an operation's accounts are checked.

    NONE: it is about none. READ and TRADE: the one that its path names, or else its body, read or commanded. CANCEL: as
    TRADE, and for the risk scope every account. ROWS: what it finds is checked row by row (api.security.rights).
    """

    NONE = "none"
    READ = "read"
    TRADE = "trade"
    CANCEL = "cancel"
    ROWS = "rows"


class Policy(NamedTuple):
    """scopes: one of them is needed; none: any caller. is_public: needs no credential. is_privileged: put on record."""

    scopes: frozenset[str] = frozenset()
    accounts: Accounts = Accounts.NONE
    is_public: bool = False
    is_privileged: bool = False


def _of(accounts: Accounts, *scopes: str) -> Policy:
    return Policy(frozenset(scopes), accounts)


_PUBLIC, _ANYBODY = Policy(is_public=True), Policy()
_ADMIN = Policy(frozenset({"admin"}), is_privileged=True)
_READ_ANY = _of(Accounts.NONE, "read")
_READ_ROWS = _of(Accounts.ROWS, "read")
_READ_ACCOUNT = _of(Accounts.READ, "read")
_TRADE_ACCOUNT = _of(Accounts.TRADE, "trade")

POLICIES: Mapping[str, Policy] = {
    "livez": _PUBLIC,
    "readyz": _PUBLIC,
    "refresh_token": _PUBLIC,
    "revoke_token": _PUBLIC,
    "get_asyncapi": _PUBLIC,
    "get_metrics": _READ_ANY,
    "follow_stream": _READ_ANY,  # the stream looks at the accounts of its channels itself
    "issue_token": _ANYBODY,
    "open_session": _ANYBODY,
    "get_session": _ANYBODY,
    "close_session": _ANYBODY,
    "get_me": _ANYBODY,
    "create_key": _ANYBODY,
    "list_keys": _ANYBODY,
    "revoke_key": _ANYBODY,
    "put_user": _ADMIN,
    "list_users": _ADMIN,
    "remove_user": _ADMIN,
    "open_account": _of(Accounts.NONE, "trade"),
    "deposit_cash": _TRADE_ACCOUNT,
    "withdraw_cash": _TRADE_ACCOUNT,
    "convert_cash": _TRADE_ACCOUNT,
    "transfer_cash": _TRADE_ACCOUNT,
    "submit_order": _TRADE_ACCOUNT,
    "submit_order_batch": _TRADE_ACCOUNT,
    "submit_order_group": _TRADE_ACCOUNT,
    "replace_order": _TRADE_ACCOUNT,
    "cancel_order": _of(Accounts.CANCEL, "trade", "risk"),
    "rebalance_portfolio": _TRADE_ACCOUNT,
    "cancel_rebalance": _TRADE_ACCOUNT,
    "request_signal": _of(Accounts.NONE, "trade"),
    "preview_order": _READ_ACCOUNT,
    "preview_rebalance": _READ_ACCOUNT,
    "list_orders": _READ_ROWS,
    "get_order": _READ_ROWS,
    "list_order_history": _READ_ROWS,
    "list_order_events": _READ_ROWS,
    "get_order_group": _READ_ROWS,
    "list_breaks": _READ_ROWS,
    "get_order_book": _READ_ROWS,
    "list_depth": _READ_ANY,
    "list_signals": _READ_ANY,
    "get_signal_request": _READ_ANY,
    "list_model_accuracy": _READ_ANY,
    "list_bars": _READ_ANY,
    "list_ticks": _READ_ANY,
    "list_tapes": _READ_ANY,
    "list_projections": _READ_ANY,
    "request_backtest": _of(Accounts.NONE, "trade"),
    "cancel_backtest": _of(Accounts.NONE, "trade"),  # whose it is the operation looks at itself
    "list_backtests": _READ_ANY,
    "get_backtest": _READ_ANY,
    "list_backtest_trades": _READ_ANY,
    "list_backtest_equity": _READ_ANY,
    "get_backtest_report": _READ_ANY,
    "get_desk": _of(Accounts.NONE, "risk", "compliance", "admin"),
    "get_account": _READ_ACCOUNT,
    "list_journal": _READ_ACCOUNT,
    "list_rejections": _READ_ACCOUNT,
    "list_account_events": _READ_ACCOUNT,
    "get_portfolio": _READ_ACCOUNT,
    "list_portfolio_history": _READ_ACCOUNT,
    "get_trial_balance": _READ_ACCOUNT,
    "list_transfers": _READ_ACCOUNT,
    "get_transfer": _READ_ACCOUNT,
    "list_rebalances": _READ_ACCOUNT,
    "get_rebalance": _READ_ACCOUNT,
}
"""By operation id."""
CASH = frozenset({"deposit_cash", "withdraw_cash"})
"""With a broker (PAPER_TRADE_MODE=false) money comes and goes at the broker, and an admin puts that on record: nobody
gives themselves cash.
"""
PUBLIC_PATHS = frozenset(
    {"/livez", "/readyz", "/openapi.json", "/asyncapi.json", "/api/auth/refresh", "/api/auth/revoke"}
)
"""Where nobody is asked who they are."""
SOCKETS: frozenset[str] = frozenset({"follow"})
"""WebSockets, by the name of their function: each asks `Access.authenticate` itself, and each channel for its right."""


class PolicyMissing(TapeledgerError):
    """An operation of the application has no policy."""


def check(routes: Iterable[Any]) -> None:
    """Raises PolicyMissing where an operation has no policy, or a path with an account no check of it."""
    for route in routes:
        if isinstance(route, APIWebSocketRoute) and route.name not in SOCKETS:
            raise PolicyMissing(f"WebSocket {route.path} is not in SOCKETS of api.security.policy")
        if not isinstance(route, APIRoute):
            continue
        policy = POLICIES.get(route.operation_id or "")
        if policy is None:
            raise PolicyMissing(f"{route.operation_id} of {route.path} has no policy in api.security.policy")
        if policy.is_public != (route.path in PUBLIC_PATHS):
            raise PolicyMissing(f"{route.operation_id}: expected its policy and PUBLIC_PATHS to say the same")
        if "{account_id}" in route.path and policy.accounts not in (Accounts.READ, Accounts.TRADE):
            raise PolicyMissing(
                f"{route.operation_id}: expected its policy to check the account that {route.path} names"
            )


async def authorize(request: HTTPConnection) -> None:
    """A dependency of every operation. WebSockets see to it themselves (SOCKETS). Raises ProblemError 403, 404, 503."""
    if not isinstance(request, Request):
        return
    operation_id = request.scope["route"].operation_id
    policy = POLICIES[operation_id]
    access: Access = request.app.state.access
    if policy.is_public or access.is_open(request):
        return
    principal = await access.authenticate(request)
    scopes = policy.scopes
    if operation_id in CASH and not access.settings.paper_trade_mode:
        scopes = frozenset({"admin"})
    if scopes and not scopes & principal.scopes:
        raise _refused(
            access,
            request,
            principal,
            ProblemError(
                403,
                "SCOPE_MISSING",
                f"expected a credential with scope {' or '.join(sorted(scopes))}; "
                f"this one has {' '.join(sorted(principal.scopes)) or 'none'}, and its user's role is {principal.role}",
            ),
        )
    if policy.is_privileged:
        access.privileged(request, principal)
    if policy.accounts in (Accounts.READ, Accounts.TRADE, Accounts.CANCEL):
        await _check_account(access, request, principal, policy.accounts)


async def _check_account(access: Access, request: Request, principal: Principal, how: Accounts) -> None:
    account_id = request.path_params.get(_ACCOUNT_ID)
    body: Any = {} if how is Accounts.READ and account_id is not None else await _body(request)
    if account_id is None:
        account_id = body.get(_ACCOUNT_ID)
    if not isinstance(account_id, str):
        return  # the body is refused for it
    if how is Accounts.READ:
        if not await access.may_read(principal, account_id):
            raise _refused(access, request, principal, account_unknown(account_id))
        return
    by_risk = how is Accounts.CANCEL and "risk" in principal.scopes
    if not by_risk and not await access.may_trade(principal, account_id):
        detail = f"expected an account of {principal.user_id}'s, it was {account_id}"
        raise _refused(access, request, principal, ProblemError(403, "ACCOUNT_FORBIDDEN", detail))
    if (by_risk or "admin" in principal.scopes) and account_id not in principal.accounts:
        access.privileged(request, principal, account_id)


async def _body(request: Request) -> dict[str, Any]:
    """The JSON object that was sent (the middleware has read and checked it); an empty one for anything else."""
    found = await request.json() if await request.body() else {}
    return found if isinstance(found, dict) else {}


def account_unknown(account_id: str) -> ProblemError:
    """As the query side says it of an account that does not exist."""
    return unknown("ACCOUNT_UNKNOWN", f"account {account_id}")


def unknown(code: str, what: str) -> ProblemError:
    """404: it is not there, or not yet, or not theirs; nobody is told which."""
    return ProblemError(
        404, code, f"{what} is not known here. It may not be projected yet: a command just accepted shows up shortly"
    )


def _refused(access: Access, request: Request, principal: Principal, problem: ProblemError) -> ProblemError:
    access.denied(request, principal, problem.code)
    return problem
