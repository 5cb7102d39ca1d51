"""The actions of one partition of `audit.logs`: fold what is on the tape, decide what comes next.

Each action gives one event, or none when it is a repeat. The same id with other content is refused, and the refusal
stands on the tape: of two that use one id on purpose (see streams.deadletters.settle) the first one wins.
Boundaries: who may do what is not decided here; what was done is written down.
Verification: tests/domain/test_actions.py.
"""

from __future__ import annotations

import hashlib
import re
from collections import OrderedDict
from typing import Any, NamedTuple

import msgspec

from domain.actions import ActionRecorded, ActionRefused, RecordAction
from domain.checks import CLOCK_AHEAD_US_MAX, Refusal, clean, is_text, refuse
from domain.errors import UnreadableInput

SUBJECT_CHARACTERS_MAX = 512
REASON_CHARACTERS_MAX = 1_000
DETAILS_MAX = 32
DETAIL_CHARACTERS_MAX = 1_000
_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+")
_encoder = msgspec.json.Encoder(order="sorted")


class _Taken(NamedTuple):
    fingerprint: bytes
    recorded_at_us: int


class ActionBook:
    """Which ids of actions were taken lately, and the decisions on new ones.

    ids_kept_us: the published time for which ids are remembered, microseconds. An action older than that is refused, so
    that a late copy is never recorded twice. Forgetting follows from the events' record times alone.
    """

    def __init__(self, ids_kept_us: int) -> None:
        self._kept_us = ids_kept_us
        self._taken: OrderedDict[tuple[str, str], _Taken] = OrderedDict()
        self._newest_us = 0

    def __len__(self) -> int:
        """How many ids are remembered."""
        return len(self._taken)

    def fold(self, event: ActionRecorded | ActionRefused) -> None:
        """Take in an event that is on the tape."""
        self._newest_us = max(self._newest_us, event.recorded_at_us)
        if isinstance(event, ActionRecorded):
            key = (event.subject, event.action_id)
            self._taken.pop(key, None)
            self._taken[key] = _Taken(_fingerprint(event), event.recorded_at_us)
        self._forget()

    def decide(self, message: Any, now_us: int) -> ActionRecorded | ActionRefused | None:
        """The one event of an input, already folded in; None when it is a repeat.

        now_us: wall time. Raises UnreadableInput when the message is no RecordAction.
        """
        if not isinstance(message, RecordAction):
            raise UnreadableInput(f"the audit agent takes RecordAction, it was a {type(message).__name__}")
        now_us = max(now_us, self._newest_us)  # a clock that is set back forgets nothing
        refusal = _form(message)
        if refusal is None:
            known = self._repeat(message, now_us)
            if known is True:
                return None
            refusal = known or self._age(message, now_us)
        event = _recorded(message, now_us) if refusal is None else _refused(message, refusal, now_us)
        self.fold(event)
        return event

    def _repeat(self, message: RecordAction, now_us: int) -> Refusal | bool | None:
        """True for a repeat, a Refusal when the id was used with other content, None when it is new."""
        taken = self._taken.get((message.subject, message.action_id))
        if taken is None or taken.recorded_at_us < now_us - self._kept_us - CLOCK_AHEAD_US_MAX:
            return None
        if taken.fingerprint == _fingerprint(message):
            return True
        return refuse(
            "ACTION_ID_CONFLICT",
            f"expected the content of the first action {clean(message.action_id)!r}, it was other content",
            action_id=message.action_id,
        )

    def _age(self, message: RecordAction, now_us: int) -> Refusal | None:
        details = {"issued_at_us": message.issued_at_us, "now_us": now_us}
        if message.issued_at_us < now_us - self._kept_us:
            return refuse(
                "ACTION_EXPIRED",
                f"expected an action issued at most {self._kept_us // 1_000_000} s ago, "
                f"it was issued {(now_us - message.issued_at_us) // 1_000_000} s ago",
                **details,
            )
        if message.issued_at_us > now_us + CLOCK_AHEAD_US_MAX:
            return refuse(
                "ACTION_AHEAD",
                f"expected an action issued at most 300 s ahead of the audit agent's clock, "
                f"it was {(message.issued_at_us - now_us) // 1_000_000} s ahead",
                **details,
            )
        return None

    def _forget(self) -> None:
        before_us = self._newest_us - self._kept_us - CLOCK_AHEAD_US_MAX
        while self._taken and next(iter(self._taken.values())).recorded_at_us < before_us:
            self._taken.popitem(last=False)


def _fingerprint(action: RecordAction | ActionRecorded) -> bytes:
    """What an action says, apart from its id and its time: 128 bits of SHA-256."""
    content = [action.actor, action.action, action.subject, action.reason, action.details]
    return hashlib.sha256(_encoder.encode(content)).digest()[:16]


def _form(message: RecordAction) -> Refusal | None:
    """What makes an action one that every reader can store and show."""
    if not is_text(message.action_id):
        return refuse("ACTION_ID_INVALID", "expected 1 to 128 printable characters", action_id=message.action_id)
    if len(message.action) > 128 or not _NAME.fullmatch(message.action):
        return refuse(
            "ACTION_NAME_INVALID",
            f"expected category.what_happened in lower case, up to 128 characters, it was {clean(message.action)!r}",
            action=message.action,
        )
    texts: list[tuple[str, str, int]] = [
        ("actor", message.actor, 128),
        ("subject", message.subject, SUBJECT_CHARACTERS_MAX),
    ]
    if message.reason:
        texts.append(("reason", message.reason, REASON_CHARACTERS_MAX))
    for name, value in message.details.items():
        texts += [("the name of a detail", name, 128), (f"detail {clean(name)}", value or "-", DETAIL_CHARACTERS_MAX)]
    for what, text, characters_max in texts:
        if not is_text(text, characters_max):
            return refuse(
                "ACTION_TEXT_INVALID",
                f"expected {what} to be 1 to {characters_max} printable characters, it was {clean(repr(text))}",
                value=text,
            )
    if len(message.details) > DETAILS_MAX:
        return refuse(
            "ACTION_TEXT_INVALID",
            f"expected at most {DETAILS_MAX} details, there were {len(message.details)}",
            details=len(message.details),
        )
    return None


def _recorded(message: RecordAction, now_us: int) -> ActionRecorded:
    return ActionRecorded(
        action_id=message.action_id,
        actor=message.actor,
        action=message.action,
        subject=message.subject,
        reason=message.reason,
        details=message.details,
        issued_at_us=message.issued_at_us,
        recorded_at_us=now_us,
    )


def _refused(message: RecordAction, refusal: Refusal, now_us: int) -> ActionRefused:
    """Its texts are cut as refusals' are; a subject that is in order stays whole, since it is what one looks for."""
    whole = is_text(message.subject, SUBJECT_CHARACTERS_MAX)
    return ActionRefused(
        action_id=clean(message.action_id),
        actor=clean(message.actor),
        action=clean(message.action),
        subject=message.subject if whole else clean(message.subject),
        code=refusal.code,
        text=refusal.text,
        values=refusal.details,
        recorded_at_us=now_us,
    )
