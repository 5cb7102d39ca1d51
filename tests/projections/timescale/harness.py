"""PostgreSQL with TimescaleDB in WebAssembly (Node): its start, and fresh tables on it.

It takes one connection at a time and statements of about 64 KB, so batches are small here. Never a store.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from projections.migrate import migrate
from projections.roles import ensure_backtests, ensure_projector, ensure_reader

HERE = Path(__file__).resolve().parent
MIGRATIONS = [
    *("0001_tables.sql", "0001_tables.timescale.sql", "0002_audit_actions.sql"),
    *("0003_trial_balance.sql", "0004_orders_depth.sql", "0005_corporate.sql"),
    *("0006_desk.sql", "0007_reconciliation.sql", "0008_rebalances.sql"),
    *("0009_accounts_transfers.sql", "0010_read_models.sql", "0010_read_models.timescale.sql"),
    *("0010_read_models_comments.sql", "0011_versions.sql", "0012_access.sql", "0013_read_places.sql"),
    *("0014_positions_symbol.sql", "0015_replaced.sql", "0016_backtests.sql", "0016_backtests.timescale.sql"),
    *("0017_signal_outcomes.sql", "0017_signal_outcomes.timescale.sql"),
]
_AGGREGATES = "select 'materialized view ' || view_name from timescaledb_information.continuous_aggregates"
_VERSIONS = "select 'schema ' || nspname from pg_namespace where nspname like 'tape\\_%'"
_TABLES = "select 'table if exists ' || tablename from pg_tables where schemaname = 'public'"
_FUNCTIONS = """select 'function ' || oid::regprocedure from pg_proc where pronamespace = 'public'::regnamespace
    and not exists (select from pg_depend where objid = pg_proc.oid and deptype = 'e')"""


def installed() -> None:
    """`npm ci`, unless what the lock names is there."""
    locked = json.loads((HERE / "package-lock.json").read_text())["packages"]
    for place, package in locked.items():
        manifest = HERE / place / "package.json"
        if place and (not manifest.exists() or json.loads(manifest.read_text())["version"] != package["version"]):
            npm = shutil.which("npm")
            assert npm, "npm is not installed; Node 20 or later is needed to test the TimescaleDB path"
            subprocess.run([npm, "ci", "--no-audit", "--no-fund"], cwd=HERE, check=True, timeout=240)
            return


@contextmanager
def server() -> Iterator[str]:
    """The address of a database server with TimescaleDB."""
    installed()
    with subprocess.Popen(
        ["node", "server.mjs"], cwd=HERE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            port = process.stdout.readline().strip()
            assert port.isdigit(), "the WebAssembly server did not start"
            yield f"postgresql://postgres:any@127.0.0.1:{port}/postgres?sslmode=disable"
        finally:
            process.kill()


def make_anew(url: str) -> None:
    """Fresh tables and roles. The extension stays: this server has one session, which loads it once."""
    with psycopg.connect(url, autocommit=True, prepare_threshold=None) as old:
        old.execute("deallocate all")
        old.execute("reset role")
        if old.execute("select 1 from pg_extension where extname = 'timescaledb'").fetchone() is not None:
            for kind in (_VERSIONS, _AGGREGATES, _TABLES, _FUNCTIONS):
                for (what,) in old.execute(kind).fetchall():
                    old.execute(f"drop {what} cascade".encode())
    assert migrate(url) == MIGRATIONS
    assert migrate(url) == []
    ensure_reader(url, "any")
    ensure_projector(url, "any")
    ensure_backtests(url, "any")
