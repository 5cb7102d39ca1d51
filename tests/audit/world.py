"""A small real ledger for the audit's tests: the domain decides, the tape is sealed, Kafka holds it, it is projected.

Ann (partition 0, FIFO) and Bob (partition 1, AVERAGE) trade AAPL and IBM, whose signals are on partitions 2 and 3. Dora
(partition 2) has her orders replaced, triggered, expired and grouped.
Each command, report and tick is on its own topic too, so that causes name real records.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from domain import actions as a
from domain import commands as c
from domain import ids
from domain import reports as r
from domain.breaks import BreakKind
from domain.catalog import catalog
from domain.ledger import Ledger
from domain.limits import Limits
from domain.market import Bar, Tick, TickRef
from domain.signals import SignalGenerated, SignalOutcome, SignalRefused
from domain.terms import OrderTerms
from domain.world import MarkedPrice
from projections.groups import GROUPS
from projections.worker import Projector
from runtime.clients import kafka_producer
from runtime.settings import Settings
from streams import codec
from streams.codec import Cause, Headers
from streams.tape import Head, end_offsets, genesis, seal

WALL_US = 1_767_225_600_000_000  # 2026-01-01 00:00:00 UTC, when the first command was issued
DAY_US = 24 * 3600 * 1_000_000
DAY_1_US = 1_294_012_800_000_000  # 2011-01-03 00:00:00 UTC
HOURS = {"open": 14.5, "high": 16.5, "low": 18.5, "close": 21}
EVENTS, SIGNALS, COMMANDS, REPORTS, TICKS = (
    *("ledger.events", "trading.signals", "trading.commands", "execution.reports"),
    "market.ticks",
)
AUDIT, INTAKE = "audit.logs", "audit.intake"
HOME = {"ann": 0, "bob": 1, "dora": 2, "erin": 2, "IBM": 2, "AAPL": 3, "a place": 1, "user:una": 3, "desk:0": 2}
ACCEPTED_AFTER_US, ACKNOWLEDGED_AFTER_US, SIGNALLED_AFTER_US = 2_000, 3_000, 5_000


def market_time(day: int, what: str) -> int:
    """Microseconds of one of the day's four prints; days count from 1 (2011-01-03)."""
    return DAY_1_US + (day - 1) * DAY_US + int(HOURS[what] * 3600 * 1_000_000)


class World:
    """Writes records in memory, then all of them to Kafka at once. now_us: the wall clock of whoever sends."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.ledger = Ledger(catalog(settings.symbols()), ids_kept_us_max=settings.client_ids_kept_s * 1_000_000)
        self.now_us = WALL_US
        self.heads: dict[tuple[str, int], list[Head]] = {}
        self.records: list[tuple[str, int, bytes, bytes, Headers]] = []
        self._next: dict[tuple[str, int], int] = {}
        self._count = 0

    # Records

    def put(self, topic: str, partition: int, key: str, value: bytes, headers: Headers) -> int:
        """Put a record at the end of a partition; returns its offset."""
        offset = self._next.get((topic, partition), 0)
        self._next[topic, partition] = offset + 1
        self.records.append((topic, partition, key.encode(), value, headers))
        return offset

    def send(self, topic: str, key: str, message: Any) -> int:
        """An input, made at `now_us`."""
        self._count += 1
        value, headers = codec.encode(message, id_=f"in-{self._count}", source="test", time_us=self.now_us, subject=key)
        return self.put(topic, HOME[key], key, value, headers)

    def append(self, topic: str, key: str, message: Any, cause: Cause, *, time_us: int, dead: bool = False) -> int:
        """An event on a tape; a dead one follows the record before the head, as that of a writer too late."""
        partition = HOME[key]
        heads = self.heads.setdefault((topic, partition), [Head(0, genesis(self.settings.topic(topic), partition))])
        behind = heads[-2] if dead else heads[-1]
        self._count += 1
        value, headers = codec.encode(
            message, id_=f"evt-{self._count}", source="test", time_us=time_us, subject=key, cause=cause
        )
        digest, sealed = seal(behind.seq + 1, behind.hash, key.encode(), value, headers)
        if not dead:
            heads.append(Head(behind.seq + 1, digest))
        return self.put(topic, partition, key, value, sealed)

    def decide(self, topic: str, message: Any) -> Any:
        """Send a command or report, and append the event that the domain gives; 2 or 3 ms later by the wall clock."""
        key = message.account_id
        offset = self.send(topic, key, message)
        after_us = ACCEPTED_AFTER_US
        if isinstance(message, r.ReportAcknowledged):
            after_us = ACKNOWLEDGED_AFTER_US
        event = self.ledger.decide(message, self.now_us + after_us)
        assert event is not None
        cause = Cause(self.settings.topic(topic), HOME[key], offset, f"in-{self._count}")
        self.append(EVENTS, key, event, cause, time_us=self.now_us + after_us)
        self.now_us += 10_000
        return event

    # The story's verbs

    def open(self, account: str, lot_method: c.LotMethod, amount: str) -> None:
        self.decide(
            COMMANDS,
            c.OpenAccount(
                command_id=f"{account}-open",
                account_id=account,
                issued_at_us=self.now_us,
                owner=account.title(),
                lot_method=lot_method,
                fee_bps=Decimal("10"),
            ),
        )
        self.decide(
            COMMANDS,
            c.Deposit(
                command_id=f"{account}-pay", account_id=account, issued_at_us=self.now_us, amount=Decimal(amount)
            ),
        )

    def submit(
        self,
        account: str,
        name: str,
        side: c.Side,
        symbol: str,
        quantity: str,
        limit: str | None = None,
        protection: str | None = None,
        signal_id: str | None = None,
        **terms: Any,
    ) -> str:
        order_id = ids.order_id(account, name)
        self.decide(
            COMMANDS,
            c.SubmitOrder(
                command_id=f"cmd-{account}-{name}",
                account_id=account,
                issued_at_us=self.now_us,
                order_id=order_id,
                client_order_id=name,
                symbol=symbol,
                side=side,
                order_type="MARKET" if limit is None else "LIMIT",
                quantity=Decimal(quantity),
                limit_price=None if limit is None else Decimal(limit),
                protection_price=None if protection is None else Decimal(protection),
                signal_id=signal_id,
                **terms,
            ),
        )
        return order_id

    def group(self, account: str, name: str, kind: Any, *orders: OrderTerms) -> list[str]:
        """Ask for a group of orders; gives their ids."""
        self.decide(
            COMMANDS,
            c.SubmitOrderGroup(
                command_id=f"cmd-{account}-{name}",
                account_id=account,
                issued_at_us=self.now_us,
                group_id=ids.group_id(account, name),
                client_group_id=name,
                kind=kind,
                orders=orders,
            ),
        )
        return [order.order_id for order in orders]

    def replace(self, account: str, order_id: str, number: int, **terms: Any) -> None:
        self.decide(
            COMMANDS,
            c.ReplaceOrder(
                command_id=f"replace-{order_id}-{number}",
                account_id=account,
                issued_at_us=self.now_us,
                order_id=order_id,
                **{name: Decimal(value) for name, value in terms.items()},
            ),
        )

    def cancel(self, account: str, order_id: str) -> None:
        self.decide(
            COMMANDS,
            c.CancelOrder(
                command_id=f"cancel-{order_id}", account_id=account, issued_at_us=self.now_us, order_id=order_id
            ),
        )

    def _report(self, kind: type[r.Report], account: str, order_id: str, epoch: int = 1, **fields: Any) -> None:
        self._count += 1
        self.decide(
            REPORTS,
            kind(
                report_id=f"rep-{self._count}",
                account_id=account,
                order_id=order_id,
                dispatch_epoch=epoch,
                worker_id="worker-1",
                reported_at_us=self.now_us,
                **fields,
            ),
        )

    def found(self, kind: BreakKind, account: str, order_id: str, execution_id: str | None = None) -> str:
        """Somebody finds a break; gives its id."""
        self._count += 1
        break_id = ids.break_id(kind, order_id, execution_id)
        self.decide(
            REPORTS,
            r.ReportBreak(
                report_id=f"rep-{self._count}",
                account_id=account,
                order_id=order_id,
                worker_id="worker-1",
                reported_at_us=self.now_us,
                break_id=break_id,
                kind=kind,
                execution_id=execution_id,
                venue="PAPER",
                symbol="AAPL",
                expected=f"one thing, {self._count}",
                actual="another",
                first_seen_at_us=self.now_us - 10_000_000,
            ),
        )
        return break_id

    def resolved(self, account: str, order_id: str, break_id: str) -> None:
        self._count += 1
        self.decide(
            REPORTS,
            r.ReportBreakResolved(
                report_id=f"rep-{self._count}",
                account_id=account,
                order_id=order_id,
                worker_id="worker-1",
                reported_at_us=self.now_us,
                break_id=break_id,
                reason="both have it",
            ),
        )

    def acknowledge(self, account: str, order_id: str, epoch: int = 1) -> None:
        self._report(r.ReportAcknowledged, account, order_id, epoch, venue="PAPER")

    def fill(
        self, account: str, order_id: str, quantity: str, price: str, fee: str, tick: TickRef, epoch: int = 1
    ) -> None:
        evidence = r.FillEvidence(
            tick=tick,
            tick_price=Decimal(price),
            tick_volume=Decimal(1000),
            model="test",
            parameters={"k": "1"},
            seed="ab",
        )
        self._report(
            r.ReportFilled,
            account,
            order_id,
            epoch,
            execution_id=ids.execution_id(order_id, tick.partition, tick.offset),
            venue="PAPER",
            quantity=Decimal(quantity),
            price=Decimal(price),
            fee=Decimal(fee),
            market_time_us=tick.market_time_us,
            evidence=evidence,
        )

    def day(self, symbol: str, day: int, prices: tuple[str, str, str, str]) -> dict[str, TickRef]:
        """The four prints of a day: open, high, low, close; 100 units each."""
        open_, high, low, close = (Decimal(price) for price in prices)
        bar = Bar(open=open_, high=high, low=low, close=close, volume=Decimal(400))
        refs = {}
        for what, price in zip(HOURS, (open_, high, low, close), strict=True):
            tick = Tick(
                symbol=symbol,
                market_time_us=market_time(day, what),
                price=price,
                volume=Decimal(100),
                bar=bar if what == "close" else None,
            )
            offset = self.send(TICKS, symbol, tick)
            refs[what] = TickRef(partition=HOME[symbol], offset=offset, market_time_us=tick.market_time_us)
            self.now_us += 1_000
        return refs

    def signal(self, symbol: str, tick: TickRef, direction: Any, **fields: Any) -> str:
        """A signal caused by a closing tick, 5 ms after the tick was sent by the wall clock."""
        recorded_us = self.now_us - 1_000 + SIGNALLED_AFTER_US
        message = SignalGenerated(
            signal_id=ids.signal_id(symbol, tick.offset),
            symbol=symbol,
            direction=direction,
            probabilities=fields.pop("probabilities", {"BUY": 0.5, "SELL": 0.25, "HOLD": 0.25}),
            model_name="xgboost",
            model_version="7",
            model_sha256="7a" * 32,
            features={"rsi": 55.5},
            price=Decimal(100),
            first_tick=tick,
            last_tick=tick,
            market_time_us=tick.market_time_us,
            recorded_at_us=recorded_us,
            **fields,
        )
        cause = Cause(self.settings.topic(TICKS), tick.partition, tick.offset, "tick")
        self.append(SIGNALS, symbol, message, cause, time_us=recorded_us)
        return message.signal_id

    def digest(self) -> str:
        """Of all accounts, and then of the desk of the one partition that has one."""
        accounts = Ledger(self.ledger.catalog, ids_kept_us_max=self.settings.client_ids_kept_s * 1_000_000)
        accounts.accounts = self.ledger.accounts
        return hashlib.sha256(accounts.digest() + self.ledger.desk.digest()).hexdigest()

    # Putting it where it belongs

    def flush(self) -> None:
        """Everything written so far goes to Kafka."""
        producer = kafka_producer(self.settings, **{"linger.ms": 20})
        failures: list[Any] = []
        for topic, partition, key, value, headers in self.records:
            producer.produce(
                self.settings.topic(topic),
                key=key,
                value=value,
                headers=list(headers),
                partition=partition,
                timestamp=_sent_ms(headers),
                on_delivery=lambda error, _: failures.append(error) if error else None,
            )
        assert producer.flush(20) == 0
        assert not failures
        self.records.clear()

    def project(self) -> None:
        """Run the real projector until the tables hold all that Kafka has."""
        ends = {group.topic: end_offsets(self.settings, self.settings.topic(group.topic)) for group in GROUPS}
        projector = Projector(self.settings)
        projector.start()
        deadline = time.monotonic() + 30
        try:
            while not all(
                runner.progress.get(partition, (0, None))[0] >= end
                for runner in projector.runners
                for partition, end in ends[runner.group.topic].items()
            ):
                projector.check()
                assert time.monotonic() < deadline, "the projector did not catch up"
                time.sleep(0.02)
        finally:
            projector.stop()


def _outcome(signal_id: str, at: TickRef) -> SignalOutcome:
    """Of the first signal, a BUY at AAPL's first close, with a label of one day: bought at 52 and worth 54."""
    return SignalOutcome(
        signal_id=signal_id,
        model_name="xgboost",
        model_version="7",
        direction="BUY",
        probabilities={"BUY": 0.5, "SELL": 0.25, "HOLD": 0.25},
        realised="BUY",
        entry_price=Decimal(52),
        exit_price=Decimal(54),
        market_time_us=at.market_time_us,
    )


def story(settings: Settings) -> World:
    """Four days. See each account's figures in tests/audit/test_report.py, worked out by hand."""
    world = World(settings)
    world.open("ann", "FIFO", "10000.00")
    world.open("bob", "AVERAGE", "5000.00")
    ibm1, aapl1 = world.day("IBM", 1, ("100", "110", "95", "105")), world.day("AAPL", 1, ("50", "52", "49", "51"))
    first = world.signal("AAPL", aapl1["close"], "BUY")
    world.signal(
        "IBM", ibm1["close"], "HOLD", probabilities={"BUY": 0.0, "SELL": 0.0, "HOLD": 0.0}, abstained="warm_up"
    )
    bought = world.submit("ann", "buy-1", "BUY", "AAPL", "40", protection="60", signal_id=first)
    world.acknowledge("ann", bought)
    aapl2 = world.day("AAPL", 2, ("52", "55", "51", "54"))
    world.fill("ann", bought, "10", "52.01", "0.53", aapl2["open"])
    world.fill("ann", bought, "30", "55.02", "1.66", aapl2["high"])
    ibm2 = world.day("IBM", 2, ("106", "108", "104", "104"))
    told = _outcome(first, aapl1["close"])
    second = world.signal(
        "AAPL", aapl2["close"], "SELL", probabilities={"BUY": 0.2, "SELL": 0.7, "HOLD": 0.1}, outcomes=(told,)
    )
    world.signal("IBM", ibm2["close"], "HOLD", probabilities={"BUY": 0.3, "SELL": 0.3, "HOLD": 0.4})
    sold = world.submit("ann", "sell-1", "SELL", "AAPL", "15", signal_id=second)
    world.acknowledge("ann", sold)
    world.append(EVENTS, "ann", *_rival(world, "ann"), time_us=world.now_us, dead=True)
    aapl3, _ = world.day("AAPL", 3, ("58", "60", "57", "59")), world.day("IBM", 3, ("104", "105", "100", "101"))
    world.fill("ann", sold, "15", "58.00", "0.87", aapl3["open"])
    world.submit("ann", "too-much", "BUY", "IBM", "1000", limit="100")  # CASH_INSUFFICIENT
    world.submit("ann", "unknown", "BUY", "TSLA", "1", limit="100")  # INSTRUMENT_UNKNOWN
    resting = world.submit("ann", "rest-1", "BUY", "IBM", "10", limit="90")
    world.acknowledge("ann", resting)
    gone = world.submit("ann", "cancel-1", "SELL", "AAPL", "5", limit="70")
    world.acknowledge("ann", gone)
    world.decide(
        COMMANDS,
        c.CancelOrder(command_id="ann-cancel", account_id="ann", issued_at_us=world.now_us, order_id=gone),
    )
    world._report(r.ReportCanceled, "ann", gone, reason="requested")
    world.decide(
        COMMANDS,
        c.Withdraw(command_id="ann-out", account_id="ann", issued_at_us=world.now_us, amount=Decimal("99999")),
    )
    _bob(world, ibm2, aapl3)
    _dora(world, ibm2)
    world.append(
        SIGNALS,
        "IBM",
        SignalRefused(request_id="req-1", symbol="IBM", code="SYMBOL_UNKNOWN", text="no", recorded_at_us=world.now_us),
        Cause(settings.topic("signals.requests"), HOME["IBM"], 0, "req-1"),
        time_us=world.now_us,
    )
    _carol(world)
    _una(world)
    _grace(world)
    _erin(world)
    _breaks(world)
    world.flush()
    return world


def _bob(world: World, ibm2: dict[str, TickRef], aapl3: dict[str, TickRef]) -> None:
    bought = world.submit("bob", "b1", "BUY", "IBM", "10", protection="120")
    world.acknowledge("bob", bought)
    world.fill("bob", bought, "10", "106.00", "1.06", ibm2["open"])
    resting = world.submit("bob", "b2", "BUY", "IBM", "5", limit="90")
    world.acknowledge("bob", resting)
    world._report(r.RequestRedispatch, "bob", resting, reason="worker_lost")
    world._report(r.ReportCanceled, "bob", resting, reason="late")  # of epoch 1: EPOCH_STALE
    refused = world.submit("bob", "b3", "BUY", "AAPL", "1", limit="60")
    world._report(r.ReportRefused, "bob", refused, code="VENUE_CLOSED", text="closed")


def _dora(world: World, ibm2: dict[str, TickRef]) -> None:
    """Events 2 to 9: replaced, refused, filled in part, expired. 10 to 19: a bracket. Then what is left open."""
    world.open("dora", "FIFO", "10000.00")
    day = world.submit("dora", "day", "BUY", "IBM", "10", limit="90", time_in_force="DAY")
    world.acknowledge("dora", day)
    world.replace("dora", day, 1, quantity="8", limit_price="91")
    world._report(r.ReportReplaced, "dora", day, revision=1, keeps_priority=False)
    world.replace("dora", day, 2, quantity="6")
    world._report(r.ReportReplaceRefused, "dora", day, revision=2, code="VENUE_TOO_LATE", text="too late")
    world.fill("dora", day, "3", "91", "0.28", ibm2["open"])
    world._report(r.ReportExpired, "dora", day, reason="day_over", market_time_us=ibm2["close"].market_time_us)
    entry, profit, loss = world.group(
        *("dora", "bracket", "BRACKET", leg("entry", "BUY", "10", "100"), leg("profit", "SELL", "10", "110")),
        leg("loss", "SELL", "10", "94", stop="95"),
    )
    world.acknowledge("dora", entry)
    world.fill("dora", entry, "10", "100", "1.00", ibm2["open"])
    world.acknowledge("dora", profit)
    world.acknowledge("dora", loss)
    world.fill("dora", profit, "4", "110", "0.44", ibm2["high"])
    world._report(r.ReportReplaced, "dora", loss, revision=1, keeps_priority=True)
    world._report(
        *(r.ReportTriggered, "dora", loss),
        venue="PAPER",
        price=Decimal("94.50"),
        market_time_us=ibm2["low"].market_time_us,
        tick=ibm2["low"],
    )
    world.fill("dora", loss, "6", "94", "0.57", ibm2["low"])
    world._report(r.ReportCanceled, "dora", profit, reason="group")
    world.group("dora", "none", "OCO", leg("none-1", "SELL", "99", "120"), leg("none-2", "SELL", "99", "80", stop="85"))
    parent, child = world.group("dora", "oto", "OTO", leg("parent", "BUY", "1", "80"), leg("child", "SELL", "1", "120"))
    world.cancel("dora", child)
    world.cancel("dora", parent)
    world._report(r.ReportCanceled, "dora", parent, reason="requested")
    high, _ = world.group(
        "dora", "oco", "OCO", leg("high", "SELL", "3", "120"), leg("low", "SELL", "3", "80", stop="85")
    )
    world.acknowledge("dora", high)
    asked = world.submit("dora", "asked", "BUY", "AAPL", "2", limit="40")
    world.acknowledge("dora", asked)
    world.replace("dora", asked, 1, limit_price="41")


def leg(name: str, side: c.Side, quantity: str, limit: str, stop: str | None = None) -> OrderTerms:
    """A leg of one of Dora's groups, for IBM."""
    return OrderTerms(
        order_id=ids.order_id("dora", name),
        client_order_id=name,
        symbol="IBM",
        side=side,
        order_type="LIMIT" if stop is None else "STOP_LIMIT",
        quantity=Decimal(quantity),
        limit_price=Decimal(limit),
        stop_price=None if stop is None else Decimal(stop),
    )


def _erin(world: World) -> None:
    """A rebalance of 1,000 USD into IBM that is cancelled before anything was sent."""
    world.open("erin", "FIFO", "1000.00")
    plan = ids.plan_id("erin", "plan")
    own: dict[str, Any] = {"account_id": "erin", "plan_id": plan}
    wish = {"IBM": Decimal(1)}
    world.decide(COMMANDS, c.PlanRebalance(command_id="plan", issued_at_us=world.now_us, weights=wish, **own))
    world.decide(COMMANDS, c.CancelRebalance(command_id="unplan", issued_at_us=world.now_us, **own))


def _breaks(world: World) -> None:
    """Two breaks of Dora's, one of them found and resolved twice."""
    world.found("ORDER_MISSING_AT_VENUE", "dora", ids.order_id("dora", "asked"))
    again = world.found("EXECUTION_MISSING_IN_LEDGER", "dora", "elsewhere", "exe-elsewhere")
    world.resolved("dora", "elsewhere", again)
    world.found("EXECUTION_MISSING_IN_LEDGER", "dora", "elsewhere", "exe-elsewhere")
    world.resolved("dora", "elsewhere", again)


def _carol(world: World) -> None:
    """Three inputs on one subject: two are put on record, and one that uses an id again is refused."""
    taken: dict[str, Any] = {"actor": "carol", "subject": "a place"}
    begun = a.ActionRecorded(
        **taken,
        action_id="act-1",
        action=a.RETRY_BEGUN,
        reason="mended",
        details={},
        issued_at_us=world.now_us,
        recorded_at_us=world.now_us + 4_000,
    )
    told = a.ActionRecorded(
        **taken,
        action_id="act-2",
        action=a.RETRIED,
        reason="",
        details={"sent_to": "elsewhere"},
        issued_at_us=world.now_us,
        recorded_at_us=world.now_us + 5_000,
    )
    refused = a.ActionRefused(
        **taken,
        action_id="act-1",
        action=a.DISCARDED,
        code="ACTION_ID_CONFLICT",
        text="expected the content of the first action",
        values={"action_id": "act-1"},
        recorded_at_us=world.now_us + 6_000,
    )
    for number, event in enumerate((begun, told, refused)):
        cause = Cause(world.settings.topic(INTAKE), HOME["a place"], number, f"act-{number}")
        world.append(AUDIT, "a place", event, cause, time_us=event.recorded_at_us)


def _una(world: World) -> None:
    """A user's rights, offsets 0 to 9: two keys, one of which is revoked; a removal, which ends the other; a key of
    nobody, which is none; the user again, with a key that stands; and two records that are not well formed.
    """
    key = {"sha256": "5e" * 32, "scopes": "trade read"}
    said: list[tuple[str, dict[str, str]]] = [
        (a.USER_PUT, {"role": "viewer", "accounts": ""}),
        (a.KEY_CREATED, {"key_id": "key_" + "1" * 16, **key}),
        (a.KEY_CREATED, {"key_id": "key_" + "2" * 16, **key, "label": "desk", "limit_per_minute": "7"}),
        (a.KEY_REVOKED, {"key_id": "key_" + "1" * 16}),
        (a.USER_REMOVED, {}),
        (a.KEY_CREATED, {"key_id": "key_" + "3" * 16, **key}),
        (a.USER_PUT, {"role": "trader", "accounts": "bob,ann"}),
        (a.KEY_CREATED, {"key_id": "key_" + "4" * 16, **key, "expires_at_us": str(10**18 - 1)}),
        (a.USER_PUT, {"role": "emperor", "accounts": ""}),
        (a.KEY_CREATED, {"key_id": "key_" + "5" * 16, "sha256": "short", "scopes": "read"}),
    ]
    for number, (name, details) in enumerate(said):
        event = a.ActionRecorded(
            action_id=f"una-{number}",
            actor="carol",
            subject="user:una",
            action=name,
            reason="",
            details=details,
            issued_at_us=world.now_us,
            recorded_at_us=world.now_us + number,
        )
        cause = Cause(world.settings.topic(INTAKE), HOME["user:una"], number, f"una-{number}")
        world.append(AUDIT, "user:una", event, cause, time_us=event.recorded_at_us)


def _grace(world: World) -> None:
    """A risk officer: limits of a strategy, a halt of all trading and its end, and two marks."""
    own: dict[str, Any] = {"account_id": "desk:0", "issued_at_us": world.now_us}
    officer: dict[str, Any] = {"by": "grace", "reason": "drill"}
    figures = Limits(order_value_max=Decimal("1000.50"), restricted_symbols=("FB",))
    limits: dict[str, Any] = {"scope": "STRATEGY", "strategy_id": "s1", "limits": figures}
    world.decide(COMMANDS, c.SetDeskLimits(command_id="g1", **limits, set_by="grace", reason="new", **own))
    world.decide(COMMANDS, c.HaltTrading(command_id="g2", scope="ALL", **officer, **own))
    world.decide(COMMANDS, c.ResumeTrading(command_id="g3", scope="ALL", **officer, **own))
    tick = TickRef(partition=2, offset=7, market_time_us=DAY_1_US)
    ibm = MarkedPrice(symbol="IBM", price=Decimal("101"), market_time_us=DAY_1_US, tick=tick)
    euro = MarkedPrice(symbol="EUR/USD", price=Decimal("1.31"), market_time_us=DAY_1_US)
    world.decide(COMMANDS, c.MarkPrices(command_id="g4", marks=(ibm, euro), **own))


def _rival(world: World, account: str) -> tuple[Any, Cause]:
    """What another writer made of an input: an event that must count for nothing."""
    deposit = c.Deposit(command_id="rival", account_id=account, issued_at_us=world.now_us, amount=Decimal("77.00"))
    rival = Ledger(world.ledger.catalog)
    opening = c.OpenAccount(command_id="o", account_id=account, issued_at_us=world.now_us, owner="Rival")
    rival.decide(opening, world.now_us)
    return rival.decide(deposit, world.now_us), Cause(world.settings.topic(COMMANDS), HOME[account], 9_999, "rival")


def _sent_ms(headers: Sequence[tuple[str, bytes]]) -> int:
    """What Kafka's CreateTime of a record is to be: its `ce_time`, milliseconds since 1970 UTC."""
    (stated,) = [value for name, value in headers if name == "ce_time"] or [b"2012-01-02T00:00:00Z"]
    return int(datetime.fromisoformat(stated.decode()).timestamp() * 1000)
