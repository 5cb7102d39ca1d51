"""`python -m client.codegen`: write the generated files of the client, and remove those that are no longer made."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from client.codegen.made import made

PACKAGE = Path(__file__).resolve().parents[1] / "tapeledger_client"


def document() -> dict[str, Any]:
    """The OpenAPI document of the application, which is not started."""
    from api.app import create_app
    from runtime.settings import Settings

    nobody = "127.0.0.1:1"
    settings = Settings(
        _env_file=None,
        kafka_bootstrap_servers=nobody,
        database_url=f"postgresql://owner@{nobody}/tape",
        database_reader_url=f"postgresql://tape_reader@{nobody}/tape",
        redis_url=f"redis://{nobody}/0",
    )
    return create_app(settings).openapi()


def main() -> None:
    files = made(document())
    for folder in sorted({Path(name).parent for name in files}):
        (PACKAGE / folder).mkdir(exist_ok=True)
        for path in (PACKAGE / folder).glob("*.py"):
            if str(path.relative_to(PACKAGE)) not in files:
                path.unlink()
    for name, text in files.items():
        (PACKAGE / name).write_text(text)
    sys.stdout.write(f"{len(files)} files of {PACKAGE.name} are current\n")


if __name__ == "__main__":
    main()
