"""Apache Kafka in KRaft mode, one node, from the jars of infra/kafka/pom.xml."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from pathlib import Path
from string import Template
from typing import ClassVar

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from domain.errors import UnavailableError
from runtime.embedded.server import Server

REPOSITORY = Path(__file__).parents[2]
POM = REPOSITORY / "infra" / "kafka" / "pom.xml"
PROPERTIES = REPOSITORY / "infra" / "kafka" / "server.properties"
CACHE = REPOSITORY / ".tape-cache"
HEAP = "768m"
_MAVEN_TIMEOUT_S = 600


class Kafka(Server):
    name: ClassVar[str] = "kafka"
    port_names: ClassVar[tuple[str, ...]] = ("port", "controller_port")

    def prepare(self) -> None:
        libraries = jars()
        template = Template(PROPERTIES.read_text())
        self._properties.write_text(template.substitute(self.ports, data=self._data))
        if not (self._data / "meta.properties").exists():
            format_ = [java(), "-cp", f"{libraries}/*", "kafka.tools.StorageTool", "format"]
            _check([*format_, "-t", _cluster_id(), "-c", str(self._properties)], 60, "formatting Kafka's data folder")

    def argv(self) -> Sequence[str]:
        return [
            java(),
            f"-Xmx{HEAP}",
            "-Xms256m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-XX:+ExitOnOutOfMemoryError",
            "-Djava.awt.headless=true",
            "-Dorg.slf4j.simpleLogger.showDateTime=true",
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            "-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info",
            "-cp",
            f"{jars()}/*",
            "kafka.Kafka",
            str(self._properties),
        ]

    def answers(self) -> bool:
        try:
            admin = AdminClient({"bootstrap.servers": self.address, "log_level": 0, "socket.timeout.ms": 2_000})
            return bool(admin.list_topics(timeout=2).brokers)
        except KafkaException:
            return False

    def endpoints(self) -> dict[str, str]:
        return {"kafka_bootstrap_servers": self.address}

    @property
    def _properties(self) -> Path:
        return self.folder / "server.properties"

    @property
    def _data(self) -> Path:
        return (self.folder / "data").absolute()


def _cluster_id() -> str:
    """22 characters of URL-safe Base64. The first bit is 0, so it begins with a letter, never "-"."""
    random = uuid.uuid4().bytes
    return urlsafe_b64encode(bytes([random[0] & 0x7F]) + random[1:]).decode().rstrip("=")


def java() -> str:
    """The java command. Raises UnavailableError when there is none."""
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=f"{home}/bin") if home else None
    found = found or shutil.which("java")
    if found is None:
        raise UnavailableError("Kafka needs Java 17 or later, and there is no `java` on PATH; see `tape doctor`")
    return found


def jars() -> Path:
    """The folder of Kafka's jars, copied by Maven at first use and shared by all homes. Safe for several processes."""
    libraries = jars_folder()
    if libraries.is_dir():
        return libraries
    CACHE.mkdir(exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not libraries.is_dir():
            _copy_jars(libraries)
    return libraries


def jars_folder() -> Path:
    """Where `jars` puts them: another folder for another pom.xml."""
    return CACHE / f"kafka-{hashlib.sha256(POM.read_bytes()).hexdigest()[:12]}"


def _copy_jars(libraries: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise UnavailableError("Kafka's jars come by Maven, and there is no `mvn` on PATH; see `tape doctor`")
    with tempfile.TemporaryDirectory(dir=CACHE) as temporary:
        output = Path(temporary) / "libs"
        copy = [maven, "-q", "-B", "-f", str(POM), "dependency:copy-dependencies"]
        options = ["-DincludeScope=runtime", f"-DoutputDirectory={output}"]
        _check([*copy, *options], _MAVEN_TIMEOUT_S, "copying Kafka's jars")
        output.rename(libraries)


def _check(argv: Sequence[str], timeout_s: float, purpose: str) -> None:
    try:
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout_s, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise UnavailableError(f"{purpose} took longer than {timeout_s:.0f} s") from error
    if done.returncode != 0:
        raise UnavailableError(f"{purpose} failed with code {done.returncode}:\n{(done.stdout + done.stderr)[-2_000:]}")
