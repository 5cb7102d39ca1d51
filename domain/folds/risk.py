"""How what risk officers do changes the account, and what it notes of orders and fills for its checks.

Messages are noted from the first limits on: of the account (limits_version) or, as the event says, of the desk
(desk_version). What is noted is bounded, see domain.risk_book.
"""

from __future__ import annotations

from bisect import insort
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from domain import events
from domain.fingerprints import duplicate_key, risk_content
from domain.folds import links
from domain.limits import NO_LIMITS
from domain.risk_book import FORGOTTEN_MAX, RECENT_MAX, WHOLE_ACCOUNT, WINDOW_US_MAX, Halt, Override

if TYPE_CHECKING:
    from domain.account import Account


def limits_set(account: Account, event: events.LimitsSet) -> None:
    book = account.risk
    laid_down = None if event.limits == NO_LIMITS else event.limits
    book.limits_version = event.version
    if event.strategy_id is None:
        book.limits = laid_down
    elif laid_down is None:
        book.strategy_limits.pop(event.strategy_id, None)
    else:
        book.strategy_limits[event.strategy_id] = laid_down
    _remember(account, "SetLimits", event)


def override_granted(account: Account, event: events.OverrideGranted) -> None:
    book = account.risk
    for override_id in [name for name, one in book.overrides.items() if one.expires_at_us <= event.timestamp]:
        _end_override(account, override_id, event.timestamp)
    book.overrides[event.override_id] = Override(
        client_order_id=event.client_order_id,
        codes=event.codes,
        granted_by=event.granted_by,
        expires_at_us=event.expires_at_us,
    )
    _remember(account, "GrantOverride", event)


def override_revoked(account: Account, event: events.OverrideRevoked) -> None:
    _end_override(account, event.override_id, event.timestamp)
    _remember(account, "RevokeOverride", event)


def strategy_enabled(account: Account, event: events.StrategyEnabled) -> None:
    del account.risk.disabled_strategies[event.strategy_id]
    account.risk.executions.pop(event.strategy_id, None)
    _remember(account, "EnableStrategy", event)


def kill_switch_engaged(account: Account, event: events.KillSwitchEngaged) -> None:
    halt = Halt(by=event.by, reason=event.reason, since_us=event.timestamp)
    if event.scope == "ACCOUNT":
        account.risk.halted = halt
    elif event.strategy_id is not None:
        account.risk.halted_strategies[event.strategy_id] = halt
    links.apply(account, event.linked, event.timestamp)
    _remember(account, "EngageKillSwitch", event)


def kill_switch_released(account: Account, event: events.KillSwitchReleased) -> None:
    if event.strategy_id is None:
        account.risk.halted = None
    else:
        del account.risk.halted_strategies[event.strategy_id]
    _remember(account, "ReleaseKillSwitch", event)


def _remember(account: Account, command_type: str, event: Any) -> None:
    account.remember_command(event.command_id, risk_content(command_type, event), event.timestamp)


def _end_override(account: Account, override_id: str, at_us: int) -> None:
    book = account.risk
    del book.overrides[override_id]
    book.ended_overrides[override_id] = at_us
    _drop(book.ended_overrides, at_us - account.ids_kept_us)


# What is noted of orders and fills


def note(account: Account, event: events.LedgerEvent) -> None:
    """Called before every event's own fold, while the order that it ends is still open."""
    noted = _NOTED.get(type(event))
    if noted is not None:
        noted(account, event)


def _order(account: Account, event: events.OrderAccepted) -> None:
    if event.desk_version or account.risk.limits_version:
        _message(account, event.order.strategy_id, event.timestamp)
        _accepted(account, event.order, event.timestamp)
    _used(account, event)


def _group(account: Account, event: events.OrderGroupAccepted) -> None:
    if event.desk_version or account.risk.limits_version:
        for terms in event.orders:
            _message(account, terms.strategy_id, event.timestamp)
            _accepted(account, terms, event.timestamp)
    _used(account, event)


def _refused_order(account: Account, event: events.OrderRejected) -> None:
    if event.desk_version or account.risk.limits_version:
        _message(account, event.order.strategy_id, event.timestamp)


def _refused_group(account: Account, event: events.OrderGroupRejected) -> None:
    if event.desk_version or account.risk.limits_version:
        for terms in event.orders:
            _message(account, terms.strategy_id, event.timestamp)


def _cancel(account: Account, event: events.OrderCancelRequested) -> None:
    if event.desk_version or account.risk.limits_version:
        _message(account, account.orders[event.order_id].terms.strategy_id, event.timestamp)


def _replace(account: Account, event: events.OrderReplaceRequested) -> None:
    if event.desk_version or account.risk.limits_version:
        _message(account, event.order.strategy_id, event.timestamp)
    _used(account, event)


def _fill(account: Account, event: events.OrderFilled) -> None:
    book, strategy = account.risk, account.orders[event.order_id].terms.strategy_id
    if not strategy or not (event.desk_version or book.limits_version):
        return
    times = book.executions.setdefault(strategy, [])
    insort(times, event.market_time_us)
    del times[:-RECENT_MAX]
    book.executions.move_to_end(strategy)
    _drop_idle(book.executions, event.market_time_us - WINDOW_US_MAX)
    if event.disabled_strategy is not None:
        reason = f"its fill {event.execution_id} reached the throttle"
        book.disabled_strategies[strategy] = Halt(by="throttle", reason=reason, since_us=event.timestamp)


def _message(account: Account, strategy_id: str | None, at_us: int) -> None:
    messages = account.risk.messages
    for key in (WHOLE_ACCOUNT, strategy_id) if strategy_id else (WHOLE_ACCOUNT,):
        times = messages.setdefault(key, [])
        times.append(at_us)
        del times[:-RECENT_MAX]
        messages.move_to_end(key)
    _drop_idle(messages, at_us - WINDOW_US_MAX)


def _accepted(account: Account, terms: events.OrderTerms, at_us: int) -> None:
    recent, key = account.risk.recent_orders, duplicate_key(terms)
    recent[key] = at_us
    recent.move_to_end(key)
    _drop(recent, at_us - WINDOW_US_MAX)


def _used(account: Account, event: Any) -> None:
    for override_id in event.overrides:
        _end_override(account, override_id, event.timestamp)


def _drop(times: OrderedDict[str, int], before_us: int) -> None:
    """Forget what is older, at most FORGOTTEN_MAX an event; each event adds fewer."""
    for _ in range(FORGOTTEN_MAX):
        if not times or next(iter(times.values())) >= before_us:
            break
        times.popitem(last=False)


def _drop_idle(rings: OrderedDict[str, list[int]], before_us: int) -> None:
    """Forget times that are older in the ring that was used longest ago, and the ring when none is left."""
    for _ in range(FORGOTTEN_MAX):
        if not rings:
            break
        key, times = next(iter(rings.items()))
        if times[0] >= before_us:
            break
        del times[0]
        if not times:
            del rings[key]


_NOTED: dict[type[events.LedgerEvent], Callable[[Account, Any], None]] = {
    events.OrderAccepted: _order,
    events.OrderRejected: _refused_order,
    events.OrderGroupAccepted: _group,
    events.OrderGroupRejected: _refused_group,
    events.OrderCancelRequested: _cancel,
    events.OrderReplaceRequested: _replace,
    events.OrderFilled: _fill,
}
