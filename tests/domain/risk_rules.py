"""A random trader under a random risk officer: limits, overrides, throttles, kill switches, and marks that come and go.

Every answer is compared with tests.domain.risk_model, and every order is previewed before it is sent.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from domain import commands, events, ids, risk
from domain.decide_orders import terms_of
from domain.exposures import Exposures
from domain.ledger import Ledger
from domain.limits import Limits
from domain.preview import preview
from domain.world import Mark, PlainDesk
from tests.domain.desk import lay_down
from tests.domain.machine import Trader
from tests.domain.model import CURRENCIES, ModelOrder
from tests.domain.risk_model import Asked, RiskModel
from tests.domain.treasury import CASH_ACCOUNTS, code_of, prices, quantities

STRATEGIES = ("s1", "s2")
# Fewer than the Trader has, so that what is laid down and what is traded meet.
accounts = st.sampled_from(["average", "fifo"])
symbols = st.sampled_from(["AAPL", "IBM"])
strategies = st.sampled_from(["s1", "s1", "s2", None])
sides = st.sampled_from(["BUY", "BUY", "SELL"])
near = st.sampled_from([Decimal("1.00"), Decimal("9.99"), Decimal("10.00")])
small = st.integers(min_value=1, max_value=8)
money = st.integers(min_value=1, max_value=200).map(Decimal)
windows = st.integers(min_value=1, max_value=40)
FIGURES: dict[str, st.SearchStrategy[Any]] = {
    "price_collar_bps": st.sampled_from([Decimal(0), Decimal(1000), Decimal(9000)]),
    "order_value_max": money,
    "order_quantity_max": small.map(Decimal),
    "message_rate_max": small,
    "duplicate_window_us": windows,
    "position_quantity_max": small.map(Decimal),
    "position_value_max": money,
    "gross_exposure_max": money,
    "net_exposure_max": money,
    "open_orders_max": small,
    "executions_max": st.integers(min_value=1, max_value=3),
}
limits = st.tuples(
    st.lists(st.sampled_from(sorted(FIGURES)), max_size=3, unique=True).flatmap(
        lambda names: st.fixed_dictionaries({name: FIGURES[name] for name in names})
    ),
    windows,
    windows,
).map(lambda parts: Limits(**parts[0], message_rate_window_us=parts[1], executions_window_us=parts[2]))
one_figure = st.tuples(st.sampled_from(sorted(FIGURES)), windows).flatmap(
    lambda drawn: st.tuples(
        *(
            FIGURES[drawn[0]].map(
                lambda value: Limits(
                    **{drawn[0]: value}, message_rate_window_us=drawn[1], executions_window_us=drawn[1]
                )
            )
            for _ in range(2)
        )
    )
)
rates = st.one_of(
    st.tuples(FIGURES["executions_max"], windows).map(
        lambda drawn: Limits(executions_max=drawn[0], executions_window_us=drawn[1])
    ),
    st.tuples(st.integers(min_value=1, max_value=3), windows).map(
        lambda drawn: Limits(message_rate_max=drawn[0], message_rate_window_us=drawn[1])
    ),
    windows.map(lambda window_us: Limits(duplicate_window_us=window_us)),
)
WHO = {"reason": "r"}


def figures_of(value: Limits) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__struct_fields__ if getattr(value, name) is not None}


class RiskTrader(Trader):
    """A Trader with a risk officer over it."""

    model: dict[str, RiskModel]  # type: ignore[assignment]  # of this kind here

    terms = CASH_ACCOUNTS

    # What no limit looks at would take the steps that meet the limits.
    convert: Any = None
    locate: Any = None
    sell_short_and_cover: Any = None
    trade_often: Any = None
    withdraw_to_the_cent: Any = None

    def model_of(self, **terms: Any) -> RiskModel:
        return RiskModel(**terms)

    @initialize()
    def open(self) -> None:
        super().open(False)
        for symbol in CURRENCIES:
            self.mark(symbol, Decimal("10.00"))

    def at_us(self, account: str) -> int:
        """The record time of the next event."""
        return max(self.now_us + 1, self.recorded_us[account])

    def send(self, message: Any) -> Any:
        send = self._previewed if isinstance(message, commands.SubmitOrder) else super().send
        event = send(message)
        self._learn(event)
        return event

    def _previewed(self, message: commands.SubmitOrder) -> Any:
        """A preview changes nothing, and says what the order is then told, word for word."""
        account = self.ledger.accounts[message.account_id]
        before = account.digest()
        shown = preview(account, terms_of(message), self.ledger.world, self.now_us + 1)
        assert account.digest() == before
        event = super().send(message)
        if isinstance(event, events.OrderRejected):
            assert shown.refusals[:1] == ((event.code, event.text, event.details),)
        else:
            assert shown.refusals == ()
            assert (shown.hold.cash, shown.hold.quantity) == (event.hold_cash, event.hold_quantity)
            assert shown.overrides == event.overrides
            assert shown.buying_power_after == account.cash
        assert (shown.limits_version, shown.desk_version) == (event.limits_version, event.desk_version)
        return event

    def _learn(self, event: Any) -> None:
        """Keep the model's histories, which begin with the first limits."""
        if event is None or event.originator_version <= 1:
            return
        model = self.model[event.originator_id]
        known = bool(self.ledger.accounts[event.originator_id].risk.limits_version or self.ledger.desk.version)
        if isinstance(event, events.OrderAccepted | events.OrderRejected):
            terms = event.order
            if known:
                model.messages.append((event.timestamp, terms.strategy_id))
            if isinstance(event, events.OrderAccepted):
                model.strategies[terms.order_id] = terms.strategy_id
                price = None if terms.worst_price is None else Fraction(terms.worst_price)
                content = (terms.symbol, terms.side, terms.order_type, int(terms.quantity), price)
                if known:
                    model.accepted.append((event.timestamp, content))
        elif isinstance(event, events.OrderCancelRequested) and known:
            model.messages.append((event.timestamp, model.strategies[event.order_id]))
        elif isinstance(event, events.OrderFilled):
            strategy = model.strategies[event.order_id]
            stopped = bool(strategy and known and model.stops(strategy, event.market_time_us))
            assert event.disabled_strategy == (strategy if stopped else None)
            if stopped:
                assert strategy is not None
                model.disabled.add(strategy)
                self._all_cancelled(event.originator_id, strategy)

    def _all_cancelled(self, account: str, strategy: str | None = None) -> None:
        for order in self.ledger.accounts[account].orders.values():
            if strategy is None or order.terms.strategy_id == strategy:
                assert order.status == "PENDING_CANCEL"

    # Trading

    @rule(
        account=accounts,
        symbol=symbols,
        side=sides,
        kind=st.sampled_from(["LIMIT", "MARKET"]),
        quantity=quantities,
        price=prices,
    )
    def submit(self, account: str, symbol: str, side: Any, kind: Any, quantity: int, price: Decimal) -> None:
        """The Trader's own orders are of no strategy."""
        self.model[account].asked = Asked(self.at_us(account), kind=kind)
        super().submit(account, symbol, side, kind, quantity, price)

    @rule(
        account=accounts,
        symbol=symbols,
        side=sides,
        quantity=quantities,
        price=near,
        strategy=strategies,
        codes=st.sets(st.sampled_from(sorted(risk.OVERRIDABLE)), max_size=9),
    )
    def submit_overridden(
        self, account: str, symbol: str, side: Any, quantity: int, price: Decimal, strategy: str | None, codes: set[str]
    ) -> None:
        """An order of a strategy, with an override of some checks when there are any."""
        client_id = f"own-{next(self.numbers)}"
        if codes:
            granted = self.send(
                commands.GrantOverride(
                    **self.envelope(account),
                    override_id=f"ovr-{client_id}",
                    client_order_id=client_id,
                    codes=tuple(sorted(codes)),
                    granted_by="Grace",
                    expires_at_us=self.at_us(account) + 1_000,
                    **WHO,
                )
            )
            assert isinstance(granted, events.OverrideGranted)
        model = self.model[account]
        model.asked = Asked(self.at_us(account), strategy=strategy, lifted=frozenset(codes))
        order = ModelOrder(symbol=symbol, side=side, quantity=quantity, price=Fraction(price))
        verdict, used = model.verdict(order), set(model.used)
        order_id = ids.order_id(account, client_id)

        event = self.send(
            commands.SubmitOrder(
                **self.envelope(account),
                order_id=order_id,
                client_order_id=client_id,
                symbol=symbol,
                side=side,
                order_type="LIMIT",
                quantity=Decimal(quantity),
                limit_price=price,
                strategy_id=strategy,
            )
        )

        waits = f"ovr-{client_id}" in self.ledger.accounts[account].risk.overrides
        if verdict:
            assert (type(event), code_of(event)) == (events.OrderRejected, verdict)
            assert waits == bool(codes)
        else:
            assert isinstance(event, events.OrderAccepted)
            assert event.overrides == ((f"ovr-{client_id}",) if used else ())
            assert waits == bool(codes and not used)
            model.orders[order_id] = order
        if waits:
            self.send(
                commands.RevokeOverride(
                    **self.envelope(account), override_id=f"ovr-{client_id}", revoked_by="Grace", **WHO
                )
            )

    @rule(
        account=accounts,
        symbol=symbols,
        quantity=st.integers(min_value=1, max_value=2),
        strategy=strategies,
        others=st.lists(st.sampled_from(["again", "cancel", "fill", "fill", "pause"]), min_size=1, max_size=8),
    )
    def trade_in_a_row(self, account: str, symbol: str, quantity: int, strategy: str | None, others: list[str]) -> None:
        """The same order again and again, and what becomes of it in between: rates, duplicates, throttles."""
        for other in ["again", *others]:
            if other == "pause":
                self.now_us += 15
                continue
            before = len(self.model[account].orders)
            if other == "again":
                self.submit_overridden(account, symbol, "BUY", quantity, Decimal("1.00"), strategy, set())
            order_id, order = next(reversed(self.model[account].orders.items()), ("", None))
            if order is None or order.done or len(self.model[account].orders) > before:
                continue
            if other == "fill":
                self.fill_now(account, order_id, order, order.epoch, 1, Decimal("1.00"), Decimal(0), "TAKER")
            elif other == "cancel":
                self.send(commands.CancelOrder(**self.envelope(account), order_id=order_id))

    @rule(
        account=accounts,
        symbol=symbols,
        rate=rates,
        others=st.lists(st.sampled_from(["again", "cancel", "fill", "fill", "pause"]), min_size=2, max_size=6),
    )
    def trade_at_a_rate(self, account: str, symbol: str, rate: Limits, others: list[str]) -> None:
        """Orders, cancels and fills of one strategy, near and far from each other, where one rate limits it."""
        self.release_all(account)
        self.set_limits(account, "s1", rate)
        self.trade_in_a_row(account, symbol, 3, "s1", others)

    # Risk officers

    @rule(account=accounts, strategy=strategies, value=limits)
    def set_limits(self, account: str, strategy: str | None, value: Limits) -> None:
        scope: Any = "ACCOUNT" if strategy is None else "STRATEGY"
        fields: Any = {"scope": scope, "strategy_id": strategy, "limits": value, "set_by": "Grace"}
        event = self.send(commands.SetLimits(**self.envelope(account), **fields, **WHO))

        assert isinstance(event, events.LimitsSet)
        self.model[account].limits[strategy] = figures_of(value)

    @rule(account=accounts, values=one_figure, symbol=symbols, quantity=quantities, price=near)
    def trade_between_two_limits(
        self, account: str, values: tuple[Limits, Limits], symbol: str, quantity: int, price: Decimal
    ) -> None:
        """The same figure for the account and for a strategy, so that one of them is the tighter; then an order."""
        self.release_all(account)
        self.set_limits(account, None, values[0])
        self.set_limits(account, "s1", values[1])
        self.submit_overridden(account, symbol, "BUY", quantity, price, "s1", set())

    @rule(value=limits)
    def lay_down_for_the_desk(self, value: Limits) -> None:
        self.use_desk(PlainDesk(version=self.ledger.desk.version + 1, limits=value))
        for model in self.model.values():
            model.desk = figures_of(value)

    def use_desk(self, desk: PlainDesk) -> None:
        lay_down(self.ledger, desk)

    def refolded(self) -> Ledger:
        """With marks and desk as they are, for no event put them in."""
        other = super().refolded()
        other.desk = self.ledger.desk
        return other

    @rule(symbol=symbols, price=st.one_of(st.none(), near, near, prices))
    def mark(self, symbol: str, price: Decimal | None) -> None:
        """A new price, or none any more."""
        for model in self.model.values():
            model.marks.pop(symbol, None)
            if price is not None:
                model.marks[symbol] = Fraction(price)
        self.ledger.marks.pop(symbol, None)
        if price is not None:
            self.ledger.marks[symbol] = Mark(price=price, market_time_us=0)

    @rule(account=accounts, strategy=strategies, stays=st.sampled_from([False, False, False, True]))
    def kill(self, account: str, strategy: str | None, stays: bool) -> None:
        fields: Any = {"scope": "STRATEGY" if strategy else "ACCOUNT", "strategy_id": strategy, "by": "Grace"}
        orders = self.ledger.accounts[account].orders
        working = {name for name, order in orders.items() if order.status != "PENDING_CANCEL"}

        event = self.send(commands.EngageKillSwitch(**self.envelope(account), **fields, **WHO))

        assert isinstance(event, events.KillSwitchEngaged)
        in_scope = {name for name in working if strategy in (None, self.model[account].strategies[name])}
        assert {link.order_id for link in event.linked} == in_scope
        self.model[account].halted.add(strategy)
        self._all_cancelled(account, strategy)
        if not stays:
            self.release_all(account)

    @rule(account=accounts)
    def release_all(self, account: str) -> None:
        """Release every kill switch and enable every strategy, so that there is trading again."""
        model = self.model[account]
        for strategy in (None, *STRATEGIES):
            fields: Any = {"scope": "STRATEGY" if strategy else "ACCOUNT", "strategy_id": strategy, "by": "Grace"}
            event = self.send(commands.ReleaseKillSwitch(**self.envelope(account), **fields, **WHO))
            assert (code_of(event) == "KILL_SWITCH_NOT_ENGAGED") == (strategy not in model.halted)
        for strategy in STRATEGIES:
            fields = {"strategy_id": strategy, "enabled_by": "Grace"}
            event = self.send(commands.EnableStrategy(**self.envelope(account), **fields, **WHO))
            assert (code_of(event) == "STRATEGY_NOT_DISABLED") == (strategy not in model.disabled)
            if strategy in model.disabled:
                model.fills[strategy] = []
        model.halted.clear()
        model.disabled.clear()

    # What holds after every step

    @invariant()
    def exposures_that_follow_are_those_made_anew(self) -> None:
        for account in self.ledger.accounts.values():
            if account.exposures is not None:
                anew = Exposures(account)
                for name in ("longest", "shortest", "largest"):
                    followed: dict[str, Decimal] = getattr(account.exposures, name)
                    assert {symbol: units for symbol, units in followed.items() if units} == {
                        symbol: units for symbol, units in getattr(anew, name).items() if units
                    }
