"""Requests for backtests, and for their end, onto `backtest.requests`.

An id is derived from who asks, the Idempotency-Key and the terms: the same request is the same job though Redis be
wiped. The ledger has no part in it, so its lag refuses nothing here.
"""

from __future__ import annotations

import uuid
from typing import Any

import msgspec

from api.backtests.bodies import BacktestAsked, BacktestRequest, terms_of
from api.gateway.idempotency import ResponseCache
from api.gateway.repeats import Keyed, Outcome, keyed, replay
from api.gateway.sending import Sending, made
from domain import ids
from domain.backtest_jobs import BacktestState
from domain.backtests import BacktestCancelled, BacktestRequested
from runtime.clock import now_us
from runtime.settings import Settings

TOPIC = "backtest.requests"
_OWNER = "backtests/"
"""Before whose key it is: keys of backtests and of accounts do not meet."""
_encoder = msgspec.json.Encoder(decimal_format="string", order="deterministic")


class BacktestDesk:
    """One for a process."""

    def __init__(self, settings: Settings, sending: Sending, cache: ResponseCache) -> None:
        self._settings, self._sending, self._cache = settings, sending, cache

    async def request(self, body: BacktestRequest, requested_by: str, key: str) -> Outcome:
        terms = terms_of(body, self._settings)
        asked = BacktestRequested(
            backtest_id=ids.derive("bkt", requested_by, key, _encoder.encode(terms).decode()),
            requested_by=requested_by,
            issued_at_us=now_us(),
            terms=terms,
        )
        content = keyed("backtest", terms, _OWNER + requested_by, key)
        return await self._once(content, asked, "QUEUED")

    async def cancel(self, backtest_id: str, requested_by: str, state: BacktestState, key: str | None) -> Outcome:
        """state: what it is now. Without a key every request is one of its own; a second one changes nothing."""
        asked = BacktestCancelled(backtest_id=backtest_id, requested_by=requested_by, issued_at_us=now_us())
        own = key or uuid.uuid4().hex
        return await self._once(keyed("cancel_backtest", asked, _OWNER + requested_by, own), asked, state)

    async def _once(self, asked: Keyed, message: Any, state: BacktestState) -> Outcome:
        async with self._sending.running(asked):
            known = await self._sending.known(asked)
            if known is not None and known.response is not None:
                return replay(known)
            backtest_id = message.backtest_id
            place = await self._sending.produce(TOPIC, backtest_id, backtest_id, message)
            location = f"/api/backtests/{backtest_id}"
            view = BacktestAsked(backtest_id=backtest_id, state=state, status_url=location, position=place)
            await self._cache.keep(asked.keys, made(asked, view, location, None))
            return Outcome(view.model_dump(mode="json"), location, replayed=False)
