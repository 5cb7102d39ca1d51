"""JSON Schema (draft 2020-12) of every message version, and what a change to a schema breaks.

A record on a tape is read for ever. So a stored schema may only be widened; anything else needs a new version of the
message (domain.schema.VERSIONS) and an upcaster (domain.upcasters).
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import msgspec

from domain import schema
from domain.upcasters import UPCASTERS

Json = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"

# Keywords that say nothing about which values are allowed.
_ANNOTATIONS = frozenset({"title", "description", "default", "examples", "$schema", "$defs", "$ref", "required"})
_STRUCTURE = frozenset({"type", "enum", "anyOf", "properties", "items", "additionalProperties"})


def json_schemas() -> dict[str, Json]:
    """The schema of each message's newest version, by type name on the wire (`tapeledger.Deposit.v1`)."""
    return {schema.type_name(message): _schema_of(message) for message in schema.MESSAGES}


def _schema_of(message: type[msgspec.Struct]) -> Json:
    made = msgspec.json.schema(message)
    for definition in made["$defs"].values():
        definition["description"] = inspect.cleandoc(definition.get("description", ""))
    return {"$schema": DIALECT, "title": schema.type_name(message), **made}


def breaking_changes(old: Json, new: Json) -> list[str]:
    """Why readers of `new` could not read all that `old` allowed, one line each; empty when they can.

    Breaking: a field removed (unknown fields are refused), a field newly required, a type or a value no longer allowed,
    a constraint that differs. Not breaking: a new optional field, a further alternative or enum value.
    """
    return list(_compare(old, new, old, new, ""))


def missing_upcasters(type_names: list[str]) -> list[str]:
    """Why stored versions could not be read, one line each: every one needs the current struct or a chain to it."""
    problems = []
    newest = {message.__name__: schema.version_of(message) for message in schema.MESSAGES}
    for type_name in type_names:
        _, name, number = type_name.split(".")
        if name not in newest:
            problems.append(f"{type_name}: there is no message {name} any more")
            continue
        for version in range(int(number[1:]), newest[name]):
            if (name, version) not in UPCASTERS:
                problems.append(f"{type_name}: {name} has no upcaster from version {version}")
        if int(number[1:]) > newest[name]:
            problems.append(f"{type_name}: the newest version of {name} is {newest[name]}")
    return problems


def _compare(old: Json, new: Json, old_root: Json, new_root: Json, path: str) -> Iterator[str]:
    old, new = _resolve(old, old_root), _resolve(new, new_root)
    if "anyOf" in old or "anyOf" in new:
        yield from _compare_alternatives(old, new, old_root, new_root, path)
        return
    where = path or "the message"
    if "enum" in new:
        gone = [value for value in old.get("enum", ["any value"]) if value not in new["enum"]]
        if gone:
            yield f"{where}: {gone} no longer allowed"
        return
    if new.get("type") not in (None, old.get("type")):
        yield f"{where}: type was {old.get('type')}, is {new['type']}"
        return
    for keyword in sorted(new.keys() - _ANNOTATIONS - _STRUCTURE):
        if new[keyword] != old.get(keyword):
            yield f"{where}: {keyword} was {old.get(keyword)}, is {new[keyword]}"
    yield from _compare_fields(old, new, old_root, new_root, path)
    for keyword in ("items", "additionalProperties"):
        if isinstance(old.get(keyword), dict) and isinstance(new.get(keyword), dict):
            yield from _compare(old[keyword], new[keyword], old_root, new_root, f"{path}[]")
        elif new.get(keyword, True) is not True and new[keyword] != old.get(keyword):
            yield f"{where}: {keyword} was {old.get(keyword)}, is {new[keyword]}"


def _compare_fields(old: Json, new: Json, old_root: Json, new_root: Json, path: str) -> Iterator[str]:
    before, after = old.get("properties", {}), new.get("properties", {})
    for field, was in before.items():
        if field in after:
            yield from _compare(was, after[field], old_root, new_root, f"{path}.{field}")
        elif new.get("additionalProperties") is False:
            yield f"{path}.{field}: removed"
    for field in new.get("required", ()):
        if field not in old.get("required", ()):
            yield f"{path}.{field}: newly required"


def _compare_alternatives(old: Json, new: Json, old_root: Json, new_root: Json, path: str) -> Iterator[str]:
    choices = new.get("anyOf", [new])
    for was in old.get("anyOf", [old]):
        answers = [list(_compare(was, choice, old_root, new_root, path)) for choice in choices]
        if all(answers):
            yield min(answers, key=len)[0]


def _resolve(node: Json, root: Json) -> Json:
    while "$ref" in node:
        node = root["$defs"][node["$ref"].removeprefix("#/$defs/")]
    return node
