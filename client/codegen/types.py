"""From JSON Schema to the annotations of Python."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from client.codegen.document import Document, Schema, Unsupported

_TEXTS = {"date-time": "datetime", "date": "date", "decimal": "Decimal"}
_SIMPLE = {"integer": "int", "number": "float", "boolean": "bool", "null": "None"}


class Types:
    """Annotations, and names for the enumerations that stand in schemas without one."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self.enums, self.enum_modules = self._named_enums()

    def annotation(self, schema: Schema, *, given: bool = False) -> str:
        """given: of what the caller gives, which may be any sequence or mapping."""
        if (name := self._document.reference(schema)) is not None:
            return name
        for word in ("anyOf", "oneOf"):
            if word in schema:
                return self._union([self.annotation(part, given=given) for part in schema[word]])
        if "allOf" in schema and len(schema["allOf"]) == 1:
            return self.annotation(schema["allOf"][0], given=given)
        if isinstance(schema.get("type"), list):
            return self._union([self.annotation({**schema, "type": each}, given=given) for each in schema["type"]])
        if (values := values_of(schema)) is not None:
            return self.enums.get(values) or literal(values)
        return self._of_one_type(schema, given)

    def _of_one_type(self, schema: Schema, given: bool) -> str:
        kind = schema.get("type")
        if kind == "string":
            return _TEXTS.get(schema.get("format", ""), "str")
        if kind == "array":
            return self._array(schema, given)
        if kind == "object":
            return self._object(schema, given)
        if kind is None:
            return "Any"
        if kind not in _SIMPLE:
            raise Unsupported(f"no rule for the type {kind!r}")
        return _SIMPLE[kind]

    def _array(self, schema: Schema, given: bool) -> str:
        if "prefixItems" in schema:
            return f"tuple[{', '.join(self.annotation(part, given=given) for part in schema['prefixItems'])}]"
        item = self.annotation(schema.get("items", {}), given=given)
        return f"Sequence[{item}]" if given else f"tuple[{item}, ...]"

    def _object(self, schema: Schema, given: bool) -> str:
        patterns = list(schema.get("patternProperties", {}).values())
        value = schema.get("additionalProperties") or (patterns[0] if len(patterns) == 1 else {})
        names = self.annotation({"type": "string", **schema.get("propertyNames", {})})
        of = self.annotation(value if isinstance(value, Mapping) else {}, given=given)
        return f"{'Mapping' if given else 'dict'}[{names}, {of}]"

    def _union(self, parts: list[str]) -> str:
        """Of several classes nothing tells which one it is: such a value is a mapping, as it came."""
        parts = list(dict.fromkeys(parts))
        classes = [part for part in parts if part in self._document.schemas]
        if len(classes) > 1 or "Any" in parts:
            return "Any"
        texts = [part for part in parts if self._is_text(part)]
        if len(texts) > 1:  # as text alone it can be read
            parts = list(dict.fromkeys("str" if part in texts else part for part in parts))
        return " | ".join([*(part for part in parts if part != "None"), *(part for part in parts if part == "None")])

    def _is_text(self, part: str) -> bool:
        return part in {"str", *_TEXTS.values()} or part in self.enums.values() or part.startswith("Open[")

    def _named_enums(self) -> tuple[dict[tuple[str, ...], str], dict[str, str]]:
        """Names by values, and modules by names.

        Fields with the same values share one name: the field's, where no field of that name has other values and no
        schema has that name; else with the shortest owner's name before it.
        """
        owners: dict[tuple[str, ...], list[tuple[str, str]]] = {}
        for owner, schema in self._document.schemas.items():
            for field, own in schema.get("properties", {}).items():
                for values in _enums(own):
                    owners.setdefault(values, []).append((owner, camel(field)))
        kinds: dict[str, set[tuple[str, ...]]] = {}
        for values, places in owners.items():
            for _, field in places:
                kinds.setdefault(field, set()).add(values)
        names, modules = {}, {}
        for values, places in owners.items():
            owner, field = min(places, key=lambda place: (len(place[0]), place))
            alone = len(kinds[field]) == 1 and field not in self._document.schemas
            names[values] = field if alone else owner.removesuffix("View") + field
            where = {self._document.module(owner) for owner, _ in places}
            modules[names[values]] = where.pop() if len(where) == 1 else "shared"
        if len(set(names.values())) != len(names) or set(names.values()) & self._document.schemas.keys():
            raise Unsupported(f"enumerations need other names than {sorted(names.values())}")
        return names, modules


def values_of(schema: Schema) -> tuple[str, ...] | None:
    """The texts of an enumeration or a constant."""
    values = schema.get("enum", [schema["const"]] if "const" in schema else None)
    return tuple(values) if values is not None and all(isinstance(value, str) for value in values) else None


def literal(values: tuple[str, ...]) -> str:
    """Text that a type checker knows, and any other when it is read."""
    return f"Open[Literal[{', '.join(_quoted(value) for value in values)}]]"


def camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _enums(schema: Any) -> list[tuple[str, ...]]:
    if isinstance(schema, Mapping):
        own = values_of(schema)
        parts = [schema[word] for word in ("anyOf", "oneOf", "allOf", "items", "prefixItems") if word in schema]
        parts += [schema[word] for word in ("additionalProperties", "propertyNames") if word in schema]
        return [*([own] if own else []), *(values for part in parts for values in _enums(part))]
    return [values for part in schema for values in _enums(part)] if isinstance(schema, list) else []
