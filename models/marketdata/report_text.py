"""A report for people: tables of rich."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from models.marketdata.report import Report

_STYLES = {"dropped": "red", "changed": "yellow", "flagged": "cyan"}
_SYMBOLS_MAX = 20


def rendered(report: Report) -> RenderableType:
    """The head, the symbols, and each reason with its count and first examples."""
    return Group(_head(report), _symbols(report), _reasons(report) if report.reasons else Text("Nothing to tell."))


def _head(report: Report) -> Text:
    head = Text()
    head.append(f"{report.source}: {report.rows} rows, {report.bars} bars, {report.dropped} dropped\n", style="bold")
    head.append(f"Declared {report.declared.prices}: {report.prices}.\n")
    gaps = (
        f"by the sessions of {report.declared.mic}"
        if report.declared.mic
        else (f"where bars are more than {report.declared.gap_factor:g} usual spacings apart")
    )
    head.append(f"Gaps are seen {gaps}.\n")
    if report.ignored:
        head.append(f"Columns that were not read: {', '.join(report.ignored)}.\n")
    head.append(f"Data hash {report.data_hash}")
    return head


def _symbols(report: Report) -> Table:
    table = Table("symbol", "bars", "first", "last")
    for span in report.symbols[:_SYMBOLS_MAX]:
        table.add_row(span.symbol, str(span.bars), span.first, span.last)
    if len(report.symbols) > _SYMBOLS_MAX:
        table.add_row(f"and {len(report.symbols) - _SYMBOLS_MAX} more", "", "", "")
    return table


def _reasons(report: Report) -> Table:
    table = Table("what", "rows", "why", f"first examples ({report.counted}, symbol, time)")
    for reason in report.reasons:
        examples = "\n".join(
            f"{example.line} {example.symbol} {example.at}" + (f": {example.text}" if example.text else "")
            for example in reason.examples
        )
        more = f"\n… and {reason.count - len(reason.examples)} more" if reason.count > len(reason.examples) else ""
        table.add_row(
            Text(f"{reason.effect}\n{reason.code}", style=_STYLES[reason.effect]),
            str(reason.count),
            reason.meaning,
            Text(examples + more),  # not markup: it quotes a file
        )
    return table
