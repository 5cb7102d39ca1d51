"""The operations: a method for each, once to be called and once to be awaited, in a module for each tag."""

from __future__ import annotations

from dataclasses import dataclass

from client.codegen.document import JSON, Document, Operation, Parameter, Unsupported
from client.codegen.source import docstring, identifier, listed, module
from client.codegen.types import Types, camel

_KEY, _TAG, _WAIT, _PLACE = "idempotency-key", "if-none-match", "prefer", "min_position"
_OF_THE_CORE = {_KEY, _TAG, _WAIT, _PLACE, "authorization", "accept", "content-type"}


@dataclass(frozen=True)
class Way:
    """How the methods of one client are written."""

    folder: str
    prefix: str
    base: str
    define: str
    wait: str
    each: str
    iterator: str


WAYS = (
    Way("operations", "", "Sender", "def", "", "each", "Iterator"),
    Way("async_operations", "Async", "AsyncSender", "async def", "await ", "aeach", "AsyncIterator"),
)


@dataclass(frozen=True)
class Argument:
    """Of a method. default: source, None where it must be given."""

    name: str
    annotation: str
    text: str
    default: str | None = None

    def source(self) -> str:
        return f"{self.name}: {self.annotation}" + ("" if self.default is None else f" = {self.default}")


def files(document: Document, types: Types) -> dict[str, str]:
    """Source by path within the package."""
    tags = sorted({operation.tag for operation in document.operations})
    models = dict.fromkeys((*document.schemas, *types.enum_modules), "tapeledger_client.models")
    made = {}
    for way in WAYS:
        for tag in tags:
            own = [operation for operation in document.operations if operation.tag == tag]
            methods = [text for operation in own for text in _Method(operation, document, types, way).sources()]
            head = f'class {_class(tag, way)}({way.base}):\n    """{camel(tag)}."""\n\n'
            about = f"Operations of {tag.replace('_', ' ')}{', to be awaited' if way.prefix else ''}."
            made[f"{way.folder}/{tag}.py"] = module(about, head + "\n".join(methods), models)
        made[f"{way.folder}/__init__.py"] = _whole(tags, way)
    return made


def _class(tag: str, way: Way) -> str:
    return f"{way.prefix}{camel(tag)}Operations"


def _text_of(operation: Operation) -> str | None:
    """The form of an answer that is text and nothing else, such as text/plain."""
    texts = [form for form in operation.forms if form.startswith("text/")]
    return texts[0] if operation.answer is None and texts else None


def _whole(tags: list[str], way: Way) -> str:
    imports = "\n".join(f"from tapeledger_client.{way.folder}.{tag} import {_class(tag, way)}" for tag in tags)
    bases = ", ".join(_class(tag, way) for tag in tags)
    name = f"{way.prefix}Operations"
    return module("Every operation.", f'{imports}\n\n\nclass {name}({bases}):\n    """Every operation of the API."""\n')


class _Method:
    """The methods of one operation."""

    def __init__(self, operation: Operation, document: Document, types: Types, way: Way) -> None:
        self._operation = operation
        self._document = document
        self._types = types
        self._way = way
        self._own = [each for each in operation.parameters if each.name.lower() not in _OF_THE_CORE]

    def sources(self) -> list[str]:
        """The method; the one that gives other forms than JSON; the one that follows its pages."""
        operation = self._operation
        made = [self._plain()]
        others = [form for form in operation.forms if form != _text_of(operation)]
        if others:
            made.append(self._in_other_forms(others))
        if operation.parameter("cursor") is not None and operation.id.startswith("list_"):
            made.append(self._each())
        return made

    def _plain(self) -> str:
        operation, way, text = self._operation, self._way, _text_of(self._operation)
        if operation.answer is not None:
            result = self._types.annotation(operation.answer)
            if result not in {*self._document.schemas, "Any"}:
                raise Unsupported(f"the answer of {operation.id} is no object with a name but {result}")
        else:
            result = "None" if text is None else "str"
        accept = text or JSON
        head = self._head(operation.id, [*self._first(), *self._others()], result, way.define)
        return f"{head}{self._docs(self._first() + self._others())}{self._returned(result, repr(accept))}"

    def _in_other_forms(self, forms: list[str]) -> str:
        form = Argument("media_type", f"Literal[{', '.join(map(repr, forms))}]", "the form wanted")
        arguments = [form, *self._first(), *self._others()]
        head = self._head(f"{self._operation.id}_as", arguments, "Document", self._way.define)
        about = docstring([f"The same as `{self._operation.id}`, in another form than JSON."], "        ")
        return f"{head}{about}{self._returned('Document', 'media_type')}"

    def _each(self) -> str:
        """Its page_size is the limit of the list, which the caller would take for a limit of all."""
        operation, way = self._operation, self._way
        page = self._document.schemas[self._types.annotation(operation.answer or {})]
        row = self._types.annotation(page["properties"]["data"]["items"])
        size = Argument("page_size", "int | None", "rows asked for at once", "None")
        others = [each for each in self._others() if each.name not in ("cursor", "limit")]
        head = self._head(f"iter_{operation.id[5:]}", [*self._first(), size, *others], f"{way.iterator}[{row}]", "def")
        passed = [*(each.name for each in self._first()), "limit=page_size", "cursor=cursor"]
        arguments = ", ".join([*passed, *(f"{each.name}={each.name}" for each in others)])
        about = docstring([f"Each row of `{operation.id}`, page after page."], "        ")
        return f"{head}{about}        return {way.each}(lambda cursor: self.{operation.id}({arguments}))\n"

    def _first(self) -> list[Argument]:
        """Path parameters and the body: given by place."""
        found = [
            Argument(identifier(each.name), self._types.annotation(each.schema, given=True), each.description)
            for each in self._own
            if each.place == "path"
        ]
        if self._operation.body is not None:
            body = self._types.annotation(self._operation.body)
            found.append(
                Argument("body", body, "", None)
                if self._operation.body_required
                else Argument("body", f"{body} | None", "", "None")
            )
        return found

    def _others(self) -> list[Argument]:
        """Given by name: what is required first."""
        found = [self._argument(each) for each in self._own if each.place != "path"]
        has = self._operation.parameter
        if has(_KEY):
            text = "this request's own id; one is made where none is given"
            found.append(Argument("idempotency_key", "str | None", text, "None"))
        if has(_PLACE):
            text = "the answer includes what this position has caused"
            found.append(Argument("min_position", "Placed | str | None", text, "None"))
        if has(_WAIT):
            found.append(Argument("wait", "int | None", "seconds that the server may wait", "None"))
        return sorted(found, key=lambda argument: argument.default is not None)

    def _argument(self, parameter: Parameter) -> Argument:
        annotation = self._types.annotation(parameter.schema, given=True)
        if parameter.required:
            return Argument(identifier(parameter.name), annotation, parameter.description)
        wanted = annotation if annotation.endswith("None") else f"{annotation} | None"
        return Argument(identifier(parameter.name), wanted, parameter.description, "None")

    def _head(self, name: str, arguments: list[Argument], result: str, define: str) -> str:
        by_place = {each.name for each in self._first()} | {"media_type"}
        parts = ["self", *(each.source() for each in arguments if each.name in by_place)]
        by_name = [each.source() for each in arguments if each.name not in by_place]
        parts += ["*", *by_name] if by_name else []
        return f"    {define} {name}({', '.join(parts)}) -> {result}:\n"

    def _docs(self, arguments: list[Argument]) -> str:
        operation = self._operation
        told = [f"{each.name}: {each.text}" for each in arguments if each.text]
        parts = [f"{operation.summary}.", operation.description]
        text = docstring([*parts, *(["@@"] if told else []), f"Problems: {', '.join(operation.problems)}."], "        ")
        return text.replace("        @@", listed(told, "        ")) if told else text

    def _returned(self, result: str, accept: str) -> str:
        operation = self._operation
        given = {"None": "type(None)", "Any": "object"}.get(result, result)
        first = [f'"{operation.method}"', self._path(), given]
        options = [] if accept == repr(JSON) else [f"accept={accept}"]
        query = [each for each in self._own if each.place == "query"]
        headers = [each for each in self._own if each.place == "header"]
        for name, these in (("query", query), ("headers", headers)):
            if these:
                pairs = ", ".join(f'"{each.name}": {identifier(each.name)}' for each in these)
                options.append(f"{name}={{{pairs}}}")
        if operation.body is not None:
            options.append("body=body")
        ids = [identifier(each.name) for each in self._own if each.name.endswith("_id") and each.name[:7] != "client_"]
        has = operation.parameter
        if has(_PLACE) and ids:
            options.append(f"ids=({', '.join(ids)},)")
        # A preview is asked for by POST, since it has a body, and writes nothing.
        if operation.method == "GET" or operation.id.startswith("preview_"):
            options.append("safe=True")
        options += ["keyed=True", "key=idempotency_key"] if has(_KEY) else []
        options += ["cached=True"] if has(_TAG) else []
        options += ["placed=True", "min_position=min_position"] if has(_PLACE) else []
        options += ["wait_s=wait"] if has(_WAIT) else []
        call = f"Call({', '.join([*first, *options])})"
        return f"        return {self._way.wait}self._send({call})\n"

    def _path(self) -> str:
        values = [identifier(each.name) for each in self._own if each.place == "path"]
        template = self._operation.path
        for each in self._own:
            if each.place == "path":
                template = template.replace(f"{{{each.name}}}", "{}")
        return f"path({', '.join([repr(template), *values])})" if values else repr(template)
