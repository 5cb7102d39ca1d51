"""Several followers of one agent, told one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from streams.agent import Follower
from streams.decider import Folded


class Followers:
    """A streams.agent.Follower that tells others. When one of them ends by an error, all end."""

    def __init__(self, *followers: Follower) -> None:
        self._followers = followers

    async def loaded(self, partition: int, decider: Any) -> None:
        for follower in self._followers:
            await follower.loaded(partition, decider)

    async def appended(self, partition: int, decider: Any, events: Sequence[Folded]) -> None:
        for follower in self._followers:
            await follower.appended(partition, decider, events)

    async def closed(self, partition: int) -> None:
        for follower in self._followers:
            await follower.closed(partition)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for follower in self._followers:
                group.create_task(follower.run())
