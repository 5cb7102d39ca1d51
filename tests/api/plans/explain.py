"""A snapshot that has every statement explained as it is sent, and what its plans say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from api.query.database import Parameters, Row, Rows, Snapshot

# Bounded by the number of partitions, desks and symbols, however long the ledger runs.
BOUNDED = {"projection_progress", "tape_causes", "feed_head", "desk_controls", "desk_marks", "backtest_inputs"}


class Plan(NamedTuple):
    """Of one statement. indexes: used; scanned: tables read whole; rows: looked at, those filtered out included."""

    statement: str
    indexes: frozenset[str]
    scanned: frozenset[str]
    rows: int


class Explaining(Snapshot):
    """Explains, really executing it, each statement before it runs; `plans` grows by one each time."""

    def __init__(self, connection: Any) -> None:
        super().__init__(connection)
        self.plans: list[Plan] = []

    async def all(self, statement: str, parameters: Parameters) -> Rows:
        await self._explain(statement, parameters)
        return await super().all(statement, parameters)

    async def one(self, statement: str, parameters: Parameters) -> Row | None:
        await self._explain(statement, parameters)
        return await super().one(statement, parameters)

    async def _explain(self, statement: str, parameters: Parameters) -> None:
        options = "analyze, timing off, buffers off, format json"
        row = await super().one(f"explain ({options}) {statement}", parameters)
        assert row is not None
        (plan,) = row["QUERY PLAN"]
        nodes = list(_nodes(plan["Plan"]))
        self.plans.append(
            Plan(
                statement,
                frozenset(node["Index Name"] for node in nodes if "Index Name" in node),
                frozenset(node["Relation Name"] for node in nodes if node["Node Type"] == "Seq Scan") - BOUNDED,
                sum(_looked_at(node) for node in nodes),
            )
        )


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from _nodes(child)


def _looked_at(node: dict[str, Any]) -> int:
    """Rows that a scan of a table gave and threw away, over all its loops."""
    if "Relation Name" not in node:
        return 0
    removed = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
    return round((node["Actual Rows"] + removed) * node["Actual Loops"])
