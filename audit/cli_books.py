"""`tape audit trial-balance` and `tape audit export-journal`. Exit codes as in audit.cli."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from audit import positions as places
from audit import tapes
from audit.console import FOUND, Json, checked, print_json, show
from audit.plaintext.export import STANDARD_OUTPUT, Format, export_journal
from audit.plaintext.source import Every
from audit.trial_balance import TrialBalance, home_of, trial_balance
from domain.errors import InvalidValue
from domain.numbers import plain
from runtime import settings as settings_module
from runtime.settings import Settings

_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T.+)?")

Account = Annotated[str | None, typer.Option("--account", help="One account's id. Default: all accounts.")]


def trial_balance_command(
    account: Account = None,
    at: Annotated[
        str | None,
        typer.Option(
            "--at",
            help="After these records of the tape, PARTITION:OFFSET with commas in between (with --account an offset "
            "alone), or as recorded up to a time (RFC 3339). Default: all that is projected.",
        ),
    ] = None,
    market_time: Annotated[
        str | None,
        typer.Option("--market-time", help="Only what took effect on the market up to this time (RFC 3339)."),
    ] = None,
    json: Json = False,
) -> None:
    """Debits, credits and balance of each book account, and whether each commodity sums to zero."""
    verdict = checked(lambda _: _trial_balance(settings_module.settings(), account, at, market_time), quiet=True)
    if json:
        print_json(verdict)
    else:
        _show_trial_balance(verdict)
    raise typer.Exit(0 if verdict.ok else FOUND)


def export_journal_command(
    output: Annotated[
        Path, typer.Option("-o", "--output", help="The file to write, whole or not at all; - is standard output.")
    ],
    format_: Annotated[Format, typer.Option("--format", help="Whose language.")] = "beancount",
    account: Account = None,
    after: Annotated[
        str | None,
        typer.Option(
            "--from",
            help="After these records, PARTITION:OFFSET with commas in between (with --account an offset alone); what "
            "was there before is an opening transaction. Default: from the beginning.",
        ),
    ] = None,
    up_to: Annotated[
        str | None,
        typer.Option("--to", help="Up to these records, these included. Default: all that is projected."),
    ] = None,
    assertions: Annotated[
        Every,
        typer.Option("--assertions", help="When balances are asserted, beside the end: every day or month (UTC)."),
    ] = "end",
    json: Json = False,
) -> None:
    """Write the books as a journal that beancount or hledger reads, with the balances it must come to."""
    if json and output == STANDARD_OUTPUT:
        raise typer.BadParameter("--json and -o - both want standard output", param_hint="--json")
    exported = checked(
        lambda progress: export_journal(
            settings_module.settings(),
            format_,
            output,
            account=account,
            after=after,
            up_to=up_to,
            every=assertions,
            progress=progress,
        ),
        quiet=json,
        what="export",
    )
    if json:
        print_json(exported)
    else:
        # Standard output may be the journal itself.
        show(Console(stderr=True), "export-journal", True, exported.text(), [])


def _trial_balance(settings: Settings, account: str | None, at: str | None, market_time: str | None) -> TrialBalance:
    with tapes.snapshot(settings) as connection:
        ends = places.projected(connection, settings.topic("ledger.events"))
        home = None
        if account is not None:
            home = home_of(connection, account)
            ends = {home: ends[home]}
        is_time = at is not None and _TIME.fullmatch(at) is not None
        return trial_balance(
            connection,
            places.resolve(None if is_time else at, ends, otherwise=ends, home=home),
            account=account,
            as_of=_time(at) if is_time else None,
            market_time=_time(market_time),
        )


def _time(text: str | None) -> datetime | None:
    """A time; without an offset it is UTC. Raises InvalidValue."""
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidValue(
            "TIME_INVALID", f"expected a time such as 2011-06-30T21:00:00Z, it was {text!r}", time=text
        ) from None
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def _show_trial_balance(verdict: TrialBalance) -> None:
    console = Console()
    title = "All accounts" if verdict.account is None else f"Account {verdict.account}"
    table = Table(title=title, title_justify="left", show_footer=False)
    for name in ("Book account", "Class", "Commodity", "Debits", "Credits", "Balance", "Postings"):
        table.add_column(name, justify="left" if name in ("Book account", "Class", "Commodity") else "right")
    for line in verdict.lines:
        amounts = (plain(amount) for amount in (line.debits, line.credits, line.balance))
        table.add_row(line.book_account, line.book_class, line.commodity, *amounts, f"{line.postings:,}")
    table.add_section()
    for total in verdict.totals:
        amounts = (plain(amount) for amount in (total.debits, total.credits, total.balance))
        table.add_row("sum", "", total.commodity, *amounts, "")
    console.print(table)
    bad = [f"{one.commodity} of {one.account_id} sums to {plain(one.balance)}" for one in verdict.unbalanced]
    show(console, "trial-balance", verdict.ok, verdict.text(), bad)
