"""Logs: one JSON object a line on standard error.

Fields, in this order: timestamp (RFC 3339, UTC, microseconds), level, service, trace_id (of the current span, or null),
message; then, where they are given with `extra=`, order_id, symbol, latency_ms; last, where there is one, exception.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import threading
import warnings
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from runtime import tracing
from runtime.settings import Settings

_CREDENTIALS = re.compile(
    r"\b(tk_(?:root|[0-9a-f]{16})_|rt_[0-9a-f]{32}_|ts_|eyJ)(?:[0-9a-f]{64}|[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*)"
)
EXTRA_FIELDS = ("order_id", "symbol", "latency_ms")
_QUIET = ("aiokafka", "alembic", "asyncio", "faust", "git", "httpx", "matplotlib", "mode", "urllib3")


class JsonLines(logging.Formatter):
    """A record as one line of JSON; what JSON has no form for is written as text."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self.service = service

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, Any] = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "level": record.levelname,
            "service": self.service,
            "trace_id": getattr(record, "trace_id", None) or tracing.trace_id(),
            "message": record.getMessage(),
        }
        for name in EXTRA_FIELDS:
            if (value := getattr(record, name, None)) is not None:
                fields[name] = value
        if record.exc_info and record.exc_info[0] is not None:
            fields["exception"] = self.formatException(record.exc_info)
        return without_credentials(json.dumps(fields, default=str, ensure_ascii=False))


def without_credentials(text: str) -> str:
    """The text with each API key, refresh token, session and JSON Web Token cut after its name or first characters.

    Nothing of ours logs one; this is for what libraries and errors repeat.
    """
    return _CREDENTIALS.sub(r"\1…", text)


def configure(settings: Settings, service: str) -> None:
    """Make this process log as `service` at settings.log_level. Safe to repeat; the last call counts.

    Warnings and uncaught exceptions, those of threads too, become lines as well. Under Faust, make the app with
    `worker_redirect_stdouts=False` and `logging_config=None`, or it puts its own handlers in place of this one.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(service))
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(settings.log_level)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    logging.captureWarnings(True)
    warnings.simplefilter("default")
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_thread
    tracing.configure(settings, service)


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    logging.getLogger(__name__).critical("uncaught %s: %s", kind.__name__, error, exc_info=(kind, error, trace))


def _uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None and not issubclass(args.exc_type, SystemExit):
        _uncaught(args.exc_type, args.exc_value, args.exc_traceback)
