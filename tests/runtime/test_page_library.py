"""Pages without the library that draws their charts, and with it again: held to plotly's own word of what it is."""

from __future__ import annotations

import pytest
from plotly.offline import get_plotlyjs

from runtime import page_library
from runtime.page_library import MARK, lean, library, whole


def test_a_page_is_stored_without_the_library_and_shown_with_it() -> None:
    """There and back again it is the same page, and what is stored is small."""
    page = f"<html><script>{get_plotlyjs()}</script><p>charts</p></html>"

    assert lean(page) == f"<html><script>{MARK}</script><p>charts</p></html>"
    assert whole(lean(page)) == page


def test_a_page_without_charts_stays_as_it_is() -> None:
    """There is nothing to take out or put in."""
    assert whole(lean("<p>none</p>")) == "<p>none</p>"


def test_without_plotly_a_page_is_shown_without_charts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the library is not installed, the mark is simply gone."""
    monkeypatch.setattr(page_library, "find_spec", lambda _: None)
    library.cache_clear()
    try:
        assert (lean("<p>x</p>"), whole(f"<script>{MARK}</script>")) == ("<p>x</p>", "<script></script>")
    finally:
        library.cache_clear()
