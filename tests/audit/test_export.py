"""Goal: what is exported is what the read model shows, and beancount itself says so.

Method: the story on a real ledger, exported and read by beancount and by a small reader of hledger's grammar; the sums
that they come to are compared with table `balances`. Then one amount after another is changed, and must be found.
"""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from audit.cli import app
from audit.plaintext.export import Exported, Format, export_journal
from domain.errors import BooksError
from runtime.clients import postgres
from tests.audit.plain import Sums, Told, read_beancount, read_hledger
from tests.audit.planting import Backup
from tests.audit.world import EVENTS, World

pytestmark = pytest.mark.integration
runner = CliRunner()
FORMATS: tuple[Format, ...] = ("beancount", "hledger")
READ = {"beancount": read_beancount, "hledger": read_hledger}
ROOTS = {"fees": "Expenses", "realized_pnl": "Income", "external": "Equity", "market": "Equity"}


def export(told: World, path: Path, format_: Format = "beancount", **options: Any) -> tuple[Exported, str]:
    done = export_journal(told.settings, format_, path, **options)
    return done, path.read_text()


def shown(told: World, format_: str) -> Sums:
    """Table `balances` under the tool's names, zeros left out; the rule of the names is written down once more here."""
    found = {}
    with postgres(told.settings) as connection:
        for account, name, commodity, amount in connection.execute(
            "select account_id, book_account, commodity, amount from balances where amount <> 0"
        ):
            kind, _, symbol = name.partition(":")
            root = ROOTS.get(kind, "Assets")
            parts = [account, kind, symbol] if symbol else [account, kind]
            if format_ == "beancount":
                parts = [account.capitalize(), kind.replace("_", "-").capitalize(), *parts[2:]]
            found[":".join([root if format_ == "beancount" else root.lower(), *parts]), commodity] = amount
    return found


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("every", ["end", "month", "day"])
def test_the_tool_finds_no_error_and_comes_to_the_same_sums(
    told: World, tmp_path: Path, format_: Format, every: Any
) -> None:
    """The whole ledger: no error, the balances of the read model, a transaction for each event with postings."""
    done, text = export(told, tmp_path / "books", format_, every=every)

    read: Told = READ[format_](text)

    assert read.errors == []
    assert read.sums == shown(told, format_)
    # Ann: a deposit, 4 orders held, 3 fills, a cancel; Bob: a deposit, 3 orders held, a fill, a refusal.
    assert (done.accounts, done.events) == (4, 30)


def test_each_transaction_names_its_record(told: World, tmp_path: Path) -> None:
    """Event id, type, place, hash and time of record of the archive stand in the transaction's metadata."""
    _, text = export(told, tmp_path / "books")
    tags = {tag["position"]: tag for tag in read_beancount(text).tags}

    with postgres(told.settings) as connection:
        connection.execute("set time zone 'UTC'")
        rows = connection.execute(
            """select partition, record_offset, hash, recorded_at from tape_records
               where topic = %s and live and type like '%%OrderFilled%%'""",
            (told.settings.topic(EVENTS),),
        ).fetchall()
        times = dict(connection.execute("select record_offset, market_time from fills where partition = 0").fetchall())

    for partition, offset, hash_, recorded_at in rows:
        tag = tags[f"{partition}:{offset}"]
        assert tag["hash"] == hash_.hex()
        assert tag["recorded_at"] == recorded_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        assert tag["event_id"].startswith("evt-")
        if partition == 0:
            assert tag["market_time"] == times[offset].strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    assert len(rows) == 8


@pytest.mark.parametrize("format_", FORMATS)
def test_the_same_range_gives_the_same_bytes(told: World, tmp_path: Path, format_: Format) -> None:
    """Twice, and again with the positions that the first export named."""
    first, text = export(told, tmp_path / "one", format_, every="day")
    again = export(told, tmp_path / "two", format_, every="day")[1]
    named = export(told, tmp_path / "three", format_, every="day", after=first.after, up_to=first.up_to)[1]

    assert text == again == named


@pytest.mark.parametrize("format_", FORMATS)
def test_later_events_do_not_change_an_earlier_range(told: World, tmp_path: Path, format_: Format) -> None:
    """A range that ends before some events gives the bytes that it gave when those had not happened.

    A copy of the tables from which the later rows are taken away stands for the past.
    """
    past = "0:5,1:4"
    now = export(told, tmp_path / "now", format_, up_to=past)[1]
    with (
        postgres(told.settings, autocommit=True) as connection,
        Backup(connection, ("journal_postings", "balances")),
    ):
        connection.execute(
            "delete from journal_postings where (partition = 0 and record_offset > 5) or "
            "(partition = 1 and record_offset > 4)"
        )
        connection.execute("delete from balances")
        connection.execute(
            """insert into balances select account_id, book_account, commodity, sum(amount)
               from journal_postings group by 1, 2, 3"""
        )
        then = export(told, tmp_path / "then", format_, up_to=past)[1]

    assert now == then
    assert READ[format_](now).errors == []


@pytest.mark.parametrize("format_", FORMATS)
def test_two_ranges_make_the_whole(told: World, tmp_path: Path, format_: Format) -> None:
    """The second half opens with what the first came to, has the other events, and ends where the whole ends."""
    middle = "0:9,1:3,2:12"
    first, _ = export(told, tmp_path / "first", format_, up_to=middle)
    second, text = export(told, tmp_path / "second", format_, after=middle)
    whole, _ = export(told, tmp_path / "whole", format_)

    read: Told = READ[format_](text)

    assert first.events + second.events == whole.events
    assert read.errors == []
    assert read.sums == shown(told, format_)
    assert "Opening balances" in text


def test_one_account_alone(told: World, tmp_path: Path) -> None:
    """--account gives that account's transactions, and an offset alone is a place on its partition."""
    done, text = export(told, tmp_path / "ann", account="ann", up_to="5")

    read = read_beancount(text)

    assert (done.accounts, done.up_to) == (1, "0:5")
    assert read.errors == []
    assert {account.split(":")[1] for account, _ in read.sums} == {"Ann"}
    assert read.sums["Assets:Ann:Cash", "USD"] == Decimal("7827.11")


PLANTS = {
    "a posting too high by the 18th decimal": (
        "update journal_postings set amount = amount + 0.000000000000000001 where account_id = 'ann' "
        "and event_type = 'CashDeposited' and book_account = 'cash'"
    ),
    "a balance too high by a cent": "update balances set amount = amount + 0.01 where account_id = 'bob' "
    "and book_account = 'cash'",
    "a posting on another book account": "update journal_postings set book_account = 'hold' where account_id = 'bob' "
    "and event_type = 'CashDeposited' and book_account = 'cash'",
    "a balance that nothing was posted to": "insert into balances values ('ann', 'inventory:GONE', 'USD', 5)",
    "a posting that is not there": "delete from journal_postings where account_id = 'ann' "
    "and event_type = 'CashDeposited' and book_account = 'external'",
}


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("plant", PLANTS)
def test_a_planted_wrong_amount_is_found(told: World, tmp_path: Path, format_: Format, plant: str) -> None:
    """Whatever is changed in the journal or in the balances, the tool reports an error."""
    with (
        postgres(told.settings, autocommit=True) as connection,
        Backup(connection, ("journal_postings", "balances")) as backup,
    ):
        backup.plant(PLANTS[plant])
        _, text = export(told, tmp_path / "books", format_)

    assert READ[format_](text).errors


def test_an_event_that_is_not_in_the_archive_is_an_error(told: World, tmp_path: Path) -> None:
    """Without its archived record an event has no hash to name: nothing is written, and the event is named."""
    with (
        postgres(told.settings, autocommit=True) as connection,
        Backup(connection, ("tape_records",)) as backup,
    ):
        backup.plant(
            f"delete from tape_records where topic = '{told.settings.topic(EVENTS)}' and partition = 0 "
            "and record_offset = 5"
        )
        with pytest.raises(BooksError, match="the event at 0:5 has no live record"):
            export(told, tmp_path / "books")

    assert list(tmp_path.iterdir()) == []


def test_record_time_that_falls_is_an_error(told: World, tmp_path: Path) -> None:
    """The tools sort by date: an event a day before the one that precedes it would be asserted at the wrong place."""
    with (
        postgres(told.settings, autocommit=True) as connection,
        Backup(connection, ("journal_postings",)),
    ):
        connection.execute(
            "update journal_postings set recorded_at = recorded_at - interval '1 day' "
            "where partition = 0 and record_offset = 5"
        )
        with pytest.raises(BooksError, match="account ann: record time falls at 0:5"):
            export(told, tmp_path / "books")


def test_days_and_months_are_asserted(told: World, tmp_path: Path) -> None:
    """Events on three days of two months: balances of what moved, on the day after each, or on the first of a month.

    Ann's 19 events are spread by hand: the deposit on 30 January, the purchase on 31 January, all else on 2 February.
    """
    with (
        postgres(told.settings, autocommit=True) as connection,
        Backup(connection, ("journal_postings",)),
    ):
        connection.execute(
            """update journal_postings set recorded_at = case
                   when record_offset = 1 then timestamptz '2026-01-30 10:00:00Z'
                   when record_offset <= 5 then timestamptz '2026-01-31 23:59:59Z'
                   else timestamptz '2026-02-02 00:00:00Z' end
               where account_id = 'ann'"""
        )
        daily = export(told, tmp_path / "daily", account="ann", every="day")[1]
        monthly = export(told, tmp_path / "monthly", account="ann", every="month")[1]
        in_hledger = export(told, tmp_path / "hledger", "hledger", account="ann", every="day")[1]

    days = re.findall(r"^(\S+) balance Assets:Ann:Cash  (\S+) ~ 0 USD", daily, re.MULTILINE)
    months = re.findall(r"^(\S+) balance Assets:Ann:Cash  (\S+) ~ 0 USD", monthly, re.MULTILINE)
    assert days == [("2026-01-31", "10000"), ("2026-02-01", "7827.11"), ("2026-02-03", "7795.34")]
    assert months == [("2026-02-01", "7827.11"), ("2026-02-03", "7795.34")]
    assert [read_beancount(text).errors for text in (daily, monthly)] == [[], []]
    assert read_hledger(in_hledger).errors == []
    assert in_hledger.count("* Balances") == 3


def test_the_command_writes_a_file(told: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`tape audit export-journal -o FILE` says what it wrote; `-o -` writes the journal to standard output alone."""
    monkeypatch.setattr("runtime.settings.settings", lambda: told.settings)
    path = tmp_path / "books.beancount"

    filed = runner.invoke(app, ["export-journal", "-o", str(path)])
    piped = runner.invoke(app, ["export-journal", "-o", "-"])

    assert (filed.exit_code, piped.exit_code) == (0, 0)
    assert "export-journal OK: 4 accounts, 30 transactions, " in filed.stderr
    assert piped.stdout == path.read_text()
    assert read_beancount(piped.stdout).errors == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--from", "0:9", "--to", "0:5"], "partition 0 begins after 9 and ends at 5"),
        (["--to", "0:9999"], "partition 0 is projected up to offset 18"),
        (["--account", "nobody"], "there is no account 'nobody'"),
    ],
)
def test_what_cannot_be_exported_is_one_clear_line(
    told: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], words: str
) -> None:
    """Exit code 2, one line, and the file that was there before is untouched."""
    monkeypatch.setattr("runtime.settings.settings", lambda: told.settings)
    path = tmp_path / "books"
    path.write_text("before")

    result = runner.invoke(app, ["export-journal", "-o", str(path), *arguments])

    assert result.exit_code == 2
    assert "cannot export: " in result.stderr
    assert words in result.stderr
    assert path.read_text() == "before"


def test_one_output_cannot_hold_two_things(told: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--json` with `-o -` is refused: journal and summary would be one unreadable text."""
    monkeypatch.setattr("runtime.settings.settings", lambda: told.settings)

    result = runner.invoke(app, ["export-journal", "-o", "-", "--json"])

    assert result.exit_code == 2
    assert "both want standard output" in result.stderr
    assert result.stdout == ""


def test_a_folder_that_is_not_there_is_one_clear_line(
    told: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 2 and the path."""
    monkeypatch.setattr("runtime.settings.settings", lambda: told.settings)

    result = runner.invoke(app, ["export-journal", "-o", str(tmp_path / "none" / "books")])

    assert result.exit_code == 2
    assert f"cannot write {tmp_path / 'none' / 'books'}" in result.stderr
