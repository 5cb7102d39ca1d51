"""A coroutine's first step at once, and the rest as if it had been awaited."""

from __future__ import annotations

import asyncio

import pytest

from streams.eager import Begun


async def test_what_need_not_wait_is_done_at_once() -> None:
    """Its effects are there before anything is awaited, and its error comes at once."""
    seen: list[int] = []

    async def ready() -> None:
        seen.append(1)

    async def broken() -> None:
        raise ValueError("no")

    assert Begun(ready()).done
    assert seen == [1]
    with pytest.raises(ValueError, match="no"):
        Begun(broken())


async def test_what_waits_goes_on_when_it_is_awaited() -> None:
    """Through several waits, with values, to its answer; as a task as well."""
    first, second = asyncio.Event(), asyncio.Event()

    async def patient() -> str:
        await first.wait()
        await asyncio.sleep(0)
        await second.wait()
        return "done"

    begun = Begun(patient())
    assert not begun.done
    task = asyncio.ensure_future(begun)
    first.set()
    await asyncio.sleep(0.01)
    assert not task.done()
    second.set()

    assert await task == "done"


async def test_a_cancelled_one_is_told() -> None:
    """CancelledError arrives where it waits, and it can clean up."""
    cleaned: list[str] = []

    async def patient() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.append("up")

    task = asyncio.ensure_future(Begun(patient()))
    await asyncio.sleep(0)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert cleaned == ["up"]


async def test_an_error_behind_a_wait_is_raised_where_it_is_awaited() -> None:
    async def breaks_later() -> None:
        await asyncio.sleep(0)
        raise ValueError("later")

    begun = Begun(breaks_later())

    with pytest.raises(ValueError, match="later"):
        await begun
