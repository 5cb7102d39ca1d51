"""What a worker answers to probes."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import httpx
import pytest

from runtime import health
from runtime.settings import Settings


@pytest.fixture
def served() -> Iterator[tuple[health.Health, str]]:
    """A served Health that wants a beat a second, and its address."""
    made = health.serve(Settings(_env_file=None, worker_port=0, beat_timeout_s=1.0), "ledger")
    yield made, f"http://127.0.0.1:{made.port}"
    made.close()


def test_ready_when_told(served: tuple[health.Health, str]) -> None:
    """/readyz follows ready(True) and ready(False); /livez is 200 before the first beat."""
    made, address = served

    assert httpx.get(f"{address}/livez").status_code == 200
    assert httpx.get(f"{address}/readyz").status_code == 503
    made.ready(True)
    assert httpx.get(f"{address}/readyz").status_code == 200
    made.ready(False)
    assert httpx.get(f"{address}/readyz").json() == {"service": "ledger", "status": "failing", "reason": "not ready"}


def test_a_loop_that_stands_still_is_not_alive(
    served: tuple[health.Health, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a beat, silence longer than the timeout fails both probes; the next beat heals them."""
    made, address = served
    clock = SimpleNamespace(now=100.0)
    clock.monotonic = lambda: clock.now
    monkeypatch.setattr(health, "time", clock)
    made.ready(True)
    made.beat()
    clock.now += 0.9

    assert httpx.get(f"{address}/livez").status_code == 200
    clock.now += 0.2
    assert httpx.get(f"{address}/livez").status_code == 503
    assert httpx.get(f"{address}/readyz").status_code == 503
    made.beat()
    assert httpx.get(f"{address}/readyz").status_code == 200


def test_metrics_and_unknown_paths(served: tuple[health.Health, str]) -> None:
    """/metrics is Prometheus text with the names that were agreed; anything else is 404."""
    _, address = served
    text = httpx.get(f"{address}/metrics")

    assert text.headers["content-type"].startswith("text/plain")
    for name in (
        "execution_latency_milliseconds",
        "orders_processed_total",
        "orders_rejected_total",
        "model_inference_time_ms",
        "predictions_total",
        "http_request_duration_ms",
        "http_requests_total",
        "http_request_errors_total",
    ):
        assert f"# TYPE {name} " in text.text
    assert httpx.get(f"{address}/nothing").status_code == 404
