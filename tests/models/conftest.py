"""Small markets made here, a small model fitted on one, and one home for MLflow's records that the tests share."""

from __future__ import annotations

import itertools
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from models import training
from models.marketdata import MarketBar
from models.registry.fitted import Fitted
from models.training import Plan
from runtime.settings import Settings

SMALL = Plan(parameters={"n_estimators": 30, "max_depth": 4, "learning_rate": 0.1}, folds=2)
_names = itertools.count(1)


def weekdays(first: date, count: int) -> list[date]:
    """The next `count` days from Monday to Friday."""
    days = (first + timedelta(days=n) for n in itertools.count())
    return list(itertools.islice((day for day in days if day.weekday() < 5), count))


def market(symbol: str, returns: np.ndarray, first: date = date(2001, 1, 1)) -> list[MarketBar]:
    """Bars whose closes follow `returns`; each opens at the last close, with a range of 0.2 % around both."""
    closes = 100.0 * np.cumprod(1.0 + returns)
    opens = np.concatenate([[100.0], closes[:-1]])

    def money(value: float) -> Decimal:
        return Decimal(f"{value:.4f}")

    return [
        MarketBar(
            symbol=symbol,
            date=day,
            open=money(opened),
            high=money(max(opened, closed) * 1.002),
            low=money(min(opened, closed) * 0.998),
            close=money(closed),
            volume=Decimal(1_000_000 + n),
        )
        for n, (day, opened, closed) in enumerate(zip(weekdays(first, len(closes)), opens, closes, strict=True))
    ]


def planted(symbol: str, seed: int, count: int = 1_250) -> list[MarketBar]:
    """A market with an edge: a drift of 1 % a day that turns every 15 days on average, and noise of half of that."""
    random = np.random.default_rng(seed)
    drift = np.where(np.cumsum(random.random(count) < 1 / 15) % 2 == 0, 0.01, -0.01)
    return market(symbol, drift + random.normal(0, 0.005, count))


@pytest.fixture(scope="session")
def planted_bars() -> list[MarketBar]:
    """Two symbols with the same kind of edge, five years each."""
    return sorted(planted("UP", 1) + planted("DOWN", 2), key=lambda bar: (bar.date, bar.symbol))


@pytest.fixture(scope="session")
def fitted(planted_bars: list[MarketBar]) -> Fitted:
    """A model of the planted market: small, for speed. The default sizes have tests of their own."""
    return training.fit(planted_bars, SMALL)


@pytest.fixture(scope="session")
def mlflow_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One tape_home for all tests, since making MLflow's tables takes seconds."""
    return tmp_path_factory.mktemp("tape")


@pytest.fixture
def model_settings(mlflow_home: Path) -> Settings:
    """Settings with a model name of their own, so that tests that share a home do not meet."""
    return Settings(tape_home=mlflow_home, model_name=f"model-{next(_names)}", mlflow_tracking_uri="")
