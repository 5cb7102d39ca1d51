"""`make bench`: every figure beside a peer in the same run, as ratios; medians over interleaved rounds.

`python -m bench --rounds N --commands N --json FILE`. Nothing is asserted: machines differ, ratios tell.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import platform
import subprocess
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import (
    api_reads,
    api_writes,
    backtest,
    decisions,
    event_store,
    faults,
    inference,
    inference_http,
    latency,
    ledger_agent,
    projector,
    rebuild,
    recovery,
    stream,
)
from bench.world import ROOT, fresh, servers
from models.learners import KINDS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="interleaved rounds of the throughput figures")
    parser.add_argument("--commands", type=int, default=20_000, help="order commands in one round")
    parser.add_argument("--rate", type=int, default=200, help="orders per second of the latency figure")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long the latency figure lasts")
    parser.add_argument("--orders", type=int, default=1_000_000, help="in the database while reads are timed")
    parser.add_argument("--ticks", type=int, default=10_000_000, help="in the database while reads are timed")
    parser.add_argument("--history", default="50000,300000", help="events on the tape when a ledger's load is timed")
    parser.add_argument(
        "--faults", type=int, default=1, help="rounds of every kind of fault, five minutes each; 0: none"
    )
    parser.add_argument("--json", type=Path, default=ROOT / ".tape" / "bench.json", help="where the figures go")
    options = parser.parse_args()
    logging.basicConfig(level=logging.CRITICAL)  # servers that the faults take away are no news
    console = Console()
    rounds: list[dict[str, float]] = []
    with servers() as base:
        for number in range(options.rounds):
            with console.status(f"round {number + 1} of {options.rounds}"):
                rounds.append(_throughput(base, options.commands))
        submit_to_fill = {}
        for door in latency.DOORS:
            with console.status(f"submit to fill through {door} at {options.rate}/s for {options.seconds:.0f} s"):
                submit_to_fill[door] = latency.run_round(fresh(base), door, options.rate, options.seconds)
        with console.status("reads"):
            reads = api_reads.run(base, options.orders, options.ticks, READS_PER_SECOND, options.seconds, API_PROCESSES)
        with console.status(f"writes at {WRITES_PER_SECOND}/s"):
            writes = api_writes.run_round(base, WRITES_PER_SECOND, options.seconds)
        with console.status(f"the stream to {stream.CLIENTS} clients"):
            fanout = stream.run_round(fresh(base), stream.CLIENTS, STREAM_PER_SECOND, options.seconds)
        loads = recovery.run(base, [int(part) for part in options.history.split(",")], RECOVERY_ACCOUNTS, console)
    figures = {name: median(one[name] for one in rounds) for name in rounds[0]}
    with console.status("decisions of the pure domain"):
        decided = decisions.run()
    _show(console, figures, rounds)
    latency.show(console, submit_to_fill, options.rate)
    api_reads.show(console, reads)
    api_writes.show(console, writes, WRITES_PER_SECOND)
    stream.show(console, fanout, stream.CLIENTS, STREAM_PER_SECOND)
    decisions.show(console, decided)
    models = _models(console, options.seconds)
    recovery.show(console, loads)
    costs = []
    for number in range(options.faults):
        with console.status(f"faults, round {number + 1} of {options.faults}"):
            costs.append(faults.run_round(number + 1))
    if costs:
        faults.show(console, costs)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(
        json.dumps(
            {
                "machine": _machine(),
                "rounds": rounds,
                "medians": figures,
                "decisions_per_second": decided,
                "models": models,
                "submit_to_fill": {door: fill._asdict() for door, fill in submit_to_fill.items()},
                "stream": {server: one._asdict() for server, one in fanout.items()},
                "reads": [one._asdict() for one in reads.rounds],
                "writes": writes._asdict(),
                "recovery": [load._asdict() for load in loads],
                "faults": [[cost._asdict() for cost in one] for one in costs],
            },
            indent=2,
        )
    )


def _models(console: Console, seconds: float) -> dict[str, Any]:
    with console.status("predictions in process"):
        predictions = {kind: inference.run(kind) for kind in KINDS}
    with console.status(f"predictions over HTTP at {PREDICTIONS_PER_SECOND}/s"):
        served = inference_http.run(PREDICTIONS_PER_SECOND, seconds)
    with console.status("a backtest"):
        traded = backtest.run()
    inference.show(console, predictions)
    inference_http.show(console, served, PREDICTIONS_PER_SECOND)
    backtest.show(console, traded)
    return {
        "us_in_process": {kind: [one and one._asdict() for one in both] for kind, both in predictions.items()},
        "over_http": [
            {"kind": one.kind, "way": one.way, "cpu_ms": one.cpu_ms, **one.answered._asdict()} for one in served.rounds
        ],
        "backtest": {name: one._asdict() for name, one in traded.items()},
    }


def _throughput(base: Any, commands: int) -> dict[str, float]:
    """One round: peers and ours, one after the other."""
    agents, settings = ledger_agent.run_round(base, commands)
    store = event_store.run_round(settings, max(200, commands // 20))
    projected = projector.run_round(settings)
    rebuilt = rebuild.run_round(settings)
    return {
        **{f"agent_{name}": value for name, value in agents._asdict().items()},
        **{f"store_{name}": value for name, value in store._asdict().items()},
        **{f"projector_{name}": value for name, value in projected._asdict().items()},
        **{f"rebuild_{name}": value for name, value in rebuilt._asdict().items()},
    }


RECOVERY_ACCOUNTS = 1_000
READS_PER_SECOND, API_PROCESSES = (200, 500), 2
WRITES_PER_SECOND = 300
STREAM_PER_SECOND = 100
PREDICTIONS_PER_SECOND = 200
_ROWS = (
    ("ledger agent, commands/s", "agent_ledger", "bare Faust take", "agent_faust_take"),
    ("ledger agent, commands/s", "agent_ledger", "bare Faust topic.send", "agent_faust_send"),
    ("ledger agent, events/s", "agent_ledger", "eventsourcing on PostgreSQL, one by one", "store_one_by_one"),
    ("ledger agent, events/s", "agent_ledger", "eventsourcing on PostgreSQL, batches of 500", "store_batches_of_500"),
    ("projector, rows/s", "projector_projector_rows", "bare unnest insert of the same rows", "projector_unnest_rows"),
    ("rebuild, rows/s", "rebuild_rows", "bare unnest insert of the same rows", "rebuild_unnest_rows"),
    ("rebuild, events/s", "rebuild_events", "projector, events/s", "projector_projector_events"),
)


def _show(console: Console, figures: dict[str, float], rounds: list[dict[str, float]]) -> None:
    table = Table("figure", "ours", "peer", "peer's", "ratio", "ratio, least to most", title=f"{len(rounds)} rounds")
    for what, ours, peer, theirs in _ROWS:
        ratios = [one[ours] / one[theirs] for one in rounds]
        table.add_row(
            what,
            f"{figures[ours]:,.0f}",
            peer,
            f"{figures[theirs]:,.0f}",
            f"{median(ratios):.2f}",
            f"{min(ratios):.2f} to {max(ratios):.2f}",
        )
    console.print(table)


def _machine() -> dict[str, Any]:
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    return {
        "cpus": os.cpu_count(),
        "machine": platform.machine(),
        "system": platform.system(),
        "python": platform.python_version(),
        "commit": commit.stdout.strip(),
    }


if __name__ == "__main__":
    main()
