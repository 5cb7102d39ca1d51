"""What security puts on `audit.logs`: sign-ins, denied calls, and calls made by a right beyond one's own accounts.

A request never waits for it, and a flood of calls is no flood of records: the first of a kind goes out at once, repeats
within a minute are one record that counts them. Changes of users and keys are another matter: `record` waits for Kafka.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple
from uuid import uuid4

from api.problems import ProblemError
from domain import actions
from domain.actions import RecordAction
from runtime import metrics, tracing
from runtime.clock import now_us
from runtime.settings import Settings
from streams import codec
from streams.auditlog.intake import INTAKE
from streams.codec import Headers

SOURCE = "tapeledger/api"
SUM_EVERY_S = 60.0
KINDS_MAX = 1_000
_WAITING_MAX = 10_000
_RETRY_S = 1.0
_STOP_S = 3.0
_log = logging.getLogger(__name__)

Send = Callable[[str, str, bytes, Headers], Awaitable[Any]]


class Call(NamedTuple):
    """Who has done what. subject: `user:<id>` or `address:<ip>`."""

    actor: str
    subject: str
    action: str
    operation: str
    code: str = ""
    account_id: str = ""


class _Sum:
    """Repeats of one kind of call since its last record."""

    def __init__(self) -> None:
        self.count = 0
        self.details: dict[str, str] = {}


class Trail:
    """send: puts a record on a topic and waits for its acknowledgement; raises ProblemError 503."""

    def __init__(self, settings: Settings, send: Send) -> None:
        self._topic = settings.topic(INTAKE)
        self._send = send
        self._waiting: deque[RecordAction] = deque()
        self._sums: dict[Call, _Sum] = {}
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._tasks = [asyncio.create_task(self._drain()), asyncio.create_task(self._sum_up())]

    async def stop(self) -> None:
        """Send what waits, for a short while."""
        self.sum_up()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        try:
            async with asyncio.timeout(_STOP_S):
                while self._waiting:
                    await self.record(self._waiting[0])
                    self._waiting.popleft()
        except (TimeoutError, ProblemError):
            _log.warning("%d actions were not put on %s", len(self._waiting), self._topic)

    def called(self, call: Call, **details: str) -> None:
        """A call that was denied, or privileged. details: of this very call."""
        if call.action == actions.ACCESS_DENIED:
            metrics.access_denied_total.labels(call.code).inc()
        if call not in self._sums and len(self._sums) >= KINDS_MAX:
            call = Call("many", "address:many", call.action, "many", call.code)
        known = self._sums.get(call)
        if known is None:
            self._sums[call] = _Sum()
            self.note(_action(call, 1, details))
            return
        known.count += 1
        known.details = details

    def note(self, action: RecordAction) -> None:
        """Send it when Kafka takes it. The oldest is lost, and counted, when too many wait."""
        if len(self._waiting) >= _WAITING_MAX:
            self._waiting.popleft()
            metrics.audit_actions_lost_total.inc()
        self._waiting.append(action)
        self._wake.set()

    async def record(self, action: RecordAction) -> None:
        """Return when Kafka has it. Raises ProblemError 503."""
        value, headers = codec.encode(
            action,
            id_=action.action_id,
            source=SOURCE,
            time_us=action.issued_at_us,
            subject=action.subject,
            traceparent=tracing.traceparent(),
        )
        await self._send(self._topic, action.subject, value, headers)

    def sum_up(self) -> None:
        """One record for each kind that had repeats; kinds that had none begin anew."""
        sums, self._sums = self._sums, {}
        for call, known in sums.items():
            if known.count:
                self._sums[call] = _Sum()
                self.note(_action(call, known.count, known.details))

    async def _sum_up(self) -> None:
        while True:
            await asyncio.sleep(SUM_EVERY_S)
            self.sum_up()

    async def _drain(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                action = self._waiting[0]
                try:
                    await self.record(action)
                except ProblemError as problem:
                    _log.warning("%d actions wait for %s: %s", len(self._waiting), self._topic, problem.detail)
                    await asyncio.sleep(_RETRY_S)
                    continue
                if self._waiting and self._waiting[0] is action:
                    self._waiting.popleft()


def _action(call: Call, count: int, details: dict[str, str]) -> RecordAction:
    own = {"operation": call.operation, "code": call.code, "account_id": call.account_id, "count": str(count)}
    return make(call.actor, call.action, call.subject, {**own, **details})


def make(actor: str, name: str, subject: str, details: dict[str, str], reason: str = "") -> RecordAction:
    """An action with a new id; details without a value are left out."""
    return RecordAction(
        action_id=f"act_{uuid4().hex}",
        actor=actor,
        action=name,
        subject=subject,
        issued_at_us=now_us(),
        reason=reason,
        details={key: value for key, value in details.items() if value},
    )
