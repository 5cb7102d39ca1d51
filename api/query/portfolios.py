"""A portfolio's figures from rows: sums, exposure, shares. Formulas: api.query.portfolio_routes."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from api.query.database import Row, Rows
from api.query.portfolio_views import Exposure, Lot, Portfolio, PortfolioPoint, Position
from domain.numbers import ZERO, exact, quotient

_EIGHT_DIGITS = Decimal("0.00000001")
_COSTS = ("inventory:", "short_proceeds:")
_INCOME = frozenset({"withholding_tax", "interest", "account_fees", "rebates", "corrections"})
_DIVIDENDS = "dividends:"


class Holdings(NamedTuple):
    """Rows as the tables have them. history: oldest first."""

    account: Row
    balances: Rows
    positions: Rows
    lots: Rows
    history: Rows


def portfolio(rows: Holdings, position: int) -> Portfolio:
    """position: where on the account's partition this stands."""
    with exact():
        return _portfolio(rows, position)


def _portfolio(rows: Holdings, position: int) -> Portfolio:
    account, positions, history = rows.account, rows.positions, rows.history
    books = {(row["book_account"], row["commodity"]): row["amount"] for row in rows.balances}
    currency = account["currency"]
    cash, hold, external, transfers = (
        books.get((name, currency), ZERO) for name in ("cash", "hold", "external", "transfers")
    )
    brought = ZERO - external - transfers
    value = _total(positions, "market_value")
    equity = cash + hold + value
    money = _currencies(books)
    exposure = {name: _exposure(name, books, positions, money) for name in _held_in(account, books, positions, money)}
    priced = [row["priced_at"] for row in positions if row["quantity"] and row["priced_at"]]
    times = priced or [row["market_time"] for row in history[-1:]]
    return Portfolio(
        account_id=account["account_id"],
        currency=currency,
        other_currencies=[name for name in account["currencies"] if any(books[key] for key in books if key[1] == name)],
        as_of=max(times, default=None),
        partition=account["partition"],
        position=position,
        cash=cash,
        hold=hold,
        positions_value=value,
        equity=equity,
        realized_pnl=_total(positions, "realized_pnl"),
        unrealized_pnl=_total(positions, "unrealized_pnl"),
        fees=_total(positions, "fees"),
        net_deposits=brought,
        other_income=ZERO - sum((books[key] for key in books if _is_income(key, currency)), ZERO),
        total_pnl=equity - brought,
        exposure=list(exposure.values()),
        positions=[_position(row, rows.lots, money.get(row["symbol"]), exposure) for row in positions],
        history=[PortfolioPoint(**_without(row, "total")) for row in history],
        history_points_total=history[-1]["total"] if history else 0,
        version=account["version"],
    )


def _currencies(books: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Symbol -> the currency in which it was ever bought or sold short."""
    return {name.partition(":")[2]: commodity for name, commodity in books if name.startswith(_COSTS)}


def _held_in(account: Row, books: dict[tuple[str, str], Decimal], positions: Rows, money: dict[str, str]) -> list[str]:
    """The base currency, then the others in which there is anything."""
    found = {key[1] for key, amount in books.items() if amount and key[0] in ("cash", "hold")}
    found |= {money[row["symbol"]] for row in positions if row["quantity"] and row["symbol"] in money}
    return [account["currency"], *sorted(found - {account["currency"]})]


def _exposure(currency: str, books: dict[tuple[str, str], Decimal], positions: Rows, money: dict[str, str]) -> Exposure:
    own = [row for row in positions if row["quantity"] and money.get(row["symbol"]) == currency]
    values = [row["market_value"] for row in own if row["market_value"] is not None]
    long = sum((value for value in values if value > 0), ZERO)
    short = ZERO - sum((value for value in values if value < 0), ZERO)
    cash, hold = (books.get((name, currency), ZERO) for name in ("cash", "hold"))
    equity = cash + hold + long - short
    return Exposure(
        currency=currency,
        cash=cash,
        hold=hold,
        equity=equity,
        long=long,
        short=short,
        gross=long + short,
        net=long - short,
        gross_share=_share(long + short, equity),
        net_share=_share(long - short, equity),
        unpriced=[row["symbol"] for row in own if row["market_value"] is None],
    )


def _position(row: Row, lots: Rows, currency: str | None, exposure: dict[str, Exposure]) -> Position:
    equity = exposure[currency].equity if currency in exposure else ZERO
    return Position(
        **row,
        currency=currency,
        exposure_share=None if row["market_value"] is None else _share(row["market_value"], equity),
        lots=[Lot(**_without(lot, "symbol")) for lot in lots if lot["symbol"] == row["symbol"]],
    )


def _share(part: Decimal, equity: Decimal) -> Decimal | None:
    return None if equity <= 0 else quotient(part, equity, _EIGHT_DIGITS)


def _is_income(key: tuple[str, str], currency: str) -> bool:
    return key[1] == currency and (key[0] in _INCOME or key[0].startswith(_DIVIDENDS))


def _total(rows: Rows, name: str) -> Decimal:
    return sum((row[name] or ZERO for row in rows), ZERO)


def _without(row: Row, name: str) -> Row:
    return {key: value for key, value in row.items() if key != name}
