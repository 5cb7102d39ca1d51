"""Following the cursors of a list."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Protocol, TypeVar

Item_co = TypeVar("Item_co", covariant=True)
Row = TypeVar("Row")


class Page(Protocol[Item_co]):
    """What every list answers."""

    @property
    def data(self) -> tuple[Item_co, ...]: ...
    @property
    def has_more(self) -> bool: ...
    @property
    def cursor(self) -> str | None: ...


def each(get: Callable[[str | None], Page[Row]]) -> Iterator[Row]:
    """The rows of every page, one page in memory at a time. get: asks for the page at a cursor."""
    cursor: str | None = None
    while True:
        page = get(cursor)
        yield from page.data
        if not page.has_more or page.cursor is None:
            return
        cursor = page.cursor


async def aeach(get: Callable[[str | None], Awaitable[Page[Row]]]) -> AsyncIterator[Row]:
    """The same, awaited."""
    cursor: str | None = None
    while True:
        page = await get(cursor)
        for row in page.data:
            yield row
        if not page.has_more or page.cursor is None:
            return
        cursor = page.cursor
