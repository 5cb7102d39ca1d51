"""A real broker that talks TLS alone and wants certificates: every client of ours gets through, and nobody else."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from domain.errors import UnavailableError
from domain.events import CashDeposited
from runtime.embedded.kafka import Kafka
from runtime.partitions import live_partitions
from runtime.settings import Settings
from streams.topics import apply
from tests.api.security.test_edges import certificate
from tests.streams.trading import events, opened, send
from tests.workers import eventually, worker

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]
SECURE = """
listener.name.secure.ssl.keystore.type=PEM
listener.name.secure.ssl.keystore.location={folder}/broker.pem
listener.name.secure.ssl.truststore.type=PEM
listener.name.secure.ssl.truststore.location={folder}/client.crt
listener.name.secure.ssl.client.auth=required
"""


class SecureKafka(Kafka):
    """With one more listener; `folder` holds who it is, and whom it trusts."""

    port_names: ClassVar[tuple[str, ...]] = (*Kafka.port_names, "secure")

    def prepare(self) -> None:
        super().prepare()
        more = {
            "listeners": f"SECURE://127.0.0.1:{self.ports['secure']}",
            "advertised.listeners": f"SECURE://localhost:{self.ports['secure']}",
            "listener.security.protocol.map": "SECURE:SSL",
        }
        lines = self._properties.read_text().splitlines()
        joined = [f"{line},{more[name]}" if (name := line.partition("=")[0]) in more else line for line in lines]
        self._properties.write_text("\n".join(joined) + SECURE.format(folder=self.home))


@pytest.fixture(scope="module")
def secure() -> Iterator[SecureKafka]:
    home = Path(tempfile.mkdtemp(prefix="tape-tls-"))
    cert, key = certificate(home, "broker")
    (home / "broker.pem").write_bytes(key.read_bytes() + cert.read_bytes())
    certificate(home, "client")
    kafka = SecureKafka(home)
    try:
        kafka.start()
        yield kafka
    finally:
        kafka.stop()
        shutil.rmtree(home)


@pytest.fixture
def settings(ledger_settings: Settings, secure: SecureKafka) -> Settings:
    return ledger_settings.model_copy(
        update={
            "kafka_bootstrap_servers": f"localhost:{secure.ports['secure']}",
            "kafka_security_protocol": "SSL",
            "kafka_ssl_ca": secure.home / "broker.crt",
            "kafka_ssl_certificate": secure.home / "client.crt",
            "kafka_ssl_key": secure.home / "client.key",
        }
    )


def test_a_ledger_works_over_tls(settings: Settings) -> None:
    """Topics, a command, the agent that decides it (aiokafka), its tape and who reads that (librdkafka)."""
    assert apply(settings)
    with worker(settings, "streams.ledger.worker"):
        send(settings, *opened("acc_tls", "12.50"))
        eventually(lambda: any(isinstance(event, CashDeposited) for event in events(settings)), "the deposit")

    (deposit,) = [event for event in events(settings) if isinstance(event, CashDeposited)]
    assert (deposit.originator_id, str(deposit.amount)) == ("acc_tls", "12.50")


@pytest.mark.parametrize("changed", ["stranger", "impostor", "plain"])
def test_who_does_not_show_who_it_is_gets_nothing(
    settings: Settings, secure: SecureKafka, tmp_path: Path, changed: str
) -> None:
    """A client that the broker does not trust, a broker that the client does not trust, and clear text."""
    cert, key = certificate(tmp_path, "nobody")
    changes = {
        "stranger": {"kafka_ssl_certificate": cert, "kafka_ssl_key": key},
        "impostor": {"kafka_ssl_ca": cert},
        "plain": {"kafka_security_protocol": "PLAINTEXT", "kafka_ssl_ca": None},
    }
    with pytest.raises(UnavailableError):
        live_partitions(settings.model_copy(update=changes[changed]), 3.0)
    assert live_partitions(settings, 15.0) is not None
