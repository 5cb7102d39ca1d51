"""Small but real models in a home folder, and the service that serves them, in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from models.engine.drift import reference
from models.engine.predictor import Predictor, predictor
from models.features import FEATURE_NAMES, Array
from models.labels import LabelRule
from models.learners import learner
from models.learners.calibration import IDENTITY, Calibration
from models.learners.lstm_model import Description, dumped
from models.learners.scaling import Scaler
from models.registry import store
from models.registry.fitted import Fitted
from models.registry.meta import Meta, Pointer, Thresholds
from models.service.app import create_app
from runtime.settings import Settings

NAME = "signals"
SMALL: Mapping[str, Mapping[str, Any]] = {
    "xgboost": {"n_estimators": 8, "max_depth": 3, "min_child_weight": 1.0},
    "lightgbm": {"n_estimators": 8, "max_depth": 3, "min_data_in_leaf": 5},
    "logistic": {},
    "majority": {},
}
LSTM = Description(steps=4, features=len(FEATURE_NAMES), layers=1, hidden=8)
IN_TIME = "2011-06-30T21:00:00.000000Z"
"""A market time at which these models are not stale."""
CLOSED = "redis://127.0.0.1:1/0"  # nobody listens on port 1 (tcpmux)


def settings_of(home: Path, **changes: Any) -> Settings:
    """Settings without any server: no Redis, no database, no registry."""
    given: dict[str, Any] = {"redis_url": CLOSED, "model_cache_ttl_s": 0, "model_refresh_ms": 5, "model_name": NAME}
    return Settings(_env_file=None, tape_home=home, mlflow_tracking_uri="", **(given | changes))


def rows_of(count: int, seed: int = 7, steps: int = 1) -> Array:
    """(count, steps, features) about as large as features are."""
    random = np.random.default_rng(seed)
    rows: Array = random.normal(0.0, 0.1, (count, steps, len(FEATURE_NAMES)))
    rows[:, :, 0] = random.uniform(20, 80, (count, steps))
    return rows


def named(rows: Array) -> list[dict[str, float]]:
    """(steps, features) as a request has them."""
    return [dict(zip(FEATURE_NAMES, row, strict=True)) for row in rows.tolist()]


def add(
    settings: Settings,
    kind: str,
    version: str,
    calibration: Calibration = IDENTITY,
    seed: int | None = None,
    **changes: Any,
) -> Meta:
    """Store a version of a kind, fitted on noise: opinions vary, and that is all. seed: None for the version."""
    seed = int(version) if seed is None else seed
    rows = rows_of(240, seed)
    if kind == "lstm":
        parameters, steps, model = _lstm(seed)
    else:
        made = learner(kind, SMALL[kind])
        target = np.random.default_rng(seed).integers(0, 3, len(rows))
        model = made.fit(rows, target, np.ones(len(rows)), seed=seed).dump()
        parameters, steps = dict(made.parameters), made.steps
    symbols = np.array(["AAPL", "IBM"] * (len(rows) // 2))
    fitted = Fitted(
        kind=kind,
        parameters=parameters,
        steps=steps,
        model=model,
        calibration=calibration,
        label=LabelRule(),
        symbols=("AAPL", "IBM"),
        prices="adjusted",
        data_hash="d" * 64,
        code_version="test",
        reference=reference(rows[:, 0], symbols),
        metrics={"hold_out_accuracy": 0.36},
        example=rows[:3],
        **{
            "thresholds": Thresholds(buy=0.3, sell=0.3),
            "trained_from": date(2000, 1, 3),
            "trained_to": date(2010, 12, 31),
            **changes,
        },
    )
    meta = fitted.meta(settings.model_name, version, "run")
    store.export(settings, meta, model)
    return meta


def point(settings: Settings, meta: Meta, alias: str = "champion") -> None:
    store.point(settings, settings.model_name, alias, Pointer(version=meta.version, sha256=meta.sha256))


def in_process(settings: Settings, version: str) -> Predictor:
    """The same model without any service."""
    return predictor(*store.read(settings, settings.model_name, version))


@asynccontextmanager
async def serving(settings: Settings, is_ready: bool = True) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a running service, which has a model unless it is said that there is none."""
    app = create_app(settings)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://inference") as client,
    ):
        if is_ready:
            await until(client, "/readyz", lambda answer: answer.status_code == 200)
        yield client


async def come_true(condition: Callable[[], bool | Awaitable[bool]]) -> None:
    """Wait until it holds. Fails after twenty seconds."""
    async with asyncio.timeout(20):
        while True:
            held = condition()
            if held if isinstance(held, bool) else await held:
                return
            await asyncio.sleep(0.002)


async def until(client: httpx.AsyncClient, path: str, condition: Callable[[httpx.Response], bool]) -> httpx.Response:
    """The first answer that is as it should be."""
    answers: list[httpx.Response] = []

    async def is_so() -> bool:
        answers[:] = [await client.get(path)]
        return condition(answers[0])

    await come_true(is_so)
    return answers[0]


def asking(rows: Array, **changes: Any) -> dict[str, Any]:
    """A request for a prediction, at a time when the model is not stale. rows: (steps, features)."""
    return {"symbol": "AAPL", "features": named(rows), "market_time": IN_TIME, **changes}


def _lstm(seed: int) -> tuple[dict[str, Any], int, bytes]:
    """A network of random weights: nothing is learnt here, so PyTorch is not needed."""
    random = np.random.default_rng(seed)
    shapes = {name: shape for name, shape in LSTM.shapes().items() if name not in ("mean", "scale")}
    weights = {name: random.normal(0.0, 0.5, shape).astype(np.float32) for name, shape in shapes.items()}
    scaler = Scaler(np.zeros(LSTM.features), np.ones(LSTM.features))
    parameters = {"steps": LSTM.steps, "layers": LSTM.layers, "hidden": LSTM.hidden}
    return parameters, LSTM.steps, dumped(LSTM, scaler, weights)
