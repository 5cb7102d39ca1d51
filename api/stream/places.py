"""Which batch of the feed each record belongs to."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from typing import Any, NamedTuple

from api.stream.source import Read, Rows


class Span(NamedTuple):
    """Records [since, until) of a partition."""

    partition: int
    since: int
    until: int


class Batches:
    """The batches (after, feed] of the feed: what each projection read in them.

    Verification: tests/api/stream/test_places.py.
    """

    def __init__(self, after: int, feed: int, before: Rows, rows: Rows) -> None:
        """before: (projection, partition, next_offset) as of `after`; rows: (feed, projection, topic, partition,
        next_offset) by feed."""
        self.after, self.feed = after, feed
        self.topics: dict[str, str] = {}
        self._starts = {(projection, partition): offset for projection, partition, offset in before}
        self._ends: dict[tuple[str, int], tuple[list[int], list[int]]] = {}
        for number, projection, topic, partition, next_offset in rows:
            self.topics[projection] = topic
            ends, feeds = self._ends.setdefault((projection, partition), ([], []))
            ends.append(next_offset)
            feeds.append(number)

    def spans(self, projection: str) -> list[Span]:
        """What a projection read, partition by partition."""
        return [
            Span(partition, self._starts.get((name, partition), 0), ends[-1])
            for (name, partition), (ends, _) in sorted(self._ends.items())
            if name == projection
        ]

    def records(self) -> int:
        """How many records were read, dead ones included."""
        return sum(ends[-1] - self._starts.get(place, 0) for place, (ends, _) in self._ends.items())

    def seq(self, projection: str, partition: int, offset: int) -> int | None:
        """The batch in which a record was projected; None when it was none of these."""
        ends, feeds = self._ends.get((projection, partition), ([], []))
        place = bisect_right(ends, offset)
        if place == len(ends) or offset < self._starts.get((projection, partition), 0):
            return None
        return feeds[place]

    def places(self) -> dict[tuple[str, int], int]:
        """(topic, partition) -> the first record that was not projected after these batches, where they moved it."""
        return {
            (self.topics[projection], partition): ends[-1] for (projection, partition), (ends, _) in self._ends.items()
        }


async def batches(read: Read, after: int, feed: int) -> Batches:
    """Index: feed_batches' key, feed_batches_place."""
    rows = await read.all(
        """select feed, projection, topic, partition, next_offset from feed_batches
           where feed > %(after)s and feed <= %(feed)s order by feed""",
        {"after": after, "feed": feed},
    )
    moved = sorted({(row[1], row[3]) for row in rows})
    before = await read.all(
        """select moved.projection, moved.partition, place.next_offset
           from unnest(%(projections)s::text[], %(partitions)s::integer[]) as moved (projection, partition)
           cross join lateral (
               select next_offset from feed_batches
               where projection = moved.projection and partition = moved.partition and feed <= %(after)s
               order by feed desc limit 1) as place""",
        {"projections": [name for name, _ in moved], "partitions": [number for _, number in moved], "after": after},
    )
    return Batches(after, feed, before, rows)


async def window(read: Read, feed: int, batches_max: int, records_max: int) -> int:
    """The batch after which, up to `feed`, there are at most so many batches and records."""
    after = max(0, feed - batches_max)
    found = await batches(read, after, feed)
    while found.records() > records_max and after < feed:
        after = (after + feed + 1) // 2
        found = await batches(read, after, feed)
    return after


def arrays(spans: Iterable[Span]) -> dict[str, Any]:
    """Parameters of the statements that read spans."""
    found = list(spans)
    return {
        "partitions": [span.partition for span in found],
        "since": [span.since for span in found],
        "until": [span.until for span in found],
    }


def within(columns: str, table: str, offset: str = "record_offset", where: str = "true") -> str:
    """The rows of a table that stand in the spans, through its index on (partition, offset), in that order."""
    return f"""unnest(%(partitions)s::integer[], %(since)s::bigint[], %(until)s::bigint[])
        as span (in_partition, since, until) cross join lateral (
            select {columns} from {table}
            where {table}.partition = in_partition and {table}.{offset} >= since and {table}.{offset} < until
                and {where}
            order by {table}.partition, {table}.{offset} offset 0) as found"""
