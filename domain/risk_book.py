"""What an account remembers for its pre-trade checks, as a part of its state, and that part as plain lists and back.

Windows and bounds: messages and fills are remembered at most RECENT_MAX times each, and everything that has a window at
most WINDOW_US_MAX long, so that no limit can ask for more than is remembered (domain.limit_checks holds them to it).
"""

from __future__ import annotations

from collections import OrderedDict

import msgspec

from domain.limits import Limits

RECENT_MAX = 1_000
WINDOW_US_MAX = 3_600_000_000
OVERRIDES_OPEN_MAX = 100
FORGOTTEN_MAX = 4

WHOLE_ACCOUNT = ""
"""The key of what belongs to all orders of an account; no strategy has it as its id."""


class Halt(msgspec.Struct, frozen=True, kw_only=True):
    """Why something does not trade. by: who stopped it; since_us: record time."""

    by: str
    reason: str
    since_us: int


class Override(msgspec.Struct, frozen=True, kw_only=True):
    """A grant that has not been used. expires_at_us: record time."""

    client_order_id: str
    codes: tuple[str, ...]
    granted_by: str
    expires_at_us: int


class RiskBook(msgspec.Struct, kw_only=True):
    """limits, strategy_limits: what is laid down, None and absent where nothing is; limits_version counts the changes.

    halted, halted_strategies: kill switches that are engaged. disabled_strategies: what the throttle has stopped.
    overrides: those not used, revoked or dropped, by id, oldest first; ended_overrides: the others' ids and when they
        ended (record time), oldest first.
    messages: record times of the newest messages of the account (WHOLE_ACCOUNT) and of each strategy, oldest first; the
        key used longest ago stands first. executions: market times of each strategy's newest fills, sorted.
    recent_orders: content of accepted orders -> record time of the last such, oldest first.
    """

    limits_version: int = 0
    limits: Limits | None = None
    strategy_limits: dict[str, Limits] = msgspec.field(default_factory=dict)
    halted: Halt | None = None
    halted_strategies: dict[str, Halt] = msgspec.field(default_factory=dict)
    disabled_strategies: dict[str, Halt] = msgspec.field(default_factory=dict)
    overrides: OrderedDict[str, Override] = msgspec.field(default_factory=OrderedDict)
    ended_overrides: OrderedDict[str, int] = msgspec.field(default_factory=OrderedDict)
    messages: OrderedDict[str, list[int]] = msgspec.field(default_factory=OrderedDict)
    executions: OrderedDict[str, list[int]] = msgspec.field(default_factory=OrderedDict)
    recent_orders: OrderedDict[str, int] = msgspec.field(default_factory=OrderedDict)


class RiskBookState(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The attributes of RiskBook; mappings whose order counts as lists, in their order."""

    limits_version: int
    limits: Limits | None
    strategy_limits: dict[str, Limits]
    halted: Halt | None
    halted_strategies: dict[str, Halt]
    disabled_strategies: dict[str, Halt]
    overrides: list[tuple[str, Override]]
    ended_overrides: list[tuple[str, int]]
    messages: list[tuple[str, list[int]]]
    executions: list[tuple[str, list[int]]]
    recent_orders: list[tuple[str, int]]


def state_of(book: RiskBook) -> RiskBookState:
    return RiskBookState(
        limits_version=book.limits_version,
        limits=book.limits,
        strategy_limits=book.strategy_limits,
        halted=book.halted,
        halted_strategies=book.halted_strategies,
        disabled_strategies=book.disabled_strategies,
        overrides=list(book.overrides.items()),
        ended_overrides=list(book.ended_overrides.items()),
        messages=list(book.messages.items()),
        executions=list(book.executions.items()),
        recent_orders=list(book.recent_orders.items()),
    )


def book_of(state: RiskBookState) -> RiskBook:
    """The book whose state it is; the state is not to be used any more."""
    return RiskBook(
        limits_version=state.limits_version,
        limits=state.limits,
        strategy_limits=state.strategy_limits,
        halted=state.halted,
        halted_strategies=state.halted_strategies,
        disabled_strategies=state.disabled_strategies,
        overrides=OrderedDict(state.overrides),
        ended_overrides=OrderedDict(state.ended_overrides),
        messages=OrderedDict(state.messages),
        executions=OrderedDict(state.executions),
        recent_orders=OrderedDict(state.recent_orders),
    )
