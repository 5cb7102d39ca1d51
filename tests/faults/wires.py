"""Loopback proxies between workers and servers. A wire can be cut, fall silent, or carry answers late."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
_CHUNK = 65_536


class Background:
    """An event loop in a thread of its own, for the wires and the exchange."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="background", daemon=True)
        self._thread.start()

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(30)

    def stop(self) -> None:
        async def end() -> None:
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        self.call(end())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()


class Wire:
    """127.0.0.1:port leads to 127.0.0.1:target, which may be told later; until then it leads nowhere.

    cut: connections are reset and new ones refused at once. silent: nothing is carried, nothing is closed.
    delay_s: how late the server's answers arrive.
    """

    def __init__(self, background: Background, name: str, port: int, target: int = 0) -> None:
        self.name, self.port, self.target = name, port, target
        self._background = background
        self._is_cut = False
        self._delay_s = 0.0
        self._open = asyncio.Event()
        self._writers: set[asyncio.StreamWriter] = set()
        background.call(self._serve())

    def cut(self) -> None:
        self._background.call(self._cut())

    def silence(self) -> None:
        self._background.call(self._do(self._open.clear))

    def slow(self, delay_s: float) -> None:
        self._delay_s = delay_s

    def mend(self) -> None:
        """All is carried again, at once."""
        self._is_cut, self._delay_s = False, 0.0
        self._background.call(self._do(self._open.set))

    async def _do(self, action: Any) -> None:
        action()

    async def _serve(self) -> None:
        self._open.set()
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", self.port)

    async def _cut(self) -> None:
        self._is_cut = True
        for writer in list(self._writers):
            writer.transport.abort()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            if self._is_cut:
                return
            await self._open.wait()
            there, back = await asyncio.open_connection("127.0.0.1", self.target)
            self._writers.add(back)
            for end in (writer, back):
                end.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            pumps = [asyncio.create_task(self._pump(reader, back, late=False))]
            pumps.append(asyncio.create_task(self._pump(there, writer, late=True)))
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            back.transport.abort()
            self._writers.discard(back)
        except OSError:
            pass  # the server is away, so this connection ends, as it would without us
        finally:
            writer.transport.abort()
            self._writers.discard(writer)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, late: bool) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(_CHUNK):
                if late and self._delay_s:
                    await asyncio.sleep(self._delay_s)
                await self._open.wait()
                writer.write(data)
                await writer.drain()
