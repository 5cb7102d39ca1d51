"""A worker under the harness, `python -m tests.faults.child MODULE`: its own code, with a clock and bugs of ours.

FAULTS_CLOCK: file with the clock's offset. FAULTS_PLANT: a bug to plant. FAULTS_EXCHANGE: the exchange's port; without
it the engine's venue is the paper venue, which writes its record to FAULTS_PAPER.
"""

from __future__ import annotations

import logging
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from tests.faults import clock, plants

if TYPE_CHECKING:
    from execution.venue import Venue
    from runtime.settings import Settings

STOPPED = "cannot go on"


def _venue(found: Settings) -> Venue:
    from execution.paper import parameters_of
    from tests.faults.exchange_venue import ExchangeVenue
    from tests.faults.paper_record import RecordedPaperVenue

    if port := os.environ["FAULTS_EXCHANGE"]:
        return ExchangeVenue(int(port))
    parameters, path = parameters_of(found), Path(os.environ["FAULTS_PAPER"])
    return RecordedPaperVenue(parameters, path, shared_liquidity=found.paper_shared_liquidity)


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
        worker.make_venue = _venue
    try:
        worker.run(found)
    except TapeledgerError as error:
        logging.getLogger("tests.faults").critical("%s %s: %s: %s", module, STOPPED, type(error).__name__, error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
