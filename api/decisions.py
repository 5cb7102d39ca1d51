"""What the ledger has decided about a command, told with the answer to the command itself (`Prefer: wait`).

It stands between the two sides: the gateway's answer names what was sent, the query side knows when that is projected.
Not in time, or with the database away, the answer is the 202 that it would have been.
Verification: tests/api/test_prefer_wait.py.
"""

from __future__ import annotations

from typing import Any

from api.problems import ProblemError
from api.query import decisions_sql, signals_sql
from api.query.database import Database, Row, Snapshot
from api.query.places import Place
from api.query.waiting import Waiting
from api.receipts import Decision


class Decisions:
    """One for a process."""

    def __init__(self, database: Database, waiting: Waiting) -> None:
        self._database = database
        self._waiting = waiting

    async def tell(self, answer: dict[str, Any], wait_s: float) -> bool:
        """Fill in each `decision` of a command's answer, and say True; False when it is not known within wait_s."""
        try:
            await self._waiting.reached(Place(**answer["position"]), wait_s)
            async with self._database.snapshot() as snapshot:
                if "request_id" in answer:
                    await _tell_signal(snapshot, answer)
                else:
                    await _tell_commands(snapshot, answer.get("orders", [answer]))
        except ProblemError:
            return False
        return True


async def _tell_signal(snapshot: Snapshot, answer: dict[str, Any]) -> None:
    row = await signals_sql.refusal_of_request(snapshot, answer["request_id"])
    answer["decision"] = _decision(row)


async def _tell_commands(snapshot: Snapshot, answers: list[dict[str, Any]]) -> None:
    """Of a submitted order its row tells; of any other command, whether it stands among those that were refused."""
    firsts = {answer["command_id"]: _first_order(answer) for answer in answers}
    rows = await decisions_sql.of_orders(snapshot, [order_id for order_id in firsts.values() if order_id])
    orders = {row["order_id"]: row for row in rows}
    refusals = {row["command_id"]: row for row in await decisions_sql.refusals(snapshot, list(firsts))}
    for answer in answers:
        order = orders.get(firsts[answer["command_id"]] or "")
        refusal = refusals.get(answer["command_id"])
        if refusal is None and order is not None and order["code"] is not None and _submits(answer):
            refusal = order
        answer["decision"] = _decision(refusal, None if order is None else order["status"])


def _first_order(answer: dict[str, Any]) -> str | None:
    """The order that a command was about; of a group its first, whose fate the others share at first."""
    orders: list[str] = answer.get("order_ids") or [answer.get("order_id")]
    return orders[0]


def _submits(answer: dict[str, Any]) -> bool:
    return "client_order_id" in answer or "client_group_id" in answer


def _decision(refusal: Row | None, status: str | None = None) -> dict[str, Any]:
    if refusal is None:
        return Decision(outcome="ACCEPTED", order_status=status).model_dump(mode="json")
    return Decision(
        outcome="REJECTED",
        order_status=status,
        code=refusal["code"],
        detail=refusal["text"],
        values={name: str(value) for name, value in (refusal.get("details") or {}).items()},
    ).model_dump(mode="json")
