"""The whole state of a desk as bytes, and back: what a snapshot of the ledger holds beside the accounts'.

As domain.account_state, whose STATE_VERSION counts changes of this layout and of domain.folds.desk too.
Verification: tests/domain/test_desk_state.py.
"""

from __future__ import annotations

from collections import OrderedDict

import msgspec

from domain.account_state import STATE_VERSION
from domain.desk import Desk
from domain.errors import BooksError
from domain.limits import Limits
from domain.remembered import TakenCommand
from domain.world import Mark


class _DeskState(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The attributes of domain.desk.Desk; mappings as lists, in their order."""

    desk_key: str
    version: int
    updated_at_us: int
    ids_kept_us: int
    limits: Limits
    strategy_limits: list[tuple[str, Limits]]
    halted: str | None
    halted_strategies: list[tuple[str, str]]
    killed_at: int
    strategies_killed_at: list[tuple[str, int]]
    marks: list[tuple[str, Mark]]
    commands: list[tuple[str, TakenCommand]]


_encoder = msgspec.msgpack.Encoder(decimal_format="string", order="deterministic")
_decoder = msgspec.msgpack.Decoder(_DeskState)
_FIRST_FIELD = msgspec.msgpack.encode("desk_key")


def dump(desk: Desk) -> bytes:
    """The state as MessagePack."""
    return _encoder.encode(
        _DeskState(
            desk_key=desk.id,
            version=desk.version,
            updated_at_us=desk.updated_at_us,
            ids_kept_us=desk.ids_kept_us,
            limits=desk.limits,
            strategy_limits=list(desk.strategy_limits.items()),
            halted=desk.halted,
            halted_strategies=list(desk.halted_strategies.items()),
            killed_at=desk.killed_at,
            strategies_killed_at=list(desk.strategies_killed_at.items()),
            marks=list(desk.marks.items()),
            commands=list(desk.commands.items()),
        )
    )


def is_one(raw: bytes) -> bool:
    """Whether these are the bytes of a desk, and not of an account: the first field says so."""
    return _FIRST_FIELD in raw[: 3 + len(_FIRST_FIELD)]  # behind the one or three bytes that open a map


def restore(raw: bytes) -> Desk:
    """The desk that was dumped. Raises BooksError when the bytes are no state of this version."""
    try:
        state = _decoder.decode(raw)
    except msgspec.DecodeError as error:
        raise BooksError(f"not the state of a desk, version {STATE_VERSION}: {error}") from error
    desk = Desk.unopened(state.desk_key, state.ids_kept_us)
    desk.version = state.version
    desk.modified_on = state.updated_at_us  # type: ignore[assignment]  # our times are integers
    desk.limits = state.limits
    desk.strategy_limits = dict(state.strategy_limits)
    desk.halted = state.halted
    desk.halted_strategies = dict(state.halted_strategies)
    desk.killed_at = state.killed_at
    desk.strategies_killed_at = dict(state.strategies_killed_at)
    desk.marks = dict(state.marks)
    desk.commands = OrderedDict(state.commands)
    return desk
