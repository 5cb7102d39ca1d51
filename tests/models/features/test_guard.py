"""Goal: what looks ahead is written in models/labels alone. Method: read the sources; every pattern is planted once.

The tests of causality see what a feature does; this one sees, in all of models/, what nobody should write.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

MODELS = Path(__file__).resolve().parents[3] / "models"
LOOKS_AHEAD = MODELS / "labels"
FEATURES = MODELS / "features"

PATTERNS = {
    "a shift into the future": re.compile(r"\bshift\((?:periods\s*=\s*)?-"),
    "a centred window": re.compile(r"\bcenter\s*=\s*True"),
    "a correlation over both ends": re.compile(r"""\b(?:correlate|convolve)\([^)]*["'](?:same|full)["']"""),
    "a fill from later values": re.compile(r"""\bbfill\b|\bbackfill\b|\.interpolate\("""),
    "a roll around the end": re.compile(r"\bnp\.roll\("),
}
"""Nowhere in models/ outside models/labels."""


def findings(source: str, strict: bool) -> Iterator[str]:
    """What is wrong with a source. strict: that of a feature, which may not index by anything plus something either."""
    for what, pattern in PATTERNS.items():
        if pattern.search(source):
            yield what
    for node in ast.walk(ast.parse(source)) if strict else ():
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.BinOp) and isinstance(node.slice.op, ast.Add):
            yield f"an index ahead: {ast.unparse(node)}"


def sources() -> list[Path]:
    return [path for path in sorted(MODELS.rglob("*.py")) if LOOKS_AHEAD not in path.parents]


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(MODELS)))
def test_nothing_but_labels_looks_ahead(path: Path) -> None:
    """No shift by a negative number, no centred window, no filling from later values, no index ahead in features."""
    assert list(findings(path.read_text(), strict=FEATURES in path.parents)) == []


PLANTED = {
    "frame['close'].shift(-1)": "a shift into the future",
    "frame.shift(periods=-h)": "a shift into the future",
    "close.rolling(5, center=True).mean()": "a centred window",
    "np.convolve(close, weights, 'same')": "a correlation over both ends",
    "frame.bfill()": "a fill from later values",
    "np.roll(close, 1)": "a roll around the end",
    "close[at + 1]": "an index ahead: close[at + 1]",
}


@pytest.mark.parametrize("source", PLANTED)
def test_the_guard_can_fail(source: str) -> None:
    """Each kind of look ahead, planted, is found and named."""
    assert list(findings(source, strict=True)) == [PLANTED[source]]


def test_what_looks_back_is_let_through() -> None:
    """A shift back, a window that ends with its bar, a valid correlation, an index behind."""
    assert list(findings("x.shift(1); x.rolling(5); np.correlate(x, w, 'valid'); x[at - 1]; x[1:]", strict=True)) == []


def test_labels_are_what_looks_ahead() -> None:
    """The folder that the guard leaves out is there, so the guard reads what it thinks it reads."""
    assert (LOOKS_AHEAD / "barriers.py").is_file()
    assert len(sources()) > 15
