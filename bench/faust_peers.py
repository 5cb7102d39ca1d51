"""Bare Faust agents over trading.commands: `take N` counts batches, `send N` forwards each record with topic.send."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

from runtime.settings import settings as read_settings
from streams.faust_app import make_app, run_app


def main() -> None:
    """Print the rate as one JSON line when N records were taken, then wait to be stopped."""
    kind, total = sys.argv[1], int(sys.argv[2])
    settings = read_settings()
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    app = make_app(settings, f"peer-{kind}")
    source = app.topic(settings.topic("trading.commands"), key_serializer="raw", value_serializer="raw")
    target = app.topic(settings.topic("ledger.deadletters"), key_serializer="raw", value_serializer="raw")
    seen, started = 0, 0.0

    async def take(stream: Any) -> None:
        nonlocal seen, started
        async for values in stream.take(settings.batch_records_max, within=0.005):
            started = started or time.perf_counter()
            seen += len(values)
            if seen >= total:
                print(json.dumps({"per_second": total / (time.perf_counter() - started)}), flush=True)

    async def send(stream: Any) -> None:
        async for event in stream.events():
            await target.send(key=event.key, value=event.value)

    app.agent(source, name=kind)(take if kind == "take" else send)
    run_app(app, loop.create_future())


if __name__ == "__main__":
    main()
