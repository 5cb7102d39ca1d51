"""Orders, alone, in groups and in batches: each is checked, gets its worst price, and is one command.

A batch is taken whole or not at all, as far as the gateway decides: what is wrong with any of its orders refuses it
before anything is sent. On the log its orders are commands of their own, and the ledger decides each by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from api.gateway import checks, repeats
from api.gateway.engine_room import EngineRoom
from api.gateway.idempotency import Entry, ResponseCache, fingerprint
from api.gateway.ledger_lag import LedgerLag
from api.gateway.repeats import Keyed, Outcome, command_id, keyed, replay
from api.gateway.sending import Sending, made
from api.gateway.worst_price import WorstPrices
from api.orders import commands as order_commands
from api.orders.bodies import BatchRequest, BatchSubmitted, GroupRequest, GroupSubmitted, OrderRequest, OrderSubmitted
from api.problems import FieldProblem, ProblemError, moved
from api.receipts import Place
from domain.catalog import Catalog
from domain.commands import SubmitOrder
from domain.numbers import plain


class _Part(NamedTuple):
    """An order of a batch. place: pointer to it in the body."""

    place: str
    keyed: Keyed
    command: SubmitOrder


class OrderDesk:
    """Verification: tests/api/test_gateway.py, tests/api/test_batches.py."""

    def __init__(
        self,
        catalog: Catalog,
        sending: Sending,
        cache: ResponseCache,
        prices: WorstPrices,
        lag: LedgerLag,
        room: EngineRoom,
    ) -> None:
        self._catalog = catalog
        self._sending = sending
        self._cache = cache
        self._prices = prices
        self._lag = lag
        self._room = room

    async def submit(self, body: OrderRequest, key: str | None) -> Outcome:
        part = _part("#", body.account_id, body, key)
        async with self._sending.running(part.keyed):
            known = await self._sending.known(part.keyed)
            if known is not None and known.response is not None:
                return replay(known)
            command = self._prices.checked(part.command, known)
            await self._admit(1)
            stands = await self._cache.reserve(command.order_id, _reservation(part.keyed, command))
            repeats.check(part.keyed, command.order_id, stands)
            command = self._first_price(command, stands)
            location = f"/api/orders/{command.order_id}"
            return await self._sending.send(part.keyed, command, location, OrderSubmitted, _names(command))

    async def command_of(self, body: OrderRequest) -> SubmitOrder:
        """The command that `submit` would send, checked and with its worst price; nothing is sent or reserved."""
        part = _part("#", body.account_id, body, None)
        return self._prices.checked(part.command, await self._sending.known(part.keyed))

    async def submit_group(self, body: GroupRequest, key: str | None) -> Outcome:
        command = order_commands.group(body, command_id(body.account_id, "group", body.client_group_id))
        asked = keyed("group", command, body.account_id, key, command.group_id)
        async with self._sending.running(asked):
            known = await self._sending.known(asked)
            if known is not None and known.response is not None:
                return replay(known)
            checks.group(command, self._catalog)
            await self._admit(len(command.orders))
            order_ids = [terms.order_id for terms in command.orders]
            extra = {"group_id": command.group_id, "client_group_id": body.client_group_id, "order_ids": order_ids}
            return await self._sending.send(asked, command, f"/api/orders/{order_ids[0]}", GroupSubmitted, extra)

    async def submit_batch(self, body: BatchRequest, key: str | None) -> Outcome:
        """Raises ProblemError 422 with a pointer for every order that is refused, and 503 when Kafka has not
        acknowledged all: sending the batch again with the same ids is safe.
        """
        parts = [_part(f"#/orders/{number}", body.account_id, leg, None) for number, leg in enumerate(body.orders)]
        _each_once(parts)
        content = fingerprint("batch", [part.keyed.fingerprint for part in parts])
        whole = Keyed(None, f"{body.account_id}:{key}" if key else None, content)
        async with self._sending.running(whole):
            known = await self._sending.known(whole)
            if known is not None and known.response is not None:
                return replay(known)
            found = await self._cache.find([part.command.order_id for part in parts])
            _no_conflict(parts, found)
            new = [part for part in parts if (entry := found.get(part.command.order_id)) is None or not entry.response]
            sent = await self._send_all(self._checked(new, found)) if new else {}
            answers = [
                sent.get(part.command.order_id) or OrderSubmitted.model_validate(found[part.command.order_id].response)
                for part in parts
            ]
            location = f"/api/orders?account_id={body.account_id}"
            view = BatchSubmitted(
                account_id=body.account_id, orders=answers, status_url=location, position=_last(answers)
            )
            await self._cache.keep(whole.keys, made(whole, view, location, None))
            return Outcome(view.model_dump(mode="json"), location, replayed=not new)

    async def _admit(self, orders: int) -> None:
        self._sending.admit()
        await self._lag.admit()
        await self._room.admit(orders)

    def _checked(self, parts: Sequence[_Part], found: dict[str, Entry]) -> list[_Part]:
        """Raises ProblemError 422 that names what is wrong with each of them."""
        checked, problems = [], []
        for part in parts:
            try:
                command = self._prices.checked(part.command, found.get(part.command.order_id))
            except ProblemError as problem:
                problems += [moved(error, part.place) for error in problem.errors]
            else:
                checked.append(part._replace(command=command))
        _refuse(problems, len(parts))
        return checked

    async def _send_all(self, parts: list[_Part]) -> dict[str, OrderSubmitted]:
        """order id -> its answer. On the log in their order: they have one key, and are given to the producer so."""
        await self._admit(len(parts))
        wanted = {part.command.order_id: _reservation(part.keyed, part.command) for part in parts}
        stand = await self._cache.reserve_all(wanted)
        _no_conflict(parts, stand)
        commands = [self._first_price(part.command, stand[part.command.order_id]) for part in parts]
        places = await asyncio.gather(
            *(self._sending.produce("trading.commands", one.account_id, one.command_id, one) for one in commands),
            return_exceptions=True,
        )
        answers: dict[str, OrderSubmitted] = {}
        entries: dict[str, Entry] = {}
        failures: list[FieldProblem] = []
        first: ProblemError | None = None
        for part, command, place in zip(parts, commands, places, strict=True):
            if isinstance(place, Place):
                location = f"/api/orders/{command.order_id}"
                answer = OrderSubmitted(
                    command_id=command.command_id,
                    account_id=command.account_id,
                    status_url=location,
                    position=place,
                    **_names(command),
                )
                answers[command.order_id] = answer
                entries[command.order_id] = made(part.keyed, answer, location, command.protection_price)
            elif isinstance(place, ProblemError):
                first = first or place
                failures.append(FieldProblem(code=place.code, detail=place.detail, pointer=part.place))
            else:
                raise place
        await self._cache.keep_all(entries)
        if first is not None:
            detail = (
                f"{len(answers)} of {len(parts)} orders were acknowledged; errors names the others, which may have "
                "been taken or not. Sending the batch again with the same ids is safe: the ledger takes each id once."
            )
            raise ProblemError(first.status, first.code, detail, errors=failures, headers=first.headers)
        return answers

    def _first_price(self, command: SubmitOrder, stands: Entry) -> SubmitOrder:
        """With the worst price of the same request that was first, which may have seen another newest price."""
        if stands.protection_price == _worst(command):
            return command
        return self._prices.protected(command, stands)


def _part(place: str, account_id: str, body: Any, key: str | None) -> _Part:
    command = order_commands.submit(account_id, body, command_id(account_id, "order", body.client_order_id))
    return _Part(place, keyed("order", command, account_id, key, command.order_id), command)


def _reservation(asked: Keyed, command: SubmitOrder) -> Entry:
    return Entry(fingerprint=asked.fingerprint, protection_price=_worst(command))


def _worst(command: SubmitOrder) -> str | None:
    return None if command.protection_price is None else plain(command.protection_price)


def _names(command: SubmitOrder) -> dict[str, str | Decimal | None]:
    return {
        "order_id": command.order_id,
        "client_order_id": command.client_order_id,
        "protection_price": command.protection_price,
    }


def _last(answers: Sequence[OrderSubmitted]) -> Place:
    """Of one account, so of one partition."""
    return max((answer.position for answer in answers), key=lambda place: place.offset)


def _each_once(parts: Sequence[_Part]) -> None:
    seen: dict[str, str] = {}
    problems = []
    for part in parts:
        other = seen.setdefault(part.command.client_order_id, part.place)
        if other != part.place:
            detail = f"expected each client_order_id once in a batch, {other} has it too"
            pointer = f"{part.place}/client_order_id"
            problems.append(FieldProblem(code="CLIENT_ORDER_ID_TWICE", detail=detail, pointer=pointer))
    _refuse(problems, len(parts))


def _no_conflict(parts: Sequence[_Part], entries: dict[str, Entry]) -> None:
    found = ((part, entries.get(part.command.order_id)) for part in parts)
    conflicts = (
        repeats.conflict(part.keyed, part.command.order_id, entry, part.place)
        for part, entry in found
        if entry is not None
    )
    _refuse([conflict for conflict in conflicts if conflict is not None], len(parts))


def _refuse(problems: Sequence[FieldProblem], orders: int) -> None:
    if problems:
        detail = f"{len(problems)} of {orders} orders are refused, see errors; nothing was sent"
        raise ProblemError(422, "BATCH_REFUSED", detail, errors=problems)
