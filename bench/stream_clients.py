"""A thousand WebSocket clients in one process, that cost as little as can be: they share the cores with the server.

`python -m bench.stream_clients PORT PATH COUNT`. Says `ready` when all are connected and have what they asked for;
reads a JSON object from standard input then, message number -> the moment at which it left (s since 1970), and answers
with a JSON object of latencies. Each client is an asyncio protocol that cuts frames; equal texts are read once.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import sys
import time
from array import array
from typing import Any

import uvloop

_SEQ = re.compile(rb'"seq":(\d+),"channel"')
_AT_ONCE = 50
_SUBSCRIBE = b'{"type":"subscribe","channels":["ticks"]}'


class Receipts:
    """Text -> when each client got it."""

    def __init__(self) -> None:
        self.times: dict[bytes, array[float]] = {}
        self.broken = 0

    def add(self, text: bytes, now: float) -> None:
        known = self.times.get(text)
        if known is None:
            known = self.times[text] = array("d")
        known.append(now)


class Client(asyncio.Protocol):
    """Asks for ticks and notes what comes; opened: done once the first update is here."""

    def __init__(self, path: str, receipts: Receipts) -> None:
        self._path, self._receipts = path, receipts
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._data = bytearray()
        self._upgraded = False

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        key = base64.b64encode(os.urandom(16)).decode()
        transport.write(
            f"GET {self._path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            f"Authorization: Bearer {os.environ['API_ROOT_KEY']}\r\n\r\n".encode()
        )

    def connection_lost(self, exc: Exception | None) -> None:
        self._receipts.broken += 1
        if not self.opened.done():
            self.opened.set_exception(exc or ConnectionError("closed before it was open"))

    def data_received(self, data: bytes) -> None:
        now = time.time()
        self._data += data
        if not self._upgraded:
            end = self._data.find(b"\r\n\r\n")
            if end < 0:
                return
            assert self._data.startswith(b"HTTP/1.1 101"), bytes(self._data[:end])
            del self._data[: end + 4]
            self._upgraded = True
            self._send(0x1, _SUBSCRIBE)
        while self._frame(now):
            pass

    def _frame(self, now: float) -> bool:
        """Take one frame off; servers mask none (RFC 6455, section 5.1)."""
        data = self._data
        if len(data) < 2:
            return False
        size, start = data[1], 2
        if size == 126:
            size, start = int.from_bytes(data[2:4]), 4
        elif size == 127:
            size, start = int.from_bytes(data[2:10]), 10
        if len(data) < start + size:
            return False
        kind, text = data[0] & 0xF, bytes(data[start : start + size])
        del data[: start + size]
        if kind == 0x9:
            self._send(0xA, text)
        elif kind == 0x1 and text.startswith(b'{"type":"update"'):
            self._receipts.add(text, now)
            if not self.opened.done():
                self.opened.set_result(None)
        return True

    def _send(self, kind: int, text: bytes) -> None:
        self._transport.write(bytes((0x80 | kind, 0x80 | len(text), 0, 0, 0, 0)) + text)


async def _run(port: int, path: str, count: int) -> None:
    loop, receipts, gate = asyncio.get_running_loop(), Receipts(), asyncio.Semaphore(_AT_ONCE)

    async def join() -> None:
        async with gate:
            _, client = await loop.create_connection(lambda: Client(path, receipts), "127.0.0.1", port)
            await client.opened

    await asyncio.gather(*(join() for _ in range(count)))
    print("ready", flush=True)
    left = json.loads(await asyncio.to_thread(sys.stdin.readline))
    print(json.dumps(_measured(receipts, {int(number): at for number, at in left.items()})), flush=True)


def _measured(receipts: Receipts, left: dict[int, float]) -> dict[str, Any]:
    """Latencies of every message at every client, in ms. told: how many; texts: what carried them."""
    latencies, texts = array("d"), 0
    for text, times in receipts.times.items():
        numbers = [int(number) for number in _SEQ.findall(text) if int(number) in left]
        texts += bool(numbers)
        for number in numbers:
            latencies.extend((at - left[number]) * 1_000 for at in times)
    found = sorted(latencies)
    return {
        "told": len(found),
        "texts": texts,
        "broken": receipts.broken,
        **{f"p{p}_ms": found[min(len(found) - 1, len(found) * p // 100)] if found else None for p in (50, 95, 99)},
    }


if __name__ == "__main__":
    uvloop.run(_run(int(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
