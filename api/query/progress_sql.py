"""How far the projections are, and what inputs they include. Few rows: one for each partition, group and topic."""

from __future__ import annotations

from collections.abc import Mapping

from api.query.database import Rows, Snapshot


async def positions(snapshot: Snapshot, projections: list[str]) -> Rows:
    """Where these groups of projections are on each partition, and since which batch their rows go on."""
    return await snapshot.all(
        """select projection, topic, partition, next_offset, (select replaced_at from feed_head) as replaced_at
           from projection_progress
           where projection = any(%(projections)s) order by projection, topic, partition""",
        {"projections": projections},
    )


async def replaced_at(snapshot: Snapshot) -> int:
    """The batch at which rows of before were last replaced by other ones (decision 0034)."""
    row = await snapshot.one("select replaced_at from feed_head", {})
    return 0 if row is None else int(row["replaced_at"])


async def reached(snapshot: Snapshot, tapes: Mapping[str, str], topics: list[str], taken_in: Mapping[str, str]) -> Rows:
    """Behind the newest record of each tape, and the newest input that each tape answers, that the tables include.

    tapes: group of projections -> its tape as declared, which is its name here. topics: the tapes on the broker.
    taken_in: topics of requests on the broker, which no tape answers -> their names as declared.
    """
    return await snapshot.all(
        """select cause_topic as name, partition, next_offset from tape_causes where topic = any(%(topics)s)
           union all
           select tape.name, partition, next_offset
           from projection_progress
           join unnest(%(groups)s::text[], %(names)s::text[]) as tape (projection, name) using (projection)
           union all
           select requests.name, partition, next_offset
           from backtest_inputs
           join unnest(%(given)s::text[], %(called)s::text[]) as requests (topic, name) using (topic)""",
        {
            **{"topics": topics, "groups": list(tapes), "names": list(tapes.values())},
            **{"given": list(taken_in), "called": list(taken_in.values())},
        },
    )
