"""The published codes are those that the adapter uses."""

from __future__ import annotations

import re
from pathlib import Path

from execution.alpaca.codes import CODES

FOLDER = Path(__file__).parents[3] / "execution" / "alpaca"


def test_every_code_is_published_and_used() -> None:
    """No refusal has a code that the reference page does not explain, and none is explained that cannot come."""
    sources = [path.read_text() for path in FOLDER.glob("*.py") if path.name != "codes.py"]
    used = {code for text in sources for code in re.findall(r'"((?:ORDER|VENUE)_[A-Z_]+)"', text)}

    assert used == set(CODES)
