"""Which event carries out a command, and whether an event is the one."""

from __future__ import annotations

from domain import commands, events
from domain.commands import Command
from domain.errors import InvalidValue
from domain.events import CommandRejected, LedgerEvent
from domain.fingerprints import OPERATOR_CONTENT

OUTCOMES: dict[type[Command], type[LedgerEvent]] = {
    commands.HaltTrading: events.TradingHalted,
    commands.ResumeTrading: events.TradingResumed,
    commands.SetDeskLimits: events.DeskLimitsSet,
    commands.SetLimits: events.LimitsSet,
    commands.GrantOverride: events.OverrideGranted,
    commands.RevokeOverride: events.OverrideRevoked,
    commands.EnableStrategy: events.StrategyEnabled,
    commands.EngageKillSwitch: events.KillSwitchEngaged,
    commands.ReleaseKillSwitch: events.KillSwitchReleased,
    commands.SetFeeSchedule: events.FeeScheduleChanged,
    commands.GrantLocate: events.LocateGranted,
    commands.CorrectFill: events.FillCorrected,
    commands.BustFill: events.FillBusted,
    commands.PayDividend: events.DividendPaid,
    commands.SplitShares: events.SharesSplit,
    commands.ChangeSymbol: events.SymbolChanged,
    commands.DelistInstrument: events.InstrumentDelisted,
    commands.AdjustCash: events.CashAdjusted,
    commands.TransferCash: events.CashTransferredOut,
}
_RESTATEMENTS = (commands.CorrectFill, commands.BustFill)
_ENVELOPE = frozenset(Command.__struct_fields__)


def outcome_of(command: Command) -> type[LedgerEvent]:
    """The event that carries it out. Raises InvalidValue for a command that nobody asks from a command line."""
    found = OUTCOMES.get(type(command))
    if found is None:
        known = ", ".join(kind.__name__ for kind in OUTCOMES)
        raise InvalidValue("COMMAND_UNKNOWN", f"expected one of {known}, it was a {type(command).__name__}")
    return found


def is_known_by_reference(command: Command) -> bool:
    """Whether the ledger does it once for a reference, whatever the command's id (domain.references)."""
    return isinstance(command, commands.OperatorCommand) and not isinstance(command, _RESTATEMENTS)


def carries_out(event: LedgerEvent, command: Command) -> bool:
    """Whether the event says what the command asked for, field by field; under its id, or under its reference."""
    if type(event) is not outcome_of(command):
        return False
    if is_known_by_reference(command):
        names = OPERATOR_CONTENT[type(command).__name__]
    else:
        names = ("command_id", *(name for name in command.__struct_fields__ if name not in _ENVELOPE))
    return all(getattr(event, name) == getattr(command, name) for name in names)


def refuses(event: LedgerEvent, command: Command) -> bool:
    return isinstance(event, CommandRejected) and event.command_id == command.command_id
