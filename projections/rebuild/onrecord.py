"""Who switched, dropped or passed over what: on record in the database at once, and then on the tape `audit.logs`.

The action is written in the transaction that does what it tells of, so neither is without the other. It is sent when
that is committed; what could not be sent is sent by the next command or by the projector. Sent twice it counts once.
"""

from __future__ import annotations

import uuid
from typing import Any, NamedTuple

import msgspec

from domain.action_book import DETAIL_CHARACTERS_MAX, REASON_CHARACTERS_MAX
from domain.actions import PROJECTION_DROPPED, PROJECTION_SKIPPED, PROJECTION_SWITCHED, RecordAction
from domain.checks import TEXT_CHARACTERS_MAX, is_text
from domain.errors import InvalidValue
from projections.progress import Connection
from projections.rows import Cursor
from runtime.clock import now_us
from runtime.settings import Settings
from streams.auditlog import intake

SWITCHED, DROPPED, SKIPPED = PROJECTION_SWITCHED, PROJECTION_DROPPED, PROJECTION_SKIPPED
_SOURCE = "projections"


class Order(NamedTuple):
    """Who wants it, and why."""

    actor: str
    reason: str

    def checked(self) -> Order:
        """Raises InvalidValue: what `audit.logs` would not take."""
        for what, text, most in (
            ("who does it", self.actor, TEXT_CHARACTERS_MAX),
            ("a reason", self.reason, REASON_CHARACTERS_MAX),
        ):
            if not is_text(text, most):
                raise InvalidValue(
                    "TEXT_INVALID", f"expected {what}, 1 to {most} printable characters, it was {text!r}"
                )
        return self


def put(cursor: Cursor, action: str, subject: str, order: Order, details: dict[str, str]) -> None:
    """Write an action down. Details are made such as the tape takes: printable, and not too long."""
    short = {name: _fitting(text) for name, text in details.items()}
    cursor.execute(
        """insert into public.projection_actions (action_id, actor, action, subject, reason, details, issued_at)
           values (%s, %s, %s, %s, %s, %s::jsonb, public.time_of_us(%s))""",
        (
            f"prj-{uuid.uuid4().hex}",
            order.actor,
            action,
            subject,
            order.reason,
            msgspec.json.encode(short).decode(),
            now_us(),
        ),
    )


def _fitting(text: str) -> str:
    printable = text if text.isprintable() else ascii(text)
    return printable if len(printable) <= DETAIL_CHARACTERS_MAX else printable[: DETAIL_CHARACTERS_MAX - 1] + "…"


def send_waiting(settings: Settings, connection: Connection) -> int:
    """Send what is written down and was not sent yet; how many those were. Raises UnavailableError."""
    with connection.transaction(), connection.cursor() as cursor:
        rows: list[tuple[Any, ...]] = cursor.execute(
            """select action_id, actor, action, subject, reason, details, public.us_of_time(issued_at)
               from public.projection_actions where sent_at is null order by issued_at limit 100
               for update skip locked"""
        ).fetchall()
        if not rows:
            return 0
        actions = [
            RecordAction(
                action_id=row[0],
                actor=row[1],
                action=row[2],
                subject=row[3],
                reason=row[4],
                details=row[5],
                issued_at_us=row[6],
            )
            for row in rows
        ]
        intake.send(settings, actions, _SOURCE)
        cursor.execute(
            "update public.projection_actions set sent_at = now() where action_id = any(%s)",
            ([row[0] for row in rows],),
        )
    return len(rows)
