"""The models: a frozen Struct for each schema, in a module for each tag."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from client.codegen.document import SHARED, Document, Schema
from client.codegen.source import docstring, identifier, module
from client.codegen.types import Types, literal, values_of

_PACKAGE = "tapeledger_client.models"


def files(document: Document, types: Types) -> dict[str, str]:
    """Source by path within the package."""
    names = [*document.schemas, *types.enum_modules]
    homes = {name: types.enum_modules.get(name) or document.module(name) for name in names}
    made = {}
    for home in sorted(set(homes.values())):
        own = sorted(name for name, place in homes.items() if place == home)
        others = {name: f"{_PACKAGE}.{place}" for name, place in homes.items() if place != home}
        parts = [_enum(name, types) for name in own if name in types.enum_modules]
        parts += [_struct(name, document, types) for name in own if name in document.schemas]
        about = "Bodies that several parts of the API share." if home == SHARED else f"Bodies of {_text(home)}."
        made[f"models/{home}.py"] = module(about, "\n\n".join(parts), others)
    made["models/__init__.py"] = _index(homes)
    return made


def _index(homes: dict[str, str]) -> str:
    lines = [f"from {_PACKAGE}.{home} import {name}" for name, home in sorted(homes.items())]
    exported = ", ".join(f'"{name}"' for name in sorted(homes))
    return module("Every body of the API.", "\n".join([*lines, "", f"__all__ = [{exported}]"]))


def _enum(name: str, types: Types) -> str:
    (values,) = [values for values, known in types.enums.items() if known == name]
    return f"{name}: TypeAlias = {literal(values)}\n"


def _struct(name: str, document: Document, types: Types) -> str:
    schema = document.schemas[name]
    given = name in document.requested
    text = schema.get("description") or f"{_words(name)}."
    lines = [f"class {name}(Model, frozen=True, kw_only=True):", docstring([text], "    ").rstrip("\n"), ""]
    required = set(schema.get("required", ()))
    for field, own in schema.get("properties", {}).items():
        lines += _field(field, own, types, given=given, required=field in required)
    return "\n".join([*lines, ""])


def _field(name: str, schema: Schema, types: Types, *, given: bool, required: bool) -> Iterator[str]:
    annotation = types.annotation(schema, given=given)
    python_name = identifier(name)
    options = {} if python_name == name else {"name": repr(name)}
    if not required:
        annotation, options = _optional(annotation, schema, options)
    text = f"    {python_name}: {annotation}"
    if set(options) == {"default"}:
        text += f" = {options['default']}"
    elif options:
        text += f" = field({', '.join(f'{key}={value}' for key, value in options.items())})"
    yield text
    if described := docstring([schema.get("description", "")], "    "):
        yield described.rstrip("\n")


def _optional(annotation: str, schema: Schema, options: dict[str, str]) -> tuple[str, dict[str, str]]:
    """With the document's default; where it has none, or one that Python's types do not write down, with None."""
    default: Any = schema.get("default")
    if annotation == "Decimal" and isinstance(default, str):
        return annotation, {**options, "default": f'Decimal("{default}")'}
    is_text = annotation == "str" or values_of(schema) is not None
    if isinstance(default, bool | int) or (isinstance(default, str) and is_text):
        return annotation, {**options, "default": f'"{default}"' if isinstance(default, str) else repr(default)}
    if default == [] and annotation.startswith(("tuple[", "Sequence[")):
        return annotation, {**options, "default": "()"}
    wanted = annotation if annotation.endswith("None") or annotation == "Any" else f"{annotation} | None"
    return wanted, {**options, "default": "None"}


def _text(home: str) -> str:
    return home.replace("_", " ")


def _words(name: str) -> str:
    """`OrderPage` in words."""
    words = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name).strip()
    return words[0].upper() + words[1:]
