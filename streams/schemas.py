"""Writes the JSON Schema of every message version to infra/kafka/schemas: `python -m streams.schemas`.

A version that is stored there is only ever widened. A change that would break readers of what is already on a tape is
refused: give the message a new version in domain.schema.VERSIONS and an upcaster in domain.upcasters.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from domain.json_schema import breaking_changes, json_schemas, missing_upcasters

FOLDER = Path(__file__).parent.parent / "infra" / "kafka" / "schemas"


def text_of(schema: dict[str, Any]) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def stored(folder: Path = FOLDER) -> dict[str, dict[str, Any]]:
    """The stored schemas by type name."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}


def problems(folder: Path = FOLDER) -> list[str]:
    """Why records written under the stored schemas could not be read by this program, one line each."""
    current, before = json_schemas(), stored(folder)
    found = missing_upcasters(list(before))
    for name in before.keys() & current.keys():
        found += [f"{name}: {change}" for change in breaking_changes(before[name], current[name])]
    return sorted(found)


def write(folder: Path = FOLDER) -> list[Path]:
    """Write the schemas that are new or have changed, and return their paths.

    Raises ValueError, and writes nothing, when a stored version could no longer be read.
    """
    if found := problems(folder):
        raise ValueError("a stored schema would break; raise the version and write an upcaster:\n" + "\n".join(found))
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, schema in json_schemas().items():
        path = folder / f"{name}.json"
        text = text_of(schema)
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
            written.append(path)
    return written


def main() -> int:
    try:
        written = write()
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.writelines(f"{path}\n" for path in written)
    return 0


if __name__ == "__main__":
    sys.exit(main())
