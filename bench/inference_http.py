"""Predictions over HTTP at a fixed rate, for each kind of model, beside a bare FastAPI endpoint that echoes bodies.

Each kind in the size that is trained by default is asked three ways: computed anew, kept in Redis, and with reasons.
Beside them, what the cache competes with: one prediction and one explanation in process, and one round trip to Redis
from the same event loop. Models are fitted on noise; the LSTM's weights are random: what a model has learnt costs
nothing.

By itself: `python -m bench.inference_http --rate 200 --seconds 10`.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

from bench.api_reads import bare_endpoint, cpu_s
from bench.http_load import Answered, Load
from bench.http_load import run as put
from bench.world import child, wait_for_answer, worker
from models.engine.drift import reference
from models.engine.predictor import Predictor, predictor
from models.features import FEATURE_NAMES, Array
from models.labels import LabelRule
from models.learners import learner
from models.learners.calibration import IDENTITY
from models.learners.lstm_model import Description, dumped
from models.learners.scaling import Scaler
from models.registry import store
from models.registry.fitted import Fitted
from models.registry.meta import Pointer, Thresholds
from models.service.cache import Answer, Cache
from runtime.embedded.ports import free_port
from runtime.embedded.valkey import Valkey
from runtime.settings import Settings

KINDS = ("xgboost", "lightgbm", "lstm")
BODIES = 400
ROWS_FITTED = 4_000
REASONS_SLOWER = 4
"""Reasons cost milliseconds of a core each: they are asked for at a quarter of the rate."""

WARM_UP_S = 2.0
IN_TIME = "2011-06-30T21:00:00.000000Z"


class Round(NamedTuple):
    """One kind, asked in one way. cpu_ms: milliseconds of CPU of the server's process a request."""

    kind: str
    way: str
    answered: Answered
    cpu_ms: float


class Figures(NamedTuple):
    """in_process_ms: p50 and p95 of a prediction, and of an explanation where there is one, by kind. redis_ms: of
    finding one kept prediction, and of keeping one.
    """

    rounds: list[Round]
    in_process_ms: dict[str, tuple[float, float]]
    redis_ms: dict[str, tuple[float, float]]


def run(rate: int, seconds: float) -> Figures:
    with tempfile.TemporaryDirectory(prefix="tape-bench-") as folder:
        valkey = Valkey(Path(folder))
        valkey.start()
        try:
            home = Settings(_env_file=None, tape_home=Path(folder), log_level="WARNING", **valkey.endpoints())
            models = {kind: _stored(home, kind, str(number)) for number, kind in enumerate(KINDS, start=1)}
            rounds = [one for kind in KINDS for one in _rounds(home, models[kind], rate, seconds)]
            alone = {name: taken for kind in KINDS for name, taken in _alone(models[kind]).items()}
            return Figures(rounds, alone, asyncio.run(_redis(home, models["xgboost"])))
        finally:
            valkey.stop()


def _rounds(home: Settings, model: Predictor, rate: int, seconds: float) -> Iterator[Round]:
    load = Load([], {}, [], rate, WARM_UP_S, seconds)
    bodies = [_body(model, number) for number in range(BODIES)]
    kind = model.meta.kind
    with _service(home.model_copy(update={"model_cache_ttl_s": 0})) as (base, pid):
        yield Round(kind, "computed", *_put(load, base, pid, "/predict", bodies))
        if model.contributions(_rows(model, 0)[np.newaxis]) is not None:
            explained = [body | {"explain": True} for body in bodies]
            slower = load._replace(rate=max(1, rate // REASONS_SLOWER))
            yield Round(kind, f"with reasons, at {slower.rate}/s", *_put(slower, base, pid, "/predict", explained))
    with _service(home.model_copy(update={"model_cache_timeout_ms": 1_000})) as (base, pid):
        yield Round(kind, "kept in Redis", *_put(load, base, pid, "/predict", bodies))
    with bare_endpoint({"echo": True}) as (base, pid):
        yield Round(kind, "bare FastAPI echo", *_put(load, base, pid, "/", bodies))


def _put(load: Load, base: str, pid: int, path: str, bodies: list[dict[str, Any]]) -> tuple[Answered, float]:
    before = cpu_s(pid)
    requests: list[tuple[str, str, Mapping[str, Any] | None]] = [("POST", path, body) for body in bodies]
    answered = put(load._replace(bases=[base], requests=requests))
    return answered, 1_000 * (cpu_s(pid) - before) / (load.rate * (load.warm_s + load.seconds))


@contextmanager
def _service(settings: Settings) -> Iterator[tuple[str, int]]:
    """Address and process id of a running inference worker."""
    own = settings.model_copy(update={"model_service_port": free_port()})
    with child(own, *worker("inference")) as process:
        base = f"http://{own.model_service_host}:{own.model_service_port}"
        wait_for_answer(f"{base}/readyz")
        yield base, process.pid


def _stored(home: Settings, kind: str, version: str) -> Predictor:
    """A model of the default size, stored as a version; the first one is the champion."""
    made = learner(kind)
    rows = np.random.default_rng(1).normal(0.0, 0.1, (ROWS_FITTED, 1, len(FEATURE_NAMES)))
    if kind == "lstm":
        model = _random_lstm(made)
    else:
        target = np.random.default_rng(2).integers(0, 3, ROWS_FITTED)
        model = made.fit(rows, target, np.ones(ROWS_FITTED), seed=1).dump()
    fitted = Fitted(
        kind=kind,
        parameters=dict(made.parameters),
        steps=made.steps,
        model=model,
        calibration=IDENTITY,
        thresholds=Thresholds(buy=0.4, sell=0.4),
        label=LabelRule(),
        symbols=("AAPL",),
        prices="adjusted",
        trained_from=date(2000, 1, 3),
        trained_to=date(2010, 12, 31),
        data_hash="",
        code_version="bench",
        reference=reference(rows[:, 0], np.full(ROWS_FITTED, "AAPL")),
        metrics={},
        example=rows[:1],
    )
    meta = fitted.meta(home.model_name, version, "")
    store.export(home, meta, model)
    if version == "1":
        store.point(home, home.model_name, home.model_alias, Pointer(version=version, sha256=meta.sha256))
    return predictor(meta, model)


def _random_lstm(made: Any) -> bytes:
    described = Description(steps=made.steps, features=len(FEATURE_NAMES), layers=made.layers, hidden=made.hidden)
    random = np.random.default_rng(3)
    shapes = {name: shape for name, shape in described.shapes().items() if name not in ("mean", "scale")}
    weights = {name: random.normal(0.0, 0.1, shape).astype(np.float32) for name, shape in shapes.items()}
    return dumped(described, Scaler(np.zeros(len(FEATURE_NAMES)), np.ones(len(FEATURE_NAMES))), weights)


def _rows(model: Predictor, number: int) -> Array:
    rows: Array = np.random.default_rng(number).normal(0.0, 0.1, (model.steps, len(FEATURE_NAMES)))
    return rows


def _body(model: Predictor, number: int) -> dict[str, Any]:
    features = [dict(zip(FEATURE_NAMES, row, strict=True)) for row in _rows(model, number).tolist()]
    return {"model": model.id, "symbol": "AAPL", "features": features, "market_time": IN_TIME}


def _alone(model: Predictor) -> dict[str, tuple[float, float]]:
    """A prediction, and an explanation where there is one, without any service."""
    rows, kind = _rows(model, 0), model.meta.kind
    found = {f"{kind}, a prediction": _timed(lambda: model.predict(rows))}
    if model.contributions(rows[np.newaxis]) is not None:
        found[f"{kind}, an explanation"] = _timed(lambda: model.contributions(rows[np.newaxis]))
    return found


def _timed(what: Callable[[], Any], times: int = 300) -> tuple[float, float]:
    """p50 and p95, milliseconds, after warm-up."""
    taken = []
    for number in range(times + 50):
        began = time.perf_counter()
        what()
        if number >= 50:
            taken.append((time.perf_counter() - began) * 1_000)
    return _percentiles(taken)


async def _redis(home: Settings, model: Predictor) -> dict[str, tuple[float, float]]:
    cache = Cache(home.model_copy(update={"model_cache_timeout_ms": 1_000}))
    answer = Answer(probabilities=(0.2, 0.3, 0.5))
    kept, found = [], []
    for number in range(350):
        key = cache.key(model, _rows(model, number))
        began = time.perf_counter()
        await cache.keep({key: answer})
        then = time.perf_counter()
        assert await cache.find([key]) == [answer]
        kept.append((then - began) * 1_000)
        found.append((time.perf_counter() - then) * 1_000)
    await cache.close()
    return {"Redis, finding": _percentiles(found[50:]), "Redis, keeping": _percentiles(kept[50:])}


def _percentiles(taken: list[float]) -> tuple[float, float]:
    ordered = sorted(taken)
    return ordered[len(ordered) // 2], ordered[len(ordered) * 95 // 100]


def show(console: Console, figures: Figures, rate: int) -> None:
    table = Table("model", "asked", "p50 ms", "p95 ms", "p99 ms", "CPU ms", "failed", title=f"predictions at {rate}/s")
    for kind, way, answered, cpu_ms in figures.rounds:
        times = (answered.p50_ms, answered.p95_ms, answered.p99_ms, cpu_ms)
        table.add_row(kind, way, *(f"{value:.2f}" for value in times), str(answered.failed or ""))
    console.print(table)
    alone = Table("without HTTP", "p50 ms", "p95 ms")
    for name, (middle, high) in {**figures.in_process_ms, **figures.redis_ms}.items():
        alone.add_row(name, f"{middle:.3f}", f"{high:.3f}")
    console.print(alone)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=200, help="requests per second")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long each way is asked")
    options = parser.parse_args()
    show(Console(), run(options.rate, options.seconds), options.rate)


if __name__ == "__main__":
    main()
