"""Every Prometheus metric, declared here and nowhere else; a variable has the name that is exported.

Times are in the unit that ends the name. A label has few values: never an id, never a price.
"""

from __future__ import annotations

import prometheus_client
from prometheus_client import CONTENT_TYPE_LATEST, Counter, Gauge, Histogram, generate_latest

prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]

_MILLISECONDS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000)
_FAST_MILLISECONDS = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)


def exposition() -> tuple[bytes, str]:
    """All metrics of this process in Prometheus' text format, and its content type."""
    return generate_latest(), CONTENT_TYPE_LATEST


# Orders
execution_latency_milliseconds = Histogram(
    "execution_latency_milliseconds", "From the receipt of a dispatched order to its report", buckets=_MILLISECONDS
)
orders_processed_total = Counter(
    "orders_processed_total", "Orders' steps, by the ledger's event or the engine's report", ["event"]
)
orders_rejected_total = Counter(
    "orders_rejected_total", "Orders rejected by the ledger, refused by the venue or unreadable, by code", ["code"]
)
dispatches_waiting = Gauge(
    "dispatches_waiting", "Orders and cancels that wait in the ledger for room in the engine's stream, or for Redis"
)
execution_ticks_skipped_total = Counter("execution_ticks_skipped_total", "Ticks that the engine could not read")
execution_redis_retries_total = Counter("execution_redis_retries_total", "Times that Redis did not answer the engine")

# Reconciliation
reconciliation_breaks = Gauge(
    "reconciliation_breaks",
    "Open breaks between the venue's records and the ledger's; 0 in workers that do not compare",
    ["kind"],
)
reconciliation_rounds_total = Counter(
    "reconciliation_rounds_total",
    "Comparisons: done, left to another worker, or paused since a server or the venue was away",
    ["outcome"],
)
reconciliation_age_seconds = Gauge(
    "reconciliation_age_seconds", "Age of this worker's last comparison; NaN while another worker compares"
)

# Symbols with shared liquidity
execution_symbols = Gauge("execution_symbols", "Symbols that this worker works alone, where orders share ticks")
execution_symbols_lost_total = Counter(
    "execution_symbols_lost_total", "Symbols whose lease was lost: their orders went back to the ledger"
)
execution_orders_handed_on_total = Counter(
    "execution_orders_handed_on_total", "Orders that were handed on to the worker that has their symbol"
)

# A broker as venue
venue_stream_connected = Gauge(
    "venue_stream_connected", "1 while the broker's stream of updates is listened to, else 0"
)
venue_stream_losses_total = Counter("venue_stream_losses_total", "Times that the broker's stream was lost")
venue_requests_retried_total = Counter(
    "venue_requests_retried_total", "Requests to the broker that were sent again: no answer, too many, its own fault"
)
venue_executions_recovered_total = Counter(
    "venue_executions_recovered_total", "Executions that the broker's stream had not told, read from its records"
)
venue_contradictions_total = Counter(
    "venue_contradictions_total", "Things the broker said that do not fit what it said before: reconcile by hand"
)
venue_amendments_total = Counter(
    "venue_amendments_total", "Executions that the broker corrected or declared void later", ["kind"]
)
venue_amendments_lost_total = Counter(
    "venue_amendments_lost_total", "Of those, the ones that the books do not follow: reconcile by hand"
)

# Signals
model_inference_time_ms = Histogram(
    "model_inference_time_ms", "One prediction, features not included", buckets=_FAST_MILLISECONDS
)
predictions_total = Counter(
    "predictions_total", "Predictions, by direction and reason to abstain", ["direction", "abstained"]
)
model_accuracy = Gauge(
    "model_accuracy", "Share of the newest 250 outcomes that a model had foretold, by symbol", ["model", "symbol"]
)
model_outcomes_total = Counter("model_outcomes_total", "Signals whose outcome is known", ["model", "symbol"])
model_calibration_error = Gauge(
    "model_calibration_error",
    "Over the newest 250 outcomes: the largest gap between a class's mean probability and its share",
    ["model", "symbol"],
)
model_drift_ratio = Gauge(
    "model_drift_ratio", "Mean PSI of the features in units of the model's limit; above 1 it abstains", ["symbol"]
)
model_drift_psi = Gauge(
    "model_drift_psi", "Population stability index of a feature against training", ["symbol", "feature"]
)
model_cache_lookups_total = Counter(
    "model_cache_lookups_total",
    "Predictions looked for in Redis: hit, miss, corrupt (made again), or unavailable (Redis was away or too slow)",
    ["outcome"],
)
model_registry_problem = Gauge(
    "model_registry_problem", "1 while the alias cannot be followed and the last good model serves on, else 0"
)
ticks_unknown_symbol_total = Counter("ticks_unknown_symbol_total", "Ticks of symbols that are no instruments of ours")

# Inputs
dead_letters_total = Counter(
    "dead_letters_total",
    "Inputs that a service could not read, kept on ledger.deadletters; after a restart perhaps again",
    ["service"],
)

# HTTP
http_request_duration_ms = Histogram(
    "http_request_duration_ms", "Requests, from the first byte to the last", ["method", "route"], buckets=_MILLISECONDS
)
http_requests_total = Counter("http_requests_total", "Requests answered", ["method", "route", "status"])
http_request_errors_total = Counter(
    "http_request_errors_total", "Requests answered 4xx or 5xx", ["method", "route", "status"]
)

access_denied_total = Counter("access_denied_total", "Calls that were refused for want of a right or a quota", ["code"])
audit_actions_lost_total = Counter(
    "audit_actions_lost_total", "Actions that the API could not put on audit.logs, for Kafka was away too long"
)
ledger_lag_seconds = Gauge(
    "ledger_lag_seconds", "Age of the oldest command that the ledger has not decided; NaN while that is not known"
)

# Transfers
transfers_under_way = Gauge(
    "transfers_under_way", "Transfers that have left an account and have neither arrived nor come back"
)

# Feed
marks_sent_total = Counter("marks_sent_total", "Prices that were told to the ledgers' desks")
feed_ticks_published_total = Counter("feed_ticks_published_total", "Ticks that the feed has put on market.ticks")
feed_lockstep_wait_seconds = Histogram(
    "feed_lockstep_wait_seconds",
    "How long the lockstep feed waited for what one tick causes",
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30),
)

# Tapes and their snapshots
tape_load_seconds = Histogram(
    "tape_load_seconds",
    "Loading one partition of a tape's agent, from a snapshot or from the log",
    ["topic", "source"],
    buckets=(0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500),
)
snapshot_age_records = Gauge(
    "snapshot_age_records",
    "Records behind the last epoch: what a start has to read",
    ["topic", "partition"],
)
snapshot_duration_seconds = Histogram(
    "snapshot_duration_seconds",
    "One round of a partition's snapshot, from the epoch's beginning to its record's acknowledgement",
    ["topic"],
    buckets=(0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500),
)
snapshot_states_written_total = Counter("snapshot_states_written_total", "States written in finished rounds", ["topic"])
snapshot_rounds_abandoned_total = Counter(
    "snapshot_rounds_abandoned_total", "Rounds that did not come to their end", ["topic"]
)
snapshot_ignored_total = Counter(
    "snapshot_ignored_total", "Snapshots that were not what the tape says; the log was read instead", ["topic"]
)

# Backtests
backtest_jobs = Gauge("backtest_jobs", "Backtests that wait or run, in all workers", ["state"])
backtest_results_untracked = Gauge("backtest_results_untracked", "Results that MLflow has no record of yet")
backtest_attempts_total = Counter(
    "backtest_attempts_total",
    "Attempts of backtests that ended in this worker: done, failed, to be tried again, cancelled, lost to another "
    "worker, or given back",
    ["outcome"],
)
backtest_job_duration_seconds = Histogram(
    "backtest_job_duration_seconds",
    "One attempt of a backtest, however it ended",
    buckets=(0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000),
)

# Projections
# Stream
stream_clients = Gauge("stream_clients", "Clients that are connected to the stream, WebSockets and server-sent events")
stream_closed_total = Counter("stream_closed_total", "Connections that ended, by the close code's name", ["reason"])
stream_changes_total = Counter("stream_changes_total", "Changes that were read and handed to the clients")
stream_read_milliseconds = Histogram(
    "stream_read_milliseconds", "Reading what new batches changed, and handing it on", buckets=_MILLISECONDS
)
stream_restarts_total = Counter("stream_restarts_total", "Times that all clients had to get fresh snapshots")
stream_refused_total = Counter("stream_refused_total", "Subscriptions that were refused, by code", ["code"])

projection_lag_records = Gauge(
    "projection_lag_records", "Records on the broker that are not yet projected", ["topic", "partition"]
)
projection_records_total = Counter("projection_records_total", "Records projected", ["projection"])
projection_dead_records_total = Counter("projection_dead_records_total", "Dead records of a tape, archived", ["topic"])
projection_skipped_total = Counter("projection_skipped_total", "Records of an input that could not be read", ["topic"])
projection_batch_milliseconds = Histogram(
    "projection_batch_milliseconds", "Writing one batch, commit included", ["projection"], buckets=_MILLISECONDS
)
projection_stopped = Gauge(
    "projection_stopped",
    "1: it stands still at a record that it cannot project, and somebody has to look",
    ["projection"],
)
