"""What the generated models are made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Protocol, TypeVar

import msgspec

if TYPE_CHECKING:
    _T = TypeVar("_T")
    Open = Annotated[_T, "values that this version does not know are kept"]
else:

    class Open:
        """`Open[Literal[...]]`: those values for a type checker, any text when it is read.

        A newer server may answer with a value that this version does not know; that is no reason to fail.
        """

        def __class_getitem__(cls, known: Any) -> type[str]:
            return str


class Received(msgspec.Struct, frozen=True):
    """How an answer came. headers: names in small letters."""

    status: int
    headers: Mapping[str, str]

    @property
    def request_id(self) -> str:
        """By which the server's log knows the request."""
        return self.headers.get("x-request-id", "")

    @property
    def etag(self) -> str | None:
        """For `if_match=`."""
        return self.headers.get("etag")

    @property
    def location(self) -> str | None:
        """Where to see what became of a command."""
        return self.headers.get("location")

    @property
    def replayed(self) -> bool:
        """Whether this is the stored answer of an earlier request with the same id."""
        return self.headers.get("idempotent-replayed") == "true"

    @property
    def next_cursor(self) -> str | None:
        """Of a page in another form than JSON; None on the last one."""
        return self.headers.get("x-next-cursor")


class Model(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """A body of a request or of an answer. Fields that this version does not know are ignored.

    Decimals are exact, times are aware and in UTC.
    """

    @property
    def received(self) -> Received:
        """How the answer came. Raises AttributeError for what is only a part of one, or was made by hand."""
        found: Received | None = self.__dict__.get("_received")
        if found is None:
            raise AttributeError(f"this {type(self).__name__} is no whole answer of the server")
        return found


class Document(Model, frozen=True, kw_only=True):
    """An answer that is not JSON, such as CSV or an Arrow stream. content: the bytes as they came."""

    media_type: str
    content: bytes


class Placed(Protocol):
    """Where something stands on Kafka, such as the `position` of an accepted command."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...


def receive(model: Model, received: Received) -> None:
    """Note how an answer came."""
    model.__dict__["_received"] = received
