"""HTTP load at a fixed rate, from a process of its own: `python -m bench.http_load` with a Load as JSON on its input.

Requests leave on a schedule, whatever the answers do, and latency counts from the moment at which each was due, so a
server that stands still is not flattered (no coordinated omission). What it measured is one line of JSON.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any, NamedTuple

import aiohttp
import uvloop

from bench.world import ROOT

CONNECTIONS = 64


class Load(NamedTuple):
    """bases: addresses of the same service, asked in turn. requests: [method, path, body or None], sent in turn;
    `{n}` in path and body texts is the request's number.

    rate: requests per second; warm_s, seconds: how long without and with counting.
    """

    bases: Sequence[str]
    headers: dict[str, str]
    requests: Sequence[tuple[str, str, Mapping[str, Any] | None]]
    rate: int
    warm_s: float
    seconds: float


class Answered(NamedTuple):
    """Milliseconds from due to the whole answer. failed: answers other than 200 and 202, by status; 0: none came."""

    p50_ms: float
    p95_ms: float
    p99_ms: float
    count: int
    failed: dict[str, int]


def run(load: Load) -> Answered:
    """Put the load on from a child process."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.http_load"],
        cwd=ROOT,
        input=json.dumps(load._asdict()),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return Answered(**json.loads(done.stdout))


async def _put(load: Load) -> Answered:
    latencies: list[float] = []
    failed: dict[str, int] = {}
    total, warm = int(load.rate * (load.warm_s + load.seconds)), int(load.rate * load.warm_s)
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(
                aiohttp.ClientSession(
                    base,
                    connector=aiohttp.TCPConnector(limit=CONNECTIONS // len(load.bases)),
                    headers=load.headers,
                )
            )
            for base in load.bases
        ]
        started = time.monotonic()

        async def one(number: int) -> None:
            method, path, body = load.requests[number % len(load.requests)]
            data = None if body is None else json.dumps(body).replace("{n}", str(number))
            headers = None if data is None else {"Content-Type": "application/json"}
            try:
                async with clients[number % len(clients)].request(
                    method, path.replace("{n}", str(number)), data=data, headers=headers
                ) as answer:
                    await answer.read()
                    status = answer.status
            except aiohttp.ClientError:
                status = 0
            if number >= warm:
                latencies.append((time.monotonic() - started - number / load.rate) * 1_000)
                if status not in (200, 202):
                    failed[str(status)] = failed.get(str(status), 0) + 1

        async with asyncio.TaskGroup() as group:
            for number in range(total):
                await asyncio.sleep(max(0.0, started + number / load.rate - time.monotonic()))
                group.create_task(one(number))
    latencies.sort()

    def percentile(percent: float) -> float:
        return latencies[min(len(latencies) - 1, int(len(latencies) * percent / 100))]

    return Answered(percentile(50), percentile(95), percentile(99), len(latencies), failed)


def main() -> None:
    load = Load(**json.load(sys.stdin))
    print(json.dumps(uvloop.run(_put(load))._asdict()))


if __name__ == "__main__":
    main()
