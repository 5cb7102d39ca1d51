"""Goal: the example of the page about the stream works. Method: run it, as it stands, against a running API."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from api.stream.closing import SLOW_CONSUMER
from runtime.settings import Settings
from tests.api.stream.world import LEDGER, projector, serving
from tests.docs.pages import DOCS
from tests.keys import ROOT_KEY
from tests.projections import story
from tests.projections.tapes import Tape

PAGE = DOCS / "how-to" / "follow-the-stream.md"


@pytest.mark.integration
async def test_the_client_of_the_page_follows_orders(ledger_settings: Settings, tmp_path: Path) -> None:
    """It prints an order as it is accepted, fills in part, loses its connection and finds it again, and fills."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    tape = Tape(ledger_settings.topic("ledger.events"), 0)
    for event in story.ann()[:6]:
        tape.write(event)
    with projector(ledger_settings) as written:
        async with serving(ledger_settings) as served:
            script = tmp_path / "follow.py"
            script.write_text(code.replace("127.0.0.1:8080", f"127.0.0.1:{served.port}"))
            written.write(LEDGER, tape.records[:3])
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                str(script),
                stdout=subprocess.PIPE,
                env={**os.environ, "TAPELEDGER_API_KEY": ROOT_KEY},
            )
            assert process.stdout is not None
            try:
                async with asyncio.timeout(60):
                    first = await process.stdout.readline()
                    written.write(LEDGER, tape.records[3:5])
                    second = await process.stdout.readline()
                    for session in list(served.stream._sessions):
                        session.client.close(SLOW_CONSUMER)
                    again = await process.stdout.readline()
                    written.write(LEDGER, tape.records[5:])
                    third = await process.stdout.readline()
            finally:
                process.kill()
                await process.wait()

    assert first == b"o1 PENDING_NEW 0 of 10\n"
    assert second == b"o1 PARTIALLY_FILLED 4 of 10\n"
    assert b"4411" in again
    assert third == b"o1 FILLED 10 of 10\n"
