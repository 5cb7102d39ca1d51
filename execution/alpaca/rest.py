"""Requests to Alpaca's REST API from the event loop: bounded threads, a deadline for each, numbers as Decimal.

alpaca-py's REST client is synchronous (requests), so each request runs on one of a few threads, each with a client and
a connection of its own. Of alpaca-py this takes the addresses, the authentication and the session. Its own handling of
answers is replaced in `_one_request`: it sets no deadline, sleeps and sends again after 429 and 504 without asking
whether an order was taken, and parses JSON numbers as floats; its request and response models hold prices as floats.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from alpaca.common.rest import RESTClient
from requests import RequestException, Response
from requests.exceptions import ConnectionError as RequestsConnectionError
from requests.exceptions import ConnectTimeout
from urllib3.exceptions import MaxRetryError, NewConnectionError

from domain.errors import UnavailableError
from execution.alpaca.access import Access
from execution.alpaca.answers import Answer
from execution.alpaca.backoff import Backoff
from execution.alpaca.wire import Unreadable, loads
from runtime import metrics
from runtime.settings import Settings

log = logging.getLogger(__name__)
_CONNECT_S_MAX = 5.0


class NoAnswer(Exception):
    """The request failed on its way. maybe_taken: it may have reached the venue."""

    def __init__(self, text: str, *, maybe_taken: bool) -> None:
        super().__init__(text)
        self.maybe_taken = maybe_taken


class _Client(RESTClient):
    """alpaca-py's client with our deadlines, our parser, and no retries of its own."""

    def __init__(self, access: Access, timeout_s: float) -> None:
        super().__init__(
            base_url=access.base_url,
            api_key=access.api_key.get_secret_value(),
            secret_key=access.secret_key.get_secret_value(),
            raw_data=True,
        )
        self._timeout_s = timeout_s

    def send(self, method: str, path: str, data: Mapping[str, str] | None) -> Answer:
        answer = self._request(method, path, None if data is None else dict(data))
        assert isinstance(answer, Answer), "alpaca-py answers with what _one_request gave it"
        return answer

    def close(self) -> None:
        self._session.close()

    def _one_request(self, method: str, url: str, opts: dict[str, Any], retry: int) -> Any:
        """One request; raises NoAnswer. Called by alpaca-py's own get, post, patch and delete."""
        timeout = (min(_CONNECT_S_MAX, self._timeout_s), self._timeout_s)
        try:
            response = self._session.request(method, url, timeout=timeout, **opts)
        except RequestException as error:
            raise NoAnswer(f"{method} {url}: {type(error).__name__}", maybe_taken=not _never_left(error)) from error
        return Answer(response.status_code, _body(response), _retry_after_s(response))


class Rest:
    """`ask` once, or `ask_until_answered` what can be repeated without harm."""

    def __init__(self, access: Access, settings: Settings) -> None:
        self._access = access
        self._timeout_s = settings.alpaca_timeout_ms / 1_000
        self._attempts_max = settings.alpaca_attempts_max
        self.backoff = Backoff(
            first_s=settings.alpaca_backoff_ms / 1_000,
            longest_s=settings.alpaca_backoff_ms_max / 1_000,
            seed=settings.alpaca_jitter_seed,
        )
        self._local = threading.local()
        self._clients: list[_Client] = []
        self._pool = ThreadPoolExecutor(
            settings.alpaca_connections_max, thread_name_prefix="alpaca", initializer=self._connect
        )

    async def ask(self, method: str, path: str, data: Mapping[str, str] | None = None) -> Answer:
        """One request. data: the query of a GET or DELETE, else the JSON body. Raises NoAnswer."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._send, method, path, data)

    async def ask_until_answered(self, method: str, path: str, data: Mapping[str, str] | None = None) -> Answer:
        """A request that can be repeated, until it is answered by neither 429 nor the server's own fault.

        Raises UnavailableError when that took too many attempts.
        """
        problem = ""
        for attempt in range(1, self._attempts_max + 1):
            retry_after_s = None
            try:
                answer = await self.ask(method, path, data)
            except NoAnswer as error:
                problem = str(error)
            else:
                if not answer.is_to_be_tried_again:
                    return answer
                problem, retry_after_s = answer.message, answer.retry_after_s
            if attempt < self._attempts_max:
                await self.pause(f"{method} {path}", attempt, problem, retry_after_s)
        raise UnavailableError(f"Alpaca does not answer {method} {path} after {self._attempts_max} attempts: {problem}")

    async def pause(self, what: str, attempt: int, problem: str, retry_after_s: float | None = None) -> None:
        """Wait before the next attempt: the backoff, or longer when the server asked for it, up to the longest wait."""
        wait_s = max(self.backoff.wait_s(what, attempt), min(retry_after_s or 0.0, self.backoff.longest_s))
        log.warning("%s failed, trying again in %.3f s: %s", what, wait_s, problem)
        metrics.venue_requests_retried_total.inc()
        await asyncio.sleep(wait_s)

    async def close(self) -> None:
        """Give up what is under way, and the connections."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        for client in self._clients:
            client.close()

    def _connect(self) -> None:
        self._local.client = client = _Client(self._access, self._timeout_s)
        self._clients.append(client)

    def _send(self, method: str, path: str, data: Mapping[str, str] | None) -> Answer:
        client: _Client = self._local.client
        return client.send(method, path, data)


def _never_left(error: RequestException) -> bool:
    """Whether there was no connection, so that nothing can have been sent."""
    if isinstance(error, ConnectTimeout):
        return True
    cause = error.args[0] if isinstance(error, RequestsConnectionError) and error.args else None
    return isinstance(cause, MaxRetryError) and isinstance(cause.reason, NewConnectionError)


def _body(response: Response) -> Any:
    if not response.content:
        return None
    try:
        return loads(response.content)
    except Unreadable:
        return None  # a proxy's page of HTML, say; the status says what to do


def _retry_after_s(response: Response) -> float | None:
    """Retry-After in seconds (RFC 9110), or until X-RateLimit-Reset, which Alpaca gives in seconds since 1970."""
    after, reset = response.headers.get("Retry-After", ""), response.headers.get("X-RateLimit-Reset", "")
    if after.isdigit():
        return float(after)
    return max(0.0, float(reset) - time.time()) if reset.isdigit() else None
