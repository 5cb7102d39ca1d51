"""One request to one operation, as the generated methods describe it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, Generic, TypeVar

from tapeledger_client.model import Model, Placed

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """What is asked for.

    path: with its values. result: the type of the answer; NoneType for none, str for text, Document for other forms,
    object for JSON of any form.
    accept: the media type wanted. ids: values of path and query by which what was written before is known. safe:
    nothing is written. keyed: takes an Idempotency-Key. cached: takes If-None-Match. placed: takes min_position.
    wait_s: how long the server may wait.
    """

    method: str
    path: str
    result: type[T]
    _: KW_ONLY
    accept: str = "application/json"
    query: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, Any] = field(default_factory=dict)
    body: Model | None = None
    ids: tuple[str | None, ...] = ()
    safe: bool = False
    keyed: bool = False
    cached: bool = False
    placed: bool = False
    key: str | None = None
    min_position: Placed | str | None = None
    wait_s: int | None = None


class Sender(ABC):
    """What the generated methods need of a client."""

    @abstractmethod
    def _send(self, call: Call[T]) -> T: ...


class AsyncSender(ABC):
    """The same, awaited."""

    @abstractmethod
    async def _send(self, call: Call[T]) -> T: ...
