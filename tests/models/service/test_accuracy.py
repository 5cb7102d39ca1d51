"""How right models were, from the query side's tables: in GET /models and as a metric."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import REGISTRY

from models.service import accuracy as module
from models.service.accuracy import OUTCOMES_MAX, Accuracy
from projections.roles import ensure_reader
from runtime.clients import postgres
from runtime.settings import Settings
from tests.api.rows import counts, outcome
from tests.ledgers import database, password_of
from tests.models.service.conftest import KINDS
from tests.models.service.stage import NAME, come_true, serving

START = datetime(2011, 1, 3, 21, tzinfo=UTC)


@pytest.fixture
def known(settings: Settings, servers: Settings, template: str) -> Iterator[Settings]:
    """Version 1 was right 3 times of 10 on AAPL and 1 of 1 on IBM; version 2 never; another model does not matter."""
    with database(servers, template) as url:
        urls = {
            "database_url": url,
            "database_reader_url": ensure_reader(url, password_of(servers.database_reader_url)),
        }
        found = settings.model_copy(update=urls)
        with postgres(found, autocommit=True) as connection:
            counts(connection, NAME, "1", "AAPL", BUY_BUY=2, SELL_SELL=1, BUY_SELL=3, HOLD_BUY=4)
            counts(connection, NAME, "1", "IBM", HOLD_HOLD=1)
            counts(connection, NAME, "2", "AAPL", BUY_SELL=5)
            counts(connection, "others", "1", "AAPL", BUY_BUY=9)
        yield found


def tell(settings: Settings, results: list[bool], version: str = "1", symbol: str = "AAPL") -> None:
    """Outcomes one after another, each right or wrong."""
    with postgres(settings, autocommit=True) as connection:
        for number, is_right in enumerate(results):
            time = START + timedelta(days=number)
            outcome(
                connection,
                number,
                number,
                time,
                time + timedelta(days=5),
                model_name=NAME,
                model_version=version,
                symbol=symbol,
                realised="BUY" if is_right else "SELL",
                partition={"AAPL": 0, "IBM": 1}[symbol] + 2 * int(version),
            )


def gauge(version: str, symbol: str) -> float | None:
    return REGISTRY.get_sample_value("model_accuracy", {"model": f"{NAME}/{version}", "symbol": symbol})


@pytest.mark.integration
async def test_models_are_listed_with_how_right_they_were(known: Settings) -> None:
    """By version and symbol, over all outcomes, beside what always saying the commonest class would have had."""
    async with serving(known) as client:
        await client._transport.app.state.accuracy.look()  # type: ignore[attr-defined]
        models = {one["version"]: one["accuracy"] for one in (await client.get("/models")).json()["models"]}

    # On AAPL 6 outcomes were BUY, 4 SELL; version 1 was right 2 + 1 times.
    assert models["1"] == [
        {"symbol": "AAPL", "outcomes": 10, "accuracy": 0.3, "majority_share": 0.6},
        {"symbol": "IBM", "outcomes": 1, "accuracy": 1.0, "majority_share": 1.0},
    ]
    assert models["2"] == [{"symbol": "AAPL", "outcomes": 5, "accuracy": 0.0, "majority_share": 1.0}]
    assert models["3"] == []


@pytest.mark.integration
async def test_the_metric_is_of_the_newest_outcomes(known: Settings) -> None:
    """Given 300 outcomes, the first 50 all right and every fifth of the others, then the share is that of the newest
    250; a version that is not in memory has no metric.
    """
    assert OUTCOMES_MAX == 250
    tell(known, [True] * 50 + [number % 5 == 0 for number in range(250)])
    tell(known, [True, False], symbol="IBM")
    tell(known, [True], version="41")  # of no other test of this process
    await Accuracy(known, lambda: ["1"]).look()

    assert gauge("1", "AAPL") == pytest.approx(0.2)
    assert gauge("1", "IBM") == pytest.approx(0.5)
    assert gauge("41", "AAPL") is None


@pytest.mark.integration
async def test_it_is_read_again_and_again(known: Settings) -> None:
    """What is projected later is seen, without anybody asking."""
    async with serving(known.model_copy(update={"model_accuracy_every_s": 0.01})) as client:
        accuracy = client._transport.app.state.accuracy  # type: ignore[attr-defined]
        await come_true(lambda: accuracy.of("4") == [])
        with postgres(known, autocommit=True) as connection:
            counts(connection, NAME, "4", "IBM", BUY_BUY=1, BUY_SELL=1)
        await come_true(lambda: bool(accuracy.of("4")))

    (found,) = accuracy.of("4")
    assert (found.symbol, found.outcomes, found.accuracy) == ("IBM", 2, 0.5)


async def test_without_a_database_nothing_is_known_and_all_is_served(settings: Settings) -> None:
    """Null, and no error; a database that is away is no error either."""
    away = settings.model_copy(update={"database_reader_url": "postgresql://tape_reader@127.0.0.1:1/tape"})
    for given in (settings, away):
        async with serving(given) as client:
            await client._transport.app.state.accuracy.look()  # type: ignore[attr-defined]
            models = (await client.get("/models")).json()["models"]

        assert [one["accuracy"] for one in models] == [None] * len(KINDS)


@pytest.mark.integration
async def test_a_database_without_these_tables_is_no_error(
    settings: Settings, servers: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    """Before the migrations nothing is known; it is told once, and looked for again."""
    with database(servers) as url:
        found = Accuracy(settings.model_copy(update={"database_reader_url": url}), lambda: ["1"])
        await found.look()
        await found.look()

    assert found.of("1") is None
    assert [record.name for record in caplog.records] == [module.__name__]
    assert "model_accuracy" in caplog.text
