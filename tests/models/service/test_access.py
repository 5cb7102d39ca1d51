"""Who may ask: this machine, or whoever has the token."""

from __future__ import annotations

import httpx
import pytest
from pydantic import SecretStr, ValidationError

from domain.errors import InvalidValue
from models.service.access import check_host
from models.service.app import create_app
from runtime.settings import Settings
from tests.models.service.stage import asking, rows_of, serving, until

TOKEN = "0123456789abcdef0123456789abcdef"
GUARDED = [
    ("GET", "/models"),
    ("GET", "/models/1"),
    ("GET", "/metrics"),
    ("POST", "/predict"),
    ("POST", "/predict/batch"),
]


@pytest.fixture(scope="module")
def guarded(settings: Settings) -> Settings:
    return settings.model_copy(update={"model_service_token": SecretStr(TOKEN)})


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        TOKEN,
        f"Basic {TOKEN}",
        f"Bearer {TOKEN[:-1]}",
        f"Bearer {TOKEN}0",
        f"Bearer {TOKEN.upper()}",
        "Bearer",
        "Bearer ",
        "Bearer ünïcode".encode().decode("latin-1"),
    ],
)
async def test_without_the_token_nothing_is_told(guarded: Settings, header: str | None) -> None:
    """401 with the scheme that is expected, before the path, the method or the body are looked at."""
    app = create_app(guarded)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    headers = {} if header is None else {"Authorization": header.encode("latin-1")}
    async with httpx.AsyncClient(transport=transport, base_url="http://inference") as client:
        for method, path in [*GUARDED, ("DELETE", "/models"), ("GET", "/nothing")]:
            answer = await client.request(method, path, headers=headers)  # type: ignore[arg-type]

            assert (answer.status_code, answer.json()["code"]) == (401, "TOKEN_INVALID")
            assert answer.headers["www-authenticate"] == "Bearer"
            assert TOKEN not in answer.text


async def test_with_the_token_all_is_answered(guarded: Settings) -> None:
    """The scheme is the same in any case of letters (RFC 9110, section 11.1)."""
    async with serving(guarded) as client:
        for scheme in ("Bearer", "bearer", "BEARER"):
            headers = {"Authorization": f"{scheme} {TOKEN}"}
            answer = await client.post("/predict", json=asking(rows_of(1)[0]), headers=headers)

            assert answer.status_code == 200


async def test_probes_need_none_and_are_told_less(guarded: Settings) -> None:
    """Whether it lives and is ready is anybody's to know; which model serves, and what is wrong, is not."""
    async with serving(guarded) as client:
        stranger = (await client.get("/readyz")).json()
        known = (await client.get("/readyz", headers={"Authorization": f"Bearer {TOKEN}"})).json()
        others = [(await client.get(path)).status_code for path in ("/livez", "/openapi.json")]

    assert (stranger["status"], stranger["details"]) == ("ready", None)
    assert known["details"]["model"]["version"] == "1"
    assert others == [200, 200]


async def test_what_is_wrong_is_not_told_to_strangers(
    guarded: Settings, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Readiness without a model names no file to who has no token."""
    home = tmp_path_factory.mktemp("empty")
    (home / "models" / "signals").mkdir(parents=True)
    (home / "models" / "signals" / "champion.json").write_bytes(b"{")
    token = {"Authorization": f"Bearer {TOKEN}"}
    async with serving(guarded.model_copy(update={"tape_home": home}), is_ready=False) as client:
        stranger = await client.get("/readyz")
        client.headers.update(token)
        known = await until(client, "/readyz", lambda answer: "looked up" not in answer.text)

    assert stranger.status_code == known.status_code == 503
    assert str(home) not in stranger.text
    assert str(home) in known.text


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_this_machine_needs_no_token(settings: Settings, host: str) -> None:
    """Whoever can reach a loopback address is here already."""
    check_host(settings.model_copy(update={"model_service_host": host}))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.5", "inference.example"])
def test_other_machines_need_one(settings: Settings, guarded: Settings, host: str) -> None:
    """A host that others reach is refused without a token, before anything listens."""
    with pytest.raises(InvalidValue, match="MODEL_SERVICE_TOKEN") as caught:
        create_app(settings.model_copy(update={"model_service_host": host}))

    assert caught.value.code == "MODEL_SERVICE_OPEN"
    check_host(guarded.model_copy(update={"model_service_host": host}))


@pytest.mark.parametrize("token", ["short", "with a space " * 4, TOKEN + "\n"])
def test_a_token_that_is_none_is_refused(token: str) -> None:
    """32 characters or more, printable, and the error does not repeat it."""
    with pytest.raises(ValidationError) as caught:
        Settings(_env_file=None, model_service_token=SecretStr(token))

    assert "32 to 256 characters" in str(caught.value)
