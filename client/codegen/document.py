"""The OpenAPI document as the generator sees it: schemas and operations, each in one module."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from client.codegen.source import IMPORTS

Schema = Mapping[str, Any]

JSON = "application/json"
SHARED = "shared"
"""The module of schemas that operations of several tags use."""

_REFERENCE = "#/components/schemas/"
_METHODS = ("get", "put", "post", "patch", "delete")
_ENDLESS = "text/event-stream"
_DOCUMENT = {"type": "object"}
"""An answer for tools, not for callers: any object, such as the AsyncAPI document."""


class Unsupported(Exception):
    """The document has something for which there is no rule yet. The text says what and where."""


@dataclass(frozen=True)
class Parameter:
    """One of an operation. place: path, query or header."""

    name: str
    place: str
    required: bool
    schema: Schema
    description: str


@dataclass(frozen=True)
class Operation:
    """id: the operation's id, which is the method's name. answer: the JSON answer's schema. forms: other media types.

    problems: the statuses of its errors.
    """

    id: str
    method: str
    path: str
    tag: str
    summary: str
    description: str
    parameters: tuple[Parameter, ...]
    body: Schema | None
    body_required: bool
    answer: Schema | None
    forms: tuple[str, ...]
    problems: tuple[str, ...]

    def parameter(self, name: str) -> Parameter | None:
        """By its name in any case."""
        return next((each for each in self.parameters if each.name.lower() == name.lower()), None)


class Document:
    """schemas: by the name of their class, the problem itself left out, which is an exception of the client's.

    Operations that answer without an end, streams of events, are left out.
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        given = document["components"]["schemas"]
        self._names = {raw: class_name(raw, given) for raw in given}
        self._names |= {raw: f"{name}Model" for raw, name in self._names.items() if name in IMPORTS}
        if len(set(self._names.values())) != len(self._names):
            raise Unsupported(f"two schemas have the same name: {sorted(self._names.values())}")
        self.operations = sorted(_operations(document), key=lambda operation: operation.id)
        problem_only = {self.reference(schema) for schema in _problems(document)} - {None}
        self.schemas: dict[str, Schema] = {
            self._names[raw]: schema for raw, schema in sorted(given.items()) if self._names[raw] not in problem_only
        }
        self.requested = self._reached(operation.body for operation in self.operations)
        self.modules = self._modules()

    def reference(self, schema: Schema) -> str | None:
        """The class that a `$ref` names; None where it is none."""
        target = schema.get("$ref")
        if target is None:
            return None
        return self._names[target.removeprefix(_REFERENCE)]

    def module(self, name: str) -> str:
        """Where a class stands."""
        return self.modules.get(name, SHARED)

    def _modules(self) -> dict[str, str]:
        """The tag of the operations that use a schema, where they have one tag; so modules import `shared` alone."""
        users: dict[str, set[str]] = {}
        for operation in self.operations:
            for name in self._reached([operation.body, operation.answer]):
                users.setdefault(name, set()).add(operation.tag)
        return {name: tags.copy().pop() if len(tags) == 1 else SHARED for name, tags in users.items()}

    def _reached(self, roots: Any) -> set[str]:
        """Every class that these schemas lead to."""
        found: set[str] = set()
        waiting = [name for root in roots if root is not None for name in self._references(root)]
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += self._references(self.schemas[name])
        return found

    def _references(self, schema: Any) -> list[str]:
        if isinstance(schema, Mapping):
            own = self.reference(schema) if isinstance(schema.get("$ref"), str) else None
            return [*([own] if own else []), *(name for part in schema.values() for name in self._references(part))]
        if isinstance(schema, list):
            return [name for part in schema for name in self._references(part)]
        return []


def class_name(raw: str, all_names: Mapping[str, Any]) -> str:
    """`Page_Order_` is OrderPage, `a__b__Thing` is Thing, or BThing where there are several; `X-Input` is XInput."""
    match = re.fullmatch(r"(\w+?)_(\w+)_", raw)
    if match and "__" not in raw:
        return match[2] + match[1]
    *path, last = raw.split("__")
    if path and sum(other.split("__")[-1] == last for other in all_names) > 1:
        last = path[-1].title().replace("_", "") + last
    return re.sub(r"[^0-9A-Za-z]+(.?)", lambda found: found[1].upper(), last)


def _operations(document: Mapping[str, Any]) -> Iterator[Operation]:
    for path, item in document["paths"].items():
        for method in _METHODS:
            if method in item:
                operation = _operation(path, method, item[method])
                if operation is not None:
                    yield operation


def _operation(path: str, method: str, given: Mapping[str, Any]) -> Operation | None:
    statuses = sorted(status for status in given["responses"] if status.startswith("2"))
    content = given["responses"][statuses[0]].get("content", {}) if statuses else {}
    if _ENDLESS in content or content.get(JSON, {}).get("schema") == _DOCUMENT:
        return None
    body = given.get("requestBody", {})
    if body and JSON not in body["content"]:
        raise Unsupported(f"the body of {given['operationId']} is not JSON but {', '.join(body['content'])}")
    return Operation(
        id=given["operationId"],
        method=method.upper(),
        path=path,
        tag=re.sub(r"\W", "_", given["tags"][0]),
        summary=given.get("summary", ""),
        description=given.get("description", ""),
        parameters=tuple(
            Parameter(
                name=each["name"],
                place=each["in"],
                required=each.get("required", False),
                schema=each["schema"],
                description=each.get("description") or each["schema"].get("description", ""),
            )
            for each in given.get("parameters", ())
            if each["in"] != "cookie"
        ),
        body=body["content"][JSON]["schema"] if body else None,
        body_required=body.get("required", False),
        answer=content[JSON].get("schema") if JSON in content else None,
        forms=tuple(sorted(media_type for media_type in content if media_type != JSON)),
        problems=tuple(sorted(status for status in given["responses"] if status >= "4")),
    )


def _problems(document: Mapping[str, Any]) -> Iterator[Schema]:
    for item in document["paths"].values():
        for operation in item.values():
            for response in operation["responses"].values():
                for media_type, content in response.get("content", {}).items():
                    if media_type == "application/problem+json":
                        yield content["schema"]
