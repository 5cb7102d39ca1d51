"""Which operation a request is for, before the router has found out: the record of a refusal names it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fastapi.routing import APIRoute
from starlette.routing import compile_path
from starlette.types import Scope

UNMATCHED = "unmatched"


class Operations:
    """routes: of all routers. Paths that none has are all `unmatched`: a stranger makes up no names on the tape."""

    def __init__(self, routes: Iterable[Any]) -> None:
        found = [route for route in routes if isinstance(route, APIRoute)]
        self._patterns = [
            (compile_path(route.path)[0], frozenset(route.methods or ()), str(route.operation_id)) for route in found
        ]

    def name(self, scope: Scope) -> str:
        """The operation id; `websocket` for those."""
        if scope["type"] == "websocket":
            return "websocket"
        for pattern, methods, name in self._patterns:
            if scope["method"] in methods and pattern.match(scope["path"]):
                return name
        return UNMATCHED
