"""The protocol: every message of the stream, as the Structs that are sent and read.

The same Structs make the AsyncAPI document. Updates and snapshots are written from rows that are encoded once for all
clients (api.stream.hub); their Structs say what such a message is, and tests hold what is sent to them.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from api.stream.views import Channel, Data, Interval

NAMES_MAX = 200
"""Channels, symbols or accounts in one message."""

Symbol = Annotated[str, msgspec.Meta(pattern=r"^[A-Z0-9.-]{1,16}$", examples=["AAPL"])]
AccountId = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_.-]{1,64}$", examples=["acc_demo"])]
Seq = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1, examples=[812])]
Channels = Annotated[list[Channel], msgspec.Meta(min_length=1, max_length=9)]
Symbols = Annotated[list[Symbol], msgspec.Meta(min_length=1, max_length=NAMES_MAX)]
Accounts = Annotated[list[AccountId], msgspec.Meta(min_length=1, max_length=NAMES_MAX)]
Intervals = Annotated[list[Interval], msgspec.Meta(min_length=1, max_length=5)]
Because = Literal["SUBSCRIBED", "RESUME_TOO_OLD", "RESUME_UNKNOWN", "OVERRUN", "REBUILT", "ACCESS_CHANGED"]


class Message(msgspec.Struct, frozen=True, tag_field="type", forbid_unknown_fields=True, omit_defaults=False):
    """Any message; `type` names it."""


class Auth(Message, frozen=True, tag="auth"):
    """The first message where the handshake brought no credential: a bearer token, or an API key."""

    token: Annotated[str, msgspec.Meta(min_length=1, max_length=8_192)]


class Subscribe(Message, frozen=True, tag="subscribe"):
    """Follow channels. A channel that is followed already is followed as said here from now on, with a new snapshot.

    symbols, accounts: only these; without them all that the user may read. intervals: of bars, `1d` without it.
    from_seq: what this client has whole; it gets what came after it, and no snapshot.
    """

    channels: Channels
    symbols: Symbols | None = None
    accounts: Accounts | None = None
    intervals: Intervals | None = None
    from_seq: Seq | None = None


class Unsubscribe(Message, frozen=True, tag="unsubscribe"):
    """Follow these channels no longer."""

    channels: Channels


class Ping(Message, frozen=True, tag="ping"):
    """Answered with a pong that has the same text."""

    text: Annotated[str, msgspec.Meta(max_length=128)] = ""


class Authenticated(Message, frozen=True, tag="authenticated"):
    """The credential is good. Sent to every client, before anything else."""

    user_id: str


class Followed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a channel is followed. Null: without that limit; of accounts: all that there are."""

    channel: Channel
    symbols: list[str] | None
    accounts: list[str] | None
    intervals: list[Interval] | None


class Subscribed(Message, frozen=True, tag="subscribed"):
    """The channels that were asked for, and how they are followed. resumed: no snapshot comes."""

    channels: list[Followed]
    resumed: bool


class Unsubscribed(Message, frozen=True, tag="unsubscribed"):
    """Nothing more comes from these channels."""

    channels: list[Channel]


class Snapshot(Message, frozen=True, tag="snapshot"):
    """A channel as it stood after batch `seq`. It replaces all that the client had of the channel.

    more: another part follows. truncated: there was more than a snapshot may hold, and the newest rows are here.
    """

    channel: Channel
    seq: Seq
    because: Because
    more: bool
    truncated: bool
    data: list[Data]


class Change(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A row as the batch `seq` left it, or an event of that batch."""

    seq: Seq
    channel: Channel
    data: Data


class Update(Message, frozen=True, tag="update"):
    """What changed up to batch `seq`, in the order of the batches. With more = false the client has all up to `seq`."""

    seq: Seq
    more: bool
    changes: list[Change]


class Heartbeat(Message, frozen=True, tag="heartbeat"):
    """Sent every few seconds. counter: one more each time. seq: the client has all that it follows up to this batch.

    seq is null before the first update, and while a snapshot is on its way to replace everything. stale: the data may
    be behind the ledger. age_s: since it was last known not to be.
    """

    counter: int
    seq: Seq | None
    stale: bool
    age_s: float


class Status(Message, frozen=True, tag="status"):
    """Whether the data keeps up with the ledger; sent when that changes. Nothing is lost meanwhile.

    reason: null while it keeps up.
    """

    stale: bool
    age_s: float
    seq: Seq
    reason: Literal["DATABASE_UNAVAILABLE", "PROJECTION_BEHIND", "KAFKA_UNAVAILABLE"] | None


class Pong(Message, frozen=True, tag="pong"):
    """The answer to a ping."""

    text: str


class Error(Message, frozen=True, tag="error"):
    """What was refused; the connection goes on unless it is closed with a code. code: stable."""

    code: str
    detail: str


class Closed(Message, frozen=True, tag="closed"):
    """The last event of server-sent events: what a WebSocket says with its close code."""

    code: int
    name: str


Incoming = Auth | Subscribe | Unsubscribe | Ping
Outgoing = Authenticated | Subscribed | Unsubscribed | Snapshot | Update | Heartbeat | Status | Pong | Error | Closed
INCOMING: tuple[type[Message], ...] = (Auth, Subscribe, Unsubscribe, Ping)
OUTGOING: tuple[type[Message], ...] = (
    Authenticated,
    Subscribed,
    Unsubscribed,
    Snapshot,
    Update,
    Heartbeat,
    Status,
    Pong,
    Error,
    Closed,
)

encode = msgspec.json.Encoder().encode
_read = msgspec.json.Decoder(Incoming).decode


class Unreadable(Exception):
    """A message that is none of the protocol's; says why."""


def read(text: str) -> Incoming:
    """Raises Unreadable: no JSON, too deep, an unknown type or field, a value that breaks a rule."""
    try:
        message: Incoming = _read(text)
        return message
    except (msgspec.DecodeError, RecursionError) as error:
        raise Unreadable(str(error) or "nested too deep") from error
