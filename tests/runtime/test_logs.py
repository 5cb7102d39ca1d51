"""The log lines, from a real process's standard error."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from runtime.logs import JsonLines

REPOSITORY = Path(__file__).parents[2]


def lines_of(code: str, level: str = "INFO") -> tuple[int, list[dict[str, Any]]]:
    """Run code after `configure`; the exit code and the parsed lines of standard error."""
    start = (
        "import logging\nfrom runtime import logs, tracing\nfrom runtime.settings import Settings\n"
        f"logs.configure(Settings(_env_file=None, log_level={level!r}), 'ledger')\nlog = logging.getLogger('part')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", start + code], cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, [json.loads(line) for line in done.stderr.splitlines()]


def test_fields_and_their_order() -> None:
    """A line has the five fields, then those given with extra, in the published order."""
    _, (line,) = lines_of("log.info('order %s', 'in', extra={'latency_ms': 1.5, 'symbol': 'IBM', 'order_id': 'ord_1'})")

    assert list(line) == ["timestamp", "level", "service", "trace_id", "message", "order_id", "symbol", "latency_ms"]
    assert line["timestamp"][10] == "T"
    assert len(line["timestamp"]) == len("2026-01-02T03:04:05.123456Z")
    assert line | {"timestamp": ""} == {
        "timestamp": "",
        "level": "INFO",
        "service": "ledger",
        "trace_id": None,
        "message": "order in",
        "order_id": "ord_1",
        "symbol": "IBM",
        "latency_ms": 1.5,
    }


def test_trace_id_is_the_current_spans() -> None:
    """Inside a span a line carries the trace id that the traceparent names."""
    _, (line,) = lines_of(
        "with tracing.span('s', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'):\n    log.info('x')"
    )

    assert line["trace_id"] == "0af7651916cd43dd8448eb211c80319c"


def test_level_and_line_breaks() -> None:
    """Lines below the level are left out; a message of several lines stays one line of the log."""
    _, (line,) = lines_of("log.info('not shown')\nlog.warning('two\\nlines')", level="WARNING")

    assert line["message"] == "two\nlines"


def test_exceptions_are_lines_too() -> None:
    """A logged exception, a warning, a thread's death and an uncaught exception are JSON, and the process fails."""
    code, lines = lines_of(
        "import threading, warnings\n"
        "try:\n    1 / 0\nexcept ZeroDivisionError:\n    log.exception('caught')\n"
        "warnings.warn('old', UserWarning)\n"
        "def die():\n    raise KeyError('thread')\n"
        "t = threading.Thread(target=die)\nt.start()\nt.join()\n"
        "raise ValueError('end')"
    )

    assert code == 1
    caught, warned, thread, uncaught = lines
    assert "ZeroDivisionError: division by zero" in caught["exception"]
    assert "UserWarning: old" in warned["message"]
    assert (thread["level"], "KeyError: 'thread'" in thread["exception"]) == ("CRITICAL", True)
    assert (uncaught["level"], uncaught["message"]) == ("CRITICAL", "uncaught ValueError: end")


def test_faust_leaves_the_log_alone() -> None:
    """A Faust app made as ours are logs through our lines, and what is printed stays on standard output."""
    _, lines = lines_of(
        "import asyncio, faust\n"
        "app = faust.App('a', broker='memory://', worker_redirect_stdouts=False, logging_config=None)\n"
        "app.finalize()\n"
        "print('plain output')\n"
        "logging.getLogger('faust.app').warning('from faust')"
    )

    assert [line["message"] for line in lines] == ["from faust"]


@pytest.mark.parametrize(
    "secret",
    [
        "tk_0123456789abcdef_" + "5e" * 32,
        "tk_root_" + "5e" * 32,
        "rt_" + "ab" * 16 + "_" + "5e" * 32,
        "ts_" + "5e" * 32,
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl",
    ],
)
def test_credentials_are_cut_out(secret: str) -> None:
    """What an error or a library repeats of a credential does not reach the log; what is around it does."""
    record = logging.LogRecord("x", logging.WARNING, "x", 1, "GET /?k=%s was bad", (secret,), None)

    line = JsonLines("api").format(record)

    assert secret not in line
    assert "was bad" in line
    assert f"GET /?k={secret[:3]}" in line
