"""`tape ops`: dividends, splits and what else issuers do, corrections of fills, cash, locates, fee schedules.

Exit codes: 0 every ledger that was asked has done it, now or before; 1 one has not answered, or refused, and lines say
which; 2 the command line is wrong.
"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from domain.account_terms import FeeSchedule
from domain.commands import (
    AdjustCash,
    BustFill,
    ChangeSymbol,
    CorrectFill,
    DelistInstrument,
    GrantLocate,
    PayDividend,
    SetFeeSchedule,
    SplitShares,
    TransferCash,
)
from domain.errors import InvalidValue
from domain.terms import AdjustmentKind
from streams.asking.console import By, CommandId, Json, Reason, Wait, live_settings
from streams.asking.figures import decimal, struct_of, time_us
from streams.ops import holders
from streams.ops.console import (
    Account,
    AccountId,
    At,
    Every,
    Reference,
    Symbol,
    Whom,
    ask_each,
    ask_holders,
    ask_one,
)

app = typer.Typer(
    help="The back office: corporate actions, corrections, cash, locates, fee schedules.", no_args_is_help=True
)
Execution = Annotated[str, typer.Argument(help="The fill's execution id.", metavar="EXECUTION")]
Currency = Annotated[str, typer.Option("--currency", help="Three letters (ISO 4217).")]


@app.command("dividend")
def dividend(
    symbol: Symbol,
    at: At,
    reference: Reference,
    by: By,
    reason: Reason,
    per_unit: Annotated[str, typer.Option("--per-unit", help="Gross, in the instrument's currency.")],
    account: Account = "",
    every: Every = False,
    withholding_bps: Annotated[str, typer.Option("--withholding-bps", help="Tax that is kept back.")] = "0",
    ex: Annotated[
        str, typer.Option("--ex", help="With --all: units held before this market time count, not those held now.")
    ] = "",
    quantity: Annotated[
        str, typer.Option("--quantity", help="With --account: units of record; else those held now.")
    ] = "",
    wait: Wait = 10.0,
    json: Json = False,
) -> None:
    """Pay a cash dividend; --at is the pay date. A short position pays it."""
    whom = Whom(account, every)
    whom.check()
    if (ex and not every) or (quantity and every):
        raise InvalidValue("SCOPE_INVALID", "expected --ex with --all, or --quantity with --account")
    fields = _issuers(symbol, at, reference, by, reason) | {
        "per_unit": decimal(per_unit, "--per-unit"),
        "withholding_bps": decimal(withholding_bps, "--withholding-bps"),
        "quantity_of_record": decimal(quantity, "--quantity") if quantity else None,
    }
    if not ex:
        ask_holders(PayDividend, whom, fields, wait, json=json)
        return
    settings = live_settings()
    held = holders.held_before(settings, symbol, time_us(ex, "--ex"), wait)
    each = {name: fields | {"quantity_of_record": units} for name, units in held.items()}
    ask_each(settings, PayDividend, each, wait, json=json)


@app.command("split")
def split(
    symbol: Symbol,
    numerator: Annotated[int, typer.Argument(help="So many new units …", metavar="NUMERATOR")],
    denominator: Annotated[int, typer.Argument(help="… for so many old ones.", metavar="DENOMINATOR")],
    at: At,
    reference: Reference,
    by: By,
    reason: Reason,
    account: Account = "",
    every: Every = False,
    lieu: Annotated[
        str, typer.Option("--cash-in-lieu", help="Price of a new unit, for fractions that no whole unit is made of.")
    ] = "",
    wait: Wait = 10.0,
    json: Json = False,
) -> None:
    """Split shares, 2 1 for two-for-one, 1 10 for a reverse split; --at is the ex-date. Open orders are cancelled."""
    fields = _issuers(symbol, at, reference, by, reason) | {
        "numerator": numerator,
        "denominator": denominator,
        "cash_in_lieu_price": decimal(lieu, "--cash-in-lieu") if lieu else None,
    }
    ask_holders(SplitShares, Whom(account, every), fields, wait, json=json)


@app.command("symbol-change")
def symbol_change(
    symbol: Symbol,
    new: Annotated[str, typer.Argument(help="The new symbol.", metavar="NEW")],
    at: At,
    reference: Reference,
    by: By,
    reason: Reason,
    account: Account = "",
    every: Every = False,
    wait: Wait = 10.0,
    json: Json = False,
) -> None:
    """Put units, lots and cost under a new symbol. Open orders are cancelled."""
    fields = _issuers(symbol, at, reference, by, reason) | {"new_symbol": new}
    ask_holders(ChangeSymbol, Whom(account, every), fields, wait, json=json)


@app.command("delist")
def delist(
    symbol: Symbol,
    at: At,
    reference: Reference,
    by: By,
    reason: Reason,
    price: Annotated[str, typer.Option("--price", help="Cash for a unit; 0 when it is worthless.")],
    account: Account = "",
    every: Every = False,
    wait: Wait = 10.0,
    json: Json = False,
) -> None:
    """Close positions for cash, as the listing has ended. Open orders are cancelled."""
    fields = _issuers(symbol, at, reference, by, reason) | {"price": decimal(price, "--price")}
    ask_holders(DelistInstrument, Whom(account, every), fields, wait, json=json)


@app.command("correct-fill")
def correct_fill(
    account: AccountId,
    execution: Execution,
    reference: Reference,
    by: By,
    reason: Reason,
    quantity: Annotated[str, typer.Option("--quantity", help="Units, as they should have been.")],
    price: Annotated[str, typer.Option("--price", help="Per unit, as it should have been.")],
    fee: Annotated[str, typer.Option("--fee", help="The venue's, as it should have been.")],
    command_id: CommandId = "",
    wait: Wait = 10.0,
    json: Json = False,
) -> None:
    """Take a fill for other figures, all three of its own day; everything since is re-stated."""
    fields = _operators(reference, by, reason) | {
        "execution_id": execution,
        "quantity": decimal(quantity, "--quantity"),
        "price": decimal(price, "--price"),
        "fee": decimal(fee, "--fee"),
    }
    ask_one(CorrectFill, account, fields, command_id, wait, json=json)


@app.command("bust-fill")
def bust_fill(
    account: AccountId,
    execution: Execution,
    reference: Reference,
    by: By,
    reason: Reason,
    command_id: CommandId = "",
    wait: Wait = 10.0,
    json: Json = False,
) -> None:
    """There was no such fill; everything since is re-stated."""
    fields = _operators(reference, by, reason) | {"execution_id": execution}
    ask_one(BustFill, account, fields, command_id, wait, json=json)


@app.command("adjust-cash")
def adjust_cash(
    account: AccountId,
    kind: Annotated[AdjustmentKind, typer.Argument(help="What it is.", metavar="KIND")],
    reference: Reference,
    by: By,
    reason: Reason,
    amount: Annotated[str, typer.Option("--amount", help="Above zero comes in, below zero goes out.")],
    currency: Currency = "USD",
    command_id: CommandId = "",
    wait: Wait = 10.0,
    json: Json = False,
) -> None:
    """Book INTEREST, a FEE, a REBATE or a CORRECTION. What is charged is charged, also beyond the free cash."""
    fields = _operators(reference, by, reason) | {
        "kind": kind,
        "amount": decimal(amount, "--amount"),
        "currency": currency,
    }
    ask_one(AdjustCash, account, fields, command_id, wait, json=json)


@app.command("transfer")
def transfer(
    account: Annotated[str, typer.Argument(help="The sender's id.", metavar="FROM")],
    to: Annotated[str, typer.Argument(help="The receiver's id.", metavar="TO")],
    reference: Reference,
    by: By,
    reason: Reason,
    amount: Annotated[str, typer.Option("--amount", help="Above zero.")],
    currency: Currency = "USD",
    command_id: CommandId = "",
    wait: Wait = 10.0,
    json: Json = False,
) -> None:
    """Send free cash to another account. The answer is the sender's: what is refused over there comes back."""
    fields = _operators(reference, by, reason) | {
        "to_account_id": to,
        "amount": decimal(amount, "--amount"),
        "currency": currency,
    }
    ask_one(TransferCash, account, fields, command_id, wait, json=json)


@app.command("locate")
def locate(
    account: AccountId,
    symbol: Symbol,
    by: By,
    reason: Reason,
    quantity: Annotated[str, typer.Option("--quantity", help="Units that the lender has promised.")],
    expires: Annotated[str, typer.Option("--expires", help="Market time from which no order can use it.")],
    fee_bps_per_year: Annotated[
        str, typer.Option("--fee-bps-per-year", help="What borrowing costs, where the lender has said.")
    ] = "",
    command_id: CommandId = "",
    wait: Wait = 10.0,
    json: Json = False,
) -> None:
    """Let a margin account sell so many units short. The locate's id is the command's."""
    fields = {
        "symbol": symbol,
        "quantity": decimal(quantity, "--quantity"),
        "expires_at_us": time_us(expires, "--expires"),
        "fee_bps_per_year": decimal(fee_bps_per_year, "--fee-bps-per-year") if fee_bps_per_year else None,
        "granted_by": by,
        "reason": reason,
    }
    ask_one(GrantLocate, account, fields, command_id, wait, json=json)


@app.command("fees")
def fees(
    account: AccountId,
    by: By,
    reason: Reason,
    figures: Annotated[
        list[str] | None,
        typer.Argument(help="NAME=VALUE, in place of all that stood there; none: no commission.", metavar="FEE..."),
    ] = None,
    command_id: CommandId = "",
    wait: Wait = 10.0,
    json: Json = False,
) -> None:
    """Charge orders that are accepted from now on by this schedule."""
    schedule = struct_of(figures, FeeSchedule, "FEE_SCHEDULE_INVALID") if figures else None
    fields = {"fee_schedule": schedule, "changed_by": by, "reason": reason}
    ask_one(SetFeeSchedule, account, fields, command_id, wait, json=json)


def _operators(reference: str, by: str, reason: str) -> dict[str, Any]:
    return {"actor": by, "reason": reason, "reference": reference}


def _issuers(symbol: str, at: str, reference: str, by: str, reason: str) -> dict[str, Any]:
    return _operators(reference, by, reason) | {"symbol": symbol, "market_time_us": time_us(at, "--at")}
