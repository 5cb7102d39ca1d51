"""What both clients do alike, without any I/O: from a call to a request, from a response to an answer or a pause."""

from __future__ import annotations

import os
import re
import uuid
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Generic, NamedTuple, NoReturn, TypeVar, cast

import httpx
import msgspec

from tapeledger_client.call import Call
from tapeledger_client.errors import NoAnswer, UnexpectedAnswer, problem_of
from tapeledger_client.memory import Recent, Stored, Written
from tapeledger_client.model import Document, Model, Received, receive
from tapeledger_client.retries import Retries, is_passing, retry_after_s
from tapeledger_client.wire import body_of, place_text, query_of, text_of

T = TypeVar("T")
_KEY = re.compile(r"[!-~]+")
_UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_ETAGS_MAX = 256
_OF_ONE_MESSAGE = {"date", "content-length", "transfer-encoding", "connection", "x-request-id", "traceparent"}


class Pause(NamedTuple):
    """Wait so long, and send the same request again."""

    seconds: float


class Answer(NamedTuple, Generic[T]):
    """What a call gives."""

    value: T


@dataclass(frozen=True, slots=True)
class Asked(Generic[T]):
    """A call that is ready to be sent, each time the same."""

    call: Call[T]
    query: list[tuple[str, str]]
    headers: dict[str, str]
    content: bytes | None
    timeout: httpx.Timeout
    cached_as: tuple[Any, ...] | None
    known: Stored | None

    @property
    def repeatable(self) -> bool:
        """Doing it twice is the same as doing it once."""
        return self.call.safe or self.call.keyed

    def arguments(self) -> dict[str, Any]:
        """Of httpx's build_request."""
        return {
            "method": self.call.method,
            "url": self.call.path,
            "params": self.query,
            "headers": self.headers,
            "content": self.content,
            "timeout": self.timeout,
        }


class Session:
    """One for a client. It keeps the API key to itself."""

    def __init__(
        self,
        base_url: str,
        *,
        api_key: str | None,
        timeout_s: float,
        retries: Retries,
        read_your_writes: bool,
        etag_cache: bool,
    ) -> None:
        given = os.environ.get("TAPELEDGER_API_KEY", "") if api_key is None else api_key
        if given and not _KEY.fullmatch(given):
            raise ValueError("expected an API key of visible ASCII characters, it has others")
        if not base_url.startswith(("http://", "https://")):
            raise ValueError(f"expected an address such as https://ledger.example.com, it was {base_url!r}")
        self.base_url = base_url
        self.headers = {"User-Agent": f"tapeledger-client/{_version()}"}
        if given:
            self.headers["Authorization"] = f"Bearer {given}"
        self._timeout_s = timeout_s
        self._retries = retries
        self._written = Written() if read_your_writes else None
        self._stored: Recent[tuple[Any, ...], Stored] | None = Recent(_ETAGS_MAX) if etag_cache else None

    def ask(self, call: Call[T]) -> Asked[T]:
        """Make a call ready. Raises NotSent."""
        query = query_of(call.query)
        headers = {name: text_of(value, name) for name, value in call.headers.items() if value is not None}
        headers["Accept"] = call.accept
        content = None
        if call.body is not None:
            headers["Content-Type"] = "application/json"
            content = body_of(call.body)
        elif call.method in {"POST", "PUT", "PATCH"}:
            headers["Content-Type"] = "application/json"
            content = b"{}"
        if call.keyed:
            headers["Idempotency-Key"] = call.key if call.key is not None else str(uuid.uuid4())
        cached_as = (call.path, tuple(query), call.accept) if call.cached and self._stored is not None else None
        known = self._stored.get(cached_as) if self._stored is not None and cached_as is not None else None
        if known is not None:
            headers["If-None-Match"] = known.etag
        if call.placed and (place := self._place(call)) is not None:
            query = [*query, ("min_position", place)]
        timeout = httpx.Timeout(self._timeout_s)
        if call.wait_s is not None:
            headers["Prefer"] = f"wait={text_of(call.wait_s, 'wait')}"
            timeout = httpx.Timeout(self._timeout_s, read=self._timeout_s + call.wait_s)
        return Asked(call, query, headers, content, timeout, cached_as, known)

    def after_failure(self, asked: Asked[T], repeat: int, error: httpx.TransportError) -> Pause:
        """What to do when no answer came. repeat: number of repeats before. Raises NoAnswer when it is given up."""
        unsent = isinstance(error, _UNSENT)
        seconds = self._retries.pause_s(repeat) if unsent or asked.repeatable else None
        if seconds is None:
            what = f"{asked.call.method} {asked.call.path}: {error or type(error).__name__}"
            raise NoAnswer(f"no answer from {self.base_url} to {what}, tried {repeat + 1} times", sent=not unsent)
        return Pause(seconds)

    def after_answer(self, asked: Asked[T], repeat: int, response: httpx.Response) -> Answer[T] | Pause:
        """What to make of a response, whole and read. Raises Problem, UnexpectedAnswer."""
        received = Received(response.status_code, {name.lower(): value for name, value in response.headers.items()})
        content = response.content
        if received.status == 304 and asked.known is not None:
            received, content = Received(200, {**asked.known.headers, **received.headers}), asked.known.content
        if received.status >= 400:
            return self._after_problem(asked, repeat, received, content)
        if not 200 <= received.status < 300:
            _unexpected(asked, received, f"the status {received.status}")
        value = _read(asked, received, content)
        if asked.cached_as is not None and self._stored is not None and received.etag:
            headers = {name: value for name, value in received.headers.items() if name not in _OF_ONE_MESSAGE}
            self._stored.put(asked.cached_as, Stored(received.etag, headers, content))
        if self._written is not None and not asked.call.safe:
            self._written.note(value)
        return Answer(value)

    def _after_problem(self, asked: Asked[T], repeat: int, received: Received, content: bytes) -> Pause:
        wanted_s = retry_after_s(received.headers.get("retry-after"))
        if is_passing(received.status, wanted_s, repeatable=asked.repeatable):
            seconds = self._retries.pause_s(repeat, wanted_s)
            if seconds is not None:
                return Pause(seconds)
        problem = problem_of(received, content)
        problem.retry_after_s = wanted_s
        raise problem

    def _place(self, call: Call[T]) -> str | None:
        if call.min_position is not None:
            return place_text(call.min_position)
        return None if self._written is None else self._written.place_of(call.ids)


def _read(asked: Asked[T], received: Received, content: bytes) -> T:
    result: Any = asked.call.result
    if result is type(None):
        return cast(T, None)
    media_type = received.headers.get("content-type", "").split(";")[0].strip().lower()
    if media_type != asked.call.accept:
        _unexpected(asked, received, f"the type {media_type or 'none'}")
    value: Any
    if result is str:
        value = content.decode("utf-8", "replace")
    elif result is Document:
        value = Document(media_type=media_type, content=content)
    else:
        try:
            value = _decoder(result).decode(content)
        except msgspec.MsgspecError as error:
            _unexpected(asked, received, str(error))
    if isinstance(value, Model):
        receive(value, received)
    return cast(T, value)


def _unexpected(asked: Asked[Any], received: Received, what: str) -> NoReturn:
    call = asked.call
    wanted = f"{call.accept} as {call.result.__name__}"
    raise UnexpectedAnswer(f"{call.method} {call.path}: expected {wanted}, it was {what}", received)


@cache
def _decoder(result: type) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(result)


def _version() -> str:
    try:
        return version("tapeledger-client")
    except PackageNotFoundError:
        return "0"
