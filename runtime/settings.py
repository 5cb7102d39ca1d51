"""The one settings object. Read from the environment and from `.env`; every field has a default that works embedded."""

from __future__ import annotations

import json
import re
from datetime import date
from decimal import Decimal
from functools import lru_cache
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from domain.errors import InvalidValue
from runtime import secrets

_SCHEMES = {
    "database_url": ("postgresql", "postgres"),
    "database_projector_url": ("postgresql", "postgres"),
    "database_reader_url": ("postgresql", "postgres"),
    "database_backtests_url": ("postgresql", "postgres"),
    "redis_url": ("redis", "rediss", "unix"),
    "model_service_url": ("http", "https"),
    "otlp_endpoint": ("http", "https"),
}
_FILES = ("api_tls_cert", "api_tls_key", "kafka_ssl_ca", "kafka_ssl_certificate", "kafka_ssl_key")
_ADDRESS = re.compile(r"[^\s,:]+:[0-9]{1,5}(,[^\s,:]+:[0-9]{1,5})*")
_SECRET = re.compile(r"[!-+\--~]{32,256}")  # printable, without spaces and commas
_ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?")


class Settings(BaseSettings):
    """All settings, each from the environment variable of its name in capitals.

    Empty server addresses mean the embedded ones, whose addresses `tape up` writes to `<tape_home>/endpoints.json`
    and `settings()` fills in here. A name in `.env` that is no setting is an error, so that a typing mistake is seen.
    """

    model_config = SettingsConfigDict(env_file=".env", extra="forbid", frozen=True)

    # Servers
    kafka_bootstrap_servers: str = ""
    database_url: str = Field("", description="owner's address: migrations (libpq URI)")
    database_projector_url: str = Field(
        "", description="the projector's address: a role that writes rows and changes no table; empty: DATABASE_URL"
    )
    database_reader_url: str = Field("", description="the query side's address: a role that can only select")
    database_backtests_url: str = Field(
        "", description="the backtests worker's address: a role that writes backtests' rows alone; empty: DATABASE_URL"
    )
    redis_url: str = Field("", description="redis:// or, with TLS, rediss:// and ?ssl_ca_certs=FILE")
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    kafka_ssl_ca: Path | None = Field(None, description="PEM file of the authorities that sign the brokers")
    kafka_ssl_certificate: Path | None = Field(None, description="PEM file of the client's certificate (mutual TLS)")
    kafka_ssl_key: Path | None = Field(None, description="PEM file of its key, without a password")
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    kafka_sasl_username: str = ""
    kafka_sasl_password: SecretStr = SecretStr("")
    topic_prefix: str = Field(
        "", description="put before every topic and consumer group: several ledgers on one broker"
    )
    tape_home: Path = Field(Path(".tape"), description="data, logs and state of the embedded servers and workers")

    # Ledger
    partitions: int = Field(4, ge=1, le=256)
    batch_records_max: int = Field(500, ge=1, le=10_000)
    fetch_wait_ms_max: int = Field(5, ge=1, le=1_500)
    client_ids_kept_s: int = Field(7 * 24 * 3600, ge=60)
    snapshot_every_records: int = Field(
        20_000, ge=0, description="records on a partition of ledger.events from one snapshot to the next; 0: none"
    )
    instruments: str = Field("AAPL,FB,GOOG,IBM,MSFT", description="symbols that may be traded, comma separated")

    # Execution
    paper_trade_mode: bool = True
    execution_stream: str = "execution.orders"
    execution_group: str = "execution.engine"
    claim_idle_ms: int = Field(
        5_000, ge=100, description="a stream entry, or a symbol's lease, untouched this long belongs to a dead worker"
    )
    execution_stream_length_max: int = Field(
        50_000, ge=1, description="entries in the Redis stream, working orders included; further orders wait"
    )
    redispatch_after_ms: int = Field(
        5_000, ge=100, description="an order unacknowledged this long is sent again, once its entry is gone"
    )
    reconcile_every_s: float = Field(
        5.0, gt=0, description="the venue's records are compared with the ledger's this often"
    )
    reconcile_grace_s: float = Field(
        10.0, ge=0, description="a difference that is still there after this long is put on record as a break"
    )
    reconcile_lookback_s: int = Field(
        86_400, ge=60, description="executions are compared this far back when a worker begins to compare"
    )
    paper_half_spread_bps: Decimal = Decimal("1")
    paper_impact_bps: Decimal = Field(Decimal("10"), description="impact at a participation of 100 %, square-root law")
    paper_participation_max: Decimal = Field(Decimal("0.10"), description="share of a tick's volume one order may take")
    paper_fee_bps: Decimal = Decimal("1")
    paper_shared_liquidity: bool = Field(
        default=False,
        description="all orders of a symbol share a tick's volume by price and time; the same for all workers",
    )
    market_real_time: bool = Field(
        default=False, description="ticks tell of now, not of a replay: orders expire by the clock too, without a tick"
    )
    market_tick_late_ms_max: int = Field(
        5_000, ge=0, description="in real time the clock waits so long for ticks that are on their way"
    )
    market_latency_us: int = Field(50_000, ge=0, description="delay from a decision's tick to the order being active")
    market_latency_jitter_us: int = Field(
        0, ge=0, description="at most as much is added to the delay, by a seed from the order id"
    )

    # A broker instead of paper (PAPER_TRADE_MODE=false)
    alpaca_api_key: SecretStr = Field(SecretStr(""), description="key id of the Alpaca account")
    alpaca_secret_key: SecretStr = Field(SecretStr(""), description="secret key of the Alpaca account")
    alpaca_base_url: str = Field("https://paper-api.alpaca.markets", description="the REST API, without /v2")
    alpaca_stream_url: str = Field("wss://paper-api.alpaca.markets/stream", description="the WebSocket of updates")
    alpaca_live: bool = Field(default=False, description="true: the addresses are not paper ones, real money moves")
    alpaca_connections_max: int = Field(4, ge=1, le=32, description="requests under way at once, each on a thread")
    alpaca_timeout_ms: int = Field(10_000, ge=100, description="a request unanswered this long has no answer")
    alpaca_attempts_max: int = Field(6, ge=1, le=50, description="attempts of one request before it is given up")
    alpaca_backoff_ms: int = Field(250, ge=1, description="the first wait before another attempt; it doubles")
    alpaca_backoff_ms_max: int = Field(15_000, ge=1, description="the longest wait before another attempt")
    alpaca_jitter_seed: int = Field(0, description="decides the jitter of the waits; give each worker its own")
    alpaca_sweep_s: float = Field(60.0, gt=0, description="orders are compared with the venue's own records this often")

    # Models and signals
    mlflow_tracking_uri: str = Field("", description="a server's address or postgresql://…; empty: SQLite in tape_home")
    mlflow_artifacts: str = Field(
        "", description="where MLflow keeps files when its records are in a database; empty: a folder in tape_home"
    )
    model_name: str = Field("signals", description="of the registered model; its versions may be of several kinds")
    model_alias: str = Field("champion", description="the version with this alias judges")
    model_version: str = Field("", description="a version that judges whatever the alias means; empty: the alias's")
    model_refresh_ms: int = Field(2_000, ge=0, description="how often a running worker looks what the alias means")
    model_age_days_max: int = Field(
        800, ge=1, description="a model abstains from signals this many days after the last day that it learnt from"
    )
    model_service_url: str = Field(
        "", description="http:// or https:// address of the inference service that signals ask; empty: in process"
    )
    model_service_token: SecretStr = Field(
        SecretStr(""),
        description="what callers of the inference service send as `Authorization: Bearer`, 32 characters or more; "
        "empty: nothing is asked, and the service listens on this machine alone",
    )
    model_service_timeout_ms: int = Field(
        2_000, ge=10, description="signals: an answer of the inference service that takes longer is asked for again"
    )
    model_service_patience_s: float = Field(
        10.0, ge=0, description="signals: the worker ends when the inference service has not answered for so long"
    )

    # The inference service
    model_service_host: str = "127.0.0.1"
    model_service_port: int = Field(8090, ge=0, le=65535)
    model_batch_items_max: int = Field(256, ge=1, le=10_000, description="predictions that one request may ask for")
    model_requests_max: int = Field(
        256, ge=1, description="requests for predictions under way at once; one more is answered 503"
    )
    model_cache_ttl_s: int = Field(60, ge=0, description="predictions are kept in Redis for so long; 0: not at all")
    model_cache_timeout_ms: int = Field(
        50, ge=1, description="Redis is asked for a prediction no longer than this, and then not for 2 s"
    )
    model_accuracy_every_s: float = Field(
        30.0, gt=0, description="how often the service reads from the database how right its models were"
    )

    # Strategy
    strategy_id: str = "model-follower"
    strategy_account_id: str = "acc_demo"
    strategy_allocation: Decimal = Field(Decimal("20000"), description="cash put into one symbol by one entry")
    strategy_protection: Decimal = Field(Decimal("0.10"), description="how far above the signal's price a buy may fill")

    # Feed
    feed_from: date = Field(default=date(2011, 1, 1), description="first day of the feed worker's replay")
    feed_to: date = Field(default=date(2012, 12, 31), description="last day of the feed worker's replay")
    feed_speed: float = Field(default=0.0, ge=0, description="market seconds per second; 0: lockstep")

    feed_marks: bool = Field(default=False, description="the lockstep feed tells the ledger each price before its tick")

    # Marks: the prices that risk and margin look at
    marks_every_ms: int = Field(1_000, ge=10, description="the marks worker tells prices at most so often")
    marks_move_bps: Decimal = Field(
        Decimal("1"), ge=0, description="and only those that moved by so many basis points since they were told"
    )

    # Backtests
    backtest_jobs_at_once: int = Field(1, ge=1, le=64, description="backtests that one worker runs at the same time")
    backtest_waiting_max: int = Field(1_000, ge=1, description="backtests that may wait; one more fails at once")
    backtest_attempts_max: int = Field(
        3, ge=1, le=100, description="a backtest whose servers or process fail is tried so often"
    )
    backtest_backoff_s: float = Field(
        5.0, ge=0, description="the wait before another attempt; each further one is four times as long"
    )
    backtest_lease_s: float = Field(
        15.0, ge=1, description="a backtest of which its worker says nothing for so long is another's"
    )
    backtest_seconds_max: float = Field(3_600.0, gt=0, description="a backtest that takes longer is ended, and fails")
    backtest_memory_mb_max: int = Field(
        4_096, ge=64, description="a backtest whose process needs more memory (MiB, resident) is ended, and fails"
    )
    backtest_niceness: int = Field(
        10, ge=0, le=19, description="how far backtests stand back where others want the processor; 0: not at all"
    )
    backtest_kept_days: int = Field(
        730, ge=0, description="results are deleted so many days after a backtest has ended; 0: never"
    )

    # API
    api_host: str = "127.0.0.1"
    api_port: int = Field(8080, ge=0, le=65535)
    idempotency_ttl_s: int = 3600
    api_kafka_timeout_ms: int = Field(
        5_000, ge=100, description="a command that Kafka has not acknowledged by then is answered 503"
    )
    api_commands_waiting_max: int = Field(
        2_000, ge=1, le=10_000, description="commands that may wait for Kafka at once; one more is answered 503"
    )
    api_wait_s: float = Field(
        2.0, ge=0, le=10, description="a read waits this long for its min_position, unless Prefer: wait says otherwise"
    )
    api_ledger_lag_s_max: float = Field(
        10.0, gt=0, description="commands are answered 503 while the oldest undecided one is older than this"
    )
    api_root_key: SecretStr = Field(
        SecretStr(""),
        description="an admin's key for the first set-up, 32 characters or more; empty: none. `tape up` makes one",
    )
    auth_signing_keys: SecretStr = Field(
        SecretStr(""),
        description="keys of access tokens, comma separated, 32 characters or more each: the first signs, all verify",
    )
    auth_access_token_s: int = Field(900, ge=10, le=86_400, description="how long an access token is good")
    auth_refresh_token_s: int = Field(604_800, ge=60, description="how long tokens can be refreshed after a sign-in")
    auth_session_idle_s: int = Field(1_800, ge=10, description="a browser's session that is not used this long ends")
    auth_session_s: int = Field(43_200, ge=10, description="and this long after the sign-in in any case")
    api_rate_limit_per_minute: int = Field(
        100, ge=0, le=1_000_000, description="requests of one user; 0: no limit. A key may have a limit of its own"
    )
    api_stranger_limit_per_minute: int = Field(
        60, ge=1, le=1_000_000, description="requests without a valid credential that one address may make"
    )
    api_cors_origins: str = Field(
        "", description="origins whose pages may use the API, comma separated, such as https://desk.example"
    )
    api_tls_cert: Path | None = Field(None, description="PEM file of the API's certificate chain; serves HTTPS")
    api_tls_key: Path | None = Field(None, description="PEM file of its key, without a password")
    api_trusted_proxies: str = Field(
        "",
        description="addresses or networks of the proxies that end TLS before the API; their X-Forwarded-For and "
        "-Proto are believed",
    )
    api_open_metrics: bool = Field(
        default=False, description="/api/metrics without a credential for callers on this machine"
    )
    api_body_timeout_s: float = Field(10.0, gt=0, description="a request's body must have come by then")
    api_request_timeout_s: float = Field(30.0, gt=0, description="a request must be answered by then")

    # Stream
    stream_poll_ms: int = Field(20, ge=1, le=1_000, description="the stream looks for new batches this often")
    stream_resume_batches_max: int = Field(
        10_000, ge=1, description="a client that is further behind than this many batches gets a snapshot"
    )
    stream_resume_changes_max: int = Field(
        20_000,
        ge=100,
        description="changes kept for clients that come back, and records read at once",
    )
    stream_portfolio_ms: int = Field(250, ge=10, description="an account's worth is told at most this often")
    stream_heartbeat_ms: int = Field(5_000, ge=100, description="a heartbeat to every client this often")
    stream_recheck_ms: int = Field(5_000, ge=100, description="credentials of connected clients are checked this often")
    stream_stale_ms: int = Field(
        5_000, ge=100, description="clients are told when the data has been behind for longer than this"
    )
    stream_idle_ms: int = Field(60_000, ge=100, description="a client that follows nothing for this long is closed")
    stream_connections_max: int = Field(2_000, ge=1, description="clients of one process")
    stream_connections_per_user_max: int = Field(50, ge=1, description="clients of one user on one process")
    stream_subscriptions_max: int = Field(
        500, ge=1, description="channels, symbols and accounts that one connection may name together"
    )
    stream_waiting_bytes_max: int = Field(
        1_048_576, ge=1_024, description="updates that may wait for one client; with more it is dropped as too slow"
    )
    stream_message_bytes_max: int = Field(65_536, ge=1_024, description="a client's message may be this long")
    stream_messages_per_s_max: float = Field(20.0, gt=0, description="a client's messages, and twice as many at once")
    stream_ping_ms: int = Field(20_000, ge=100, description="a ping this often; no pong within the same time: closed")

    # Observability
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = "INFO"
    service_name: str = "tape"
    worker_instance: str = Field(
        default="",
        description="Kafka group.instance.id: a restarted worker of that name takes its partitions back at once",
    )
    session_timeout_ms: int = Field(
        default=6_000, ge=1_000, description="a worker silent this long loses its partitions to another"
    )
    worker_port: int = Field(0, ge=0, le=65535, description="a worker's /livez, /readyz, /metrics; 0: a free port")
    worker_host: str = Field("127.0.0.1", description="where a worker's /livez, /readyz, /metrics are served")
    beat_timeout_s: float = Field(15.0, gt=0, description="/livez fails when a worker's loop stood still this long")
    otlp_endpoint: str = Field("", description="empty: spans are made and passed on, not exported")

    def topic(self, name: str) -> str:
        """The name on the broker of a topic that infra/kafka/topics.yaml declares."""
        return self.topic_prefix + name

    def environ(self) -> dict[str, str]:
        """The environment variables that give another process these very settings, secrets included: never log them."""
        return {name.upper(): _as_text(value) for name, value in self.model_dump().items()}

    @field_validator(*_FILES, mode="before")
    @classmethod
    def _empty_is_none(cls, value: Any) -> Any:
        return value or None

    @field_validator(*_FILES)
    @classmethod
    def _is_file(cls, value: Path | None) -> Path | None:
        if value is not None and not value.is_file():
            raise ValueError("expected a file that is there")
        return value

    @field_validator("log_level", mode="before")
    @classmethod
    def _in_capitals(cls, value: Any) -> Any:
        return value.upper() if isinstance(value, str) else value

    @field_validator(*_SCHEMES)
    @classmethod
    def _has_scheme(cls, value: str, info: ValidationInfo) -> str:
        schemes = _SCHEMES[str(info.field_name)]
        if value and value.partition("://")[0] not in schemes:
            raise ValueError(f"expected an address that begins with {' or '.join(f'{name}://' for name in schemes)}")
        return value

    @field_validator("kafka_bootstrap_servers")
    @classmethod
    def _is_addresses(cls, value: str) -> str:
        if value and not _ADDRESS.fullmatch(value):
            raise ValueError("expected host:port, several separated by commas")
        return value

    @field_validator("api_root_key", "model_service_token")
    @classmethod
    def _is_long(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value() and not _SECRET.fullmatch(value.get_secret_value()):
            raise ValueError("expected 32 to 256 characters, printable and without spaces")
        return value

    @field_validator("auth_signing_keys")
    @classmethod
    def _are_long(cls, value: SecretStr) -> SecretStr:
        given = value.get_secret_value()
        if given and not all(_SECRET.fullmatch(key) for key in given.split(",")):
            raise ValueError("expected keys of 32 to 256 characters, printable and without spaces, comma separated")
        return value

    @field_validator("api_cors_origins")
    @classmethod
    def _are_origins(cls, value: str) -> str:
        for origin in _split(value):
            if not _ORIGIN.fullmatch(origin):
                raise ValueError("expected origins such as https://desk.example:8443, without a path, comma separated")
        return value

    @field_validator("api_trusted_proxies")
    @classmethod
    def _are_networks(cls, value: str) -> str:
        for network in _split(value):
            try:
                ip_network(network)
            except ValueError as error:
                raise ValueError(f"expected addresses or networks, comma separated: {error}") from error
        return value

    @model_validator(mode="after")
    def _pairs(self) -> Settings:
        for one, other in (("api_tls_cert", "api_tls_key"), ("kafka_ssl_certificate", "kafka_ssl_key")):
            if (getattr(self, one) is None) != (getattr(self, other) is None):
                raise ValueError(f"expected both {one.upper()} and {other.upper()}, or neither")
        if self.kafka_security_protocol.startswith("SASL") and not self.kafka_sasl_username:
            raise ValueError("expected KAFKA_SASL_USERNAME with a KAFKA_SECURITY_PROTOCOL that uses SASL")
        if self.kafka_ssl_ca is not None and not self.kafka_security_protocol.endswith("SSL"):
            raise ValueError("expected KAFKA_SECURITY_PROTOCOL SSL or SASL_SSL with KAFKA_SSL_CA")
        return self

    @field_validator("topic_prefix")
    @classmethod
    def _fits_topics(cls, value: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9._-]{0,200}", value):
            raise ValueError("expected up to 200 letters, digits, dots, underscores and hyphens")
        return value

    @field_validator("instruments")
    @classmethod
    def _names_symbols(cls, value: str) -> str:
        if not any(part.strip() for part in value.split(",")):
            raise ValueError("expected at least one symbol")
        return value

    def symbols(self) -> tuple[str, ...]:
        return _split(self.instruments)

    def backtest_defaults(self) -> dict[str, Decimal]:
        """What a backtest has where its terms do not say it: as the strategy and the paper venue have it here."""
        return {
            "allocation": self.strategy_allocation,
            "protection": self.strategy_protection,
            "fee_bps": self.paper_fee_bps,
            "half_spread_bps": self.paper_half_spread_bps,
            "impact_bps": self.paper_impact_bps,
            "participation_max": self.paper_participation_max,
        }

    def origins(self) -> tuple[str, ...]:
        return _split(self.api_cors_origins)

    def proxies(self) -> tuple[str, ...]:
        return _split(self.api_trusted_proxies)

    def signing_keys(self) -> tuple[str, ...]:
        """The first signs, all verify."""
        return _split(self.auth_signing_keys.get_secret_value())


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The process's settings, read once; empty server addresses are those of the embedded servers, where they run, and
    empty keys those that `tape up` has made.
    """
    given = with_secrets(given_settings())
    try:
        embedded = json.loads((given.tape_home / "endpoints.json").read_text())
    except FileNotFoundError:
        return given
    if given.database_url and "database_url" in embedded:  # its roles belong to another database
        embedded = {name: value for name, value in embedded.items() if not name.startswith("database_")}
    return given.model_copy(update={name: value for name, value in embedded.items() if not getattr(given, name)})


def with_secrets(given: Settings) -> Settings:
    """The settings with the home's own keys (runtime.secrets), where it has some and none are given."""
    own = {name: SecretStr(value) for name, value in secrets.read(given.tape_home).items()}
    missing = {name: value for name, value in own.items() if not getattr(given, name).get_secret_value()}
    return given.model_copy(update=missing)


def given_settings() -> Settings:
    """What the environment and `.env` say, without the embedded servers' addresses.

    Raises InvalidValue, which names every variable that is wrong, what was expected and what it was.
    """
    try:
        return Settings()
    except ValidationError as error:
        raise InvalidValue("SETTINGS_INVALID", "; ".join(_say(problem) for problem in error.errors())) from error


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _is_secret(name: str) -> bool:
    """Whether a setting's value is not to be repeated: a secret, or an address, which may hold a password."""
    field = Settings.model_fields.get(name)
    return name.endswith("_url") or (field is not None and field.annotation is SecretStr)


def _say(problem: Any) -> str:
    if not problem["loc"]:  # a rule between several: its input is all of them, secrets too
        return str(problem["msg"]).removeprefix("Value error, ")
    name = str(problem["loc"][0])
    if problem["type"] == "extra_forbidden":
        return f"{name.upper()} in .env is no setting; .env.example lists them all"
    text = problem["msg"].removeprefix("Value error, ")
    return f"{name.upper()}: {text[0].lower()}{text[1:]}" + (
        "" if _is_secret(name) else f", it was {problem['input']!r}"
    )
