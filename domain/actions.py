"""Who did what: the input and the events of the tape `audit.logs`, and the names of actions.

Everyone sends RecordAction on `audit.intake`; only the audit agent writes the tape. The key is the subject, so all that
was done to one thing stands on one partition, in order.
"""

from __future__ import annotations

import msgspec

RETRY_BEGUN = "deadletter.retry_begun"
RETRIED = "deadletter.retried"
DISCARDED = "deadletter.discarded"

BREAK_FOUND = "reconciliation.break_found"
BREAK_RESOLVED = "reconciliation.break_resolved"

PROJECTION_SWITCHED = "projection.switched"
PROJECTION_DROPPED = "projection.dropped"
PROJECTION_SKIPPED = "projection.skipped"
MODEL_PROMOTED = "model.promoted"
MODEL_ROLLED_BACK = "model.rolled_back"
USER_PUT = "access.user_put"
USER_REMOVED = "access.user_removed"
KEY_CREATED = "access.key_created"
KEY_REVOKED = "access.key_revoked"
ACCESS_DENIED = "access.denied"
ACCESS_PRIVILEGED = "access.privileged"
SESSION_OPENED = "auth.session_opened"
SESSION_CLOSED = "auth.session_closed"
TOKEN_ISSUED = "auth.token_issued"
TOKENS_REVOKED = "auth.tokens_revoked"

ACTIONS: dict[str, str] = {
    RETRY_BEGUN: "somebody is about to send a dead letter to its topic again",
    RETRIED: "a dead letter was sent to its topic again, as a new input",
    BREAK_FOUND: "the venue has an order or an execution that belongs to no account; the subject is the break's id",
    BREAK_RESOLVED: "the venue has it no more, or an account has it now",
    DISCARDED: "a dead letter needs no more work; the reason says why",
    PROJECTION_SWITCHED: "a rebuilt version of a projection took the place of the live one; details say what differed",
    PROJECTION_DROPPED: "a version of a projection that was not live was removed",
    PROJECTION_SKIPPED: "a record is passed over by a projection; the subject is its place",
    MODEL_PROMOTED: "a version of a model judges from now on; details say which one did before, and how they compared",
    MODEL_ROLLED_BACK: "the version that judged before judges again; the reason says why",
    USER_PUT: "a user has this role and these granted accounts from now on; the subject is `user:` and the user's id",
    USER_REMOVED: "a user is no more, and all their keys are dead",
    KEY_CREATED: "a user has a key more; its SHA-256 is on record, never the key",
    KEY_REVOKED: "a key is dead from now on",
    ACCESS_DENIED: "calls were refused (401, 403, 429, CSRF): the first at once, repeats summed up once a minute",
    ACCESS_PRIVILEGED: "calls were made by right of the admin or the risk scope; repeats are summed up once a minute",
    SESSION_OPENED: "somebody has signed in with a key, for a browser",
    SESSION_CLOSED: "and out again",
    TOKEN_ISSUED: "somebody has exchanged a key, or a refresh token, for an access token",
    TOKENS_REVOKED: "a family of refresh tokens is dead; the reason says why",
}
"""The names of actions, category.what_happened. A name never changes its meaning."""


class RecordAction(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Input on `audit.intake`: put this on record. Key: subject.

    action_id: the sender's own, the same whenever it says the same thing again; unique for a subject. actor: who did
    it. action: a name of the form category.what_happened. subject: what it was done to. details: what else a reader
    wants to know, names and values. issued_at_us: the sender's wall clock, microseconds since 1970 UTC.
    """

    action_id: str
    actor: str
    action: str
    subject: str
    issued_at_us: int
    reason: str = ""
    details: dict[str, str] = {}


class ActionRecorded(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody did something. issued_at_us: when, by the sender's clock; recorded_at_us: by the audit agent's."""

    action_id: str
    actor: str
    action: str
    subject: str
    reason: str
    details: dict[str, str]
    issued_at_us: int
    recorded_at_us: int


class ActionRefused(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An action that cannot be put on record as it was sent. code: one of domain.codes; values holds what failed."""

    action_id: str
    actor: str
    action: str
    subject: str
    code: str
    text: str
    values: dict[str, str]
    recorded_at_us: int


AUDIT_EVENTS: tuple[type[msgspec.Struct], ...] = (ActionRecorded, ActionRefused)
