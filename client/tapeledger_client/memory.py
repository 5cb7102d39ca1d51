"""What a client remembers between requests, each within a bound."""

from __future__ import annotations

import itertools
import threading
from collections import OrderedDict
from typing import Any, Generic, NamedTuple, TypeVar, cast

from tapeledger_client.model import Model, Placed
from tapeledger_client.wire import place_text

K = TypeVar("K")
V = TypeVar("V")


class Recent(Generic[K, V]):
    """A mapping of the entries used last. Threads may share it."""

    def __init__(self, entries_max: int) -> None:
        self._entries: OrderedDict[K, V] = OrderedDict()
        self._entries_max = entries_max
        self._lock = threading.Lock()

    def get(self, key: K) -> V | None:
        with self._lock:
            if key in self._entries:
                self._entries.move_to_end(key)
            return self._entries.get(key)

    def put(self, key: K, value: V) -> None:
        with self._lock:
            self._entries[key] = value
            self._entries.move_to_end(key)
            while len(self._entries) > self._entries_max:
                self._entries.popitem(last=False)


class Stored(NamedTuple):
    """An answer that may still be good. headers: of the whole answer."""

    etag: str
    headers: dict[str, str]
    content: bytes


class _Place(NamedTuple):
    topic: str
    partition: int
    offset: int
    number: int  # of the note: what was noted later is asked for first


class Written:
    """The place of the last write about each id: accounts, orders, groups, transfers, plans, signals' requests.

    An answer to a write names a place on Kafka and ids. A read about one of those ids asks to see what came up to
    there.
    """

    def __init__(self, ids_max: int = 10_000) -> None:
        self._places: Recent[str, _Place] = Recent(ids_max)
        self._numbers = itertools.count()

    def note(self, answer: Any) -> None:
        """Remember what an answer, or a part of one, says of places."""
        if isinstance(answer, tuple):
            for part in answer:
                self.note(part)
        elif isinstance(answer, Model):
            values = [(name, getattr(answer, name)) for name in answer.__struct_fields__]
            place = getattr(answer, "position", None)
            if all(hasattr(place, name) for name in ("topic", "partition", "offset")):
                for name, value in values:
                    self._note(name, value, cast("Placed", place))

    def place_of(self, ids: tuple[str | None, ...]) -> str | None:
        """The place of the last write about any of these ids, as min_position takes it."""
        found = [place for name in ids if name is not None and (place := self._places.get(name)) is not None]
        return place_text(max(found, key=lambda place: place.number)) if found else None

    def _note(self, name: str, value: Any, place: Placed) -> None:
        if not isinstance(value, str):
            self.note(value)
        if not isinstance(value, str) or not name.endswith("_id") or name.startswith("client_"):
            return  # a client's own ids are of one account alone
        new, known = _Place(place.topic, place.partition, place.offset, next(self._numbers)), self._places.get(value)
        if known is None or known[:2] != new[:2] or known.offset < new.offset:  # a replayed answer names an old place
            self._places.put(value, new)
