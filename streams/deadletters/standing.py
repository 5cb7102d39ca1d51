"""What became of a dead letter, as a fold of what `audit.logs` says of its place. Nothing else is asked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from domain import actions, ids
from domain.actions import ActionRecorded, ActionRefused
from runtime.settings import Settings
from streams.auditlog.follow import AuditFollower, Entry
from streams.codec import rfc3339
from streams.deadletters.letter import Place

Status = Literal["open", "retrying", "retried", "discarded"]
_STATUS: dict[str, Status] = {
    actions.RETRY_BEGUN: "retrying",
    actions.RETRIED: "retried",
    actions.DISCARDED: "discarded",
}
_AFTER: dict[Status, frozenset[Status]] = {
    "open": frozenset({"retrying", "retried", "discarded"}),
    "retrying": frozenset({"retried"}),
    "retried": frozenset(),
    "discarded": frozenset(),
}


def decision_id(place: Place) -> str:
    """The id of the action that decides what becomes of a dead letter, whichever it is: the first one wins."""
    return ids.action_id("deadletter", str(place))


def retried_id(place: Place) -> str:
    """The id of the action that says it was sent."""
    return ids.action_id("deadletter", str(place), "retried")


class Standing(NamedTuple):
    """status: open, retrying (somebody began, and did not say that it was sent), retried or discarded.

    by, at_us, reason: of the action that gave the status. sent_to: the new record's place, once it was retried.
    """

    status: Status = "open"
    by: str = ""
    at_us: int = 0
    reason: str = ""
    sent_to: str = ""

    def after(self, event: ActionRecorded) -> Standing:
        """The standing behind one more action on the same place; the same one where the action comes too late."""
        status = _STATUS.get(event.action)
        if status is None or status not in _AFTER[self.status]:
            return self
        return Standing(status, event.actor, event.issued_at_us, event.reason, event.details.get("sent_to", ""))

    def text(self) -> str:
        """In words: what, by whom, when and why."""
        if self.status == "open":
            return "open"
        why = f": {self.reason}" if self.reason else ""
        where = f", as {self.sent_to}" if self.sent_to else ""
        return f"{self.status} by {self.by} at {rfc3339(self.at_us)}{where}{why}"


class Standings:
    """The standings of all dead letters, followed on `audit.logs`; and the whole history of some.

    historic: places whose entries are kept. refusals: the newest refusal on each subject, until somebody clears them.
    """

    def __init__(self, settings: Settings, historic: Iterable[Place] = ()) -> None:
        self._histories: dict[str, list[Entry]] = {str(place): [] for place in historic}
        self._standings: dict[str, Standing] = {}
        self.refusals: dict[str, ActionRefused] = {}
        self.follower = AuditFollower(settings, self._take)

    def of(self, place: Place) -> Standing:
        return self._standings.get(str(place), Standing())

    def history(self, place: Place) -> Sequence[Entry]:
        return self._histories[str(place)]

    def _take(self, entry: Entry) -> None:
        event = entry.event
        if event.subject in self._histories:
            self._histories[event.subject].append(entry)
        if event.action not in _STATUS:
            return
        if isinstance(event, ActionRefused):
            self.refusals[event.subject] = event
        else:
            self._standings[event.subject] = self._standings.get(event.subject, Standing()).after(event)
