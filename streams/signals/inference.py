"""The inference service, as the signals agent asks it: it waits for it, within a bound, and believes no half answer.

A decision must not depend on how a service fares: a question that is not answered is asked again, with pauses that
grow, until `model_service_patience_s` have gone by. Then the worker ends, to be started again by whoever keeps it. What
asking again cannot heal ends it for good (docs/adr/0018).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any, TypeVar

import httpx
import msgspec

from domain.errors import InvalidValue, TapeledgerError, UnavailableError, UnreadableInput
from runtime import tracing
from runtime.settings import Settings

PAUSE_S, PAUSE_S_MAX = 0.05, 1.0
_WRONG = {"MODEL_UNREADABLE"}
"""Codes of a 503 that waiting is no remedy for."""

_Answer = TypeVar("_Answer", bound=msgspec.Struct)
_logger = logging.getLogger(__name__)


class NotThere(TapeledgerError):
    """404: the service has no such model."""


class _Problem(msgspec.Struct):
    """What is read of a problem (RFC 9457)."""

    code: str = ""
    detail: str = ""


class Inference:
    """One connection, kept open. Not for several threads."""

    def __init__(self, settings: Settings, transport: httpx.BaseTransport | None = None) -> None:
        token = settings.model_service_token.get_secret_value()
        self._url = settings.model_service_url
        self._patience_s = settings.model_service_patience_s
        self._client = httpx.Client(
            base_url=self._url,
            headers={"Authorization": f"Bearer {token}"} if token else {},
            timeout=settings.model_service_timeout_ms / 1_000,
            transport=transport,
            trust_env=False,  # no proxy stands between
        )

    def ask(
        self,
        path: str,
        type_: type[_Answer],
        question: Any = None,
        unready: Callable[[_Answer], str | None] = lambda answer: None,
    ) -> _Answer:
        """GET, or POST where there is a question; the answer as `type_`.

        unready: why an answer is none yet, so that it is to be asked for again; None when it is one.
        Raises UnavailableError when patience is at its end, NotThere; UnreadableInput for a model that the service
        cannot read and an answer that is none; InvalidValue for what it refuses.
        """
        deadline = time.monotonic() + self._patience_s
        pause_s = PAUSE_S
        while True:
            try:
                answer = self._once(path, type_, question)
                if (reason := unready(answer)) is None:
                    return answer
                raise UnavailableError(f"the inference service at {self._url} cannot answer {path}: {reason}")
            except UnavailableError as error:
                if time.monotonic() + pause_s > deadline:
                    raise
                _logger.warning("%s; asking again in %.2f s", error, pause_s)
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, PAUSE_S_MAX)

    def close(self) -> None:
        self._client.close()

    def _once(self, path: str, type_: type[_Answer], question: Any) -> _Answer:
        headers = {"traceparent": tracing.traceparent()}
        try:
            if question is None:
                answer = self._client.get(path, headers=headers)
            else:
                headers["Content-Type"] = "application/json"
                answer = self._client.post(path, content=msgspec.json.encode(question), headers=headers)
        except httpx.HTTPError as error:
            text = str(error) or type(error).__name__
            raise UnavailableError(f"the inference service at {self._url} does not answer {path}: {text}") from error
        if answer.status_code != httpx.codes.OK:
            raise self._refusal(path, answer)
        try:
            return msgspec.json.decode(answer.content, type=type_)
        except msgspec.DecodeError as error:
            raise UnreadableInput(f"the inference service's answer to {path} is none: {error}") from error

    def _refusal(self, path: str, answer: httpx.Response) -> TapeledgerError:
        try:
            problem = msgspec.json.decode(answer.content, type=_Problem)
        except msgspec.DecodeError:
            problem = _Problem(detail=f"{len(answer.content)} bytes that are no problem details")
        text = f"the inference service answers {path} with {answer.status_code} {problem.code}: {problem.detail}"
        if problem.code in _WRONG:
            return UnreadableInput(text)
        if answer.status_code >= 500 or answer.status_code in (408, 429):
            return UnavailableError(text)
        if answer.status_code == 404:
            return NotThere(text)
        return InvalidValue(problem.code or "MODEL_SERVICE_REFUSED", text)
