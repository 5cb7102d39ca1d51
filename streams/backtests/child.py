"""`python -m streams.backtests.child`: the process of one job. It does one task and ends.

What a backtest needs is imported here and nowhere else, so the worker stays small; a crash, a full memory or an endless
loop ends this process alone. It holds no password but the reader's: a backtest can change no table and send nothing to
Kafka. Standard output belongs to the answers, so what libraries print goes to standard error.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import BinaryIO

from domain.errors import InvalidValue, TapeledgerError, UnavailableError
from runtime import logs
from runtime.page_library import lean
from runtime.settings import Settings, given_settings
from streams.backtests.messages import (
    CANCEL,
    Answer,
    Done,
    Failed,
    Progress,
    RunTask,
    Stopped,
    Tracked,
    TrackTask,
    line,
    tasks,
)
from streams.backtests.outcomes import PAGE_CHARACTERS_MAX, check
from streams.backtests.port import Result, load
from streams.backtests.translation import outcome_of

_PROGRESS_EVERY_S = 0.2
_SERVERS = frozenset({"psycopg", "confluent_kafka", "redis", "requests", "urllib3", "httpx", "sqlalchemy"})
"""Libraries whose errors tell of a server rather than of the backtest."""
log = logging.getLogger(__name__)
_ROOT = Path(__file__).resolve().parent.parent.parent


def main() -> None:
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    task = tasks.decode(sys.stdin.buffer.readline())
    is_cancelled = threading.Event()
    threading.Thread(target=_listen, args=(sys.stdin.buffer, is_cancelled), name="listening", daemon=True).start()
    settings = given_settings()
    os.nice(settings.backtest_niceness)
    logs.configure(settings, "backtests")
    try:
        answer = _run(task, settings, output, is_cancelled) if isinstance(task, RunTask) else _track(task, settings)
    except BaseException as error:  # noqa: BLE001  # whatever it is, the worker is told
        answer = Stopped() if is_cancelled.is_set() else failed(error)
    output.write(line(answer))
    output.flush()
    logging.shutdown()
    os._exit(0)  # threads that libraries leave behind are not waited for


def _listen(commands: BinaryIO, is_cancelled: threading.Event) -> None:
    for command in commands:
        if command == CANCEL:
            is_cancelled.set()
    os._exit(1)  # the worker is gone, and so is the claim


def _run(task: RunTask, settings: Settings, output: BinaryIO, is_cancelled: threading.Event) -> Answer:
    told_s = 0.0

    def progress(share: float, text: str) -> None:
        nonlocal told_s
        now_s = time.monotonic()
        if now_s - told_s >= _PROGRESS_EVERY_S:
            told_s = now_s
            output.write(line(Progress(share=share, text=text)))
            output.flush()

    result = load(task.programs.runner)(task.terms, settings, progress=progress, cancelled=is_cancelled.is_set)
    return Done(outcome=check(outcome_of(result, _page(task.programs.page, result))))


def _page(program: str, result: Result) -> str | None:
    """The result's page, without the library that draws its charts. A result is worth keeping without one."""
    try:
        page = lean(load(program)(result))
    except Exception:
        log.exception("a result is kept without its page")
        return None
    if len(page) > PAGE_CHARACTERS_MAX:
        log.error("a page of %d characters is not kept, expected at most %d", len(page), PAGE_CHARACTERS_MAX)
        return None
    return page


def _track(task: TrackTask, settings: Settings) -> Answer:
    log = load(task.programs.tracker)
    return Tracked(
        run_id=log(settings, task.backtest_id, task.requested_by, task.terms, task.result, task.report),
    )


def failed(error: BaseException) -> Failed:
    """What became of an attempt that ended with this error, and whether another one may do better.

    Another may where a server was away; not where the terms are wrong, a file is missing or damaged, the memory is too
    small or the program has a defect: they would meet the same again.
    """
    text = logs.without_credentials(" ".join(str(error).split()) or repr(error))
    code = _code(error)
    if not isinstance(error, TapeledgerError | MemoryError):
        text = f"{type(error).__name__}: {text}{_place(error)}"
    if code == "BACKTEST_ERROR":
        log.error("a backtest met a defect", exc_info=error)
    return Failed(code=code, text=text, again=code == "BACKTEST_SERVER_UNAVAILABLE")


def _code(error: BaseException) -> str:
    match error:
        case InvalidValue():
            return error.code
        case UnavailableError() if isinstance(error.__cause__, FileNotFoundError | ImportError | AttributeError):
            return "BACKTEST_PART_MISSING"
        case UnavailableError() | OSError():
            return "BACKTEST_SERVER_UNAVAILABLE"
        case TapeledgerError():
            return "BACKTEST_INPUT_UNREADABLE"
        case MemoryError():
            return "BACKTEST_OUT_OF_MEMORY"
    is_servers = any(cls.__module__.partition(".")[0] in _SERVERS for cls in type(error).__mro__)
    return "BACKTEST_SERVER_UNAVAILABLE" if is_servers else "BACKTEST_ERROR"


def _place(error: BaseException) -> str:
    """The last line of ours that it came through."""
    ours = [frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename).is_relative_to(_ROOT)]
    return f" ({Path(ours[-1].filename).relative_to(_ROOT)}:{ours[-1].lineno})" if ours else ""


if __name__ == "__main__":
    main()
