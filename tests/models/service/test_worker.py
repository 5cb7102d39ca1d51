"""The `inference` worker as a process: it serves on its port, tells its health, and stops cleanly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx

from runtime.embedded.ports import free_port
from runtime.endings import HALTED
from runtime.settings import Settings
from tests.models.service.stage import add, asking, in_process, point, rows_of, settings_of
from tests.workers import eventually, worker

MODULE = "models.service.worker"


def get(port: int, path: str) -> httpx.Response | None:
    try:
        return httpx.get(f"http://127.0.0.1:{port}{path}", timeout=2)
    except httpx.HTTPError:
        return None


def status(port: int, path: str) -> int | None:
    answer = get(port, path)
    return None if answer is None else answer.status_code


def of_process(home: Path, **changes: Any) -> Settings:
    return settings_of(home, model_service_port=free_port(), worker_port=free_port(), **changes)


def test_it_serves_tells_its_health_and_stops(tmp_path: Path) -> None:
    """Given no model, then it is alive and not ready; with one it answers, with the model's own numbers; SIGTERM ends
    it with exit code 0.
    """
    settings = of_process(tmp_path)
    port, own = settings.model_service_port, settings.worker_port
    with worker(settings, MODULE) as running:
        eventually(lambda: status(port, "/livez") == status(own, "/livez") == 200, "a life sign on both ports")
        eventually(lambda: b"no model yet" in (found.content if (found := get(own, "/readyz")) else b""), "a reason")
        before = (status(port, "/readyz"), status(own, "/readyz"))
        point(settings, add(settings, "logistic", "1"))
        eventually(lambda: status(port, "/readyz") == status(own, "/readyz") == 200, "readiness on both ports")
        row = rows_of(1)[0]
        answer = httpx.post(f"http://127.0.0.1:{port}/predict", json=asking(row)).json()
        exposed = get(own, "/metrics")
        code = running.stop()

    assert before == (503, 503)
    assert answer["probabilities"] == in_process(settings, "1").predict(row)
    assert exposed is not None
    assert 'predictions_total{abstained="no"' in exposed.text
    assert code == 0


def test_it_does_not_open_to_the_world(tmp_path: Path) -> None:
    """A host that others reach, without a token, ends the process for good, with the reason."""
    settings = of_process(tmp_path, model_service_host="0.0.0.0")
    with worker(settings, MODULE) as running:
        code = running.process.wait(60)

    assert code == HALTED
    assert "MODEL_SERVICE_TOKEN" in running.log.read_text()
