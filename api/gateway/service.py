"""From a request to one command on Kafka, with an id that is the same for every retry."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from api.fields import View
from api.gateway import accounts, checks
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
from api.gateway.idempotency import Entry, ResponseCache, fingerprint
from api.gateway.ledger_lag import LedgerLag
from api.gateway.prices import LastPrices, protection_price
from api.gateway.producer import CommandProducer
from api.orders import commands as order_commands
from api.orders.bodies import (
    CancelRequest,
    GroupRequest,
    GroupSubmitted,
    OrderAsked,
    OrderRequest,
    OrderSubmitted,
    RebalanceAsked,
    ReplaceRequest,
)
from api.orders.portfolio_bodies import PLAN_TAG, RebalanceRequest, plan_command
from api.problems import FieldProblem, ProblemError, refused
from api.receipts import Accepted, Place
from domain import ids
from domain.catalog import catalog
from domain.commands import CancelOrder, CancelRebalance, Deposit, SubmitOrder, Withdraw
from domain.numbers import plain
from domain.signals import SignalRequested
from runtime import tracing
from runtime.clock import now_us
from runtime.settings import Settings
from streams import codec

_SOURCE = "tapeledger/gateway"


class Outcome(NamedTuple):
    """The answer to a command. body: JSON-ready; replayed: it is the stored one of an earlier request."""

    body: dict[str, Any]
    location: str
    replayed: bool


class _Keyed(NamedTuple):
    """How a request is known again: the cache's keys, and the fingerprint of its content."""

    keys: tuple[str, ...]
    fingerprint: str


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

    async def open_account(self, body: AccountRequest, key: str | None) -> Outcome:
        command_id = _command_id(body.account_id, "open", key or body.account_id)
        command = accounts.opening(body, command_id, self._settings.paper_fee_bps)
        checks.stateless(command)
        keyed = _keyed("open", command, body.account_id, key)
        return await self._once(keyed, command, f"/api/accounts/{body.account_id}", Accepted, {})

    async def move_cash(
        self, kind: type[Deposit] | type[Withdraw], account_id: str, body: CashRequest, key: str
    ) -> Outcome:
        command = accounts.movement(kind, account_id, body, _command_id(account_id, "key", key))
        checks.amount(command)
        keyed = _keyed(kind.__name__, command, account_id, key)
        return await self._once(keyed, command, f"/api/accounts/{account_id}/journal", Accepted, {})

    async def convert_cash(self, account_id: str, body: ConversionRequest, key: str) -> Outcome:
        command = accounts.conversion(account_id, body, _command_id(account_id, "key", key))
        checks.stateless(command)
        keyed = _keyed("convert", command, account_id, key)
        return await self._once(keyed, command, f"/api/accounts/{account_id}/journal", Accepted, {})

    async def transfer_cash(self, account_id: str, body: TransferRequest, key: str) -> Outcome:
        command = accounts.transfer(account_id, body, _command_id(account_id, "key", key))
        checks.stateless(command)
        keyed = _keyed("transfer", command, account_id, key)
        location = f"/api/accounts/{account_id}/transfers/{command.reference}"
        return await self._once(keyed, command, location, TransferAsked, {"transfer_id": command.reference})

    async def submit_order(self, body: OrderRequest, key: str | None) -> Outcome:
        command = order_commands.submit(body, _command_id(body.account_id, "order", body.client_order_id))
        order_id = command.order_id
        keyed = _keyed("order", command, body.account_id, key, order_id)
        known = await self._known(keyed)
        if known is not None and known.response is not None:
            return _replay(known)
        command = self._checked(command, known)
        await self.lag.admit()
        await self.room.admit()
        price = None if command.protection_price is None else plain(command.protection_price)
        stands = await self.cache.reserve(order_id, Entry(fingerprint=keyed.fingerprint, protection_price=price))
        _same(keyed, order_id, stands)
        if stands.protection_price != price:  # the same request was first, with another newest price
            command = self._protected(command, stands)
        extra = {
            "order_id": order_id,
            "client_order_id": body.client_order_id,
            "protection_price": command.protection_price,
        }
        return await self._send_command(keyed, command, f"/api/orders/{order_id}", OrderSubmitted, extra)

    async def order_of(self, body: OrderRequest) -> SubmitOrder:
        """The command that `submit_order` would send, checked and with its worst price; nothing is sent or reserved."""
        command = order_commands.submit(body, _command_id(body.account_id, "order", body.client_order_id))
        known = await self._known(_keyed("order", command, body.account_id, None, command.order_id))
        return self._checked(command, known)

    async def submit_group(self, body: GroupRequest, key: str | None) -> Outcome:
        command = order_commands.group(body, _command_id(body.account_id, "group", body.client_group_id))
        keyed = _keyed("group", command, body.account_id, key, command.group_id)
        known = await self._known(keyed)
        if known is not None and known.response is not None:
            return _replay(known)
        checks.group(command, self._catalog)
        await self.lag.admit()
        await self.room.admit()
        order_ids = [terms.order_id for terms in command.orders]
        extra = {"group_id": command.group_id, "client_group_id": body.client_group_id, "order_ids": order_ids}
        return await self._send_command(keyed, command, f"/api/orders/{order_ids[0]}", GroupSubmitted, extra)

    async def replace_order(self, order_id: str, body: ReplaceRequest, key: str | None) -> Outcome:
        """Without a key every request is a command of its own."""
        command = order_commands.replace(order_id, body, _command_id(body.account_id, "key", key or uuid.uuid4().hex))
        checks.replacement(command)
        keyed = _keyed("replace", command, body.account_id, key)
        return await self._once(keyed, command, f"/api/orders/{order_id}", OrderAsked, {"order_id": order_id})

    async def rebalance(self, account_id: str, body: RebalanceRequest, key: str, if_match: str | None) -> Outcome:
        """if_match: the ETag of a preview, whose orders are made or none."""
        expected = None
        if if_match is not None:
            found = PLAN_TAG.fullmatch(if_match)
            if found is None:
                raise refused(
                    "IF_MATCH_INVALID", f"expected the ETag of a preview of a rebalance, it was {if_match[:64]!r}", None
                )
            expected = (int(found[1]), found[2])
        command = plan_command(account_id, body, _command_id(account_id, "key", key), expected)
        checks.rebalance(command, self._catalog)
        keyed = _keyed("rebalance", command, account_id, key)
        location = f"/api/portfolio/{account_id}/rebalances/{command.plan_id}"
        return await self._once(keyed, command, location, RebalanceAsked, {"plan_id": command.plan_id})

    async def cancel_rebalance(self, account_id: str, plan_id: str, key: str | None) -> Outcome:
        command = CancelRebalance(
            command_id=_command_id(account_id, "key", key or uuid.uuid4().hex),
            account_id=account_id,
            issued_at_us=now_us(),
            plan_id=plan_id,
        )
        keyed = _keyed("cancel_rebalance", command, account_id, key)
        location = f"/api/portfolio/{account_id}/rebalances/{plan_id}"
        return await self._once(keyed, command, location, RebalanceAsked, {"plan_id": plan_id})

    async def cancel_order(self, order_id: str, body: CancelRequest, key: str | None) -> Outcome:
        """Without a key every request is a command of its own; a second cancellation changes nothing."""
        command = CancelOrder(
            command_id=_command_id(body.account_id, "key", key or uuid.uuid4().hex),
            account_id=body.account_id,
            issued_at_us=now_us(),
            order_id=order_id,
        )
        keyed = _keyed("cancel", command, body.account_id, key)
        return await self._once(keyed, command, f"/api/orders/{order_id}", OrderAsked, {"order_id": order_id})

    async def request_signal(self, body: SignalRequest, key: str | None) -> Outcome:
        if body.symbol not in self._catalog:
            symbols = ", ".join(sorted(self._catalog))
            raise refused("INSTRUMENT_UNKNOWN", f"expected one of {symbols}; it was {body.symbol!r}", "#/symbol")
        request = SignalRequested(
            request_id=ids.derive("req", body.symbol, key or uuid.uuid4().hex),
            symbol=body.symbol,
            requested_by=body.requested_by,
            issued_at_us=now_us(),
        )
        keyed = _keyed("signal", request, body.symbol, key)
        known = await self._known(keyed)
        if known is not None and known.response is not None:
            return _replay(known)
        place = await self._produce("signals.requests", body.symbol, request.request_id, request)
        location = f"/api/signals/requests/{request.request_id}"
        answer = SignalAsked(request_id=request.request_id, symbol=body.symbol, status_url=location, position=place)
        return await self._keep(keyed, answer, location, None)

    def _checked(self, command: SubmitOrder, known: Entry | None) -> SubmitOrder:
        """The order with its worst price. Raises ProblemError 422 where it breaks a rule by itself."""
        checks.order(command, self._catalog, price_may_follow=True)
        if not order_commands.lacks_worst_price(command):
            return command
        command = self._protected(command, known)
        checks.order(command, self._catalog, price_may_follow=False)
        return command

    def _protected(self, command: SubmitOrder, known: Entry | None) -> SubmitOrder:
        """The order with the price of its first request, or with one derived from the newest price."""
        if known is not None and known.protection_price is not None:
            return msgspec.structs.replace(command, protection_price=Decimal(known.protection_price))
        last = self.prices.get(command.symbol)
        if last is None:
            raise refused(
                "PRICE_REQUIRED",
                "expected protection_price, the worst price at which a market purchase may fill: it has none, and no "
                f"tick of {command.symbol} is known to derive it from",
                "#/protection_price",
            )
        price = protection_price(
            order_commands.worst_from(command, last),
            self._settings.strategy_protection,
            self._catalog[command.symbol].price_increment,
        )
        return msgspec.structs.replace(command, protection_price=price)

    async def _once(
        self, keyed: _Keyed, command: Any, location: str, answer: Callable[..., View], extra: dict[str, Any]
    ) -> Outcome:
        known = await self._known(keyed)
        if known is not None and known.response is not None:
            return _replay(known)
        await self.lag.admit()
        return await self._send_command(keyed, command, location, answer, extra)

    async def _send_command(
        self, keyed: _Keyed, command: Any, location: str, answer: Callable[..., View], extra: dict[str, Any]
    ) -> Outcome:
        place = await self._produce("trading.commands", command.account_id, command.command_id, command)
        view = answer(
            command_id=command.command_id, account_id=command.account_id, status_url=location, position=place, **extra
        )
        return await self._keep(keyed, view, location, extra.get("protection_price"))

    async def _produce(self, topic: str, key: str, id_: str, message: Any) -> Place:
        value, headers = codec.encode(
            message,
            id_=id_,
            source=_SOURCE,
            time_us=message.issued_at_us,
            subject=key,
            traceparent=tracing.traceparent(),
        )
        position = await self.producer.send(self._settings.topic(topic), key, value, headers)
        return Place(**position._asdict())

    async def _known(self, keyed: _Keyed) -> Entry | None:
        """What an earlier request left. Raises ProblemError 422 when it had other content."""
        found = await self.cache.find(keyed.keys)
        for key, entry in found.items():
            _same(keyed, key, entry)
        return next(iter(found.values()), None)

    async def _keep(self, keyed: _Keyed, view: View, location: str, price: Any) -> Outcome:
        body = view.model_dump(mode="json")
        entry = Entry(
            fingerprint=keyed.fingerprint,
            protection_price=None if price is None else plain(price),
            response=body,
            location=location,
        )
        await self.cache.keep(keyed.keys, entry)
        return Outcome(body, location, replayed=False)


def _command_id(account_id: str, kind: str, key: str) -> str:
    return ids.derive("cmd", account_id, kind, key)


def _keyed(operation: str, message: Any, owner: str, key: str | None, order_id: str | None = None) -> _Keyed:
    """The cache's keys of a request: of its order, and of its Idempotency-Key within its account (or symbol)."""
    content = {
        name: value
        for name, value in _content(message).items()
        if name not in {"issued_at_us", "command_id", "request_id"}
    }
    keys = ([order_id] if order_id else []) + ([f"{owner}:{key}"] if key else [])
    return _Keyed(tuple(keys), fingerprint(operation, content))


def _content(value: Any) -> Any:
    """Structs as objects, decimals by value."""
    if isinstance(value, msgspec.Struct):
        return {name: _content(own) for name, own in msgspec.structs.asdict(value).items()}
    return plain(value) if isinstance(value, Decimal) else value


def _same(keyed: _Keyed, key: str, entry: Entry) -> None:
    """Raises ProblemError 422 where what is known under a key is another request."""
    if entry.fingerprint == keyed.fingerprint:
        return
    if key.startswith("ord_"):
        code, name, pointer, parameter = "CLIENT_ORDER_ID_CONFLICT", "client_order_id", "#/client_order_id", None
    else:
        code, name, pointer, parameter = "IDEMPOTENCY_KEY_CONFLICT", "Idempotency-Key", None, "header:Idempotency-Key"
    detail = f"expected the content of the first request with this {name}, it was other content"
    raise ProblemError(
        422, code, detail, errors=[FieldProblem(code=code, detail=detail, pointer=pointer, parameter=parameter)]
    )


def _replay(known: Entry) -> Outcome:
    assert known.response is not None
    assert known.location is not None
    return Outcome(known.response, known.location, replayed=True)
