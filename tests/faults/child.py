"""A worker under the harness, `python -m tests.faults.child MODULE`: its own code, with a clock and bugs of ours.

FAULTS_CLOCK: file with the clock's offset. FAULTS_PLANT: a bug to plant. FAULTS_EXCHANGE: the exchange's port.
"""

from __future__ import annotations

import logging
import os
import sys
from importlib import import_module
from pathlib import Path

from tests.faults import clock, plants

STOPPED = "cannot go on"


def main() -> int:
    module = sys.argv[1]
    clock.install(Path(os.environ["FAULTS_CLOCK"]))
    if plant := os.environ.get("FAULTS_PLANT"):
        plants.install(plant)
    from domain.errors import TapeledgerError
    from runtime import logs
    from runtime.settings import settings

    found = settings()
    logs.configure(found, found.worker_instance or module)
    worker = import_module(module)
    if module == "execution.worker":
        from tests.faults.exchange_venue import ExchangeVenue

        worker.make_venue = lambda _: ExchangeVenue(int(os.environ["FAULTS_EXCHANGE"]))
    try:
        worker.run(found)
    except TapeledgerError as error:
        logging.getLogger("tests.faults").critical("%s %s: %s: %s", module, STOPPED, type(error).__name__, error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
