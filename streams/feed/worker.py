"""The feed as a worker: replays `settings.feed_from` to `settings.feed_to` for all instruments, then stays idle."""

from __future__ import annotations

import logging
import threading

import msgspec

from runtime import health as health_module
from runtime import stopping
from runtime.embedded.process import write_atomically
from runtime.settings import Settings
from streams.feed.feed import LOCKSTEP, Feed, Pace
from streams.feed.publisher import TOPIC
from streams.topics import wait_until_there

SUMMARY = "feed.json"
"""Left in tape_home when the whole replay is done, for whoever waits for it."""

_BEAT_S = 1.0
_logger = logging.getLogger(__name__)


def run(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT. Raises what it could not go on from."""
    health = health_module.serve(settings, "feed")
    (settings.tape_home / SUMMARY).unlink(missing_ok=True)  # an earlier replay's
    wait_until_there(settings, (TOPIC, "trading.signals", "ledger.events"))
    pace = Pace(speed=settings.feed_speed) if settings.feed_speed else LOCKSTEP
    feed = Feed(settings, settings.symbols(), settings.feed_from, settings.feed_to, pace)
    stopped = threading.Event()

    def stop() -> None:
        stopped.set()
        feed.stop()

    stopping.on_signal(stop)

    health.ready(True)
    summary = feed.run(beat=health.beat)
    _logger.info(
        "the feed has published %d of %d bars in %.1f s",
        summary.bars_published,
        summary.bars_total,
        summary.seconds,
    )
    if summary.complete:
        write_atomically(settings.tape_home / SUMMARY, msgspec.json.encode(summary).decode())
    while not stopped.wait(_BEAT_S):  # a worker that ends is started again: stay, with nothing left to do
        health.beat()
