"""Goal: docs/how-to/bring-your-own-bars.md says what is so. Method: its tables and its example, held to the code."""

from __future__ import annotations

import io
import re

from rich.console import Console

from models.marketdata import oracle, sources
from models.marketdata.columns import ALIASES, normal
from models.marketdata.csv_file import read_text
from models.marketdata.declared import PRICES, WORDS, Declared
from models.marketdata.report import REASONS
from models.marketdata.report_text import rendered
from models.marketdata.synthetic import Market
from tests.docs.pages import DOCS, table

PAGE = DOCS / "how-to" / "bring-your-own-bars.md"


def block(kind: str, number: int) -> str:
    return re.findall(rf"^```{kind}\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)[number]


def test_the_page_lists_every_reason() -> None:
    """What the report can say stands in the table, in its order and with its meaning."""
    rows = [(code.strip("`"), effect, meaning) for code, effect, meaning in table(PAGE, "What is checked")]

    assert rows == [(code, effect, meaning) for code, (effect, meaning) in REASONS.items()]


def test_the_page_names_every_way_prices_are_declared_and_known_words() -> None:
    """Each adjustment has its row; every word that is declared on the page, or named as one, exists."""
    rows = [row[0].strip("`").removeprefix("prices=") for row in table(PAGE, "Adjusted or raw: say it")]
    text = PAGE.read_text()
    declared = set(re.findall(r"--declare (\S+?)=", text))

    assert rows == list(PRICES)
    assert declared <= set(WORDS)
    for name in re.findall(r"`([a-z_.]+)=[^`]*`", text):
        assert name in WORDS or name == "prices", name


def test_the_columns_of_the_page_are_found() -> None:
    """Names that the page gives as usual are aliases."""
    usual = {name for names in ALIASES.values() for name in names}
    for _, names in table(PAGE, "What a file must have"):
        listed = re.split(r"[;,] (?:or )?", names.split(";")[0])
        assert all(normal(name) in usual for name in listed if name != "their names"), names


def test_the_pages_example_is_what_the_command_prints() -> None:
    """The file of the page gives the head, and every row of the table that the page shows of it."""
    reading = read_text("csv:bars.csv", block("csv", 0), Declared(prices="raw", mic="XNYS"))
    console = Console(width=118, record=True, file=io.StringIO())
    console.print(rendered(reading.report))
    printed = console.export_text().splitlines()

    shown = [line for line in block("console", 1).splitlines()[1:] if line != "..."]
    assert len(shown) > 8
    assert [line for line in shown if line not in printed] == []


def test_what_can_be_attained_is_computed() -> None:
    """The table of strengths is the closed form, to three places."""
    for strength, one, five in table(PAGE, "A market with a known edge"):
        market = Market(strength=float(strength))
        assert [one, five] == [f"{oracle.direction_accuracy(market, horizon):.3f}" for horizon in (1, 5)]


def test_the_sources_of_the_page_exist() -> None:
    """As many as there are, each by its name."""
    text = PAGE.read_text().split("## ")[0]
    listed = re.findall(r"^\| `([a-z]+)", text, re.MULTILINE)

    assert listed == list(sources.SOURCES)
