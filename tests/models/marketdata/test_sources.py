"""Goal: a source is named by one text, and told of in full. Method: each kind by name, and the command on files."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from domain.errors import InvalidValue
from models import cli
from models.marketdata import data_hash, load_bars, sources
from models.marketdata.declared import Declared
from models.marketdata.report import EXAMPLES_MAX, REASONS, Report
from tests.models.marketdata.tables import HEADING, read

ALL = ("AAPL", "FB", "GOOG", "IBM", "MSFT")
BROKEN = f"{HEADING}\nIBM,2011-01-04,10,12,9,11,100\nIBM,2011-01-03,10,8,9,11,100\nIBM,2011-01-05,[red]x,1,1,1,1\n"


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner(env={"COLUMNS": "250"}).invoke(cli.app, ["data", *arguments])
    return result.exit_code, result.output


def test_the_installed_source_is_what_the_demo_loads() -> None:
    """By its name, through the file reader and with the report, come the bars that the feed replays."""
    reading = sources.read("bokeh")

    bars = load_bars(ALL, date(2000, 1, 1), date(2013, 12, 31))
    assert list(reading.bars) == bars
    assert reading.report.data_hash == data_hash(bars)
    assert [(span.symbol, span.bars) for span in reading.report.symbols] == [
        (symbol, sum(bar.symbol == symbol for bar in bars)) for symbol in ALL
    ]
    assert reading.report.declared.prices == "adj_close"


def test_bars_of_a_reading_are_selected_by_symbol_and_day() -> None:
    """Both days are included; no symbols means all; an unknown one is named."""
    bars = sources.read("synthetic:symbols=3,bars=20,first=2011-01-03").bars

    chosen = sources.select(bars, ["SYN001"], date(2011, 1, 4), date(2011, 1, 6))
    assert [(bar.symbol, bar.date.day) for bar in chosen] == [("SYN001", 4), ("SYN001", 5), ("SYN001", 6)]
    assert len(sources.select(bars, [], date(2011, 1, 4), date(2011, 1, 6))) == 9
    with pytest.raises(InvalidValue, match="no market data for IBM; there is SYN000, SYN001, SYN002"):
        sources.select(bars, ["IBM"], date(2011, 1, 4), date(2011, 1, 6))


@pytest.mark.parametrize("name", ["", "yahoo", "bokeh:AAPL", "csv", "csv:", "parquet:"])
def test_a_source_that_is_none_is_refused(name: str) -> None:
    """The error lists the forms there are."""
    with pytest.raises(InvalidValue, match="bokeh, csv:PATH, parquet:PATH, synthetic") as caught:
        sources.read(name, Declared(prices="raw"))

    assert caught.value.code == "SOURCE_UNKNOWN"


def test_who_declares_a_source() -> None:
    """A file says nothing of its adjustment, so its reader must; what is made here or installed is declared already."""
    with pytest.raises(InvalidValue, match="at least how its prices are adjusted"):
        sources.read("csv:bars.csv")
    for name in ("bokeh", "synthetic"):
        with pytest.raises(InvalidValue, match="is declared already"):
            sources.read(name, Declared(prices="raw"))


@pytest.mark.parametrize("text", ["edge=1", "strength=much", "strength=1", "strength", "bars=0", "seed=-1"])
def test_a_synthetic_market_that_makes_no_sense_is_refused(text: str) -> None:
    """Unknown names, values that cannot be read, values out of range."""
    with pytest.raises(InvalidValue) as caught:
        sources.read(f"synthetic:{text}")

    assert caught.value.code == "SYNTHETIC_MARKET"


def test_the_command_prints_the_report(tmp_path: Path) -> None:
    """Counts, reasons and lines for people; what a file says is never taken for markup."""
    path = tmp_path / "bars.csv"
    path.write_text(BROKEN)

    code, output = run("check", "--source", f"csv:{path}", "--declare", "prices=raw", "--declare", "mic=XNYS")

    assert code == 0
    for words in ("3 rows, 1 bars, 2 dropped", "high_below_low", "3 IBM 2011-01-03: high 8 is below low 9", "[red]x"):
        assert words in output
    assert "Gaps are seen by the sessions of XNYS" in output


def test_the_command_fails_on_dropped_rows_when_it_is_strict(tmp_path: Path) -> None:
    """Exit code 1 where a row was dropped, 0 where none was, whatever was flagged."""
    path = tmp_path / "bars.csv"
    words = ("check", "--source", f"csv:{path}", "--declare", "prices=raw", "--strict")
    path.write_text(BROKEN)
    assert run(*words)[0] == 1

    path.write_text(f"{HEADING}\nIBM,2011-01-04,10,12,9,11,0\n")
    code, output = run(*words)
    assert (code, "zero_volume" in output) == (0, True)


def test_the_command_prints_json(tmp_path: Path) -> None:
    """The whole report, as it is in memory."""
    path = tmp_path / "bars.csv"
    path.write_text(BROKEN)

    code, output = run("check", "--source", f"csv:{path}", "--declare", "prices=raw", "--json")

    assert code == 0
    report = msgspec.json.decode(output, type=Report)
    assert report == sources.read(f"csv:{path}", Declared(prices="raw")).report
    assert (report.rows, report.bars, report.dropped) == (3, 1, 2)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--source", "csv:none.csv", "--declare", "prices=raw"), "UnavailableError: none.csv cannot be read"),
        (("--source", "csv:none.csv"), "needs to be declared"),
        (("--source", "csv:none.csv", "--declare", "symbol=X"), "prices must be declared"),
        (("--source", "csv:[bold].csv", "--declare", "prices=raw"), "[bold].csv cannot be read"),
    ],
)
def test_what_the_command_cannot_read_is_a_clear_error(words: tuple[str, ...], text: str) -> None:
    """Exit code 1 and what is wrong, without a traceback."""
    code, output = run("check", *words)

    assert (code, text in output) == (1, True), output


def test_the_command_lists_the_sources() -> None:
    """All kinds with their licence, and all words of a declaration."""
    code, output = run("sources")

    assert code == 0
    for words in ("bokeh", "csv:PATH", "parquet:PATH", "synthetic[:NAME=VALUE,…]", "public domain", "column.close=…"):
        assert words in output


def test_examples_are_bounded_and_reasons_explained() -> None:
    """A hundred bad rows are five examples and a count; each reason has an effect and a meaning."""
    reading = read(*(f"S{n},2011-01-03,1,1,1,1,1" for n in range(100)), *["S1,x,1,1,1,1,1"] * 100)

    assert len(reading.report.symbols) == 100
    assert [len(reason.examples) for reason in reading.report.reasons] == [EXAMPLES_MAX]
    assert all(effect in {"dropped", "changed", "flagged"} and meaning for effect, meaning in REASONS.values())
