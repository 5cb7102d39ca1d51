"""`tape access`: users, their roles and their API keys, and the root key of this home.

Each change is a record on `audit.logs`; the command waits until the tables have it, for then the API acts on it within
a second. Exit codes: 0 done; 1 it was not, and one line says why; 2 the command line is wrong.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import msgspec
import psycopg
import typer
from psycopg.rows import dict_row

from domain import access
from domain.access import AccessRecord, KeyCreated, KeyRevoked, UserPut, UserRemoved
from domain.errors import InvalidValue, UnavailableError
from runtime import settings as settings_module
from runtime.clock import now_us
from runtime.settings import Settings
from streams.access import keys, records
from streams.asking.console import By, Json, live_settings, table
from streams.auditlog import intake

app = typer.Typer(help="Users, their roles and their API keys.", no_args_is_help=True)
user_app = typer.Typer(help="Users: put on record, list, remove.", no_args_is_help=True)
key_app = typer.Typer(help="API keys: create, list, revoke.", no_args_is_help=True)
app.add_typer(user_app, name="user")
app.add_typer(key_app, name="key")
_POLL_S = 0.1

UserId = Annotated[str, typer.Argument(help="The user's id.", metavar="USER")]
Why = Annotated[str, typer.Option("--reason", help="Why; it stands on the tape for ever.")]
Wait = Annotated[float, typer.Option("--wait", min=0.1, max=600.0, help="Seconds to wait until the tables have it.")]
_USERS = "select user_id, role, accounts, put_by, put_at, removed_at from access_users order by user_id"
_KEYS = """
select key_id, user_id, scopes, label, limit_per_minute, created_by, created_at, expires_at, revoked_at
from access_keys order by created_at, key_id
"""


@app.command("root-key")
def root_key() -> None:
    """Print the root key: API_ROOT_KEY, or the one that `tape up` has made in this home."""
    key = settings_module.settings().api_root_key.get_secret_value()
    if not key:
        raise UnavailableError("API_ROOT_KEY is not set, and `tape up` has not made one here yet")
    typer.echo(key)


@user_app.command("put")
def put_user(
    user: UserId,
    by: By,
    role: Annotated[str, typer.Option("--role", help=f"One of {', '.join(access.ROLES)}.")],
    account: Annotated[
        list[str] | None, typer.Option("--account", help="Granted besides the owned ones; may be repeated.")
    ] = None,
    reason: Why = "",
    wait: Wait = 10.0,
) -> None:
    """Put a user on record, new or changed: what is said here stands in place of what was said before."""
    accounts = tuple(sorted(set(account or ())))
    _put(UserPut(user_id=user, role=role, accounts=accounts), by, reason, wait)
    typer.echo(f"{user} is a {role}" + (f", and has access to {', '.join(accounts)}" if accounts else ""))


@user_app.command("remove")
def remove_user(user: UserId, by: By, reason: Why = "", wait: Wait = 10.0) -> None:
    """Remove a user. Their keys are dead for ever, also when a user of this name is put on record again."""
    _there(user)
    _put(UserRemoved(user_id=user), by, reason, wait)
    typer.echo(f"{user} is removed, and all their keys with them")


@user_app.command("list")
def list_users(json: Json = False) -> None:
    """List users; removed ones say when."""
    found = _rows(_USERS)
    if json:
        typer.echo(msgspec.json.encode(found).decode())
        return
    rows = [
        (
            *(row["user_id"], row["role"], " ".join(row["accounts"]), row["put_by"]),
            *(_time(row[name]) for name in ("put_at", "removed_at")),
        )
        for row in found
    ]
    table(("user", "role", "granted accounts", "put by", "at", "removed"), rows)


@key_app.command("create")
def create_key(
    user: UserId,
    by: By,
    scope: Annotated[
        list[str] | None, typer.Option("--scope", help="May be repeated; all of the role by default.")
    ] = None,
    label: Annotated[str, typer.Option("--label", help="What it is for.")] = "",
    days: Annotated[int, typer.Option("--days", min=0, help="How long it is good; 0: for ever.")] = 0,
    limit: Annotated[
        int | None, typer.Option("--limit-per-minute", min=0, help="A limit of its own, 0 for none; else the user's.")
    ] = None,
    reason: Why = "",
    wait: Wait = 10.0,
) -> None:
    """Make an API key and print it, this once: only its SHA-256 is kept. Keep it where secrets are kept."""
    role = _there(user)
    expires = None if days == 0 else now_us() + timedelta(days=days) // timedelta(microseconds=1)
    scopes = tuple(scope) if scope else tuple(name for name in access.SCOPES if name in access.ROLES[role])
    made = keys.make()
    record = KeyCreated(
        user_id=user,
        key_id=made.key_id,
        sha256=made.sha256,
        scopes=scopes,
        label=label,
        expires_at_us=expires,
        limit_per_minute=limit,
    )
    _put(record, by, reason, wait)
    typer.echo(f"{made.key_id} of {user}, for {' '.join(scopes)}; shown this once:", err=True)
    typer.echo(made.text)


@key_app.command("revoke")
def revoke_key(
    key: Annotated[str, typer.Argument(help="The key's id, as `tape access key list` names it.", metavar="KEY")],
    by: By,
    reason: Why = "",
    wait: Wait = 10.0,
) -> None:
    """Revoke a key, with its tokens and sessions."""
    found = next((row for row in _rows(_KEYS) if row["key_id"] == key and row["revoked_at"] is None), None)
    if found is None:
        raise InvalidValue("KEY_UNKNOWN", f"no key {key!r} stands; `tape access key list` lists them", key_id=key)
    _put(KeyRevoked(user_id=found["user_id"], key_id=key), by, reason, wait)
    typer.echo(f"{key} of {found['user_id']} is revoked")


@key_app.command("list")
def list_keys(json: Json = False) -> None:
    """List keys; those that ended say when."""
    found = _rows(_KEYS)
    if json:
        typer.echo(msgspec.json.encode(found).decode())
        return
    rows = [
        (
            *(row["key_id"], row["user_id"], " ".join(row["scopes"]), row["label"]),
            *("" if row["limit_per_minute"] is None else str(row["limit_per_minute"]), row["created_by"]),
            *(_time(row[name]) for name in ("created_at", "expires_at", "revoked_at")),
        )
        for row in found
    ]
    names = ("key", "user", "scopes", "label", "limit", "created by", "at", "expires", "revoked")
    table(names, rows)


def _put(record: AccessRecord, by: str, reason: str, wait_s: float) -> None:
    """Send it, and wait until the tables have it. Raises UnavailableError."""
    settings = live_settings()
    action = records.action(record, by, reason)
    intake.send(settings, [action], "access")
    deadline = time.monotonic() + wait_s
    query = "select 1 from audit_actions where subject = %s and action_id = %s"
    with _reader(settings) as connection:
        while connection.execute(query, (action.subject, action.action_id)).fetchone() is None:
            if time.monotonic() > deadline:
                raise UnavailableError(
                    f"it was sent, but the tables do not have it after {wait_s:g} s; are the audit and projector "
                    "workers up? It will be done when they are"
                )
            time.sleep(_POLL_S)


def _there(user_id: str) -> str:
    """The role of a user. Raises InvalidValue for one who is not on record."""
    found = next((row for row in _rows(_USERS) if row["user_id"] == user_id and row["removed_at"] is None), None)
    if found is None:
        raise InvalidValue(
            "USER_UNKNOWN", f"no user {user_id!r} is on record; `tape access user put` makes one", user_id=user_id
        )
    role: str = found["role"]
    return role


def _rows(query: str) -> list[dict[str, Any]]:
    with _reader(settings_module.settings()) as connection, connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query.encode()).fetchall()


def _reader(settings: Settings) -> psycopg.Connection[Any]:
    """Raises UnavailableError."""
    if not settings.database_reader_url:
        raise UnavailableError("DATABASE_READER_URL is not given, and no embedded server runs; `tape up` starts one")
    try:
        return psycopg.connect(settings.database_reader_url, autocommit=True)
    except psycopg.OperationalError as error:
        raise UnavailableError(f"the database does not answer: {type(error).__name__}") from error


def _time(time_: datetime | None) -> str:
    return "" if time_ is None else time_.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
