"""Signals by the inference service are those in process, whatever becomes of the service meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import httpx
import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from domain.errors import InvalidValue, TapeledgerError, UnavailableError, UnreadableInput
from models.engine.engine import Engine
from models.features import FEATURE_NAMES
from models.registry import store
from models.registry.meta import Meta
from runtime.embedded.ports import free_port
from runtime.settings import Settings
from streams.signals import inference
from streams.signals.decider import REQUESTS, TICKS
from streams.signals.inference import Inference
from streams.signals.judge import Judges, StoredJudges
from streams.signals.remote_judge import RemoteJudges
from streams.signals.worker import judges_of
from tests.streams.signals.conftest import StoreModel, noise
from tests.streams.signals.test_signals_decider import WINDOW, disturbed_market, fresh, request, source, tick
from tests.workers import Worker, eventually, worker

MODULE = "models.service.worker"
TOKEN = "0123456789abcdef0123456789abcdef"
NOW_US = 1_700_000_000_000_000


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, store_model: StoreModel) -> Path:
    """Version 1 is the champion, XGBoost; version 2 a logistic regression."""
    folder = tmp_path_factory.mktemp("home")
    store_model(folder, "2", kind="logistic")
    store_model(folder, "1")
    return folder


@pytest.fixture(scope="module")
def remote(home: Path) -> Settings:
    """Settings of a service that is to run, and of the agent that is to ask it."""
    port = free_port()
    return Settings(
        _env_file=None,
        tape_home=home,
        model_refresh_ms=0,
        model_service_port=port,
        model_service_url=f"http://127.0.0.1:{port}",
        model_service_token=SecretStr(TOKEN),
        model_cache_ttl_s=0,
    )


@pytest.fixture(scope="module")
def service(remote: Settings) -> Iterator[Worker]:
    """The inference service, as a process of its own."""
    with worker(remote, MODULE) as running:
        eventually(lambda: serves(remote) == "1", "a model that serves")
        yield running


def serves(remote: Settings) -> str | None:
    """The version that the service says it serves."""
    try:
        token = {"Authorization": f"Bearer {TOKEN}"}
        answer = httpx.get(f"{remote.model_service_url}/readyz", headers=token, timeout=2)
    except httpx.HTTPError:
        return None
    return str(answer.json()["details"]["model"]["version"]) if answer.status_code == 200 else None


def in_process(remote: Settings) -> StoredJudges:
    local = remote.model_copy(update={"model_service_url": ""})
    return StoredJudges(local, Engine(local))


def point(home: Path, version: str) -> None:
    here = Settings(_env_file=None, tape_home=home)
    meta = store.describe(here, "signals", version)
    store.point(here, "signals", "champion", store.Pointer(version=version, sha256=meta.sha256))


def signals(judges: Judges, messages: list[Any], at: dict[int, Callable[[], None]]) -> list[Any]:
    """What a decider makes of messages. at: what happens before the message of that number."""
    decider: Any = fresh(judges)  # type: ignore[arg-type]
    made = []
    for number, message in enumerate(messages):
        at.get(number, lambda: None)()
        topic = REQUESTS if hasattr(message, "request_id") else TICKS
        draft = decider.decide(source(topic, number, message), NOW_US)
        if draft is not None:
            made.append(draft.message)
    return made


def market() -> list[Any]:
    """A disturbed market with splits, and requests by hand in between."""
    messages: list[Any] = list(disturbed_market(3))
    for number in range(4):
        messages.insert(100 * (number + 1), request(number))
    return messages


def test_the_same_ticks_give_the_same_signals(service: Worker, remote: Settings, home: Path) -> None:
    """Given a market, its splits, requests and a promotion in the middle, then every event is equal, bit by bit,
    whether the model is in process or behind HTTP.
    """
    messages, middle = market(), 3 * WINDOW

    def promote() -> None:
        point(home, "2")
        eventually(lambda: serves(remote) == "2", "the promoted version")

    try:
        with judges_of(remote) as judges:
            over_http = signals(judges, messages, {middle: promote})
        point(home, "1")
        local = signals(in_process(remote), messages, {middle: promote})
    finally:
        point(home, "1")
        eventually(lambda: serves(remote) == "1", "the first version")

    assert local == over_http
    assert {one.model_version for one in local if one.abstained is None} == {"1", "2"}
    assert len({one.direction for one in local}) == 3


def test_a_service_that_is_killed_and_started_again_changes_nothing(
    service: Worker, remote: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a service that is killed with a signal outstanding, and back a moment later, twice, then the agent has
    waited, and the signals are those of an undisturbed run.
    """
    monkeypatch.setattr(inference, "PAUSE_S_MAX", 0.1)
    messages = [tick(number) for number in range(1, WINDOW + 40)]
    expected = signals(in_process(remote), messages, {})
    running = [service]
    starters: list[threading.Thread] = []
    with ExitStack() as stack:

        def strike() -> None:
            for starter in starters:
                starter.join()
            running[-1].kill()
            starter = threading.Timer(0.3, lambda: running.append(stack.enter_context(worker(remote, MODULE))))
            starter.start()
            starters.append(starter)

        with judges_of(remote.model_copy(update={"model_service_patience_s": 60.0})) as judges:
            found = signals(judges, messages, {WINDOW + 5: strike, WINDOW + 20: strike})
        for starter in starters:
            starter.join()

        assert found == expected
        assert len(running) == 3
        assert sum(one.abstained is None for one in found) == 40


ROWS = st.lists(
    st.floats(-1e30, 1e30) | st.floats(-1.0, 1.0), min_size=len(FEATURE_NAMES), max_size=len(FEATURE_NAMES)
).map(lambda row: np.array([row]))


@pytest.fixture(scope="module")
def again(remote: Settings) -> Iterator[Settings]:
    """A service that nobody kills."""
    port = free_port()
    own = remote.model_copy(update={"model_service_port": port, "model_service_url": f"http://127.0.0.1:{port}"})
    with worker(own, MODULE):
        eventually(lambda: serves(own) == "1", "a model that serves")
        yield own


@pytest.fixture(scope="module")
def both(again: Settings) -> Iterator[list[tuple[Any, Any]]]:
    """Each version, in process and over HTTP."""
    with judges_of(again) as judges:
        local = in_process(again)
        yield [(local.known("signals", version), judges.known("signals", version)) for version in ("1", "2")]


@settings(max_examples=40)
@given(rows=ROWS)
def test_no_bit_is_lost_on_the_way(both: list[tuple[Any, Any]], rows: Any) -> None:
    """Any row that a model takes gets the very same probabilities and verdict, there and back through JSON."""
    for local, remote_ in both:
        expected = local.predict(rows)
        found = remote_.predict(rows)

        assert found == expected
        assert remote_.decide(found) == local.decide(expected)


def test_a_judge_is_what_its_description_says(both: list[tuple[Any, Any]]) -> None:
    """Name, hash, label rule and drift are those of the model itself."""
    for local, over_http in both:
        assert (over_http.id, over_http.sha256, over_http.steps) == (local.id, local.sha256, local.steps)
        assert over_http.meta == local.meta
        one, other = local.monitor("AAPL"), over_http.monitor("AAPL")
        for row in noise(5, 260):
            one.push(row)
            other.push(row)
        assert one.drift() == other.drift() is not None


def test_a_wrong_token_is_final(again: Settings) -> None:
    """Trying again with the same token cannot help: the worker is to be halted."""
    wrong = again.model_copy(update={"model_service_token": SecretStr("x" * 32)})
    with judges_of(wrong) as judges, pytest.raises(InvalidValue, match="401") as caught:
        judges.judge("", "")

    assert caught.value.code == "TOKEN_INVALID"


class Script:
    """A service that gives these answers, one after the other, and the last one for ever. paths: what was asked."""

    def __init__(self, *answers: Any) -> None:
        self._answers = list(answers)
        self.paths: list[str] = []

    def __call__(self, asked: httpx.Request) -> httpx.Response:
        self.paths.append(asked.url.path)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return (
            answer if isinstance(answer, httpx.Response) else httpx.Response(200, content=msgspec.json.encode(answer))
        )


@pytest.fixture
def meta(home: Path) -> Meta:
    return store.describe(Settings(_env_file=None, tape_home=home), "signals", "1")


def judges_with(script: Script, patience_s: float = 30.0, **changes: Any) -> RemoteJudges:
    given_settings: dict[str, Any] = {
        "model_service_url": "http://inference",
        "model_service_patience_s": patience_s,
        "model_refresh_ms": 0,
        **changes,
    }
    found = Settings(_env_file=None, **given_settings)
    return RemoteJudges(found, Inference(found, httpx.MockTransport(script)))


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inference, "PAUSE_S", 0.001)


def problem(status: int, code: str) -> httpx.Response:
    return httpx.Response(
        status, content=msgspec.json.encode({"code": code, "detail": "for a reason", "status": status})
    )


def models(version: str | None, problem_: str | None = None) -> dict[str, Any]:
    serving = None if version is None else {"version": version, "sha256": "0" * 64, "kind": "xgboost"}
    return {"serving": serving, "problem": problem_, "models": []}


def test_a_service_that_does_not_know_yet_is_waited_for(meta: Meta) -> None:
    """Given a service that has just been started and cannot tell what its alias means, then the agent waits and does
    not abstain; its other hiccups are waited for as well.
    """
    hiccups = (
        models(None, "the alias was not looked up yet"),
        httpx.ConnectError("refused"),
        httpx.ReadTimeout("slow"),
        httpx.RemoteProtocolError("half an answer"),
        problem(503, "SERVICE_BUSY"),
        problem(503, "MODEL_MISSING"),
        problem(500, "INTERNAL_ERROR"),
        problem(429, "TOO_MANY"),
        httpx.Response(502, content=b"<html>"),
    )
    script = Script(*hiccups, models("1"), {"problem": None, "meta": meta})
    found = judges_with(script).judge("", "")

    assert found is not None
    assert found.meta == meta
    assert script.paths == ["/models"] * (len(hiccups) + 1) + ["/models/1"]


def test_patience_has_an_end() -> None:
    """Given a service that does not come back, then the worker ends with an error that trying again may heal."""
    with pytest.raises(UnavailableError, match="does not answer /models: refused"):
        judges_with(Script(httpx.ConnectError("refused")), patience_s=0.02).judge("", "")


def test_without_any_model_there_is_no_judge() -> None:
    """A service that has looked and found no model is no hiccup: the agent abstains, as it does in process."""
    assert judges_with(Script(models(None))).judge("", "") is None


def test_the_last_good_model_judges_on(meta: Meta) -> None:
    """Once there was a model, the alias's loss does not take it away; as in process."""
    script = Script(models("1"), {"problem": None, "meta": meta}, models(None))
    judges = judges_with(script)

    assert judges.judge("", "") is judges.judge("", "") is not None


def test_where_the_alias_means_nothing_the_tapes_version_goes_on(meta: Meta) -> None:
    """The version that the partition's newest signal names, if it is of this model."""
    described = {"problem": None, "meta": meta}

    found = judges_with(Script(models(None), described)).judge("signals", "1")
    assert found is not None
    assert found.version == "1"
    assert judges_with(Script(models(None), described)).judge("others", "1") is None


def test_a_version_of_the_settings_is_above_all(meta: Meta) -> None:
    """Nothing is asked of the alias."""
    script = Script({"problem": None, "meta": meta})
    judges = judges_with(script, model_version="1")

    assert judges.judge("", "") is judges.judge("signals", "7") is not None
    assert script.paths == ["/models/1"]


def test_the_alias_is_looked_up_at_most_every_so_often(meta: Meta) -> None:
    """Within MODEL_REFRESH_MS the answer stands."""
    script = Script(models("1"), {"problem": None, "meta": meta})
    judges = judges_with(script, model_refresh_ms=3_600_000)
    for _ in range(5):
        judges.judge("", "")

    assert script.paths == ["/models", "/models/1"]


def test_a_version_that_is_gone_has_no_rule() -> None:
    """The outcomes of its signals stay unknown; it is not asked about again at once."""
    script = Script(problem(404, "MODEL_VERSION_UNKNOWN"))
    judges = judges_with(script)

    assert [judges.known("signals", "1") for _ in range(3)] == [None] * 3
    assert judges.known("others", "1") is None
    assert script.paths == ["/models/1"]


SOUND = {"BUY": 0.2, "SELL": 0.3, "HOLD": 0.5}


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        ({"probabilities": {"BUY": 0.5, "SELL": 0.5}}, UnreadableInput, "no probabilities"),
        ({"probabilities": {"BUY": 0.5, "SELL": 0.5, "HOLD": 0.5}}, UnreadableInput, "no probabilities"),
        ({"probabilities": {"BUY": -0.5, "SELL": 1.0, "HOLD": 0.5}}, UnreadableInput, "no probabilities"),
        ({"probabilities": {**SOUND, "MOON": 0.0}}, UnreadableInput, "is none"),
        ({"probabilities": None}, UnreadableInput, "is none"),
        ({"probabilities": SOUND, "model": {"version": "1", "sha256": "0" * 64}}, UnreadableInput, "has another"),
        (httpx.Response(200, content=b"<html>"), UnreadableInput, "is none"),
        (httpx.Response(200, content=b"\xff"), UnreadableInput, "is none"),
        (problem(503, "MODEL_UNREADABLE"), UnreadableInput, "MODEL_UNREADABLE"),
        (problem(404, "MODEL_VERSION_UNKNOWN"), UnavailableError, "MODEL_VERSION_UNKNOWN"),
        (problem(422, "MODEL_ROWS_NOT_FINITE"), InvalidValue, "MODEL_ROWS_NOT_FINITE"),
        (httpx.Response(400, content=b"?"), InvalidValue, "400"),
        (problem(301, ""), InvalidValue, "301"),
    ],
)
def test_what_is_no_answer_decides_nothing(meta: Meta, answer: Any, error: type[TapeledgerError], words: str) -> None:
    """Given something else than this model's probabilities, then no signal is made, and the error says what it was."""
    if isinstance(answer, dict):
        answer = {"model": {"version": "1", "sha256": meta.sha256}, **answer}
    judge = judges_with(Script({"problem": None, "meta": meta}, answer), patience_s=0.0).known("signals", "1")
    assert judge is not None

    with pytest.raises(error, match=words):
        judge.predict(noise(1, 1))


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"features": ("moon",)}, InvalidValue, "moon"),
        ({"version": "2"}, UnreadableInput, "MODEL_NAME differs"),
        ({"name": "others"}, UnreadableInput, "MODEL_NAME differs"),
        (None, UnreadableInput, "damaged"),
    ],
)
def test_a_description_that_does_not_fit_is_refused(
    meta: Meta, changes: dict[str, Any] | None, error: type[TapeledgerError], words: str
) -> None:
    """Another model, other features, or none that can be read: nothing judges."""
    described = None if changes is None else msgspec.structs.replace(meta, **changes)
    judges = judges_with(Script({"problem": "damaged", "meta": described}))

    with pytest.raises(error, match=words):
        judges.known("signals", "1")


def test_the_agent_asks_where_the_settings_say(remote: Settings) -> None:
    """MODEL_SERVICE_URL decides, and without it no HTTP client is made."""
    with judges_of(remote) as over_http, judges_of(remote.model_copy(update={"model_service_url": ""})) as local:
        assert isinstance(over_http, RemoteJudges)
        assert isinstance(local, StoredJudges)


def test_a_question_names_the_version_and_wants_no_kept_answer(meta: Meta) -> None:
    """The service is asked for exactly this version, computed anew, and leaves the doubt to the agent."""
    asked: list[httpx.Request] = []

    def answer(request_: httpx.Request) -> httpx.Response:
        asked.append(request_)
        said = {"model": {"version": "1", "sha256": meta.sha256}, "probabilities": SOUND}
        return httpx.Response(
            200, content=msgspec.json.encode(said if request_.method == "POST" else {"problem": None, "meta": meta})
        )

    found = Settings(_env_file=None, model_service_url="http://inference", model_service_token=SecretStr(TOKEN))
    with closing(Inference(found, httpx.MockTransport(answer))) as service_:
        judge = RemoteJudges(found, service_).known("signals", "1")
        assert judge is not None
        judge.predict(noise(1, 1))
    body = msgspec.json.decode(asked[-1].content)

    assert (body["model"], body["abstain"], body["use_cache"]) == ("signals/1", False, False)
    assert [list(row) for row in body["features"]] == [list(FEATURE_NAMES)]
    assert {request_.headers["authorization"] for request_ in asked} == {f"Bearer {TOKEN}"}
    assert all(len(request_.headers["traceparent"]) == 55 for request_ in asked)
