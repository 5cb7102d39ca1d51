"""The peer of the stream: the `websockets` library's own broadcast of the same messages, from memory, and nothing else.

`python -m bench.stream_peer PORT PER_SECOND SECONDS`. Begins to send when a line comes on standard input, and writes a
JSON object in the end: message number -> the moment at which its broadcast began (s since 1970).
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

import uvloop
from websockets.asyncio.server import ServerConnection, broadcast, serve

_TEXT = (
    '{"type":"update","seq":%d,"more":false,"changes":[{"seq":%d,"channel":"ticks","data":{"kind":"tick","symbol":"AAPL",'
    '"market_time":"2011-06-30T21:00:00.000000Z","price":"100.25","volume":"100","closes_bar":false,"partition":0,'
    '"tick_offset":%d}}]}'
)


async def _run(port: int, per_second: int, seconds: float) -> None:
    async def welcome(connection: ServerConnection) -> None:
        await connection.recv()
        await connection.send('{"type":"update","seq":0,"more":false,"changes":[]}')
        await connection.wait_closed()

    left: dict[int, float] = {}
    async with serve(welcome, "127.0.0.1", port, compression=None, backlog=2_048) as server:
        print("listening", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        begun = time.monotonic()
        for number in range(1, int(per_second * seconds) + 1):
            await asyncio.sleep(max(0.0, begun + number / per_second - time.monotonic()))
            left[number] = time.time()
            broadcast(server.connections, _TEXT % (number, number, number))
        print(json.dumps(left), flush=True)
        await asyncio.to_thread(sys.stdin.readline)


if __name__ == "__main__":
    uvloop.run(_run(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
