"""How a worker stops: at SIGTERM or SIGINT, with exit code 0, and never later than STOP_S_MAX after the signal.

A worker finishes what it has begun; while a server is away that could take for ever. It may then be left at any point,
because progress is in the log: what was not acknowledged is done again by the successor (design promises 3 and 4).
`install` covers the time before a worker has handlers of its own, also while the main thread waits inside a client
library, where Python runs no handler.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from types import FrameType

STOP_S_MAX = 9.0
SIGNALS = (signal.SIGTERM, signal.SIGINT)
log = logging.getLogger(__name__)
_armed = threading.Event()
_wakeup: list[socket.socket] = []


def install() -> None:
    """From now on a signal ends the process, by SystemExit(0) in the main thread. Call it in the main thread."""
    reading, writing = socket.socketpair()
    writing.setblocking(False)
    _wakeup[:] = [reading, writing]  # they must live as long as the process
    signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(reading,), name="stopping", daemon=True).start()
    for number in SIGNALS:
        signal.signal(number, _exit)


def on_signal(action: Callable[[], None], loop: asyncio.AbstractEventLoop | None = None) -> None:
    """Let a signal call `action`, in the loop where there is one, and end the process in any case STOP_S_MAX later."""

    def stop(*_: object) -> None:
        arm()
        action()

    for number in SIGNALS:
        if loop is None:
            signal.signal(number, stop)
        else:
            loop.add_signal_handler(number, stop)


def arm() -> None:
    """The process ends with exit code 0 in STOP_S_MAX, if it is still there. Safe to repeat."""
    if _armed.is_set():
        return
    _armed.set()
    timer = threading.Timer(STOP_S_MAX, _leave)
    timer.daemon = True
    timer.start()


def _watch(reading: socket.socket) -> None:
    """The interpreter writes each signal's number here at once, whatever the main thread is doing."""
    while received := reading.recv(16):
        if any(number in received for number in SIGNALS):
            arm()


def _exit(_: int, __: FrameType | None) -> None:
    sys.exit(0)


def _leave() -> None:
    log.warning("not stopped within %.0f s, leaving what is under way to the successor", STOP_S_MAX)
    logging.shutdown()
    os._exit(0)
