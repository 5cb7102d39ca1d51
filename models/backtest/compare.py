"""The same strategy through the real ledger and through a backtest, order by order and fill by fill.

A run's ticks, signals, orders and fills are read from the read models; the backtest trades on the recorded signals with
the account's and the venue's own terms. Ids are derived, so an order or a fill has the same id on both sides, and the
sides are compared exactly: symbol, side, quantity, price, fee, time. What differs is explained, or it is a finding:

| explanation | what it means |
|---|---|
| `LEDGER_REFUSED` | a check refused the order that a backtest does not have: a limit, a halt |
| `SAME_TICK` | the ledger decided on the order before the fill that the same tick brought |
| `OTHER_ORDERS` | orders that are not the strategy's moved the account's cash or units before |
| `CANCELLED` | somebody, or a halt, cancelled what was left of the order |
| `STILL_WORKING` | the ledger's order is open, and its tick comes after all that the run had dealt with |
| `PRICE_ROUNDING` | prices differ by the last decimal at most, and fees by a cent |
| `ABSTAINED` | the agent abstained where the model has an opinion now (warm-up, no model) |
| `NOT_REACHED` | the bar comes after the newest signal of its symbol |
| `FOLLOWS_SIGNALS` | other signals, other trades: with the recorded signals the trades agree |

What the ledger did for an explained reason is then taken over (desk.House), so that what follows is compared too.
Boundaries: one cash account without fee schedule, paper fills of orders that are alone with a tick.
Verification: tests/models/backtest/test_compare.py on made-up runs, tests/e2e/test_demo.py on a real one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from domain.numbers import ZERO
from domain.terms import TERMINAL
from models.backtest.recorded import LedgerFill, LedgerOrder, Movement
from models.backtest.trading import Fill, House, Refused, Trading

_OWN_CHECKS = frozenset({"CASH_INSUFFICIENT", "POSITION_INSUFFICIENT"})
_LAST_DECIMAL, _CENT = Decimal("0.0001"), Decimal("0.01")


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is not the same. about: signal, order or fill. explanation: None: nobody knows why."""

    about: str
    id: str
    symbol: str
    time_us: int
    ledger: str
    backtest: str
    explanation: str | None
    text: str


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """A fill of the ledger, and whether the backtest has the very same."""

    execution_id: str
    symbol: str
    side: str
    quantity: Decimal
    price: Decimal
    fee: Decimal
    time_us: int
    same: bool


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One comparison. signals: where the backtest's came from. matches: every fill of the ledger, in its order."""

    signals: str
    orders: int
    matches: list[Match]
    differences: list[Difference]

    @property
    def unexplained(self) -> list[Difference]:
        return [one for one in self.differences if one.explanation is None]


class Run(NamedTuple):
    """What a run has left of one account. orders, fills: all of the account. strategy_id: whose orders are compared.

    dealt_with_us: by symbol, market time of the newest signal.
    """

    strategy_id: str
    orders: Sequence[LedgerOrder]
    fills: Sequence[LedgerFill]
    movements: Sequence[Movement]
    dealt_with_us: Mapping[str, int]

    @property
    def own(self) -> list[LedgerOrder]:
        """The strategy's orders."""
        return [order for order in self.orders if order.strategy_id == self.strategy_id]

    @property
    def others(self) -> list[LedgerOrder]:
        return [order for order in self.orders if order.strategy_id != self.strategy_id]


def furnish(run: Run, house: House) -> House:
    """The house with the cash that moved: before the first order of the strategy, and between its orders."""
    own = run.own
    cash, paid_in = ZERO, dict[str, Decimal]()
    for movement in run.movements:
        later = next((order for order in own if order.submitted > movement.recorded), None)
        if later is None:
            continue
        if later is own[0]:
            cash += movement.amount
        else:
            paid_in[later.order_id] = paid_in.get(later.order_id, ZERO) + movement.amount
    return house._replace(cash=cash or house.cash, paid_in=paid_in)


def impose(run: Run, trading: Trading, house: House) -> House:
    """The house with verdicts and cancels of the ledger that can be explained, and that this trading did not have."""
    refused, ended = dict(house.refused), dict(house.ended)
    here = {one.order_id for one in trading.rejections}
    made = {command.order_id: command for command in trading.orders}
    for order in run.own:
        if order.order_id not in made:
            continue
        if order.reject_code is not None and order.order_id not in here:
            time_us = made[order.order_id].active_after
            if _why_refused(run, order, 0 if time_us is None else time_us.market_time_us) is not None:
                refused[order.order_id] = Refused(order.reject_code, order.reject_text or "")
        elif order.status in ("CANCELED", "EXPIRED") and order.reject_code is None:
            ended[order.order_id] = order.filled_quantity
    return house._replace(refused=refused, ended=ended)


def compare(run: Run, trading: Trading, house: House, signals: str, *, follows_signals: bool = False) -> Side:
    """Compare what the ledger did with what a backtest did. house: as it was imposed on.

    follows_signals: the backtest's signals are others, and with the recorded ones everything was explained.
    """
    differences = [*_verdicts(run, trading, house), *_cancels(run, trading, house), *_fills(run, trading)]
    if follows_signals:
        differences = [
            one if one.explanation is not None else msgspec.structs.replace(one, **_FOLLOWS) for one in differences
        ]
    here = {fill.execution_id: fill for fill in trading.fills}
    own = {order.order_id for order in run.own}
    matches = [
        Match(
            execution_id=fill.execution_id,
            symbol=fill.symbol,
            side=fill.side,
            quantity=fill.quantity,
            price=fill.price,
            fee=fill.fee,
            time_us=fill.time_us,
            same=_facts(fill) == _facts(here.get(fill.execution_id)),
        )
        for fill in run.fills
        if fill.order_id in own
    ]
    differences.sort(key=lambda one: (one.time_us, one.symbol, one.about, one.id))
    return Side(signals=signals, orders=len(own), matches=matches, differences=differences)


_FOLLOWS = {"explanation": "FOLLOWS_SIGNALS", "text": "other signals, other trades: with the recorded ones they agree"}


# Verdicts


def _verdicts(run: Run, trading: Trading, house: House) -> Iterable[Difference]:
    made = {command.order_id: command for command in trading.orders}
    rejected = {one.order_id: one for one in trading.rejections}
    known = {order.order_id: order for order in run.own}
    for order_id in [*known, *(order_id for order_id in made if order_id not in known)]:
        order, command = known.get(order_id), made.get(order_id)
        time_us = 0
        if command is not None and command.active_after is not None:
            time_us = command.active_after.market_time_us
        here = None if command is None else _asked(command, rejected.get(order_id))
        there = None if order is None else _asked(order, None if order.reject_code is None else order)
        if here == there and order_id not in house.refused:
            continue
        explanation, text = _explained(run, order, time_us, imposed=order_id in house.refused)
        yield Difference(
            about="order",
            id=order_id,
            symbol=(order or command).symbol,  # type: ignore[union-attr]  # one of them is there
            time_us=time_us,
            ledger=there or "no such order",
            backtest="accepted" if order_id in house.refused else here or "no such order",
            explanation=explanation,
            text=text,
        )


def _cancels(run: Run, trading: Trading, house: House) -> Iterable[Difference]:
    """Orders that the ledger saw cancelled, which a backtest's strategy never does."""
    made = {command.order_id: command for command in trading.orders}
    for order in run.own:
        command = made.get(order.order_id)
        if order.order_id not in house.ended or command is None or command.active_after is None:
            continue
        yield Difference(
            about="order",
            id=order.order_id,
            symbol=order.symbol,
            time_us=command.active_after.market_time_us,
            ledger=f"{order.status} when it had filled {order.filled_quantity.normalize():f}",
            backtest="would go on working",
            explanation="CANCELLED",
            text=f"cancelled ({order.cancel_reason}); it is taken over here",
        )


def _asked(order: Any, rejection: Any) -> str:
    code = None if rejection is None else getattr(rejection, "reject_code", None) or getattr(rejection, "code", None)
    return f"{order.side} {order.quantity.normalize():f}, {code or 'accepted'}"


def _explained(run: Run, order: LedgerOrder | None, time_us: int, *, imposed: bool) -> tuple[str | None, str]:
    if order is None:
        if time_us > max(run.dealt_with_us.values(), default=0):
            return "NOT_REACHED", "its tick comes after all that the run had dealt with"
        return None, "the ledger has no such order"
    if imposed or order.reject_code is not None:
        why = _why_refused(run, order, time_us)
        if why is not None:
            return why
    if _others_before(run, order):
        return "OTHER_ORDERS", "orders of others moved cash or units of the account before"
    return None, "the verdicts differ"


def _why_refused(run: Run, order: LedgerOrder, time_us: int) -> tuple[str, str] | None:
    """Why the ledger may have refused an order that a backtest accepts."""
    code = order.reject_code or ""
    if code not in _OWN_CHECKS:
        return "LEDGER_REFUSED", f"refused with {code}: {order.reject_text}"
    late = [fill for fill in run.fills if fill.time_us == time_us and fill.recorded > order.submitted]
    if any(fill.symbol == order.symbol for fill in late):
        return "SAME_TICK", "the ledger decided on it before a fill that the same tick brought"
    if _others_before(run, order):
        return "OTHER_ORDERS", "orders of others moved cash or units of the account before"
    return None


def _others_before(run: Run, order: LedgerOrder) -> bool:
    return any(other.submitted < order.submitted and other.reject_code is None for other in run.others)


# Fills


def _fills(run: Run, trading: Trading) -> Iterable[Difference]:
    orders = {order.order_id: order for order in run.own}
    here = {fill.execution_id: fill for fill in trading.fills}
    there = {fill.execution_id: fill for fill in run.fills if fill.order_id in orders}
    for execution_id in [*there, *(id_ for id_ in here if id_ not in there)]:
        mine, theirs = here.get(execution_id), there.get(execution_id)
        if _facts(mine) == _facts(theirs):
            continue
        one = theirs or mine
        assert one is not None, "one of the sides has it"
        explanation, text = _why_fill(run, orders.get(one.order_id), mine, theirs)
        yield Difference(
            about="fill",
            id=execution_id,
            symbol=one.symbol,
            time_us=one.time_us,
            ledger=_said(theirs),
            backtest=_said(mine),
            explanation=explanation,
            text=text,
        )


def _facts(fill: Fill | LedgerFill | None) -> tuple[Any, ...] | None:
    """What has to be the same."""
    if fill is None:
        return None
    return fill.order_id, fill.symbol, fill.side, fill.quantity, fill.price, fill.fee, fill.time_us


def _said(fill: Fill | LedgerFill | None) -> str:
    if fill is None:
        return "no such fill"
    return f"{fill.side} {fill.quantity.normalize():f} at {fill.price}, fee {fill.fee}"


def _why_fill(
    run: Run, order: LedgerOrder | None, mine: Fill | None, theirs: LedgerFill | None
) -> tuple[str | None, str]:
    if order is None:
        return None, "the ledger has no such order"
    if mine is not None and theirs is not None:
        return _why_other(mine, theirs)
    if theirs is None and mine is not None:
        if order.status in ("CANCELED", "EXPIRED", "PENDING_CANCEL"):
            return "CANCELLED", f"what was left of the order was cancelled: {order.cancel_reason}"
        behind = mine.time_us >= run.dealt_with_us.get(mine.symbol, 0)
        if order.status not in TERMINAL and behind:
            return "STILL_WORKING", "the order is open, and its tick comes after all that the run had dealt with"
        return None, "the ledger has no such fill"
    return None, "the backtest has no such fill"


def _why_other(mine: Fill, theirs: LedgerFill) -> tuple[str | None, str]:
    alike = (mine.quantity, mine.side, mine.time_us) == (theirs.quantity, theirs.side, theirs.time_us)
    if alike and abs(mine.price - theirs.price) <= _LAST_DECIMAL and abs(mine.fee - theirs.fee) <= _CENT:
        return "PRICE_ROUNDING", "the last decimal of the price, or the last cent of the fee"
    return None, "the same tick filled the order otherwise"
