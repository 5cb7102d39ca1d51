"""Reading the documentation: its files, its tables, what it quotes."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")


def is_ours(path: Path) -> bool:
    """Not generated, installed or hidden."""
    parts = path.relative_to(ROOT).parts
    return not any(part.startswith(".") or part in {"node_modules", "build", "dist"} for part in parts)


def markdown() -> list[Path]:
    """Every markdown file of the project."""
    return sorted(path for path in ROOT.rglob("*.md") if is_ours(path))


def prose(path: Path) -> str:
    """The text without its blocks of code."""
    return _FENCE.sub("", path.read_text())


def blocks(path: Path) -> str:
    """The blocks of code alone, one after another."""
    return "\n".join(_FENCE.findall(path.read_text()))


def quoted(path: Path) -> list[str]:
    """What stands between backticks within lines."""
    return _CODE.findall(prose(path))


def table(path: Path, heading: str) -> list[list[str]]:
    """The cells of the first table below a heading, its own head left out."""
    below = path.read_text().split(f"\n## {heading}\n", 1)[1]
    rows = [line for line in below.split("\n## ", 1)[0].splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:]]
