"""Goal: the examples of the how-to page work. Method: run them in turn on a ledger, and compare what they print."""

from __future__ import annotations

import contextlib
import io
import re
from typing import Any

import pytest

from tests.docs.pages import DOCS

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]
PAGE = DOCS / "how-to" / "use-the-python-client.md"
ADDRESS = "http://127.0.0.1:8080"
_EXAMPLE = re.compile(r"^```python\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?", re.MULTILINE | re.DOTALL)


def test_the_examples_do_what_the_page_says(running: str) -> None:
    """Each prints the text that stands below it, or nothing."""
    examples = _EXAMPLE.findall(PAGE.read_text())
    assert len(examples) >= 8
    assert PAGE.read_text().count("```python") == len(examples)
    names: dict[str, Any] = {"__name__": "example"}
    for code, wanted in examples:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code.replace(ADDRESS, running), str(PAGE), "exec"), names)

        assert printed.getvalue() == wanted, code
