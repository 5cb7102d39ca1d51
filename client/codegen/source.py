"""Python source: headings, imports of what is used, docstrings, and the house's form."""

from __future__ import annotations

import keyword
import re
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterable, Mapping
from pathlib import Path

HEADING = "Made by `python -m client.codegen` from the OpenAPI document. Do not edit."
_WIDTH = 116
_RULES = Path(__file__).resolve().parents[2] / "pyproject.toml"
_OURS = ("--config", 'lint.isort.known-first-party=["tapeledger_client"]')
IMPORTS: Mapping[str, str] = {
    "AsyncIterator": "collections.abc",
    "Awaitable": "collections.abc",
    "Callable": "collections.abc",
    "Iterator": "collections.abc",
    "Mapping": "collections.abc",
    "Sequence": "collections.abc",
    "date": "datetime",
    "datetime": "datetime",
    "Decimal": "decimal",
    "Any": "typing",
    "Literal": "typing",
    "TypeAlias": "typing",
    "AsyncSender": "tapeledger_client.call",
    "Call": "tapeledger_client.call",
    "Sender": "tapeledger_client.call",
    "Document": "tapeledger_client.model",
    "Model": "tapeledger_client.model",
    "Open": "tapeledger_client.model",
    "Placed": "tapeledger_client.model",
    "aeach": "tapeledger_client.pages",
    "each": "tapeledger_client.pages",
    "path": "tapeledger_client.wire",
    "field": "msgspec",
}
_WORD = re.compile(r"[A-Za-z_]\w*")
_STRINGS = re.compile(r'"""(?:.|\n)*?"""|"(?:[^"\\\n]|\\.)*"')


def module(about: str, body: str, ours: Mapping[str, str] | None = None) -> str:
    """A whole file. ours: where names come from besides the usual places."""
    used = set(_WORD.findall(_STRINGS.sub("", body)))
    places = {**IMPORTS, **(ours or {})}
    froms: dict[str, list[str]] = {}
    for name in sorted(used & places.keys()):
        froms.setdefault(places[name], []).append(name)
    imports = [f"from {place} import {', '.join(names)}" for place, names in sorted(froms.items())]
    head = [f'"""{about}\n\n{HEADING}\n"""', "from __future__ import annotations", *imports]
    return "\n\n".join([head[0], head[1], "\n".join(head[2:]), body]) + "\n"


def docstring(paragraphs: Iterable[str], indent: str) -> str:
    """Wrapped, at an indentation; paragraphs that are empty are left out."""
    wrapped = []
    for paragraph in paragraphs:
        for part in re.split(r"\n\s*\n", paragraph.strip()):
            text = " ".join(part.split()).replace("\\", "\\\\").replace('"""', "'''")
            if text:
                wrapped.append("\n".join(textwrap.wrap(text, _WIDTH - len(indent), break_long_words=False)))
    text = "\n\n".join(wrapped)
    if not text:
        return ""
    ending = "\n" if "\n" in text or text.endswith('"') or len(text) + len(indent) > _WIDTH - 2 else ""
    return textwrap.indent(f'"""{text}{ending}"""', indent) + "\n"


def listed(paragraph_lines: Iterable[str], indent: str) -> str:
    """Lines `name: text` of a docstring, each continued further in."""
    return "\n".join(
        textwrap.fill(
            " ".join(line.split()).replace("\\", "\\\\").replace('"""', "'''"),
            _WIDTH,
            initial_indent=indent,
            subsequent_indent=indent + "    ",
            break_long_words=False,
        )
        for line in paragraph_lines
    )


def identifier(name: str) -> str:
    """As Python takes it: `from` is `from_`, `If-Match` is `if_match`."""
    found = re.sub(r"\W", "_", name).lower()
    return found + "_" if keyword.iskeyword(found) else found


def formatted(files: Mapping[str, str]) -> dict[str, str]:
    """In the house's form, by ruff: imports in order, one line or several as it fits."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            path = Path(folder) / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        _ruff("check", "--select=I", "--fix", folder)
        _ruff("format", folder)
        return {name: (Path(folder) / name).read_text() for name in files}


def _ruff(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "ruff", "--config", str(_RULES), *_OURS, *arguments, "-q"], check=True)
