"""What each pre-trade check costs: `python -m bench.risk_checks`. Microseconds, the best of several rounds.

One account with 100 working orders and 50 positions, every limit laid down for the account and the order's strategy,
lists and windows as long as they may be. Nothing is asserted: machines differ.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from timeit import repeat
from typing import Any

from domain import commands, holds, ids, risk, throttle
from domain.account import Account
from domain.account_terms import MarginTerms
from domain.catalog import catalog
from domain.decide_orders import assess, terms_of
from domain.exposures import Exposures
from domain.holds import Hold
from domain.ledger import Ledger
from domain.limits import Limits
from domain.numbers import exact
from domain.reports import ReportFilled
from domain.risk_book import RECENT_MAX, WINDOW_US_MAX
from domain.risk_case import Case
from domain.scopes import scopes_of
from domain.terms import OrderTerms
from domain.world import Mark

SYMBOLS = [f"S{number}" for number in range(50)]
ORDERS = 100
CALLS, ROUNDS = 500, 60
HUGE = Decimal(10) ** 12
EVERYTHING = Limits(
    price_collar_bps=Decimal(5_000),
    order_value_max=HUGE,
    order_quantity_max=HUGE,
    message_rate_max=RECENT_MAX,
    duplicate_window_us=WINDOW_US_MAX,
    position_quantity_max=HUGE,
    position_value_max=HUGE,
    gross_exposure_max=HUGE,
    net_exposure_max=HUGE,
    open_orders_max=RECENT_MAX,
    restricted_symbols=tuple(f"restricted-{number}" for number in range(500)),
    permitted_traders=tuple(f"trader-{number}" for number in range(500)),
    executions_max=RECENT_MAX,
)


class Bench:
    """A ledger with one account `a`; limits: of the account and of the strategy `s`, None: of neither.

    margin: None for a cash account.
    """

    def __init__(self, limits: Limits | None, margin: MarginTerms | None = None) -> None:
        self.ledger = Ledger(catalog(SYMBOLS))
        self.now_us = 1_000_000_000
        self.sent = 0
        for symbol in SYMBOLS:
            self.ledger.marks[symbol] = Mark(price=Decimal("123.45"), market_time_us=0)
        self.send(commands.OpenAccount(owner="bench", margin=margin, **self.envelope()))
        self.send(commands.Deposit(amount=Decimal(10) ** 9, **self.envelope()))
        if limits is not None:
            who = {"limits": limits, "set_by": "bench", "reason": "bench"}
            self.send(commands.SetLimits(scope="ACCOUNT", **who, **self.envelope()))
            self.send(commands.SetLimits(scope="STRATEGY", strategy_id="s", **who, **self.envelope()))
        for number in range(len(SYMBOLS) + ORDERS):
            accepted = self.send(self.order(SYMBOLS[number % len(SYMBOLS)]))
            if number < len(SYMBOLS):
                self.fill(accepted)

    @property
    def account(self) -> Account:
        return self.ledger.accounts["a"]

    def send(self, message: Any) -> Any:
        event = self.ledger.decide(message, self.now_us)
        assert not hasattr(event, "code"), event
        return event

    def envelope(self) -> dict[str, Any]:
        self.sent += 1
        self.now_us += 1_000
        return {"command_id": f"c{self.sent}", "account_id": "a", "issued_at_us": self.now_us}

    def order(self, symbol: str) -> commands.SubmitOrder:
        envelope = self.envelope()
        name = f"o{self.sent}"
        return commands.SubmitOrder(
            **envelope,
            order_id=ids.order_id("a", name),
            client_order_id=name,
            symbol=symbol,
            side="BUY",
            order_type="LIMIT",
            quantity=Decimal(10),
            limit_price=Decimal(100) + Decimal(self.sent) / 100,
            strategy_id="s",
            trader_id="trader-499",
        )

    def fill(self, accepted: Any) -> None:
        terms = accepted.order
        self.send(
            ReportFilled(
                report_id=f"r{self.sent}",
                account_id="a",
                order_id=terms.order_id,
                dispatch_epoch=1,
                worker_id="w",
                reported_at_us=self.now_us,
                execution_id=f"e{self.sent}",
                venue="bench",
                quantity=terms.quantity,
                price=terms.limit_price,
                fee=Decimal(0),
                market_time_us=self.now_us * 1_000_000,
            )
        )


def cost_us(run: Callable[[], object]) -> float:
    return min(repeat(run, number=CALLS, repeat=ROUNDS)) / CALLS * 1e6


def figures() -> dict[str, float]:
    """Microseconds a call, by what is called."""
    limited, free, margin = Bench(EVERYTHING), Bench(None), Bench(None, MarginTerms())
    account, world, now_us = limited.account, limited.ledger.world, limited.now_us
    terms = terms_of(limited.order("S7"))
    account.risk.executions["s"] = list(range(RECENT_MAX))
    found: dict[str, float] = {}
    with exact():
        case = Case(account, terms, world, now_us, scopes_of(account, "s", world.desk))
        for check in risk.CHECKS:
            assert check.run(case) is None
            found[f"check {check.run.__name__}"] = cost_us(lambda check=check: check.run(case))
        found["throttle"] = cost_us(lambda: throttle.stops(account, "s", now_us, world.desk))
        found["all limits of an order"] = cost_us(lambda: risk.limits(account, terms, world, now_us))
        found["exposures from scratch"] = cost_us(lambda: Exposures(account))
        found["an order's whole assessment"] = cost_us(lambda: assess(account, terms, now_us, world))
        found["check cash"] = _cost_of_hold(free, terms)
        found["check margin"] = _cost_of_hold(margin, terms)
        account, world = free.account, free.ledger.world
        found["the same without limits"] = cost_us(lambda: assess(account, terms, now_us, world))
        found["halts and limits without limits"] = cost_us(
            lambda: (risk.halts(account, terms, world.desk), risk.limits(account, terms, world, now_us))
        )
    return found


def _cost_of_hold(bench: Bench, terms: OrderTerms) -> float:
    account, world = bench.account, bench.ledger.world
    hold = holds.needed(account, terms, terms.quantity, world)
    assert isinstance(hold, Hold)
    assert holds.check(account, terms, hold, world) is None
    return cost_us(lambda: holds.check(account, terms, hold, world))


def main() -> None:
    for name, us in figures().items():
        print(f"{us:8.2f} us  {name}")


if __name__ == "__main__":
    main()
