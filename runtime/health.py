"""A worker's /livez, /readyz and /metrics, served by a daemon thread.

/livez is 200 while the worker's loop turns: once it has called `beat`, it must call it again within
settings.beat_timeout_s. /readyz is 200 between `ready(True)` and `ready(False)`. A 503 says why in its body.
"""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from runtime import metrics
from runtime.settings import Settings


class Health:
    """What a worker says of itself. `port` is the one it is served on."""

    def __init__(self, service: str, beat_timeout_s: float) -> None:
        self.service = service
        self.port = 0
        self._beat_timeout_s = beat_timeout_s
        self._ready = False
        self._unready = "not ready"
        self._beat_at: float | None = None
        self._server: ThreadingHTTPServer | None = None

    def ready(self, is_ready: bool = True, otherwise: str = "not ready") -> None:
        """The worker can do its work now, or not. otherwise: why not, for whoever asks."""
        self._ready, self._unready = is_ready, otherwise

    def beat(self) -> None:
        """The worker's loop turns. Cheap: call it in every turn."""
        self._beat_at = time.monotonic()

    def livez(self) -> tuple[bool, str]:
        """Whether the loop turns, and why not."""
        if self._beat_at is None:
            return True, "ok"
        silent_s = time.monotonic() - self._beat_at
        if silent_s > self._beat_timeout_s:
            return False, f"no beat for {silent_s:.1f} s, expected one every {self._beat_timeout_s:.1f} s"
        return True, "ok"

    def readyz(self) -> tuple[bool, str]:
        alive, reason = self.livez()
        if not alive:
            return False, reason
        return (True, "ok") if self._ready else (False, self._unready)

    def close(self) -> None:
        """Stop serving."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def listen(self, host: str, port: int) -> None:
        self._server = _Server((host, port), _handler(self))
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.2,), name="health", daemon=True).start()


class _Server(ThreadingHTTPServer):
    daemon_threads = True


def serve(settings: Settings, service: str) -> Health:
    """Serve on settings.worker_host:worker_port (0: a free one, see `Health.port`). Raises OSError when it is taken."""
    health = Health(service, settings.beat_timeout_s)
    health.listen(settings.worker_host, settings.worker_port)
    return health


def _handler(health: Health) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 5

        def do_GET(self) -> None:
            match self.path.partition("?")[0]:
                case "/livez":
                    self._verdict(*health.livez())
                case "/readyz":
                    self._verdict(*health.readyz())
                case "/metrics":
                    self._answer(200, *metrics.exposition())
                case _:
                    self._answer(404, b"not found\n", "text/plain")

        def _verdict(self, good: bool, reason: str) -> None:
            body = json.dumps({"service": health.service, "status": "ok" if good else "failing", "reason": reason})
            self._answer(200 if good else 503, body.encode(), "application/json")

        def _answer(self, status: int, body: bytes, content_type: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Silent: probes come every second."""

    return Handler
