"""The ids of commands that were carried out, for as long as they are remembered: what tells a repeat from a conflict.

Forgetting is driven by the events' record times, at most FORGOTTEN_MAX ids an event.
"""

from __future__ import annotations

from collections import OrderedDict

import msgspec

FORGOTTEN_MAX = 4


class TakenCommand(msgspec.Struct, frozen=True, kw_only=True):
    """A command that was carried out: its content's fingerprint, and when it was recorded."""

    fingerprint: bytes
    recorded_at_us: int


Commands = OrderedDict[str, TakenCommand]
"""By command id, oldest first."""


def remember(commands: Commands, command_id: str, fingerprint: bytes, recorded_at_us: int) -> None:
    commands.pop(command_id, None)
    commands[command_id] = TakenCommand(fingerprint=fingerprint, recorded_at_us=recorded_at_us)


def forget(commands: Commands, before_us: int) -> None:
    """Forget the oldest that were recorded before that time, FORGOTTEN_MAX at most."""
    for _ in range(FORGOTTEN_MAX):
        if not commands or next(iter(commands.values())).recorded_at_us >= before_us:
            break
        commands.popitem(last=False)
