"""All generated files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from client.codegen import models, operations
from client.codegen.document import Document
from client.codegen.source import formatted
from client.codegen.types import Types


def made(openapi: Mapping[str, Any]) -> dict[str, str]:
    """Source by path within the package `tapeledger_client`. The same document gives the same bytes."""
    document = Document(openapi)
    types = Types(document)
    return formatted({**models.files(document, types), **operations.files(document, types)})
