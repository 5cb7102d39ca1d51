"""The tables that `tape models` prints."""

from __future__ import annotations

from rich.table import Table

from models.registry.meta import Meta
from models.registry.promotion import Comparison

_PERCENT = {"accuracy", "share", "earned"}
_COUNTS = {"rows", "trials", "looks", "folds"}


def metrics_table(meta: Meta) -> Table:
    """The metrics of a model beside the baselines."""
    learnt = f"{meta.prices} prices of {meta.trained_from} … {meta.trained_to}"
    table = Table(title=f"{meta.name} {meta.version} ({meta.kind}), {learnt}")
    table.add_column("metric")
    table.add_column("value", justify="right")
    for name, value in meta.metrics.items():
        table.add_row(name.replace("_", " "), _text(name, value))
    table.add_row("threshold for BUY, SELL", f"{meta.thresholds.buy:.3f}, {meta.thresholds.sell:.3f}")
    return table


def comparison_table(found: Comparison) -> Table:
    """Champion and challenger on one fresh window."""
    table = Table(title=f"{found.samples} decisions, {found.first} … {found.last}")
    table.add_column("")
    table.add_column(f"champion {found.champion}", justify="right")
    table.add_column(f"challenger {found.challenger}", justify="right")
    table.add_row("log loss", *(f"{value:.4f}" for value in found.log_loss))
    table.add_row("accuracy", *(f"{value:.2%}" for value in found.accuracy))
    between = f"{found.difference_low:+.4f} … {found.difference_high:+.4f}"
    table.add_row("difference of log loss", "", f"{found.difference:+.4f}")
    table.add_row("95 % of it, by blocks of days", "", between)
    return table


def _text(name: str, value: float) -> str:
    words = set(name.split("_"))
    if _COUNTS & words:
        return f"{value:.0f}"
    return f"{value:.2%}" if _PERCENT & words else f"{value:.4f}"
