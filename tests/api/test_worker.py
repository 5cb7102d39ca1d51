"""The `api` worker as a process: it serves, tells its health, and stops cleanly."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time

import httpx

from runtime.settings import Settings
from tests.api.conftest import CLOSED

RUN = "from runtime.settings import settings; from api.worker import run; run(settings())"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(settings: Settings, **environment: str) -> subprocess.Popen[bytes]:
    addresses = {
        "KAFKA_BOOTSTRAP_SERVERS": settings.kafka_bootstrap_servers,
        "DATABASE_READER_URL": settings.database_reader_url,
        "REDIS_URL": settings.redis_url,
        "API_KAFKA_TIMEOUT_MS": "300",
    }
    return subprocess.Popen(
        [sys.executable, "-c", RUN], env=os.environ | addresses | environment, stderr=subprocess.PIPE
    )


def wait_for(url: str, seconds: float) -> httpx.Response:
    deadline = time.monotonic() + seconds
    while True:
        try:
            return httpx.get(url, timeout=2)
        except httpx.TransportError:
            assert time.monotonic() < deadline, f"nothing answers at {url}"
            time.sleep(0.1)


def test_it_serves_and_stops(offline_settings: Settings) -> None:
    """Without any server it is alive, and SIGTERM ends it within 10 s with exit code 0."""
    port, worker_port = free_port(), free_port()
    process = start(offline_settings, API_PORT=str(port), WORKER_PORT=str(worker_port))
    try:
        alive = wait_for(f"http://127.0.0.1:{port}/livez", 60)
        own = wait_for(f"http://127.0.0.1:{worker_port}/livez", 5)
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        code = process.wait(10)

        assert (alive.status_code, own.status_code, code) == (200, 200, 0)
        assert time.monotonic() - began < 10
    finally:
        process.kill()
        process.communicate()


def test_it_refuses_to_be_reached_by_others(offline_settings: Settings) -> None:
    """A host other than loopback ends the process at once, with the reason."""
    process = start(offline_settings, API_HOST="0.0.0.0", API_PORT="0")
    try:
        _, errors = process.communicate(timeout=20)
    finally:
        process.kill()

    assert process.returncode != 0
    assert b"API_TLS_CERT" in errors
    assert CLOSED.encode() not in errors
