"""Goal: the AsyncAPI document is one, and says what is sent. Method: AsyncAPI's own JSON Schema, a recorded session."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest

from api.stream.asyncapi import document
from api.stream.closing import CLOSINGS
from api.stream.views import CHANNELS
from runtime.settings import Settings
from tests.api.stream.stories import Story
from tests.api.stream.world import Follower, connect, following, projector, say, serving

HERE = Path(__file__).parent / "asyncapi"


def published_schema() -> Any:
    """AsyncAPI's schema of version 3.0.0, from the package that the lock names."""
    path = HERE / "node_modules" / "@asyncapi" / "specs" / "schemas" / "3.0.0.json"
    if not path.exists():
        npm = shutil.which("npm")
        assert npm, "npm is not installed; Node 20 or later is needed to check the AsyncAPI document"
        subprocess.run([npm, "ci", "--no-audit", "--no-fund"], cwd=HERE, check=True, timeout=240)
    return json.loads(path.read_text())


def as_json() -> Any:
    return json.loads(json.dumps(document("0.1.0")))


def test_the_document_is_an_asyncapi_document() -> None:
    """It is valid by the schema that AsyncAPI publishes."""
    schema = published_schema()
    errors = [
        f"{list(error.absolute_path)}: {error.message[:200]}"
        for error in jsonschema.Draft7Validator(schema).iter_errors(as_json())
    ]

    assert errors == []


def test_every_reference_leads_somewhere() -> None:
    """Each $ref of the document names a part of it."""
    whole = as_json()

    def references(part: Any) -> list[str]:
        if isinstance(part, dict):
            own = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
            return own + [found for value in part.values() for found in references(value)]
        return [found for value in part for found in references(value)] if isinstance(part, list) else []

    for reference in references(whole):
        found = whole
        for name in reference.removeprefix("#/").split("/"):
            found = found[name]


def test_it_names_every_close_code() -> None:
    """A client's author finds each code and its name in the document."""
    text = as_json()["info"]["description"]

    assert [one for one in CLOSINGS if f"{one.code} {one.name}" not in text] == []


@pytest.mark.integration
async def test_every_message_of_a_session_is_as_described(ledger_settings: Settings) -> None:
    """All that a client was told in a story with errors, a ping, a heartbeat and a resumption fits its schema."""
    settings = ledger_settings.model_copy(update={"instruments": "IBM,X,Y,Z", "stream_heartbeat_ms": 200})
    whole = as_json()
    messages: list[dict[str, Any]] = []
    with projector(settings) as written:
        story = Story(settings, seed=5)
        story.write(written, 4)
        async with serving(settings) as served:
            async with following(served, *CHANNELS) as (socket, follower):
                await socket.send(say("ping", text="here"))
                await socket.send("{")
                await socket.send(say("subscribe", channels=["ticks"], symbols=["NONE"]))
                story.write(written, 100)
                await follower.reach(socket, written.feed())
                await socket.send(say("unsubscribe", channels=["ticks"]))
                await follower.until(socket, "unsubscribed")
                messages += follower.messages
            again = Follower()
            async with connect(served.url) as socket:
                await socket.send(say("subscribe", channels=["orders"], from_seq=2))
                await again.until(socket, "update")
                messages += again.messages
            async with httpx.AsyncClient() as client:
                published = (await client.get(f"{served.http}/asyncapi.json")).json()

    by_type = {name: one["payload"]["$ref"].split("/")[-1] for name, one in whole["components"]["messages"].items()}
    for message in messages:
        schema = {"$ref": f"#/components/schemas/{by_type[message['type']]}", "components": whole["components"]}
        jsonschema.Draft202012Validator(schema).validate(message)

    told = {"authenticated", "subscribed", "unsubscribed", "snapshot", "update", "heartbeat", "pong", "error"}
    assert told <= {message["type"] for message in messages}
    assert published["components"] == whole["components"]
