"""What the commands of `tape ops` share: their options, the ids of their commands, and asking.

The id of an operator's command is derived from what it is about and from the reference, so the same line typed again
completes what was broken off, and is done once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any, NamedTuple
from uuid import uuid4

import typer

from domain import account_checks, checks, ids, operator_checks
from domain.commands import Command, OperatorCommand
from domain.errors import InvalidValue
from domain.numbers import exact, plain
from runtime.clock import now_us
from runtime.settings import Settings
from streams.asking.console import ask_and_show, live_settings
from streams.asking.outcomes import OUTCOMES
from streams.ops import holders

AccountId = Annotated[str, typer.Argument(help="The account's id.", metavar="ACCOUNT")]
Symbol = Annotated[str, typer.Argument(help="The instrument's symbol.", metavar="SYMBOL")]
Reference = Annotated[
    str,
    typer.Option(
        "--reference",
        help="Your own id of it, such as a corporate action's, a statement line's or a ticket's. The same one again "
        "completes what was broken off.",
    ),
]
Account = Annotated[str, typer.Option("--account", help="This account alone.")]
Every = Annotated[bool, typer.Option("--all", help="Every account that has units or open orders of the symbol.")]
At = Annotated[
    str, typer.Option("--at", help="Market time from which it counts: a day, or a time such as 2012-08-09T13:30:00Z.")
]
_NOTHING_TO_DO = frozenset({"POSITION_EMPTY"})
_BY_REFERENCE = ("symbol", "kind", "reference")
_OF_A_FILL = ("execution_id", "reference", "quantity", "price", "fee")


class Whom(NamedTuple):
    """Whom an issuer's action is about: one account, or all that have the symbol."""

    account: str
    every: bool

    def check(self) -> None:
        """Raises InvalidValue."""
        if bool(self.account) == self.every:
            raise InvalidValue("SCOPE_INVALID", "expected either --account ACCOUNT or --all")


def ask_one(
    kind: type[Command], account_id: str, fields: Mapping[str, Any], command_id: str, wait_s: float, *, json: bool
) -> None:
    """One command to the ledger of an account; prints its answer. Exits with 1 unless it did it."""
    _ask(live_settings(), [_command(kind, account_id, fields, command_id)], wait_s, json=json)


def ask_holders(
    kind: type[OperatorCommand], whom: Whom, fields: Mapping[str, Any], wait_s: float, *, json: bool
) -> None:
    """One command to each account that an issuer's action concerns, each with an id of its own."""
    whom.check()
    settings = live_settings()
    if whom.every:
        _command(kind, "-", fields, "")  # what is wrong with it is wrong for all
        outcome = OUTCOMES[kind].__name__
        accounts = holders.with_symbol(settings, fields["symbol"], fields["reference"], outcome, wait_s)
    else:
        accounts = [whom.account]
    ask_each(settings, kind, dict.fromkeys(accounts, fields), wait_s, json=json)


def ask_each(
    settings: Settings, kind: type[OperatorCommand], each: Mapping[str, Mapping[str, Any]], wait_s: float, *, json: bool
) -> None:
    """each: account -> the fields of its command. Raises InvalidValue when there is no account."""
    if not each:
        raise InvalidValue("POSITION_EMPTY", "expected accounts that it concerns, there are none; nothing was sent")
    commands = [_command(kind, account, fields, "") for account, fields in each.items()]
    nothing = _NOTHING_TO_DO if len(commands) > 1 else frozenset[str]()
    _ask(settings, commands, wait_s, nothing_to_do=nothing, json=json)


def _command(kind: type[Command], account_id: str, fields: Mapping[str, Any], command_id: str) -> Command:
    """Raises InvalidValue, with the ledger's own words, for what no ledger would take."""
    fallback = _derived(kind, account_id, fields) if issubclass(kind, OperatorCommand) else f"ops-{uuid4().hex}"
    command = kind(command_id=command_id or fallback, account_id=account_id, issued_at_us=now_us(), **fields)
    with exact():
        refusal = checks.envelope(command) or account_checks.form(command) or operator_checks.form(command)
    if refusal is not None:
        raise InvalidValue(refusal.code, refusal.text, **refusal.details)
    return command


def _derived(kind: type[Command], account_id: str, fields: Mapping[str, Any]) -> str:
    """The id of one action, as the ledger knows it again: by its reference; of a fill by its figures as well."""
    names = _OF_A_FILL if "execution_id" in kind.__struct_fields__ else _BY_REFERENCE
    values = (fields.get(name, "") for name in names)
    texts = (plain(value) if isinstance(value, Decimal) else str(value) for value in values)
    return ids.derive("ops", kind.__name__, account_id, *texts)


def _ask(
    settings: Settings,
    commands: Sequence[Command],
    wait_s: float,
    *,
    nothing_to_do: frozenset[str] = frozenset(),
    json: bool,
) -> None:
    is_derived = isinstance(commands[0], OperatorCommand)
    again = "the same line" if is_derived else f"`--command-id {commands[0].command_id}`"
    ask_and_show(settings, commands, wait_s, source="ops", again=again, nothing_to_do=nothing_to_do, json=json)
