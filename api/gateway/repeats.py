"""How a request is known again: its keys in the cache, the fingerprint of its content, and the answer it had."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from api.gateway.idempotency import Entry, fingerprint
from api.problems import FieldProblem, ProblemError
from domain import ids
from domain.numbers import plain

_OF_ONE_REQUEST = frozenset({"issued_at_us", "command_id", "request_id"})
KEY_PARAMETER = "header:Idempotency-Key"
_KEY = ("IDEMPOTENCY_KEY_CONFLICT", "Idempotency-Key")
_OWN_IDS = {
    "ord_": ("CLIENT_ORDER_ID_CONFLICT", "client_order_id"),
    "grp_": ("GROUP_ID_CONFLICT", "client_group_id"),
}
"""Of what begins so: the ledger's own code of the conflict, and the field that gave the id."""


class Outcome(NamedTuple):
    """The answer to a command. body: JSON-ready; replayed: it is the stored one of an earlier request."""

    body: dict[str, Any]
    location: str
    replayed: bool


class Keyed(NamedTuple):
    """order: the id of the order or group, of requests that have one. key: the Idempotency-Key within its account (or
    symbol), of requests that gave one.
    """

    order: str | None
    key: str | None
    fingerprint: str

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(name for name in (self.order, self.key) if name is not None)


def command_id(account_id: str, kind: str, key: str) -> str:
    """The same for every retry."""
    return ids.derive("cmd", account_id, kind, key)


def keyed(operation: str, message: Any, owner: str, key: str | None, order_id: str | None = None) -> Keyed:
    content = {name: value for name, value in _content(message).items() if name not in _OF_ONE_REQUEST}
    return Keyed(order_id, f"{owner}:{key}" if key else None, fingerprint(operation, content))


def conflict(keyed: Keyed, key: str, entry: Entry, place: str = "#") -> FieldProblem | None:
    """What is wrong where another request stands under a key of this one. place: pointer to the order in the body."""
    if entry.fingerprint == keyed.fingerprint:
        return None
    code, name = _OWN_IDS.get(key[:4], _KEY) if key == keyed.order else _KEY
    return FieldProblem(
        code=code,
        detail=f"expected the content of the first request with this {name}, it was other content",
        pointer=None if name == _KEY[1] else f"{place}/{name}",
        parameter=KEY_PARAMETER if name == _KEY[1] else None,
    )


def check(keyed: Keyed, key: str, entry: Entry) -> None:
    """Raises ProblemError 422 where what is known under a key is another request."""
    problem = conflict(keyed, key, entry)
    if problem is not None:
        raise ProblemError(422, problem.code, problem.detail, errors=[problem])


def replay(known: Entry) -> Outcome:
    assert known.response is not None
    assert known.location is not None
    return Outcome(known.response, known.location, replayed=True)


def _content(value: Any) -> Any:
    """Structs as objects, decimals by value."""
    if isinstance(value, msgspec.Struct):
        return {name: _content(own) for name, own in msgspec.structs.asdict(value).items()}
    if isinstance(value, tuple | list):
        return [_content(own) for own in value]
    return plain(value) if isinstance(value, Decimal) else value
