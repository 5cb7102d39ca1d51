"""Goal: nothing in models/ looks ahead but the label. Method: search the sources' syntax trees for what would."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def looks_ahead(source: str) -> list[str]:
    """Calls that bring later values to earlier rows: shift(-k), centred windows, filling backwards."""
    found: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        values = [*node.args, *(keyword.value for keyword in node.keywords)]
        negative = any(isinstance(value, ast.UnaryOp) and isinstance(value.op, ast.USub) for value in values)
        set_to = {keyword.arg: getattr(keyword.value, "value", None) for keyword in node.keywords}
        if (name in {"shift", "roll", "diff", "pct_change"} and negative) or name in {"bfill", "backfill"}:
            found.append(f"line {node.lineno}: {name}")
        if set_to.get("center") is True or set_to.get("method") in {"bfill", "backfill"}:
            found.append(f"line {node.lineno}: {name}")
    return found


def test_nothing_in_models_looks_ahead() -> None:
    """No module of models/ shifts by a negative number, centres a window or fills backwards, labels alone excepted."""
    sources = {
        str(path.relative_to(ROOT)): path.read_text()
        for path in sorted((ROOT / "models").rglob("*.py"))
        if not path.relative_to(ROOT / "models").parts[0].startswith("labels")
    }

    assert len(sources) > 10
    assert {path: found for path, source in sources.items() if (found := looks_ahead(source))} == {}


@pytest.mark.parametrize(
    "source",
    [
        "frame.close.shift(-1)",
        "frame.close.shift(periods=-5)",
        "np.roll(close, -1)",
        "frame.close.pct_change(-5)",
        "frame.close.rolling(5, center=True).mean()",
        "frame.bfill()",
        "frame.fillna(method='bfill')",
    ],
)
def test_what_looks_ahead_is_found(source: str) -> None:
    """Planted: each way of looking ahead, in one line, is named."""
    assert len(looks_ahead(source)) == 1


def test_what_looks_back_is_let_through() -> None:
    """Shifting forward, windows that end at their row, filling forward."""
    source = "frame.shift(1); frame.shift(periods=2); np.roll(x, 1); frame.rolling(5).mean(); frame.ffill()"

    assert looks_ahead(source) == []
