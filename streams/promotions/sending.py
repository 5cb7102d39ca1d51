"""Sends what the registry's outbox holds (models.registry.outbox) to the audit agent. Sent twice it counts once."""

from __future__ import annotations

import logging
import threading

from domain.errors import TapeledgerError
from models.registry import outbox
from runtime.settings import Settings
from streams.auditlog import intake

_SOURCE = "models"
_EVERY_S = 5.0
_logger = logging.getLogger(__name__)


def send_waiting(settings: Settings) -> int:
    """Send what waits; how many those were. Raises UnavailableError, UnreadableInput."""
    actions = outbox.waiting(settings)
    if actions:
        intake.send(settings, actions, _SOURCE)
        for action in actions:
            outbox.sent(settings, action.action_id)
    return len(actions)


class Sending:
    """Sends what waits every few seconds, in a thread of its own, until `close`. The signals worker keeps one."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="promotions", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._stop.set()

    def _run(self) -> None:
        told = ""
        while True:
            try:
                sent = send_waiting(self._settings)
                told = ""
                if sent:
                    _logger.info("put %d promotions of models on record", sent)
            except TapeledgerError as error:
                if str(error) != told:
                    _logger.warning("promotions of models wait to be recorded: %s", error)
                    told = str(error)
            if self._stop.wait(_EVERY_S):
                return
