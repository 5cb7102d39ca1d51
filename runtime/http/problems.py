"""Errors as RFC 9457 problem details (`application/problem+json`), everywhere.

`code` is a stable CATEGORY_CONDITION name; `type` is `urn:tapeledger:problem:<code>`. `errors[].pointer` is an RFC 6901
JSON pointer into the request body as a URI fragment (`#/quantity`), `errors[].parameter` names a parameter instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema
from pydantic.json_schema import SkipJsonSchema
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.types import Scope

from domain.errors import InputError, InvalidValue, TapeledgerError, UnavailableError

MEDIA_TYPE = "application/problem+json"

Code = Annotated[str, WithJsonSchema({"type": "string", "pattern": r"^[A-Z][A-Z0-9_]*$"})]


def _optional(schema: dict[str, Any]) -> None:
    """A member that is left out where it has no value, and never null."""
    del schema["default"]


Pointer = Annotated[str, WithJsonSchema({"type": "string", "pattern": r"^#(/.*)?$"})]
Parameter = Annotated[str, WithJsonSchema({"type": "string", "pattern": r"^(path|query|header|cookie|dependency):"})]


class FieldProblem(BaseModel):
    """One thing that is wrong with a request."""

    model_config = ConfigDict(extra="forbid")

    code: Code = Field(examples=["QUANTITY_NOT_POSITIVE"])
    detail: str
    pointer: Pointer | SkipJsonSchema[None] = Field(
        None,
        description="JSON pointer into the body, as a URI fragment",
        examples=["#/quantity"],
        json_schema_extra=_optional,
    )
    parameter: Parameter | SkipJsonSchema[None] = Field(
        None,
        description="the parameter instead: its place and name",
        examples=["query:limit"],
        json_schema_extra=_optional,
    )
    values: dict[str, str] | SkipJsonSchema[None] = Field(
        None, description="the values that failed", json_schema_extra=_optional
    )


class Problem(BaseModel):
    """Problem details for HTTP APIs (RFC 9457)."""

    model_config = ConfigDict(extra="forbid")

    type: str = Field(
        examples=["urn:tapeledger:problem:ORDER_UNKNOWN"],
        json_schema_extra={"pattern": "^urn:tapeledger:problem:[A-Z0-9_]+$"},
    )
    title: str = Field(examples=["Order unknown"])
    status: int = Field(ge=400, le=599, examples=[404])
    detail: str
    instance: str = Field(
        description="the path that was asked for",
        examples=["/api/orders"],
        json_schema_extra={"format": "uri-reference"},
    )
    code: Code = Field(description="stable name of the condition", examples=["ORDER_UNKNOWN"])
    request_id: str = Field(description="as in X-Request-Id")
    trace_id: str = Field(description="as in traceparent", json_schema_extra={"pattern": "^[0-9a-f]{32}$"})
    errors: list[FieldProblem]


class ProblemError(TapeledgerError):
    """Ends a request with a problem. headers: further response headers, such as Retry-After."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        errors: Sequence[FieldProblem] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})


def refused(code: str, detail: str, pointer: str | None = None, **values: str) -> ProblemError:
    """422: one field of the body breaks a rule."""
    return ProblemError(
        422, code, detail, errors=[FieldProblem(code=code, detail=detail, pointer=pointer, values=values or None)]
    )


def moved(problem: FieldProblem, place: str) -> FieldProblem:
    """A problem of a part of the body as one of the whole. place: pointer to the part."""
    pointer = None if problem.pointer is None else place + problem.pointer.removeprefix("#")
    return problem.model_copy(update={"pointer": pointer or place})


def unavailable(code: str, detail: str, retry_after_s: int = 1) -> ProblemError:
    """503: a server that this operation needs does not answer."""
    return ProblemError(503, code, detail, headers={"Retry-After": str(retry_after_s)})


def path_not_found(path: str) -> ProblemError:
    return ProblemError(404, "PATH_NOT_FOUND", f"nothing is at {path}")


def render(scope: Scope, problem: ProblemError) -> Response:
    """The response of a problem; the request's ids come from the scope (runtime.http.middleware puts them there)."""
    state = scope.get("state", {})
    content = Problem(
        type=f"urn:tapeledger:problem:{problem.code}",
        title=problem.code.replace("_", " ").capitalize(),
        status=problem.status,
        detail=problem.detail,
        instance=quote(scope["path"], safe="/:@!$&'()*+,;=~", errors="replace"),
        code=problem.code,
        request_id=state.get("request_id", ""),
        trace_id=state.get("trace_id", ""),
        errors=list(problem.errors),
    ).model_dump()
    content["errors"] = shown(problem.errors)
    return JSONResponse(content, problem.status, headers=problem.headers, media_type=MEDIA_TYPE)


def shown(errors: Iterable[FieldProblem]) -> list[dict[str, Any]]:
    """As JSON has them: what has no value is left out."""
    return [error.model_dump(exclude_none=True) for error in errors]


def install(app: FastAPI, codes: Mapping[str, str], header_codes: Mapping[str, str]) -> None:
    """Turn every error of the application into a problem.

    codes: by pydantic's type of error, of the application's own field types beside those that every one has.
    header_codes: of a header that is missing, by its name in small letters.
    """
    on_validation = partial(_on_validation, {**_CODES, **codes}, header_codes)
    app.add_exception_handler(ProblemError, _on_problem)
    app.add_exception_handler(RequestValidationError, on_validation)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(InputError, _on_input)
    app.add_exception_handler(UnavailableError, _on_unavailable)


async def _on_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, ProblemError)
    return render(request.scope, error)


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        return render(request.scope, path_not_found(request.url.path))
    headers = dict(error.headers or {})
    code, detail = f"HTTP_{HTTPStatus(error.status_code).name}", str(error.detail)
    if error.status_code == 405:  # of what the OpenAPI document does not have; runtime.http.edge knows the rest
        code, detail = "METHOD_NOT_ALLOWED", f"{request.method} is not allowed here; allowed: {headers.get('Allow')}"
    return render(request.scope, ProblemError(error.status_code, code, detail, headers=headers))


async def _on_input(request: Request, error: Exception) -> Response:
    if isinstance(error, InvalidValue):
        return render(request.scope, refused(error.code, error.text, **error.details))
    return render(request.scope, ProblemError(422, "INPUT_UNREADABLE", str(error)))


async def _on_unavailable(request: Request, error: Exception) -> Response:
    return render(request.scope, unavailable("SERVER_UNAVAILABLE", str(error)))


_CODES = {
    "missing": "FIELD_MISSING",
    "extra_forbidden": "FIELD_UNKNOWN",
    "literal_error": "FIELD_NOT_ALLOWED",
    "string_type": "FIELD_TYPE",
    "dict_type": "FIELD_TYPE",
    "model_type": "FIELD_TYPE",
    "model_attributes_type": "FIELD_TYPE",
    "time_unreadable": "TIME_UNREADABLE",
}


async def _on_validation(
    codes: Mapping[str, str], header_codes: Mapping[str, str], request: Request, error: Exception
) -> Response:
    assert isinstance(error, RequestValidationError)
    found = [_field_problem(item, codes) for item in error.errors()]
    missing_header = any(e.code == "FIELD_MISSING" and (e.parameter or "").startswith("header:") for e in found)
    if missing_header:
        name = next(e.parameter for e in found if e.code == "FIELD_MISSING" and e.parameter).removeprefix("header:")
        code = header_codes.get(name.lower(), "HEADER_MISSING")
        return render(request.scope, ProblemError(400, code, f"the header {name} is required", errors=found))
    return render(request.scope, _invalid(found))


def invalid(errors: Iterable[Any], place: str, codes: Mapping[str, str]) -> ProblemError:
    """422: what pydantic found wrong with a part of the body. place: pointer to the part; codes: see `install`."""
    known = {**_CODES, **codes}
    problems = [_field_problem({**item, "loc": ("body", *item["loc"])}, known) for item in errors]
    return _invalid([moved(problem, place) for problem in problems])


def _invalid(found: Sequence[FieldProblem]) -> ProblemError:
    code = found[0].code if len({e.code for e in found}) == 1 else "REQUEST_INVALID"
    detail = found[0].detail if len(found) == 1 else f"{len(found)} things are wrong, see errors"
    return ProblemError(422, code, detail, errors=found)


def _field_problem(item: Mapping[str, Any], codes: Mapping[str, str]) -> FieldProblem:
    place, *path = item["loc"]
    if path[-1:] == ["[key]"] and path[-2] == item["input"]:  # pydantic's word for a member's name
        del path[-1]
    path = [part for part in path if not _is_tag(part)]
    code = codes.get(item["type"], "FIELD_INVALID")
    message = str(item["msg"])
    if place == "body":
        return FieldProblem(code=code, detail=message, pointer="#" + "".join(f"/{_escape(str(p))}" for p in path))
    return FieldProblem(code=code, detail=message, parameter=f"{place}:{'.'.join(str(p) for p in path)}")


def _is_tag(part: Any) -> bool:
    """Pydantic puts into a path which form of a union it took something for. Ours are named `<form>`."""
    return isinstance(part, str) and part.startswith("<") and part.endswith(">")


def _escape(token: str) -> str:
    """RFC 6901, section 3, and RFC 3986's percent encoding of a fragment (section 6 there)."""
    return quote(token.replace("~", "~0").replace("/", "~1"), safe="~!$&'()*+,;=:@", errors="replace")
