"""The router of the reads: lists in every form, and what all reads declare, in one place.

An operation that returns a Page answers JSON, CSV or Arrow, whichever its client likes best; its function knows of one
page and nothing of forms. `Link` (RFC 8288) and `X-Next-Cursor` say how to go on: CSV and Arrow cannot.
"""

from __future__ import annotations

import asyncio
import hashlib
import inspect
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, get_args
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from fastapi.dependencies.utils import get_typed_return_annotation, get_typed_signature

from api.query import forms, tables
from api.query.filters import PageFilters, Placed
from api.query.forms import Form
from api.query.reading import check_unchanged, headers_of
from api.query.views import Page

_STRING = {"schema": {"type": "string"}}
_TAG = {"ETag": {"description": "strong; changes with what is shown", **_STRING}}
_LIST = {
    "Link": {"description": 'the next page: `</api/…>; rel="next"`; absent on the last one', **_STRING},
    "X-Next-Cursor": {"description": "the next page's cursor; absent on the last one", **_STRING},
    "Vary": {"description": "Accept", **_STRING},
}
_FORMS = {
    Form.CSV: {"schema": {"type": "string", "description": "RFC 4180, with a header line"}},
    Form.ARROW: {"schema": {"type": "string", "format": "binary", "description": "an Arrow IPC stream"}},
}
_IF_NONE_MATCH = {
    **{"name": "If-None-Match", "in": "header", "required": False},
    **{"description": "an ETag that this operation gave", "schema": {"type": "string"}},
}
_PREFER = {
    **{"name": "Prefer", "in": "header", "required": False},
    **{"description": "`wait=5`: wait so many seconds for min_position, at most 10", "schema": {"type": "string"}},
}
_UNTAGGED = frozenset({"list_projections"})  # it tells the age of things, and is never the same twice
_UNCHANGED = {"description": "unchanged since the ETag in If-None-Match", "headers": _TAG}


class ReadRouter(APIRouter):
    """For operations that use a Reader."""

    def add_api_route(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        page = get_typed_return_annotation(endpoint)
        is_list = inspect.isclass(page) and issubclass(page, Page)
        is_read = options.get("methods") in (None, ["GET"], {"GET"})
        is_tagged = is_read and options.get("operation_id") not in _UNTAGGED
        if is_read:
            options["responses"] = _responses(options.get("responses"), is_list=is_list, is_tagged=is_tagged)
        parameters = [*([_IF_NONE_MATCH] if is_tagged else []), *([_PREFER] if _is_placed(endpoint) else [])]
        options["openapi_extra"] = {"parameters": parameters}
        if is_list:
            options["response_model"] = page
            endpoint = _in_every_form(endpoint, page)
        super().add_api_route(path, endpoint, **options)


def _is_placed(endpoint: Callable[..., Any]) -> bool:
    filters = get_typed_signature(endpoint).parameters.get("filters")
    return filters is not None and issubclass(get_args(filters.annotation)[0], Placed)


def _responses(given: dict[int | str, Any] | None, *, is_list: bool, is_tagged: bool) -> dict[int | str, Any]:
    found: dict[int | str, Any] = dict(given or {})
    if is_tagged:
        found[200] = {"headers": dict(_TAG)} | found.get(200, {})
        found[304] = _UNCHANGED
    if is_list:
        answer = found.setdefault(200, {})
        answer["headers"] = answer.get("headers", {}) | _LIST
        answer["content"] = answer.get("content", {}) | {str(form): dict(shape) for form, shape in _FORMS.items()}
    return found


def _in_every_form(endpoint: Callable[..., Awaitable[Any]], page: type[Page[Any]]) -> Callable[..., Any]:
    item = page.model_fields["data"].annotation
    view = get_args(item)[0]

    @wraps(endpoint)
    async def answering(*, asked: Request, **parameters: Any) -> Response:
        form = forms.chosen(asked.headers.get("accept"))
        asked.state.form = form
        filters = parameters.get("filters")
        if isinstance(filters, PageFilters) and filters.limit > forms.ROWS_MAX[form]:
            parameters["filters"] = filters.model_copy(update={"limit": forms.ROWS_MAX[form]})
        if "request" in names:
            parameters["request"] = asked
        found = await endpoint(**parameters)
        is_small = len(found.data) <= forms.ROWS_MAX[Form.JSON]
        body = _body(form, view, found) if is_small else await asyncio.to_thread(_body, form, view, found)
        if "ETag" not in headers_of(asked):
            check_unchanged(asked, '"' + hashlib.sha256(body).hexdigest()[:32] + '"')
        headers = {"Vary": "Accept", **headers_of(asked), **_next(asked, found.cursor)}
        return Response(body, media_type=str(form), headers=headers)

    signature = inspect.signature(endpoint)
    names = signature.parameters
    own = inspect.Parameter("asked", inspect.Parameter.KEYWORD_ONLY, annotation=Request)
    others = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for name, each in names.items() if name != "request"]
    answering.__signature__ = signature.replace(parameters=[*others, own])  # type: ignore[attr-defined]
    return answering


def _body(form: Form, view: Any, page: Page[Any]) -> bytes:
    if form is Form.CSV:
        return tables.csv(view, page.data)
    if form is Form.ARROW:
        return tables.arrow(view, page.data)
    return page.model_dump_json().encode()


def _next(request: Request, cursor: str | None) -> dict[str, str]:
    if cursor is None:
        return {}
    kept = [pair for pair in request.query_params.multi_items() if pair[0] not in ("cursor", "min_position")]
    return {
        "Link": f'<{request.url.path}?{urlencode([*kept, ("cursor", cursor)])}>; rel="next"',
        "X-Next-Cursor": cursor,
    }
