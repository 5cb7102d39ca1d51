"""Links of the OpenAPI document (3.1, section 4.8.20): what may be asked next with what an operation answered."""

from __future__ import annotations

from typing import Any, NamedTuple


class Link(NamedTuple):
    """of: the operation that answers; to: the one that takes it. given: parameter -> member of the answer.

    body: members of the answer that the next request's body repeats.
    """

    of: str
    to: str
    given: dict[str, str]
    body: tuple[str, ...] = ()


_ORDER = {"order_id": "order_id"}
_ACCOUNT = {"account_id": "account_id"}
_BACKTEST = {"backtest_id": "backtest_id"}
_PLAN = {"account_id": "account_id", "plan_id": "plan_id"}
_OF_ACCOUNT = (
    *("get_account", "get_portfolio", "get_trial_balance", "list_journal", "list_transfers", "list_rejections"),
    "list_orders",
)

LINKS = (
    *(Link("open_account", to, _ACCOUNT) for to in _OF_ACCOUNT),
    *(Link("get_account", to, _ACCOUNT) for to in _OF_ACCOUNT if to != "get_account"),
    *(Link(of, "list_journal", _ACCOUNT) for of in ("deposit_cash", "withdraw_cash", "convert_cash")),
    *(
        Link(of, "list_rejections", {"account_id": "account_id", "command_id": "command_id"})
        for of in ("deposit_cash", "withdraw_cash", "convert_cash", "transfer_cash", "rebalance_portfolio")
    ),
    Link("transfer_cash", "get_transfer", {"account_id": "account_id", "transfer_id": "transfer_id"}),
    *(
        link
        for of in ("submit_order", "replace_order", "cancel_order", "get_order")
        for link in (
            Link(of, "get_order", _ORDER),
            Link(of, "list_order_history", _ORDER),
            Link(of, "replace_order", _ORDER),
            Link(of, "cancel_order", _ORDER, ("account_id",)),
        )
        if of != link.to
    ),
    Link("submit_order_batch", "list_orders", _ACCOUNT),
    Link("submit_order_group", "get_order_group", {"group_id": "group_id"}),
    Link("submit_order_group", "list_orders", {"group_id": "group_id"}),
    Link("get_order_group", "list_orders", {"group_id": "group_id"}),
    Link("rebalance_portfolio", "get_rebalance", _PLAN),
    Link("rebalance_portfolio", "cancel_rebalance", _PLAN),
    Link("get_rebalance", "cancel_rebalance", _PLAN),
    Link("list_orders", "get_order", {"order_id": "data/0/order_id"}),
    Link("list_orders", "get_portfolio", {"account_id": "data/0/account_id"}),
    Link("list_signals", "list_bars", {"symbol": "data/0/symbol"}),
    Link(
        "list_signals",
        "list_model_accuracy",
        {name: f"data/0/{name}" for name in ("model_name", "model_version", "symbol")},
    ),
    Link("request_signal", "get_signal_request", {"request_id": "request_id"}),
    Link("request_backtest", "get_backtest", _BACKTEST),
    Link("request_backtest", "cancel_backtest", _BACKTEST),
    Link("list_backtests", "get_backtest", {"backtest_id": "data/0/backtest_id"}),
    *(
        Link("get_backtest", to, _BACKTEST)
        for to in ("list_backtest_trades", "list_backtest_equity", "get_backtest_report", "cancel_backtest")
    ),
)


def add(document: dict[str, Any]) -> None:
    """Put the links into the success responses, in place. Raises KeyError for an operation that is not there."""
    operations = {
        operation["operationId"]: operation for item in document["paths"].values() for operation in item.values()
    }
    for link in LINKS:
        responses = operations[link.of]["responses"]
        places = {parameter["name"]: parameter["in"] for parameter in operations[link.to]["parameters"]}
        described: dict[str, Any] = {
            "operationId": link.to,
            "parameters": {f"{places[name]}.{name}": _member(path) for name, path in link.given.items()},
        }
        if link.body:
            described["requestBody"] = {name: _member(name) for name in link.body}
        success = responses.get("202") or responses["200"]
        success.setdefault("links", {})[link.to] = described


def _member(path: str) -> str:
    """A runtime expression."""
    return f"$response.body#/{path}"
