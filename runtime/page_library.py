"""The library that draws the charts of a page: 4.8 MB, the same in each. What is stored does without; what is shown or
handed on has it.

Boundaries: pages hold it once, word for word, as plotly.offline.get_plotlyjs gives it. Where plotly is not installed a
page is shown without charts.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

MARK = "/* plotly.js belongs here */"


@lru_cache(maxsize=1)
def library() -> str:
    """Its text; empty where it is not installed."""
    spec = find_spec("plotly")
    places = spec.submodule_search_locations if spec is not None else None
    file = Path(places[0]) / "package_data" / "plotly.min.js" if places else None
    return file.read_text(encoding="utf-8") if file is not None and file.is_file() else ""


def lean(page: str) -> str:
    """The page with a mark where the library is."""
    text = library()
    return page.replace(text, MARK) if text else page


def whole(page: str) -> str:
    """The page with the library where the mark is."""
    return page.replace(MARK, library())
