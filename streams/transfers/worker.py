"""`tape worker transfers`: sees to it that cash which left one account arrives in another, or comes back."""

from __future__ import annotations

import threading

from runtime import health as health_module
from runtime import stopping
from runtime.settings import Settings
from streams.topics import wait_until_there
from streams.transfers.manager import COMMANDS, TAPE, TransferManager


def run(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT. Raises what it could not go on from."""
    health = health_module.serve(settings, "transfers")
    wait_until_there(settings, (TAPE, COMMANDS))
    stopped = threading.Event()
    stopping.on_signal(stopped.set)
    manager = TransferManager(settings)
    try:
        while not stopped.is_set():
            manager.turn()
            health.ready(manager.is_current)
            health.beat()
    finally:
        manager.close()
