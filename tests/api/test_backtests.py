"""Backtests over HTTP: asked for, watched, ended, read. The application is real, and so is the worker."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import httpx
import msgspec
import pytest

from domain.backtests import BacktestCancelled, BacktestRequested
from runtime.clients import redis_sync
from runtime.page_library import MARK, library
from runtime.settings import Settings
from streams.backtests.queue import claim, finish
from tests.api import rows
from tests.api.conftest import CLOSED, serving
from tests.api.security.people import client_of, put, started
from tests.api.test_gateway import decoded, record_at, records
from tests.streams.backtests import house
from tests.streams.backtests.house import POLICY, asked, id_of, outcome
from tests.workers import worker

BODY: dict[str, Any] = {"symbols": ["AAPL", "IBM"], "first": "2011-01-03", "last": "2011-01-05"}
KEY = {"Idempotency-Key": "b-1"}
WAIT = {"Prefer": "wait=10"}
WORKER = "tests.streams.backtests.quick_worker"


# What is refused at the edge


@pytest.mark.parametrize(
    ("changes", "code", "pointer"),
    [
        ({"symbols": []}, "FIELD_INVALID", "#/symbols"),
        ({"symbols": ["AAPL", "AAPL"]}, "FIELD_INVALID", "#/symbols"),
        ({"symbols": ["AAPL", "NONE"]}, "INSTRUMENT_UNKNOWN", "#/symbols/1"),
        ({"first": "2011-02-30"}, "DAY_UNREADABLE", "#/first"),
        ({"first": "2011-01-03T00:00:00Z"}, "DAY_UNREADABLE", "#/first"),
        ({"last": "2011-01-02"}, "PERIOD_EMPTY", "#/last"),
        ({"first": "1911-01-03"}, "PERIOD_TOO_LONG", "#/last"),
        ({"strategy": "momentum"}, "FIELD_NOT_ALLOWED", "#/strategy"),
        ({"source": "elsewhere"}, "FIELD_NOT_ALLOWED", "#/source"),
        ({"model": "xgboost"}, "FIELD_INVALID", "#/model"),
        ({"model": "xgboost@a/1"}, "FIELD_INVALID", "#/model"),
        ({"model": "../x@champion"}, "FIELD_INVALID", "#/model"),
        ({"cash": "0"}, "FIELD_INVALID", "#/cash"),
        ({"cash": "-1"}, "FIELD_INVALID", "#/cash"),
        ({"cash": "1000000000000"}, "FIELD_INVALID", "#/cash"),
        ({"cash": "0.001"}, "FIELD_INVALID", "#/cash"),
        ({"cash": 100}, "DECIMAL_NOT_STRING", "#/cash"),
        ({"fee_bps": "-1"}, "FIELD_INVALID", "#/fee_bps"),
        ({"impact_bps": "10000"}, "FIELD_INVALID", "#/impact_bps"),
        ({"protection": "1.1"}, "FIELD_INVALID", "#/protection"),
        ({"participation_max": "0"}, "FIELD_INVALID", "#/participation_max"),
        ({"participation_max": "1.000001"}, "FIELD_INVALID", "#/participation_max"),
        ({"seed": 1}, "FIELD_UNKNOWN", "#/seed"),
    ],
)
async def test_wrong_terms(offline: httpx.AsyncClient, changes: dict[str, Any], code: str, pointer: str) -> None:
    """422 with the place, before any server is asked."""
    answer = await offline.post("/api/backtest", json=BODY | changes, headers=KEY)

    assert answer.status_code == 422, answer.text
    [error] = answer.json()["errors"]
    assert (error["code"], error["pointer"]) == (code, pointer)


async def test_a_backtest_needs_a_key(offline: httpx.AsyncClient) -> None:
    """A retry without one would be a second backtest."""
    answer = await offline.post("/api/backtest", json=BODY)

    assert (answer.status_code, answer.json()["code"]) == (400, "IDEMPOTENCY_KEY_MISSING")


# What is sent


@pytest.mark.integration
async def test_a_request_is_one_record(online: httpx.AsyncClient, ledger_settings: Settings) -> None:
    """The record at the answer's position is what was asked for; what was not said is as strategy and venue have it."""
    body = BODY | {"cash": "5000.50", "fee_bps": "0", "participation_max": "1"}

    answer = await online.post("/api/backtest", json=body, headers=KEY)

    told = answer.json()
    assert (answer.status_code, told["state"]) == (202, "QUEUED")
    assert answer.headers["location"] == told["status_url"] == f"/api/backtests/{told['backtest_id']}"
    message = record_at(ledger_settings, told["position"])
    sent = decoded(message)
    assert isinstance(sent, BacktestRequested)
    assert (message.key().decode(), sent.backtest_id, sent.requested_by) == (*[told["backtest_id"]] * 2, "root")
    terms = sent.terms
    assert (terms.symbols, terms.first, terms.last) == (("AAPL", "IBM"), "2011-01-03", "2011-01-05")
    assert (terms.cash, terms.fee_bps, terms.participation_max) == (Decimal("5000.50"), 0, 1)
    assert terms.half_spread_bps == ledger_settings.paper_half_spread_bps
    assert (terms.impact_bps, terms.allocation) == (
        ledger_settings.paper_impact_bps,
        ledger_settings.strategy_allocation,
    )
    assert (terms.strategy, terms.model, terms.source) == ("model-follower", "", "installed")


@pytest.mark.integration
async def test_a_retry_is_free(online: httpx.AsyncClient, ledger_settings: Settings) -> None:
    """The same key and terms give the same answer and no second record; without Redis the same id, so the same job.

    The same key with other terms is a conflict while it is remembered, and never the other's job.
    """
    first = await online.post("/api/backtest", json=BODY, headers=KEY)
    again = await online.post("/api/backtest", json=BODY, headers=KEY)
    other = await online.post("/api/backtest", json=BODY | {"cash": "7.00"}, headers=KEY)
    assert records(ledger_settings, "backtest.requests") == 1
    redis_sync(ledger_settings).flushdb()
    forgotten = await online.post("/api/backtest", json=BODY, headers=KEY)
    another = await online.post("/api/backtest", json=BODY | {"cash": "7.00"}, headers={"Idempotency-Key": "b-2"})

    assert again.json() == first.json()
    assert again.headers["idempotent-replayed"] == "true"
    assert (other.status_code, other.json()["code"]) == (422, "IDEMPOTENCY_KEY_CONFLICT")
    assert forgotten.json()["backtest_id"] == first.json()["backtest_id"]
    assert another.json()["backtest_id"] != first.json()["backtest_id"]


@pytest.mark.integration
async def test_without_a_database(ledger_settings: Settings) -> None:
    """A backtest can be asked for, since the log takes it; what became of one is answered 503."""
    away = {"database_reader_url": f"postgresql://tape_reader@{CLOSED}/tape"}
    async with serving(ledger_settings.model_copy(update=away)) as client:
        taken = await client.post("/api/backtest", json=BODY, headers=KEY | {"Prefer": "wait=0"})
        shown = await client.get(taken.json()["status_url"])

    assert (taken.status_code, taken.json()["state"]) == (202, "QUEUED")
    assert (shown.status_code, shown.json()["code"]) == (503, "DATABASE_UNAVAILABLE")


# From the request to the result


@pytest.mark.integration
@pytest.mark.timeout(180)
async def test_from_the_request_to_the_result(online: httpx.AsyncClient, ledger_settings: Settings) -> None:
    """With a worker, `Prefer: wait` answers once it is over, and everything is there to be read."""
    with worker(ledger_settings, WORKER):
        for _ in range(10):  # a worker takes a moment to start
            answer = await online.post("/api/backtest", json=BODY, headers=KEY | WAIT)
            if answer.status_code == 200:
                break
        body = BODY | {"model": "wrong@champion"}
        wrong = await online.post("/api/backtest", json=body, headers={"Idempotency-Key": "b-2"} | WAIT)

    assert (answer.status_code, answer.json()["state"]) == (200, "DONE")
    assert answer.headers["preference-applied"] == "wait=10"
    url, place = answer.json()["status_url"], answer.json()["position"]
    at = f"{place['topic']}:{place['partition']}:{place['offset']}"
    shown = (await online.get(url, params={"min_position": at}, headers={"Prefer": "wait=0"})).json()
    assert (shown["state"], shown["share"], shown["attempts"], shown["failure"]) == ("DONE", 1.0, 1, None)
    assert (shown["requested_by"], shown["result_sha256"]) == ("root", "d1" * 32)
    assert shown["terms"]["cash"] == "100000.00"
    assert (shown["terms"]["first"], shown["terms"]["last"]) == ("2011-01-03", "2011-01-05")
    [figure] = shown["result"]["figures"]
    assert (figure["name"], figure["value"], figure["reason"]) == ("earned", "2.0", None)
    assert shown["result"]["details"]["outcome"] == {"trades_total": 1, "fills_total": 2}
    trades = (await online.get(shown["links"]["trades"])).json()["data"]
    assert [(trade["number"], trade["symbol"], trade["pnl"]) for trade in trades] == [(1, "AAPL", "100.00")]
    equity = (await online.get(shown["links"]["equity"])).json()["data"]
    assert [point["equity"] for point in equity] == ["100002.0", "100001.0", "100000.0"]
    page = await online.get(shown["links"]["report"])
    assert (page.text, page.headers["content-type"].split(";")[0]) == ("<p>2 dollars</p>", "text/html")
    policy = page.headers["content-security-policy"]
    assert policy.startswith("sandbox allow-scripts; default-src 'none'")
    assert "allow-same-origin" not in policy, "it could use the session of who looks at it"
    assert (wrong.status_code, wrong.json()["state"]) == (200, "FAILED")
    failure = (await online.get(wrong.json()["status_url"])).json()["failure"]
    assert failure == {"code": "MODEL_UNKNOWN", "text": "expected a registered model, it was 'wrong'"}


# Whose it is


@pytest.mark.integration
async def test_who_may_end_a_backtest(ledger_settings: Settings, owner: rows.Connection) -> None:
    """One's own, and an admin anybody's; what is over is a conflict, but cancelled again is not."""
    keys = {user: put(owner, user, role).text for user, role in (("tara", "trader"), ("tom", "trader"))}
    admin = put(owner, "adam", "admin").text
    with owner.transaction(), owner.cursor() as cursor:
        for name in ("hers", "done", "gone"):
            house.enqueue(cursor, asked(name, requested_by="tara"), 0, 0, POLICY)
        house.cancel(cursor, house.cancelled("gone"))
    owner.execute("update backtest_jobs set number = default where backtest_id = %s", (id_of("hers"),))
    claimed = claim(owner, "w", POLICY)
    assert claimed is not None
    assert claimed.backtest_id == id_of("done")
    finish(owner, claimed, outcome())
    async with started(ledger_settings) as app:
        async with client_of(app, keys["tom"]) as his, client_of(app, keys["tara"]) as hers:
            forbidden = await his.post(f"/api/backtests/{id_of('hers')}/cancel")
            unknown = await his.post(f"/api/backtests/{id_of('none')}/cancel")
            taken = await hers.post(f"/api/backtests/{id_of('hers')}/cancel", headers=KEY)
            over = await hers.post(f"/api/backtests/{id_of('done')}/cancel")
            again = await hers.post(f"/api/backtests/{id_of('gone')}/cancel")
        async with client_of(app, admin) as theirs:
            by_admin = await theirs.post(f"/api/backtests/{id_of('hers')}/cancel")

    assert (forbidden.status_code, forbidden.json()["code"]) == (403, "BACKTEST_FORBIDDEN")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "BACKTEST_UNKNOWN")
    assert (over.status_code, over.json()["code"]) == (409, "BACKTEST_ENDED")
    assert [answer.status_code for answer in (taken, again, by_admin)] == [202, 202, 202]
    assert (taken.json()["state"], again.json()["state"]) == ("QUEUED", "CANCELLED")
    sent = decoded(record_at(ledger_settings, by_admin.json()["position"]))
    assert isinstance(sent, BacktestCancelled)
    assert (sent.backtest_id, sent.requested_by) == (id_of("hers"), "adam")


# What is shown


@pytest.mark.integration
async def test_the_queue_is_shown(online: httpx.AsyncClient, owner: rows.Connection) -> None:
    """Lists by state and by who asked; a place in the queue that moves up, and with it the ETag."""
    with owner.transaction(), owner.cursor() as cursor:
        for number, user in enumerate(("ada", "bob", "ada")):
            house.enqueue(cursor, asked(f"q{number}", requested_by=user), 0, number, POLICY)
    last = f"/api/backtests/{id_of('q2')}"
    waiting = await online.get(last)
    unmoved = await online.get(last, headers={"If-None-Match": waiting.headers["etag"]})
    claimed = claim(owner, "w", POLICY)
    assert claimed is not None
    moved = await online.get(last, headers={"If-None-Match": waiting.headers["etag"]})
    running = (await online.get(f"/api/backtests/{id_of('q0')}")).json()
    lists = {
        query: [job["backtest_id"] for job in (await online.get(f"/api/backtests?{query}")).json()["data"]]
        for query in ("state=RUNNING", "requested_by=ada", "requested_by=ada&state=QUEUED", "to=2011-01-01T00:00:00Z")
    }

    assert (waiting.json()["queue_ahead"], unmoved.status_code) == (2, 304)
    assert (moved.status_code, moved.json()["queue_ahead"]) == (200, 1)
    assert (running["state"], running["queue_ahead"], running["result"], running["links"]) == ("RUNNING", *[None] * 3)
    assert lists == {
        "state=RUNNING": [id_of("q0")],
        "requested_by=ada": [id_of("q2"), id_of("q0")],
        "requested_by=ada&state=QUEUED": [id_of("q2")],
        "to=2011-01-01T00:00:00Z": [],
    }


@pytest.mark.integration
async def test_a_curve_is_thinned_evenly(online: httpx.AsyncClient, owner: rows.Connection) -> None:
    """Of 25 points at most ten: every third, counted from the newest; between two times as well; and page by page."""
    house.put(owner, "done")
    claimed = claim(owner, "w", POLICY)
    assert claimed is not None
    finish(owner, claimed, outcome(days=25))
    path = f"/api/backtests/{id_of('done')}/equity"

    def earned(answer: httpx.Response) -> list[int]:
        assert answer.status_code == 200, answer.text
        return [int(Decimal(point["positions"])) for point in answer.json()["data"]]

    assert earned(await online.get(path)) == list(range(24, -1, -1))
    assert earned(await online.get(path, params={"points": 10})) == [24, 21, 18, 15, 12, 9, 6, 3, 0]
    assert earned(await online.get(path, params={"points": 1})) == [24]
    window = {"from": "2011-01-05T00:00:00Z", "to": "2011-01-15T00:00:00Z", "points": 5}
    assert earned(await online.get(path, params=window)) == [11, 9, 7, 5, 3]
    first = await online.get(path, params={"points": 10, "limit": 4})
    second = await online.get(path, params={"points": 10, "limit": 4, "cursor": first.json()["cursor"]})
    assert earned(first) + earned(second) == [24, 21, 18, 15, 12, 9, 6, 3]


@pytest.mark.integration
async def test_what_is_not_there_yet(online: httpx.AsyncClient, owner: rows.Connection) -> None:
    """Of a backtest that waits the lists are empty and the page is 404; of none at all everything is 404."""
    house.put(owner, "waiting")
    path = f"/api/backtests/{id_of('waiting')}"
    lists = [(await online.get(f"{path}/{name}")).json()["data"] for name in ("trades", "equity")]
    page = await online.get(f"{path}/report")
    unknown = [await online.get(f"/api/backtests/{id_of('none')}{rest}") for rest in ("", "/trades", "/equity")]

    assert lists == [[], []]
    assert (page.status_code, page.json()["code"]) == (404, "BACKTEST_REPORT_UNKNOWN")
    assert [(answer.status_code, answer.json()["code"]) for answer in unknown] == [(404, "BACKTEST_UNKNOWN")] * 3


@pytest.mark.integration
async def test_a_page_gets_its_library_back(online: httpx.AsyncClient, owner: rows.Connection) -> None:
    """What is stored lacks it, what is shown has it, and the same page is not sent again."""
    house.put(owner, "done")
    claimed = claim(owner, "w", POLICY)
    assert claimed is not None
    finish(owner, claimed, msgspec.structs.replace(outcome(), report=f"<script>{MARK}</script>"))
    path = f"/api/backtests/{id_of('done')}/report"

    page = await online.get(path)
    again = await online.get(path, headers={"If-None-Match": page.headers["etag"]})

    assert page.text == f"<script>{library()}</script>"
    assert len(page.content) > 1_000_000
    assert again.status_code == 304


@pytest.mark.integration
async def test_a_failure_is_told(online: httpx.AsyncClient, owner: rows.Connection) -> None:
    """Code and text of the last attempt; and MLflow's part apart from it."""
    with owner.transaction(), owner.cursor() as cursor:
        old = asked("old", issued_at_us=0)
        house.enqueue(cursor, msgspec.structs.replace(old, requested_by="ada"), 0, 0, POLICY)

    shown = (await online.get(f"/api/backtests/{id_of('old')}")).json()

    assert (shown["state"], shown["failure"]["code"]) == ("FAILED", "BACKTEST_REQUEST_TOO_OLD")
    assert shown["failure"]["text"].startswith("expected a request of the last 600 s")
    assert (shown["mlflow_state"], shown["mlflow_run_id"]) == ("NONE", None)
