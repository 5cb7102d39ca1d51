"""The client that blocks."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

import httpx

from tapeledger_client.call import Call, T
from tapeledger_client.operations import Operations
from tapeledger_client.retries import Retries
from tapeledger_client.session import Answer, Pause, Session

BASE_URL = "http://127.0.0.1:8080"


class Client(Operations):
    """Every operation of the API as a method with the operation's id. Threads may share it.

    base_url: where the API is. api_key: by default the environment variable TAPELEDGER_API_KEY; empty for none.
    timeout_s: seconds for connecting, and for each part of an answer; `wait=` comes on top. retries: of what may be
    sent again: reads, and writes, which carry an id. read_your_writes: each read asks to see what this client wrote
    before about the same account, order or other id (`min_position`). etag_cache: reads that say an ETag are kept, and
    only asked whether they have changed. transport: of httpx, for proxies, TLS of your own, and tests.
    Raises ClientError (errors.py draws the tree), ValueError for a wrong configuration.
    """

    def __init__(
        self,
        base_url: str = BASE_URL,
        *,
        api_key: str | None = None,
        timeout_s: float = 10.0,
        retries: Retries | None = None,
        read_your_writes: bool = False,
        etag_cache: bool = False,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._session = Session(
            base_url,
            api_key=api_key,
            timeout_s=timeout_s,
            retries=Retries() if retries is None else retries,
            read_your_writes=read_your_writes,
            etag_cache=etag_cache,
        )
        self._http = httpx.Client(base_url=base_url, headers=self._session.headers, transport=transport)

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _send(self, call: Call[T]) -> T:
        asked, repeat = self._session.ask(call), 0
        while True:
            try:
                response = self._http.send(self._http.build_request(**asked.arguments()))
            except httpx.TransportError as error:
                outcome: Answer[T] | Pause = self._session.after_failure(asked, repeat, error)
            else:
                outcome = self._session.after_answer(asked, repeat, response)
            if not isinstance(outcome, Pause):
                return outcome.value
            time.sleep(outcome.seconds)
            repeat += 1
