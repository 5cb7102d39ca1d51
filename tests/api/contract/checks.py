"""Checks of ours besides those that schemathesis has."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

import schemathesis
from schemathesis import Case, CheckContext, Response

from api.problems import MEDIA_TYPE


@schemathesis.check
def every_error_is_a_problem(ctx: CheckContext, response: Response, case: Case) -> None:
    """Whatever is refused is a problem that names the request: its ids are the headers', its instance the path.

    Also where schemathesis asks for what is in no document, such as another method.
    """
    if response.status_code < 400 or response.request.method == "HEAD":
        return
    assert response.headers["content-type"] == [MEDIA_TYPE], response.headers
    problem = response.json()
    assert problem["status"] == response.status_code
    assert problem["request_id"] == response.headers["x-request-id"][0]
    assert problem["trace_id"] == response.headers["traceparent"][0].split("-")[1]
    assert unquote(problem["instance"]) == unquote(urlsplit(response.request.url).path), problem["instance"]
    if response.status_code == 422:
        assert problem["errors"], problem


OWN = (every_error_is_a_problem,)
