"""Why the server ends a connection: one table, from which the code, the AsyncAPI document and the how-to page are made.

RFC 6455, section 7.4: 1000 to 2999 are the protocol's own, 4000 to 4999 are an application's.
"""

from __future__ import annotations

from typing import NamedTuple


class Closing(NamedTuple):
    """A close code with its name (the `reason` of the close frame) and what it means to the client."""

    code: int
    name: str
    meaning: str
    retry: str


GOING_AWAY = Closing(1001, "GOING_AWAY", "the server stops", "at once, from the last `seq`")
BINARY = Closing(1003, "BINARY_MESSAGE", "messages are JSON texts, and a binary one came", "no: a defect of the client")
TOO_BIG = Closing(1009, "MESSAGE_TOO_BIG", "a message was larger than `STREAM_MESSAGE_BYTES_MAX`", "no: as above")
INTERNAL = Closing(1011, "INTERNAL_ERROR", "an unexpected error, or no pong came in time", "after a moment")
RESTARTS = Closing(1012, "SERVICE_RESTART", "the server stops, and had no time to say more", "at once, from `seq`")
PROTOCOL = Closing(4400, "PROTOCOL_ERROR", "too many messages could not be read", "no: a defect of the client")
UNAUTHENTICATED = Closing(4401, "AUTHENTICATION_FAILED", "no valid credential came in time", "with a valid credential")
FORBIDDEN = Closing(4403, "FORBIDDEN", "the credential may not read", "no")
IDLE = Closing(4408, "IDLE", "nothing was subscribed to for too long", "when there is something to follow")
CREDENTIAL_ENDED = Closing(4410, "CREDENTIAL_ENDED", "the credential expired or was revoked", "with a fresh credential")
SLOW_CONSUMER = Closing(
    4411,
    "SLOW_CONSUMER",
    "the client did not take its messages as fast as they came",
    "from `seq`, following less",
)
TOO_MANY_CONNECTIONS = Closing(
    4412, "TOO_MANY_CONNECTIONS", "the user or the process has all connections that it may have", "later"
)
TOO_MANY_MESSAGES = Closing(4429, "TOO_MANY_MESSAGES", "the client sent messages too fast", "more slowly")

CLOSINGS = (
    GOING_AWAY,
    BINARY,
    TOO_BIG,
    INTERNAL,
    RESTARTS,
    PROTOCOL,
    UNAUTHENTICATED,
    FORBIDDEN,
    IDLE,
    CREDENTIAL_ENDED,
    SLOW_CONSUMER,
    TOO_MANY_CONNECTIONS,
    TOO_MANY_MESSAGES,
)
