"""Users and keys in memory: they follow the tables, and stand while the database is away."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from api.problems import ProblemError, unavailable
from api.security import accounts as accounts_module
from api.security.access import network_of
from api.security.accounts import Accounts
from api.security.directory import Directory
from runtime.settings import Settings
from streams.access import keys
from tests.keys import ROOT_KEY


class Tables:
    """The read side's tables, which may be away. asked: how often all of them were read."""

    def __init__(self) -> None:
        self.users: list[dict[str, Any]] = []
        self.keys: list[dict[str, Any]] = []
        self.owners: dict[str, str] = {}
        self.newest = 0
        self.asked = 0
        self.away = False

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Tables]:
        if self.away:
            raise unavailable("DATABASE_UNAVAILABLE", "away")
        yield self

    async def all(self, statement: str, parameters: Any) -> list[dict[str, Any]]:
        if "as record_offset" in statement:
            return [{"partition": 0, "record_offset": self.newest}]
        if "from access_users" in statement:
            self.asked += 1
            return self.users
        return self.keys

    async def one(self, statement: str, parameters: Any) -> dict[str, Any] | None:
        self.asked += 1
        owner = self.owners.get(parameters["account_id"])
        return None if owner is None else {"owner": owner}

    def put(self, user: str, role: str = "trader", **key: Any) -> keys.NewKey:
        made = keys.make()
        self.users.append({"user_id": user, "role": role, "accounts": []})
        row = {"user_id": user, "key_id": made.key_id, "sha256": made.sha256, "scopes": ["read"], "label": ""}
        self.keys.append(
            row | {"limit_per_minute": None, "created_by": "x", "created_at_us": 0, "expires_at_us": None} | key
        )
        self.newest += 1
        return made


def directory(tables: Tables, root: str = "") -> Directory:
    return Directory(Settings(_env_file=None, api_root_key=root), tables)  # type: ignore[arg-type]


async def test_it_follows_the_tables_and_reads_them_only_when_they_change() -> None:
    """A key is known after the next look; looks that find nothing new read nothing."""
    tables = Tables()
    known = directory(tables)
    await known.refresh()
    made = tables.put("ada")
    assert known.key_of(made.text) is None
    for _ in range(5):
        await known.refresh()

    assert known.key_of(made.text) is not None
    assert tables.asked == 2
    assert known.key_of(made.text[:-1] + ("0" if made.text[-1] != "0" else "1")) is None
    assert known.key_of(keys.make().text) is None
    assert known.key_of("anything") is None


async def test_it_stands_while_the_database_is_away() -> None:
    """What was read stays true; before anything was read a key that may be good is neither taken nor refused."""
    tables = Tables()
    made = tables.put("ada")
    known, late = directory(tables), directory(tables)
    await known.refresh()
    tables.away = True
    with pytest.raises(ProblemError):
        await known.refresh()

    assert known.standing("ada", made.key_id) is not None
    for ask in (lambda: late.key_of(made.text), lambda: late.standing("ada", made.key_id)):
        with pytest.raises(ProblemError) as caught:
            ask()
        assert (caught.value.status, caught.value.code) == (503, "USERS_UNKNOWN")


@pytest.mark.parametrize("key", [{"expires_at_us": 1}, {"user_id": "bob"}])
async def test_keys_that_do_not_stand(key: dict[str, Any]) -> None:
    """Expired, or of a user who is not there."""
    tables = Tables()
    made = tables.put("ada", **key)
    known = directory(tables)
    await known.refresh()

    assert known.key_of(made.text) is None
    assert known.standing("ada", made.key_id) is None


async def test_what_is_revoked_here_is_dead_at_once() -> None:
    """Before the tables say so; and for good when they do."""
    tables = Tables()
    made = tables.put("ada")
    known = directory(tables)
    await known.refresh()
    known.revoke(made.key_id)
    assert known.key_of(made.text) is None
    tables.put("bob")
    await known.refresh()

    assert known.key_of(made.text) is None, "the revocation is not projected yet"


async def test_another_root_key_is_another_key() -> None:
    """The former root key, and what was made with it, is worth nothing after a change; without one there is no root."""
    tables = Tables()
    first, second, none = (
        directory(tables, ROOT_KEY),
        directory(tables, "another-root-key-" + "0" * 20),
        directory(tables),
    )
    for known in (first, second, none):
        await known.refresh()
    root = first.key_of(ROOT_KEY)

    assert root is not None
    assert first.standing("root", root.key_id) is not None
    for known in (second, none):
        assert known.key_of(ROOT_KEY) is None
        assert known.standing("root", root.key_id) is None
    assert none.key_of("") is None


async def test_an_owner_is_asked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A known owner needs no database; an account that is not there is asked for again."""
    monkeypatch.setattr(accounts_module, "_OTHER_WAIT_S", 0.0)
    tables = Tables()
    accounts = Accounts(tables)  # type: ignore[arg-type]
    assert await accounts.owner_soon("acc_1", "ada") is None
    tables.owners["acc_1"] = "ada"
    assert await accounts.owner("acc_1") == "ada"
    tables.away = True
    assert await accounts.owner_soon("acc_1", "ada") == "ada"
    with pytest.raises(ProblemError):
        await accounts.owner("acc_2")


async def test_who_has_just_opened_is_told_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """The opener's command waits for the read side and is 503 when it does not come; another's is simply not theirs."""
    monkeypatch.setattr(accounts_module, "_OWN_WAIT_S", 0.1)
    monkeypatch.setattr(accounts_module, "_OTHER_WAIT_S", 0.0)
    tables = Tables()
    accounts = Accounts(tables)  # type: ignore[arg-type]
    accounts.opened("ada", "acc_1")
    with pytest.raises(ProblemError) as caught:
        await accounts.owner_soon("acc_1", "ada")

    assert (caught.value.status, caught.value.code) == (503, "ACCOUNT_NOT_PROJECTED")
    assert await accounts.owner_soon("acc_1", "eve") is None
    tables.owners["acc_1"] = "eve"  # her command came first
    assert await accounts.owner_soon("acc_1", "ada") == "eve"


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("10.0.0.7", "10.0.0.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("::ffff:10.0.0.7", "10.0.0.7"),
        ("unknown", "unknown"),
    ],
)
def test_a_stranger_has_one_quota(address: str, network: str) -> None:
    """Whoever has a whole IPv6 network is one stranger."""
    assert network_of(address) == network
