"""TLS and SASL towards Kafka: every client gets what the settings say."""

from __future__ import annotations

from pathlib import Path

import pytest
from faust.auth import SASLCredentials, SSLCredentials
from faust.types.auth import AuthProtocol

from domain.errors import UnavailableError
from runtime.clients import kafka_address, kafka_producer, kafka_ssl
from runtime.settings import Settings
from streams.faust_app import make_app
from tests.api.security.test_edges import certificate


def settings(tmp_path: Path, **given: object) -> Settings:
    return Settings(_env_file=None, tape_home=tmp_path, kafka_bootstrap_servers="127.0.0.1:1", **given)  # type: ignore[arg-type]


def test_without_any_all_is_plain(tmp_path: Path) -> None:
    """The default is a broker on this machine."""
    plain = settings(tmp_path)

    assert kafka_address(plain) == {"bootstrap.servers": "127.0.0.1:1", "security.protocol": "PLAINTEXT"}
    assert kafka_ssl(plain) is None
    assert make_app(plain, "test").conf.broker_credentials is None


def test_mutual_tls_and_sasl_reach_both_clients(tmp_path: Path) -> None:
    """librdkafka gets files, Faust a context; the password is in both and in no repr."""
    cert, key = certificate(tmp_path, "broker")
    given = {
        **{"kafka_security_protocol": "SASL_SSL", "kafka_ssl_ca": cert},
        **{"kafka_ssl_certificate": cert, "kafka_ssl_key": key},
        **{"kafka_sasl_username": "tape", "kafka_sasl_password": "a-password"},
    }
    secured = settings(tmp_path, **given)

    assert kafka_address(secured) == {
        "bootstrap.servers": "127.0.0.1:1",
        "security.protocol": "SASL_SSL",
        "ssl.ca.location": str(cert),
        "ssl.certificate.location": str(cert),
        "ssl.key.location": str(key),
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "tape",
        "sasl.password": "a-password",
    }
    kafka_producer(secured)  # librdkafka refuses names and values that it does not know
    credentials = make_app(secured, "test").conf.broker_credentials
    assert isinstance(credentials, SASLCredentials)
    assert (credentials.protocol, credentials.password) == (AuthProtocol.SASL_SSL, "a-password")
    assert credentials.ssl_context is not None
    assert "a-password" not in repr(secured) + repr(credentials)


def test_tls_alone(tmp_path: Path) -> None:
    """SSL without SASL gives Faust the context alone."""
    cert, _ = certificate(tmp_path, "broker")
    secured = settings(tmp_path, kafka_security_protocol="SSL", kafka_ssl_ca=cert)

    assert isinstance(make_app(secured, "test").conf.broker_credentials, SSLCredentials)


def test_files_that_make_no_client_are_named(tmp_path: Path) -> None:
    """What is no certificate is said at the start, not by a connection that fails for ever."""
    cert, key = certificate(tmp_path, "broker")
    secured = settings(
        tmp_path, kafka_security_protocol="SSL", kafka_ssl_ca=key, kafka_ssl_certificate=cert, kafka_ssl_key=key
    )
    with pytest.raises(UnavailableError, match="KAFKA_SSL_CA"):
        kafka_ssl(secured)
