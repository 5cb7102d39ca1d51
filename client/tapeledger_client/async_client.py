"""The client for asyncio."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

import httpx

from tapeledger_client.async_operations import AsyncOperations
from tapeledger_client.call import Call, T
from tapeledger_client.client import BASE_URL
from tapeledger_client.retries import Retries
from tapeledger_client.session import Answer, Pause, Session


class AsyncClient(AsyncOperations):
    """`Client` with methods to be awaited; `iter_…` are async iterators. Tasks of one event loop may share it."""

    def __init__(
        self,
        base_url: str = BASE_URL,
        *,
        api_key: str | None = None,
        timeout_s: float = 10.0,
        retries: Retries | None = None,
        read_your_writes: bool = False,
        etag_cache: bool = False,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._session = Session(
            base_url,
            api_key=api_key,
            timeout_s=timeout_s,
            retries=Retries() if retries is None else retries,
            read_your_writes=read_your_writes,
            etag_cache=etag_cache,
        )
        self._http = httpx.AsyncClient(base_url=base_url, headers=self._session.headers, transport=transport)

    async def close(self) -> None:
        """Close its connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _send(self, call: Call[T]) -> T:
        asked, repeat = self._session.ask(call), 0
        while True:
            try:
                response = await self._http.send(self._http.build_request(**asked.arguments()))
            except httpx.TransportError as error:
                outcome: Answer[T] | Pause = self._session.after_failure(asked, repeat, error)
            else:
                outcome = self._session.after_answer(asked, repeat, response)
            if not isinstance(outcome, Pause):
                return outcome.value
            await asyncio.sleep(outcome.seconds)
            repeat += 1
