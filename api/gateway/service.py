"""From a request to one command on Kafka, with an id that is the same for every retry. Orders: see order_desk."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from api.fields import View
from api.gateway import accounts, checks
from api.gateway.backtests import BacktestDesk
from api.gateway.bodies import (
    AccountRequest,
    CashRequest,
    ConversionRequest,
    SignalAsked,
    SignalRequest,
    TransferAsked,
    TransferRequest,
)
from api.gateway.engine_room import EngineRoom
from api.gateway.idempotency import ResponseCache
from api.gateway.ledger_lag import LedgerLag
from api.gateway.order_desk import OrderDesk
from api.gateway.prices import LastPrices
from api.gateway.producer import CommandProducer
from api.gateway.repeats import Keyed, Outcome, command_id, keyed, replay
from api.gateway.sending import Sending, made
from api.gateway.worst_price import WorstPrices
from api.orders import commands as order_commands
from api.orders.bodies import CancelRequest, OrderAsked, RebalanceAsked, ReplaceRequest
from api.orders.portfolio_bodies import PLAN_TAG, RebalanceRequest, plan_command
from api.problems import FieldProblem, ProblemError, refused
from api.receipts import Accepted
from domain import ids
from domain.catalog import catalog
from domain.commands import CancelOrder, CancelRebalance, Deposit, Withdraw
from domain.signals import SignalRequested
from runtime.clock import now_us
from runtime.settings import Settings


class Gateway:
    """What the command side holds: a producer, the newest prices, the cache of responses, and who is behind.

    An answered request is answered again from the cache whatever the lag. Requests for signals are not the ledger's to
    decide, so its lag does not refuse them.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._catalog = catalog(settings.symbols())
        self.producer = CommandProducer(settings)
        self.prices = LastPrices(settings)
        self.cache = ResponseCache(settings)
        self.lag = LedgerLag(settings)
        self.room = EngineRoom(settings, self.cache)
        self.sending = Sending(settings, self.producer, self.cache)
        worst = WorstPrices(self._catalog, self.prices, settings.strategy_protection)
        self.backtests = BacktestDesk(settings, self.sending, self.cache)
        self.orders = OrderDesk(self._catalog, self.sending, self.cache, worst, self.lag, self.room)
        self.ids_kept_us = settings.client_ids_kept_s * 1_000_000

    def start(self) -> None:
        self.producer.start()
        self.prices.start()
        self.lag.start()

    def stop(self) -> None:
        """Blocks for at most `api_kafka_timeout_ms` and the time of one poll."""
        self.producer.stop()
        self.prices.stop()
        self.lag.stop()

    async def open_account(self, body: AccountRequest, owner: str, key: str | None) -> Outcome:
        id_ = command_id(body.account_id, "open", key or body.account_id)
        command = accounts.opening(body, owner, id_, self._settings.paper_fee_bps)
        checks.stateless(command)
        asked = keyed("open", command, body.account_id, key)
        return await self._once(asked, command, f"/api/accounts/{body.account_id}", Accepted, {})

    async def move_cash(
        self, kind: type[Deposit] | type[Withdraw], account_id: str, body: CashRequest, key: str
    ) -> Outcome:
        command = accounts.movement(kind, account_id, body, command_id(account_id, "key", key))
        checks.amount(command)
        asked = keyed(kind.__name__, command, account_id, key)
        return await self._once(asked, command, f"/api/accounts/{account_id}/journal", Accepted, {})

    async def convert_cash(self, account_id: str, body: ConversionRequest, key: str) -> Outcome:
        command = accounts.conversion(account_id, body, command_id(account_id, "key", key))
        checks.stateless(command)
        asked = keyed("convert", command, account_id, key)
        return await self._once(asked, command, f"/api/accounts/{account_id}/journal", Accepted, {})

    async def transfer_cash(self, account_id: str, body: TransferRequest, requested_by: str, key: str) -> Outcome:
        command = accounts.transfer(account_id, body, requested_by, command_id(account_id, "key", key))
        checks.stateless(command)
        asked = keyed("transfer", command, account_id, key)
        location = f"/api/accounts/{account_id}/transfers/{command.reference}"
        return await self._once(asked, command, location, TransferAsked, {"transfer_id": command.reference})

    async def replace_order(self, order_id: str, body: ReplaceRequest, key: str | None) -> Outcome:
        """Without a key every request is a command of its own."""
        command = order_commands.replace(order_id, body, command_id(body.account_id, "key", key or uuid.uuid4().hex))
        checks.replacement(command)
        asked = keyed("replace", command, body.account_id, key)
        return await self._once(asked, command, f"/api/orders/{order_id}", OrderAsked, {"order_id": order_id})

    async def rebalance(self, account_id: str, body: RebalanceRequest, key: str, if_match: str | None) -> Outcome:
        """if_match: the ETag of a preview, whose orders are made or none."""
        expected = None
        if if_match is not None:
            found = PLAN_TAG.fullmatch(if_match)
            if found is None:
                detail = f"expected the ETag of a preview of a rebalance, it was {if_match[:64]!r}"
                error = FieldProblem(code="IF_MATCH_INVALID", detail=detail, parameter="header:If-Match")
                raise ProblemError(422, "IF_MATCH_INVALID", detail, errors=[error])
            expected = (int(found[1]), found[2])
        command = plan_command(account_id, body, command_id(account_id, "key", key), expected)
        checks.rebalance(command, self._catalog)
        asked = keyed("rebalance", command, account_id, key)
        location = f"/api/portfolio/{account_id}/rebalances/{command.plan_id}"
        return await self._once(asked, command, location, RebalanceAsked, {"plan_id": command.plan_id})

    async def cancel_rebalance(self, account_id: str, plan_id: str, key: str | None) -> Outcome:
        command = CancelRebalance(
            command_id=command_id(account_id, "key", key or uuid.uuid4().hex),
            account_id=account_id,
            issued_at_us=now_us(),
            plan_id=plan_id,
        )
        asked = keyed("cancel_rebalance", command, account_id, key)
        location = f"/api/portfolio/{account_id}/rebalances/{plan_id}"
        return await self._once(asked, command, location, RebalanceAsked, {"plan_id": plan_id})

    async def cancel_order(self, order_id: str, body: CancelRequest, key: str | None) -> Outcome:
        """Without a key every request is a command of its own; a second cancellation changes nothing."""
        command = CancelOrder(
            command_id=command_id(body.account_id, "key", key or uuid.uuid4().hex),
            account_id=body.account_id,
            issued_at_us=now_us(),
            order_id=order_id,
        )
        asked = keyed("cancel", command, body.account_id, key)
        return await self._once(asked, command, f"/api/orders/{order_id}", OrderAsked, {"order_id": order_id})

    async def request_signal(self, body: SignalRequest, requested_by: str, key: str | None) -> Outcome:
        if body.symbol not in self._catalog:
            symbols = ", ".join(sorted(self._catalog))
            raise refused("INSTRUMENT_UNKNOWN", f"expected one of {symbols}; it was {body.symbol!r}", "#/symbol")
        request = SignalRequested(
            request_id=ids.derive("req", body.symbol, key or uuid.uuid4().hex),
            symbol=body.symbol,
            requested_by=requested_by,
            issued_at_us=now_us(),
        )
        asked = keyed("signal", request, body.symbol, key)
        async with self.sending.running(asked):
            known = await self.sending.known(asked)
            if known is not None and known.response is not None:
                return replay(known)
            place = await self.sending.produce("signals.requests", body.symbol, request.request_id, request)
            location = f"/api/signals/requests/{request.request_id}"
            view = SignalAsked(request_id=request.request_id, symbol=body.symbol, status_url=location, position=place)
            await self.cache.keep(asked.keys, made(asked, view, location, None))
            return Outcome(view.model_dump(mode="json"), location, replayed=False)

    async def _once(
        self, asked: Keyed, command: Any, location: str, answer: Callable[..., View], extra: dict[str, Any]
    ) -> Outcome:
        async with self.sending.running(asked):
            known = await self.sending.known(asked)
            if known is not None and known.response is not None:
                return replay(known)
            self.sending.admit()
            await self.lag.admit()
            return await self.sending.send(asked, command, location, answer, extra)
