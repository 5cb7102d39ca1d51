"""A finished run of the real ledger against a backtest of the same ticks: twice, and the signals between them.

(a) on the recorded signals: the rule, the ledger's decisions and the venue's fills have to agree. (b) on signals made
anew from the recorded ticks by the model that the signals name: the signals have to agree too, and where one does not
and that is explained, the trades may follow it. Rules and explanations: models.backtest.compare.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import numpy as np

from domain.catalog import catalog
from domain.errors import InvalidValue, TapeledgerError, UnavailableError
from domain.follower import Follower
from domain.market import TickRef
from domain.paper_costs import PaperParameters
from domain.signals import SignalGenerated
from models.backtest import decisions as deciding
from models.backtest import desk, recorded
from models.backtest.compare import Difference, Run, Side, compare, furnish, impose
from models.backtest.market import Market
from models.backtest.opinions import opinions_of
from models.backtest.recorded import LedgerFill, RecordedSignal
from models.backtest.trading import House, Trading
from models.classes import CLASSES
from models.features import warm_up
from runtime.settings import Settings

_ROUNDS_MAX = 1_000
_ODDS_TOLERANCE = 1e-9
_SOLE_MODEL = "paper-sqrt-impact/1"


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """first: day of the first signal that is no abstention; last: of the newest tick. signals: recorded in between.

    remade: None where the model is not at hand, with the reason in `not_remade`. signal_differences: recorded against
    made anew.
    """

    account_id: str
    first: str
    last: str
    symbols: list[str]
    models: list[str]
    signals: int
    recorded: Side
    remade: Side | None
    signal_differences: list[Difference]
    not_remade: str = ""

    @property
    def unexplained(self) -> list[Difference]:
        """All that nobody can explain: findings."""
        of_remade = [] if self.remade is None else self.remade.unexplained
        of_signals = [one for one in self.signal_differences if one.explanation is None]
        return [*self.recorded.unexplained, *of_signals, *of_remade]

    def json(self) -> bytes:
        body = msgspec.json.encode({"explained": not self.unexplained, **msgspec.structs.asdict(self)})
        return msgspec.json.format(body, indent=1) + b"\n"


def compare_run(settings: Settings, account_id: str = "", last: date | None = None) -> Comparison:
    """Compare the run whose read models the settings' database has, up to a day, which is included.

    account_id: empty: the strategy's. Raises UnavailableError when there is no database or no run in it, InvalidValue
    for an account or a venue that a backtest does not know.
    """
    account_id = account_id or settings.strategy_account_id
    with recorded.snapshot(settings) as connection:
        account = recorded.account(connection, account_id)
        period = recorded.period(connection)
        if period is None:
            raise UnavailableError("the database has no ticks, or no signal that is no abstention: nothing to compare")
        first, newest = period
        last = newest if last is None else min(last, newest)
        market = recorded.market(connection, settings.symbols(), first, last)
        signals = recorded.signals(connection, settings.symbols(), last)
        of_account = (recorded.orders(connection, account_id), recorded.fills(connection, account_id))
        movements = recorded.movements(connection, account_id)
    if account.margin or account.fee_schedule:
        what = "a margin account" if account.margin else "an account with a fee schedule"
        raise InvalidValue("COMPARE_ACCOUNT", f"expected a cash account without fee schedule, {account_id} is {what}")
    by_id = {one.signal_id: one for one in signals}
    orders = [order for order in of_account[0] if order.signal_id is None or order.signal_id in by_id]
    kept = {order.order_id for order in orders}
    run = Run(
        strategy_id=settings.strategy_id,
        orders=orders,
        fills=[fill for fill in of_account[1] if fill.order_id in kept],
        movements=movements,
        dealt_with_us={one.symbol: one.time_us for one in signals},
    )
    house = House(account_id, Decimal("0.01"), account.fee_bps, venue_of(run.fills, settings))
    return _compared(settings, market, signals, run, furnish(run, house))


def venue_of(fills: Sequence[LedgerFill], settings: Settings) -> PaperParameters:
    """The venue's parameters as the fills' evidence has them; the settings' where nothing was filled.

    Raises InvalidValue for another venue, shared liquidity, or parameters that changed on the way.
    """
    found: set[str] = set()
    for fill in fills:
        evidence = fill.evidence or {}
        if evidence.get("model") != _SOLE_MODEL:
            raise InvalidValue(
                "COMPARE_VENUE",
                f"expected fills of the paper venue, each order alone with its tick ({_SOLE_MODEL}); execution "
                f"{fill.execution_id} of {fill.venue} has the model {evidence.get('model')}",
            )
        own = {name: value for name, value in evidence["parameters"].items() if name != "leaves_quantity"}
        found.add(msgspec.json.encode(own, order="sorted").decode())
    if len(found) > 1:
        raise InvalidValue("COMPARE_VENUE", f"expected one set of venue parameters, they were {sorted(found)}")
    if found:
        return msgspec.convert(msgspec.json.decode(found.pop()), PaperParameters)
    return PaperParameters(
        half_spread_bps=settings.paper_half_spread_bps,
        impact_bps=settings.paper_impact_bps,
        participation_max=settings.paper_participation_max,
        fee_bps=settings.paper_fee_bps,
    )


def _compared(
    settings: Settings, market: Market, signals: Sequence[RecordedSignal], run: Run, house: House
) -> Comparison:
    told = [_told(one) for one in signals if one.last_tick is not None]
    _check_ticks(market, told)
    trading, house = _settled(settings, market, told, run, house)
    on_recorded = compare(run, trading, house, "as recorded")
    models = sorted({(one.model_name, one.model_version) for one in signals if one.model_version})
    differences: list[Difference] = []
    remade, problem = None, ""
    try:
        made = _remake(settings, market, signals, models)
    except TapeledgerError as error:
        problem = str(error)
    else:
        differences = _signal_differences(market, signals, made)
        again = desk.trade(market, made, _rule(settings), house)
        agreed = not on_recorded.unexplained and bool(differences)
        remade = compare(run, again, house, "made anew by the model", follows_signals=agreed)
    return Comparison(
        account_id=house.account_id,
        first=market.first.isoformat(),
        last=market.last.isoformat(),
        symbols=[series.symbol for series in market.series],
        models=[f"{name} {version}" for name, version in models],
        signals=len(signals),
        recorded=on_recorded,
        remade=remade,
        signal_differences=differences,
        not_remade=problem,
    )


def _check_ticks(market: Market, signals: Sequence[SignalGenerated]) -> None:
    """Raises UnavailableError when the database has lost the ticks of a signal: retention drops old ones."""
    known = {(one.symbol, at.ref.offset) for one in market.series for at in one.ticks}
    for signal in signals:
        assert signal.last_tick is not None, "a signal without ticks was left out"
        if signal.direction != "HOLD" and (signal.symbol, signal.last_tick.offset) not in known:
            raise UnavailableError(
                f"signal {signal.signal_id} names the tick of {signal.symbol} at offset {signal.last_tick.offset}, "
                "which the database does not have: nothing to trade on"
            )


def _settled(
    settings: Settings, market: Market, signals: Sequence[SignalGenerated], run: Run, house: House
) -> tuple[Trading, House]:
    """The backtest with all that is to be taken over of the ledger; each round takes over what the last one shows."""
    for _ in range(_ROUNDS_MAX):
        trading = desk.trade(market, signals, _rule(settings), house)
        imposed = impose(run, trading, house)
        if imposed == house:
            return trading, house
        house = imposed
    raise AssertionError("every round takes over at least one more order, of which there are fewer")


def _rule(settings: Settings) -> Follower:
    return Follower(
        catalog(settings.symbols()),
        account_id=settings.strategy_account_id,
        strategy_id=settings.strategy_id,
        allocation=settings.strategy_allocation,
        protection=settings.strategy_protection,
        latency_us=settings.market_latency_us,
        latency_jitter_us=settings.market_latency_jitter_us,
    )


# Signals


def _told(one: RecordedSignal) -> SignalGenerated:
    """The signal as the rule reads it: what is left out does not move it."""
    return SignalGenerated(
        signal_id=one.signal_id,
        symbol=one.symbol,
        direction=one.direction,  # type: ignore[arg-type]  # the database has what the tape had
        probabilities={"BUY": one.p_buy, "SELL": one.p_sell, "HOLD": one.p_hold},
        model_name=one.model_name,
        model_version=one.model_version,
        features={},
        price=one.price,
        first_tick=_ref(one.first_tick),
        last_tick=_ref(one.last_tick),
        market_time_us=one.time_us,
        recorded_at_us=one.time_us,
        abstained=one.abstained,
    )


def _ref(tick: Mapping[str, Any] | None) -> TickRef | None:
    return None if tick is None else msgspec.convert(tick, TickRef)


def _remake(
    settings: Settings, market: Market, signals: Sequence[RecordedSignal], models: Sequence[tuple[str, str]]
) -> list[SignalGenerated]:
    """The signals of the market's bars, each by the model that the recorded one names, in their order.

    Raises UnavailableError, UnreadableInput, InvalidValue when a model is not at hand.
    """
    if not models:
        raise UnavailableError("no recorded signal names a model")
    by_model: dict[tuple[str, str], dict[str, SignalGenerated]] = {}
    for name, version in models:
        opinions = opinions_of(settings, f"{name}/{version}")
        if opinions.steps > 1:
            market = _deeper(settings, market, opinions.steps)
        made = deciding.signals(market, deciding.decide(market, opinions), name, version)
        by_model[name, version] = {signal.signal_id: signal for signal in made}
    newest = models[-1]
    named = {one.signal_id: (one.model_name, one.model_version) for one in signals if one.model_version}
    found = []
    for signal_id in by_model[newest]:
        found.append(by_model[named.get(signal_id, newest)][signal_id])
    return found


def _deeper(settings: Settings, market: Market, steps: int) -> Market:
    """The same period with the warm-up that opinions of so many rows need."""
    have = min(series.first for series in market.series)
    if have >= warm_up(steps):
        return market
    symbols = [series.symbol for series in market.series]
    return recorded.load(settings, symbols, market.first, market.last, steps)


def _signal_differences(
    market: Market, signals: Sequence[RecordedSignal], made: Sequence[SignalGenerated]
) -> list[Difference]:
    known = {one.signal_id: one for one in signals}
    newest = {one.symbol: one.time_us for one in signals}
    found = []
    for mine in made:
        theirs = known.get(mine.signal_id)
        if theirs is not None and _alike(mine, theirs):
            continue
        explanation, text = _why_signal(mine, theirs, newest)
        found.append(
            Difference(
                about="signal",
                id=mine.signal_id,
                symbol=mine.symbol,
                time_us=mine.market_time_us,
                ledger="no such signal" if theirs is None else _opinion(theirs, theirs[3:6]),
                backtest=_opinion(mine, [mine.probabilities[name] for name in CLASSES]),
                explanation=explanation,
                text=text,
            )
        )
    return found


def _alike(mine: SignalGenerated, theirs: RecordedSignal) -> bool:
    odds = [mine.probabilities[name] for name in CLASSES]
    same = mine.direction == theirs.direction and mine.abstained == theirs.abstained
    return same and np.allclose(odds, theirs[3:6], rtol=0, atol=_ODDS_TOLERANCE)


def _why_signal(
    mine: SignalGenerated, theirs: RecordedSignal | None, newest: Mapping[str, int]
) -> tuple[str | None, str]:
    if theirs is None:
        if mine.market_time_us > newest.get(mine.symbol, 0):
            return "NOT_REACHED", "the bar comes after the newest signal of its symbol"
        return None, "the bar has no recorded signal"
    if theirs.abstained is not None:
        return "ABSTAINED", f"the agent abstained: {theirs.abstained}"
    return None, "the same model says something else of the same ticks"


def _opinion(signal: SignalGenerated | RecordedSignal, odds: Sequence[float]) -> str:
    if signal.abstained is not None:
        return f"abstained: {signal.abstained}"
    return f"{signal.direction} ({', '.join(f'{value:.6f}' for value in odds)})"
