"""The AsyncAPI 3.0 document, `/asyncapi.json`: made from the Structs that are sent."""

from __future__ import annotations

from functools import lru_cache
from inspect import cleandoc
from typing import Any

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import Response

from api.stream import messages as m
from api.stream.closing import CLOSINGS

_DESCRIPTION = """\
What changes in the read models, told as it is committed.

Each committed batch of a projection has a number, the `seq`, without gaps and in the order of the commits. A channel
begins with a snapshot and its seq; updates tell what came after it, once and in order. A client that was away asks for
what came after the last seq that it has (`from_seq`, or `Last-Event-ID` of server-sent events).

Close codes:

"""
_SCHEMAS = "#/components/schemas/"

router = APIRouter()


@router.get(
    "/asyncapi.json",
    operation_id="get_asyncapi",
    tags=["system"],
    summary="The AsyncAPI 3.0 document of the stream",
    response_class=Response,
    responses={200: {"content": {"application/json": {"schema": {"type": "object"}}}}},
)
async def asyncapi(request: Request) -> Response:
    return Response(msgspec.json.encode(document(request.app.version)), media_type="application/json")


@lru_cache(maxsize=1)
def document(version: str) -> dict[str, Any]:
    """The whole document. version: the API's."""
    _, schemas = msgspec.json.schema_components((*m.INCOMING, *m.OUTGOING), ref_template=_SCHEMAS + "{name}")
    schemas = {name: _plain(schema) for name, schema in schemas.items()}
    messages = (*m.INCOMING, *m.OUTGOING)
    only_events = [m.Closed]
    socket = [one for one in messages if one not in only_events]
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "tapeledger stream",
            "version": version,
            "description": _DESCRIPTION
            + "\n".join(f"- {one.code} {one.name}: {one.meaning}; connect again: {one.retry}" for one in CLOSINGS),
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {"api": {"host": "127.0.0.1:8080", "protocol": "ws", "description": "this host"}},
        "channels": {
            "stream": _channel("/api/stream", "WebSocket: JSON texts in both directions.", socket),
            "events": _channel(
                "/api/stream/events",
                "Server-sent events: the query says what to follow, `event` is a message's type, `data` the message, "
                "`id` the seq up to which the client has everything.",
                list(m.OUTGOING),
            ),
        },
        "operations": {
            "ask": _operation("receive", "stream", "What a client may say.", list(m.INCOMING)),
            "tell": _operation(
                "send", "stream", "What the server says.", [one for one in m.OUTGOING if one not in only_events]
            ),
            "tellEvents": _operation("send", "events", "What the server says.", list(m.OUTGOING)),
        },
        "components": {
            "schemas": schemas,
            "messages": {_name(one): _message(one) for one in messages},
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "in the handshake, or as the first message `auth` within 5 s; never in the address",
                }
            },
        },
    }


def _plain(schema: Any) -> Any:
    """AsyncAPI's discriminator is the property's name alone; docstrings lose their indentation."""
    if isinstance(schema, list):
        return [_plain(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: _plain(part) for name, part in schema.items()}
    if isinstance(found.get("discriminator"), dict):
        found["discriminator"] = found["discriminator"]["propertyName"]
    if isinstance(found.get("description"), str):
        found["description"] = cleandoc(found["description"])
    return found


def _name(message: type[m.Message]) -> str:
    return str(message.__struct_config__.tag)


def _message(message: type[m.Message]) -> dict[str, Any]:
    summary = (message.__doc__ or "").strip().splitlines()[0]
    return {"name": _name(message), "summary": summary, "payload": {"$ref": _SCHEMAS + message.__name__}}


def _channel(address: str, description: str, messages: list[type[m.Message]]) -> dict[str, Any]:
    references = {_name(one): {"$ref": f"#/components/messages/{_name(one)}"} for one in messages}
    return {"address": address, "description": description, "messages": references}


def _operation(action: str, channel: str, summary: str, messages: list[type[m.Message]]) -> dict[str, Any]:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "summary": summary,
        "messages": [{"$ref": f"#/channels/{channel}/messages/{_name(one)}"} for one in messages],
    }
