"""One request's way: what an earlier one left, the command onto Kafka, the answer into the cache."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

from api.fields import View
from api.gateway import repeats
from api.gateway.idempotency import Entry, ResponseCache
from api.gateway.producer import CommandProducer
from api.gateway.repeats import Keyed, Outcome
from api.problems import FieldProblem, ProblemError
from api.receipts import Place
from domain.numbers import plain
from runtime import tracing
from runtime.settings import Settings
from streams import codec

_SOURCE = "tapeledger/gateway"


class Sending:
    """The producer and the cache of responses, and how they are used together."""

    def __init__(self, settings: Settings, producer: CommandProducer, cache: ResponseCache) -> None:
        self._settings = settings
        self._producer = producer
        self._cache = cache

    async def known(self, keyed: Keyed) -> Entry | None:
        """What an earlier request left. Raises ProblemError 422 when it had other content."""
        found = await self._cache.find(keyed.keys)
        for key, entry in found.items():
            repeats.check(keyed, key, entry)
        return next(iter(found.values()), None)

    @asynccontextmanager
    async def running(self, keyed: Keyed) -> AsyncIterator[None]:
        """Around what a request does. Raises ProblemError 409 while another with its Idempotency-Key is under way."""
        async with self._cache.running(keyed.key) as alone:
            if not alone:
                detail = "another request with this Idempotency-Key is under way; its answer will be this one's too"
                code = "IDEMPOTENCY_KEY_IN_USE"
                error = FieldProblem(code=code, detail=detail, parameter=repeats.KEY_PARAMETER)
                raise ProblemError(409, code, detail, errors=[error], headers={"Retry-After": "1"})
            yield

    def admit(self) -> None:
        """Raises ProblemError 503 while no broker can be reached: nothing is to be reserved then."""
        self._producer.admit()

    async def send(
        self, keyed: Keyed, command: Any, location: str, answer: Callable[..., View], extra: dict[str, Any]
    ) -> Outcome:
        """A command onto trading.commands; the answer is kept for repeats."""
        place = await self.produce("trading.commands", command.account_id, command.command_id, command)
        view = answer(
            command_id=command.command_id, account_id=command.account_id, status_url=location, position=place, **extra
        )
        entry = made(keyed, view, location, extra.get("protection_price"))
        await self._cache.keep(keyed.keys, entry)
        return Outcome(entry.response or {}, location, replayed=False)

    async def produce(self, topic: str, key: str, id_: str, message: Any) -> Place:
        """Raises ProblemError 503."""
        value, headers = codec.encode(
            message,
            id_=id_,
            source=_SOURCE,
            time_us=message.issued_at_us,
            subject=key,
            traceparent=tracing.traceparent(),
        )
        position = await self._producer.send(self._settings.topic(topic), key, value, headers)
        return Place(**position._asdict())


def made(keyed: Keyed, view: View, location: str, price: Decimal | None) -> Entry:
    """What is kept of an answered request."""
    return Entry(
        fingerprint=keyed.fingerprint,
        protection_price=None if price is None else plain(price),
        response=view.model_dump(mode="json"),
        location=location,
    )
