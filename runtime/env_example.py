"""`.env.example`, written from the settings: `make env-example`. A test holds the file to them."""

from __future__ import annotations

import sys

from runtime.settings import Settings

_HEAD = """\
# Every setting with its default. Copy this file to .env and change what you need; a variable of the environment wins.
# Without the addresses of the servers, `tape up` starts embedded ones.
"""


def text() -> str:
    """One commented line for each setting, its description above it where it has one."""
    lines = [_HEAD]
    for name, field in Settings.model_fields.items():
        if field.description:
            lines.append(f"# {field.description}")
        lines.append(f"#{name.upper()}={'' if field.default is None else field.default}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text())
