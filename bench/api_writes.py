"""Orders over HTTP at a fixed rate, until they are on the log, beside a peer in the same run.

The API checks each order, knows repeats (Redis), produces it and answers when Kafka has acknowledged it; the ledger's
worker decides meanwhile, as it does in life. The peer is a bare FastAPI endpoint that produces the body it was sent and
answers when Kafka has acknowledged it, with the same settings of the producer.

By itself: `python -m bench.api_writes --rate 300`.
"""

from __future__ import annotations

import argparse
from typing import Any, NamedTuple

from rich.console import Console

from bench.api_reads import WARM_UP_S, bare_endpoint, cpu_s, headers
from bench.http_load import Answered, Load, run
from bench.world import child, fresh, servers, wait_for_answer, worker
from runtime.embedded.ports import free_port
from runtime.settings import Settings

ACCOUNTS = 8


class Round(NamedTuple):
    """ours: POST /api/orders. cpu_ms: milliseconds of CPU of the API's process an order, bare_cpu_ms: of the peer's."""

    ours: Answered
    bare: Answered
    cpu_ms: float
    bare_cpu_ms: float


def run_round(base: Settings, rate: int, seconds: float) -> Round:
    settings = fresh(base).model_copy(update={"api_port": free_port(), "log_level": "WARNING"})
    address = f"http://{settings.api_host}:{settings.api_port}"
    load = Load([address], headers(settings), _orders(settings.symbols()), rate, WARM_UP_S, seconds)
    sent = rate * (WARM_UP_S + seconds)
    with child(settings, *worker("api")) as process, child(settings, *worker("ledger")):
        wait_for_answer(f"{address}/readyz")
        before = cpu_s(process.pid)
        ours = run(load)
        spent = cpu_s(process.pid) - before
    given = {"kafka": settings.kafka_bootstrap_servers, "topic": settings.topic("trading.commands")}
    with bare_endpoint(given) as (bare_address, pid):
        before = cpu_s(pid)
        bare = run(load._replace(bases=[bare_address], headers={}, requests=[("POST", "/", load.requests[0][2])]))
        bare_spent = cpu_s(pid) - before
    return Round(ours, bare, 1_000 * spent / sent, 1_000 * bare_spent / sent)


def _orders(symbols: tuple[str, ...]) -> list[tuple[str, str, dict[str, Any]]]:
    """Orders of accounts that do not exist: the ledger rejects them, which is work of its own and no other's."""
    return [
        (
            "POST",
            "/api/orders",
            {
                "account_id": f"acc_{n}",
                "client_order_id": "order-{n}",
                "symbol": symbols[n % len(symbols)],
                "side": "BUY",
                "order_type": "LIMIT",
                "quantity": "10",
                "limit_price": "45.10",
            },
        )
        for n in range(ACCOUNTS)
    ]


def show(console: Console, figures: Round, rate: int) -> None:
    for name, answered in (("POST /api/orders", figures.ours), ("bare FastAPI and producer", figures.bare)):
        console.print(
            f"writes, {name} at {rate}/s: p50 {answered.p50_ms:.1f} ms, p95 {answered.p95_ms:.1f} ms, "
            f"p99 {answered.p99_ms:.1f} ms over {answered.count:,}, failed {answered.failed or 'none'}"
        )
    console.print(f"  CPU a request: API {figures.cpu_ms:.2f} ms, bare {figures.bare_cpu_ms:.2f} ms")
    console.print(f"  p95 over bare: {figures.ours.p95_ms / figures.bare.p95_ms:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=300, help="orders per second")
    parser.add_argument("--seconds", type=float, default=20.0)
    options = parser.parse_args()
    with servers() as base:
        figures = run_round(base, options.rate, options.seconds)
    show(Console(), figures, options.rate)


if __name__ == "__main__":
    main()
