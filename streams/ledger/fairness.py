"""A queue that is fair between accounts: each in turn gives its oldest item, none waits behind another's flood."""

from __future__ import annotations

from collections import OrderedDict, deque
from itertools import islice
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")


class Queued(NamedTuple, Generic[T]):
    """An item in its place: account, key within the account, item."""

    account: str
    key: str
    item: T


class FairQueue(Generic[T]):
    """Items by account and key, at most one of a key. In order within an account, in turn between accounts."""

    def __init__(self) -> None:
        self._accounts: OrderedDict[str, dict[str, T]] = OrderedDict()
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def put(self, account: str, key: str, item: T) -> None:
        """At the end of the account's items; in place of the item of that key, where there is one."""
        items = self._accounts.setdefault(account, {})
        self._length += key not in items
        items[key] = item

    def get(self, account: str, key: str) -> T | None:
        return self._accounts.get(account, {}).get(key)

    def remove(self, account: str, key: str) -> None:
        """Forget an item, if it is there."""
        items = self._accounts.get(account, {})
        if items.pop(key, None) is not None:
            self._length -= 1
            if not items:
                del self._accounts[account]

    def peek(self, count: int) -> list[Queued[T]]:
        """The next items, at most `count`; they stay until they are `done`."""
        found: list[Queued[T]] = []
        turns = deque((account, iter(items.items())) for account, items in islice(self._accounts.items(), count))
        while turns and len(found) < count:
            account, items = turns.popleft()
            following = next(items, None)
            if following is not None:
                found.append(Queued(account, *following))
                turns.append((account, items))
        return found

    def done(self, queued: Queued[T]) -> None:
        """Forget an item that was peeked at, unless another took its place, and give the turn to the next account."""
        if self.get(queued.account, queued.key) is queued.item:
            self.remove(queued.account, queued.key)
        if queued.account in self._accounts:
            self._accounts.move_to_end(queued.account)
