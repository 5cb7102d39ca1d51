"""Old schema versions brought up to the next one, as pure functions over the decoded JSON object.

(name, version) -> function giving the data of version + 1. A test fails when a version has none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Upcaster = Callable[[dict[str, Any]], dict[str, Any]]

UPCASTERS: dict[tuple[str, int], Upcaster] = {}
