"""What can go wrong.

ClientError
├── NotSent             the request is no request: it was not sent
├── NoAnswer            the server cannot be reached, or gave no answer in time
├── UnexpectedAnswer    an answer, but none that the API gives
└── Problem             an error of the API (RFC 9457), by status:
    ├── BadRequest           400
    ├── NotAuthenticated     401
    ├── Forbidden            403
    ├── NotFound             404
    ├── Conflict             409
    ├── PreconditionFailed   412
    ├── Refused              422
    ├── TooManyRequests      429
    └── Unavailable          503
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec

from tapeledger_client.model import Received
from tapeledger_client.models import FieldProblem

_TEXT_MAX = 200


class ClientError(Exception):
    """The root of all errors of this package."""


class NotSent(ClientError, ValueError):
    """The request does not fit its type or its place, such as a float for money. Nothing was sent."""


class NoAnswer(ClientError):
    """No answer came. sent: whether the server may have the request all the same.

    Of a write that was sent the outcome is unknown. Sending it again with the same ids is safe.
    """

    def __init__(self, text: str, *, sent: bool) -> None:
        super().__init__(text)
        self.sent = sent


class UnexpectedAnswer(ClientError):
    """An answer that this version cannot read: of a proxy, of another service, of an API that has changed."""

    def __init__(self, text: str, received: Received) -> None:
        super().__init__(text)
        self.received = received


class Problem(ClientError):
    """An error answer.

    code: its stable name, `HTTP_502` and the like where something else than the API has answered. errors: what is wrong
    with the request, each with a JSON pointer into the body or the name of a parameter. members: the whole problem.
    retry_after_s: seconds after which to try again, where the server says so.
    """

    def __init__(self, received: Received, members: Mapping[str, Any], errors: tuple[FieldProblem, ...] = ()) -> None:
        self.received = received
        self.members = members
        self.errors = errors
        self.status = received.status
        self.code = str(members.get("code") or f"HTTP_{received.status}")
        self.detail = str(members.get("detail") or "")
        self.request_id = str(members.get("request_id") or received.request_id)
        self.trace_id = str(members.get("trace_id") or "")
        self.retry_after_s: float | None = None
        super().__init__(self._text())

    def _text(self) -> str:
        places = [f"{each.pointer or each.parameter}: {each.detail}" for each in self.errors[:5]]
        parts = [f"{self.status} {self.code}: {self.detail}", *(f"({place})" for place in places)]
        return " ".join([*parts, *([f"[request {self.request_id}]"] if self.request_id else [])])


class BadRequest(Problem):
    """400: no JSON, a header is missing, a cursor is damaged."""


class NotAuthenticated(Problem):
    """401: no valid API key."""


class Forbidden(Problem):
    """403: the key may not do this."""


class NotFound(Problem):
    """404: it does not exist, or is not projected yet."""


class Conflict(Problem):
    """409: another request with this Idempotency-Key is under way."""


class PreconditionFailed(Problem):
    """412: it has changed since, or the reads are not yet as far as asked for."""


class Refused(Problem):
    """422: a field or parameter breaks a rule, or an id is used again with other content."""


class TooManyRequests(Problem):
    """429: above the rate limit."""


class Unavailable(Problem):
    """503: a server that the API needs does not answer, or is behind. code says whether anything was sent."""


BY_STATUS: dict[int, type[Problem]] = {
    400: BadRequest,
    401: NotAuthenticated,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    412: PreconditionFailed,
    422: Refused,
    429: TooManyRequests,
    503: Unavailable,
}


def problem_of(received: Received, content: bytes) -> Problem:
    """The exception for an answer with a status from 400."""
    kind = BY_STATUS.get(received.status, Problem)
    try:
        members = msgspec.json.decode(content, type=dict[str, Any])
    except msgspec.MsgspecError:
        text = content[:_TEXT_MAX].decode("utf-8", "replace").strip()
        return kind(received, {"detail": text or _phrase(received.status)})
    try:
        errors = msgspec.convert(members.get("errors") or (), tuple[FieldProblem, ...])
    except msgspec.ValidationError:
        errors = ()
    return kind(received, members, errors)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "an error without a text"
