"""What one request reads: a snapshot that is new enough, of which it is known whether the client has it already.

A strong ETag names what decides the answer: the path and its parameters, the form, and how far the projections are that
the answer is made of. It is known before anything else is read: a poll of what has not changed costs one small query.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import msgspec
from fastapi import Depends, FastAPI, Request, Response

from api.prefer import preferred_wait_s
from api.query import progress_sql
from api.query.database import Database, Snapshot
from api.query.places import Place
from api.query.places import read as place_of
from api.query.waiting import Waiting
from api.security.principal import Principal

_EDITION = 2  # raise it when anything is shown differently, so that no client keeps the old form by its ETag


class NotModified(Exception):
    """The client has what it asks for: 304."""


class Reading:
    """The reader of one request."""

    def __init__(self, request: Request, response: Response) -> None:
        self._request = request
        self._response = response
        self._wait_s = preferred_wait_s(request.headers.get("prefer"))
        self._database: Database = request.app.state.database
        self._waiting: Waiting = request.app.state.waiting

    @asynccontextmanager
    async def snapshot(self, *projections: str) -> AsyncIterator[Snapshot]:
        """One read-only transaction, which includes `min_position` where the request has one.

        projections: the groups of which the answer is made, and of nothing else; then it gets an ETag. Raises
        NotModified where the client has it, ProblemError 412 and 503.
        """
        place = self._min_position()
        if place is not None:
            wait_s = self._request.app.state.settings.api_wait_s if self._wait_s is None else self._wait_s
            await self._waiting.reached(place, wait_s)
            if self._wait_s is not None:
                self._put("Preference-Applied", f"wait={self._wait_s:g}")
        async with self._database.snapshot() as snapshot:
            if projections:
                await self.tag_by(snapshot, *projections)
            yield snapshot

    async def tag_by(self, snapshot: Snapshot, *projections: str) -> None:
        """Tag the answer by how far these groups are in the snapshot. Raises NotModified."""
        rows = await progress_sql.positions(snapshot, list(projections))
        self._tag([list(row.values()) for row in rows])

    async def tag(self, snapshot: Snapshot, *deciding: Any) -> None:
        """Tag the answer by what decides it, besides the request itself. Raises NotModified."""
        self._tag(await progress_sql.replaced_at(snapshot), deciding)

    def _tag(self, *deciding: Any) -> None:
        url = self._request.url
        query = sorted(pair for pair in self._request.query_params.multi_items() if pair[0] != "min_position")
        form = getattr(self._request.state, "form", "")
        seed = msgspec.json.encode([_EDITION, url.path, query, str(form), self._caller(), deciding], enc_hook=str)
        etag = '"' + hashlib.sha256(seed).hexdigest()[:32] + '"'
        self._response.headers["ETag"] = etag
        check_unchanged(self._request, etag)

    def _caller(self) -> list[Any]:
        """Whose answer it is: what a list may show depends on it."""
        principal: Principal = self._request.state.principal
        return [principal.user_id, sorted(principal.accounts), sorted(principal.scopes)]

    def _min_position(self) -> Place | None:
        """What the operation's parameters have checked."""
        text = self._request.query_params.get("min_position")
        return None if text is None else place_of(text)

    def _put(self, name: str, value: str) -> None:
        headers_of(self._request)[name] = value
        self._response.headers[name] = value


def headers_of(request: Request) -> dict[str, str]:
    """The headers that a request's reading gives its answer."""
    if not hasattr(request.state, "read_headers"):
        request.state.read_headers = {}
    found: dict[str, str] = request.state.read_headers
    return found


def check_unchanged(request: Request, etag: str) -> None:
    """Give the answer this ETag. Raises NotModified where the client has it."""
    headers_of(request)["ETag"] = etag
    if request.method == "GET" and matches(request.headers.get("if-none-match"), etag):
        raise NotModified


def matches(if_none_match: str | None, etag: str) -> bool:
    """RFC 9110, section 13.1.2: a list of entity tags, compared weakly, or `*`."""
    given = [tag.strip().removeprefix("W/") for tag in (if_none_match or "").split(",")]
    return etag in given or given == ["*"]


async def reading(request: Request, response: Response) -> Reading:
    return Reading(request, response)


Reader = Annotated[Reading, Depends(reading)]


async def _on_not_modified(request: Request, error: Exception) -> Response:
    vary = {"Vary": "Accept"} if hasattr(request.state, "form") else {}
    return Response(status_code=304, headers={**headers_of(request), **vary})


def install(app: FastAPI) -> None:
    """Answer NotModified."""
    app.add_exception_handler(NotModified, _on_not_modified)
