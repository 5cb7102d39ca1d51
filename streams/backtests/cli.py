"""`tape backtests`: backtests as jobs. `tape backtest` runs one here and now, without a queue.

Requests go on Kafka as the API's do; what became of them is read from the database. Exit codes: 0 done; 1 it was not,
and one line says why; 2 the command line is wrong.
"""

from __future__ import annotations

import time
import uuid
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, cast

import msgspec
import psycopg
import typer
from psycopg.rows import dict_row

from domain import ids
from domain.backtest_jobs import ENDED, STATES
from domain.backtests import BacktestCancelled, BacktestRequested, BacktestTerms
from domain.errors import InvalidValue, UnavailableError
from runtime import settings as settings_module
from runtime.clients import kafka_producer, postgres_reader
from runtime.clock import now_us
from runtime.settings import Settings
from streams import codec
from streams.asking.console import By, Json, live_settings, table
from streams.backtests.requests import TOPIC

app = typer.Typer(help="Backtests as jobs: submit, list, show, wait, cancel.", no_args_is_help=True)
_TIMEOUT_S = 15.0
_POLL_S = 0.2
_JOBS = """
select backtest_id, state, requested_by, requested_at, ended_at, share, progress, attempts, failure_code, failure_text,
    terms, result_sha256, tracking_state, tracking_error, run_id
from backtest_jobs
"""
_ONE = f"""
select job.*, summary from ({_JOBS} where backtest_id = %(id)s) as job left join backtest_results using (backtest_id)
"""

Id = Annotated[str, typer.Argument(help="The backtest's id, bkt_….")]


@app.command()
def submit(
    by: By,
    symbols: Annotated[str, typer.Option(help="Comma separated.")],
    first: Annotated[str, typer.Option("--from", metavar="YYYY-MM-DD", help="First day.")],
    last: Annotated[str, typer.Option("--to", metavar="YYYY-MM-DD", help="Last day, included.")],
    strategy: Annotated[str, typer.Option(help="model-follower or buy-and-hold.")] = "model-follower",
    model: Annotated[
        str, typer.Option(help="name@alias or name/version; else the one that signals are made with.")
    ] = "",
    source: Annotated[str, typer.Option(help="installed or recorded bars.")] = "installed",
    cash: Annotated[str, typer.Option(help="What the account starts with, in USD.")] = "100000.00",
    term: Annotated[
        list[str] | None,
        typer.Option(help="NAME=VALUE of another term, such as fee_bps=2; may be repeated."),
    ] = None,
    key: Annotated[str, typer.Option(help="Your own id of this request: the same again is the same job.")] = "",
) -> None:
    """Ask for a backtest, and print its id."""
    found = live_settings()
    chosen = {name: str(value) for name, value in found.backtest_defaults().items()} | _terms(term or [])
    given = {
        "symbols": [part.strip() for part in symbols.split(",") if part.strip()],
        **{"first": first, "last": last, "strategy": strategy, "model": model, "source": source, "cash": cash},
        **chosen,
    }
    try:
        terms = msgspec.convert(given, BacktestTerms, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidValue("BACKTEST_TERMS", f"these are no terms of a backtest: {error}") from error
    for symbol in terms.symbols:
        if symbol not in found.symbols():
            raise InvalidValue("INSTRUMENT_UNKNOWN", f"expected one of {', '.join(found.symbols())}, it was {symbol!r}")
    asked = BacktestRequested(
        backtest_id=ids.derive("bkt", by, key or uuid.uuid4().hex, msgspec.json.encode(terms).decode()),
        requested_by=by,
        issued_at_us=now_us(),
        terms=terms,
    )
    _send(found, asked)
    typer.echo(asked.backtest_id)


@app.command("list")
def list_command(
    state: Annotated[str, typer.Option(help=f"Only those that are {', '.join(STATES)}.")] = "",
    requested_by: Annotated[str, typer.Option("--requested-by", help="Only those of this person.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="At most so many.")] = 20,
    json: Json = False,
) -> None:
    """List backtests, newest first."""
    wanted = {"state": state.upper(), "requested_by": requested_by}
    given = [name for name, value in wanted.items() if value]
    clause = f"where {' and '.join(f'{name} = %({name})s' for name in given)}" if given else ""
    order = "order by requested_at desc, backtest_id desc limit %(limit)s"
    found = _rows(f"{_JOBS} {clause} {order}", {**wanted, "limit": limit})
    if json:
        typer.echo(msgspec.json.encode(found).decode())
        return
    lines = [
        (
            *(row["backtest_id"], _standing(row), row["requested_by"], _time(row["requested_at"])),
            *(" ".join(row["terms"]["symbols"]), f"{row['terms']['first']} … {row['terms']['last']}"),
        )
        for row in found
    ]
    table(("backtest", "state", "requested by", "requested at", "symbols", "days"), lines)


@app.command()
def show(job: Id, json: Json = False) -> None:
    """Show one: its terms, how far it is, and its figures once it is done."""
    row = _one(job)
    if json:
        typer.echo(msgspec.json.encode(row).decode())
        return
    facts = [("state", _standing(row)), ("requested by", row["requested_by"]), ("attempts", str(row["attempts"]))]
    facts += [(name, _text(value)) for name, value in row["terms"].items()]
    if row["result_sha256"]:
        run = row["run_id"] or row["tracking_error"] or "not yet"
        facts += [("result", row["result_sha256"]), ("MLflow", f"{row['tracking_state']}: {run}")]
    table(("", job), facts)
    figures = ((row["summary"] or {}).get("outcome") or {}).get("figures", [])
    if figures:
        table(("figure", "value"), [(str(one.get("label") or one.get("name")), _value(one)) for one in figures])


@app.command()
def wait(
    job: Id,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds, at most.")] = 3_600.0,
) -> None:
    """Wait until it is over. Exit code 0 when it is DONE."""
    deadline, told = time.monotonic() + timeout, ""
    while (row := _one(job, within_s=timeout))["state"] not in ENDED:
        if time.monotonic() > deadline:
            raise UnavailableError(f"{job} is still {row['state']} after {timeout:g} s")
        if (now := _standing(row)) != told:
            typer.echo(now, err=True)
            told = now
        time.sleep(_POLL_S)
    typer.echo(_standing(row))
    if row["state"] != "DONE":
        raise typer.Exit(1)


@app.command()
def cancel(job: Id, by: By) -> None:
    """End one that waits or runs. Whoever may use this command may end anybody's."""
    row = _one(job)
    if row["state"] in ENDED:
        raise InvalidValue("BACKTEST_ENDED", f"expected a backtest that waits or runs, it is {row['state']}")
    _send(live_settings(), BacktestCancelled(backtest_id=job, requested_by=by, issued_at_us=now_us()))
    typer.echo(f"{job} is to end; `tape backtests show {job}` shows whether it has")


def _terms(given: list[str]) -> dict[str, str]:
    """Decimals by name. Raises BadParameter."""
    found = {}
    for text in given:
        name, _, value = text.partition("=")
        try:
            found[name] = str(Decimal(value))
        except InvalidOperation as error:
            raise typer.BadParameter(f"expected NAME=VALUE with a number, it was {text!r}") from error
    return found


def _send(settings: Settings, message: BacktestRequested | BacktestCancelled) -> None:
    """Return when Kafka has it. Raises UnavailableError."""
    value, headers = codec.encode(
        message,
        id_=message.backtest_id,
        source="tapeledger/cli",
        time_us=message.issued_at_us,
        subject=message.backtest_id,
    )
    failed: list[str] = []

    def delivered(error: Any, _: Any) -> None:
        if error is not None:
            failed.append(str(error))

    producer = kafka_producer(settings, **{"message.timeout.ms": int(_TIMEOUT_S * 1_000)})
    producer.produce(
        settings.topic(TOPIC),
        key=message.backtest_id.encode(),
        value=value,
        headers=cast(Any, headers),
        on_delivery=delivered,
    )
    if producer.flush(_TIMEOUT_S + 1) or failed:
        raise UnavailableError(f"Kafka did not take the request: {failed[0] if failed else 'no answer'}")


def _one(backtest_id: str, within_s: float = 0.0) -> dict[str, Any]:
    """within_s: one that was just asked for may take so long to be taken in. Raises InvalidValue."""
    deadline = time.monotonic() + within_s
    while not (found := _rows(_ONE, {"id": backtest_id})):
        if time.monotonic() >= deadline:
            raise InvalidValue("BACKTEST_UNKNOWN", f"no backtest {backtest_id!r} is known here")
        time.sleep(_POLL_S)
    return found[0]


def _rows(statement: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    """Raises UnavailableError."""
    try:
        with postgres_reader(settings_module.settings(), row_factory=dict_row) as connection:
            cursor = cast("psycopg.Connection[dict[str, Any]]", connection).execute(statement.encode(), parameters)
            return cursor.fetchall()
    except psycopg.Error as error:
        raise UnavailableError(f"the database does not answer: {' '.join(str(error).split())}") from error


def _standing(row: dict[str, Any]) -> str:
    if row["state"] == "RUNNING":
        return f"RUNNING {row['share']:.0%} {row['progress']}".rstrip()
    if row["state"] == "FAILED":
        return f"FAILED {row['failure_code']}: {row['failure_text']}"
    return str(row["state"])


def _value(figure: dict[str, Any]) -> str:
    value = figure.get("value")
    return str(figure.get("reason") or "") if value is None else f"{value:,.4f} {figure.get('unit', '')}".rstrip()


def _text(value: Any) -> str:
    return " ".join(value) if isinstance(value, list) else str(value)


def _time(value: datetime | date) -> str:
    return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S") if isinstance(value, datetime) else value.isoformat()
