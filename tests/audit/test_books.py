"""Goal: the trial balance is right at any position and time, for one account and for all.

Method: the story on a real ledger. Figures are worked out by hand from its trades.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from typer.testing import CliRunner

from audit import positions, tapes
from audit.cli import app
from audit.trial_balance import TrialBalance, trial_balance
from runtime.clients import postgres
from tests.audit.planting import Backup
from tests.audit.world import EVENTS, WALL_US, World, market_time

pytestmark = pytest.mark.integration
runner = CliRunner()

# Ann deposits 10,000, buys 10 AAPL at 52.01 (fee 0.53) and 30 at 55.02 (fee 1.66), sells 15 at 58 (fee 0.87; FIFO: 10
# at 52.01 and 5 at 55.02, which cost 795.20), and has 900.90 set aside for 10 IBM at 90 with a fee of 10 bps.
ANN = {
    ("cash", "USD"): "7795.34",
    ("hold", "USD"): "900.90",
    ("external", "USD"): "-10000",
    ("inventory:AAPL", "USD"): "1375.50",
    ("fees", "USD"): "3.06",
    ("realized_pnl", "USD"): "-74.80",
    ("position:AAPL", "AAPL"): "25",
    ("position_hold:AAPL", "AAPL"): "0",
    ("market:AAPL", "AAPL"): "-25",
}
ANN_AFTER_BUYING = {
    ("cash", "USD"): "7827.11",
    ("hold", "USD"): "0",
    ("external", "USD"): "-10000",
    ("inventory:AAPL", "USD"): "2170.70",
    ("fees", "USD"): "2.19",
    ("position:AAPL", "AAPL"): "40",
    ("market:AAPL", "AAPL"): "-40",
}
SECOND_FILL = 5  # its offset on Ann's partition


@pytest.fixture
def view(told: World) -> Iterator[tapes.Connection]:
    """A snapshot of the read models."""
    with tapes.snapshot(told.settings) as connection:
        yield connection


def balances(verdict: TrialBalance) -> dict[tuple[str, str], Decimal]:
    return {(line.book_account, line.commodity): line.balance for line in verdict.lines}


def decimals(figures: dict[tuple[str, str], str]) -> dict[tuple[str, str], Decimal]:
    return {key: Decimal(amount) for key, amount in figures.items()}


def ends(view: tapes.Connection, told: World) -> positions.Positions:
    return positions.projected(view, told.settings.topic(EVENTS))


def test_the_trial_balance_of_an_account(told: World, view: tapes.Connection) -> None:
    """Each book account of Ann's is what her trades come to, debits less credits, and both commodities sum to zero."""
    verdict = trial_balance(view, ends(view, told), account="ann")

    assert balances(verdict) == decimals(ANN)
    assert verdict.ok
    assert verdict.positions == "0:18"
    assert all(line.debits - line.credits == line.balance for line in verdict.lines)
    market = next(line for line in verdict.lines if line.book_account == "market:AAPL")
    assert (market.debits, market.credits, market.postings, market.book_class) == (15, 40, 3, "equity")
    usd = {total.commodity: total for total in verdict.totals}["USD"]
    assert usd.debits == usd.credits > 10_000


def test_a_position_counts_the_record_at_its_offset_and_none_after(told: World, view: tapes.Connection) -> None:
    """After the second fill Ann has 40 AAPL; one record before it, 10. Before the first record there is nothing."""
    after = trial_balance(view, {0: SECOND_FILL, 1: -1}, account="ann")
    before = trial_balance(view, {0: SECOND_FILL - 1, 1: -1}, account="ann")

    assert balances(after) == decimals(ANN_AFTER_BUYING)
    assert balances(before)["position:AAPL", "AAPL"] == 10
    assert trial_balance(view, {0: -1}, account="ann").lines == []


def test_record_time_counts_what_was_recorded_up_to_it(told: World, view: tapes.Connection) -> None:
    """At the second fill's own time of record all is as at its position, a microsecond earlier it is not there."""
    row = view.execute("select recorded_at from fills where partition = 0 and record_offset = %s", (SECOND_FILL,))
    [(recorded_at,)] = row.fetchall()

    then = trial_balance(view, ends(view, told), account="ann", as_of=recorded_at)
    before = recorded_at - timedelta(microseconds=1)
    earlier = trial_balance(view, ends(view, told), account="ann", as_of=before)

    assert balances(then) == decimals(ANN_AFTER_BUYING)
    assert balances(earlier)["position:AAPL", "AAPL"] == 10


def test_market_time_counts_fills_up_to_it_and_what_has_none(told: World, view: tapes.Connection) -> None:
    """Up to the open of day 2 one purchase of 10 AAPL at 52.01 has happened; deposits and holds count whole."""
    time = datetime.fromtimestamp(market_time(2, "open") / 1_000_000, UTC)

    found = balances(trial_balance(view, ends(view, told), account="ann", market_time=time))

    assert found["position:AAPL", "AAPL"] + found["position_hold:AAPL", "AAPL"] == 10
    assert found["inventory:AAPL", "USD"] == Decimal("520.10")
    assert found["fees", "USD"] == Decimal("0.53")
    assert found["external", "USD"] == -10_000
    assert ("realized_pnl", "USD") not in found


def test_all_accounts_together(told: World, view: tapes.Connection) -> None:
    """The external book accounts add up to what four accounts brought, 26,000, and every commodity to zero."""
    verdict = trial_balance(view, ends(view, told))

    assert verdict.ok
    assert verdict.accounts == 4
    assert balances(verdict)["external", "USD"] == -26_000
    assert [(total.commodity, total.balance) for total in verdict.totals] == [("AAPL", 0), ("IBM", 0), ("USD", 0)]


def test_books_of_two_accounts_that_are_wrong_by_opposite_amounts_do_not_cancel(told: World) -> None:
    """A dollar too much for Ann and one too little for Bob sum to zero together, and both are named."""
    with (
        postgres(told.settings, autocommit=True) as connection,
        Backup(connection, ("journal_postings",)) as backup,
    ):
        for account, sign in (("ann", "+"), ("bob", "-")):
            backup.plant(
                f"update journal_postings set amount = amount {sign} 1 where account_id = '{account}' "
                "and event_type = 'CashDeposited' and book_account = 'cash'"
            )
        with tapes.snapshot(told.settings) as view:
            verdict = trial_balance(view, ends(view, told))

    assert not verdict.ok
    assert [(one.account_id, one.commodity, one.balance) for one in verdict.unbalanced] == [
        ("ann", "USD", 1),
        ("bob", "USD", -1),
    ]
    assert [total.balance for total in verdict.totals] == [0, 0, 0]


def test_one_account_does_not_scan_the_journal(told: World) -> None:
    """The function is planned in place, and all that it needs is in the index: nothing else of the journal is read.

    Others have posted 20,000 times on the same partition, in a transaction that is rolled back.
    """
    statement = b"explain (costs off) select * from account_trial_balance('ann', 0, 5, null, null)"

    with postgres(told.settings) as owner, owner.transaction(force_rollback=True):
        owner.execute(
            """insert into journal_postings (partition, record_offset, leg, account_id, book_account, commodity, amount,
                                             event_type, event_id, recorded_at)
               select 0, 1000 + n, 0, 'other ' || n % 50, 'cash', 'USD', 0, 'CashDeposited', 'e', now()
               from generate_series(1, 20000) n"""
        )
        owner.execute("analyze journal_postings")
        plan = "\n".join(row[0] for row in owner.execute(statement))

    assert "Index Only Scan using journal_postings_account" in plan
    assert "Index Cond: ((account_id = 'ann'::text) AND (partition = 0) AND (record_offset <= '5'::bigint))" in plan
    assert "Function Scan" not in plan
    assert "market_time" not in plan


def test_an_unknown_kind_is_named(told: World) -> None:
    """A book account that the chart does not have is an error of one line, exit code 2."""
    with (
        postgres(told.settings, autocommit=True) as connection,
        Backup(connection, ("journal_postings",)) as backup,
        pytest.MonkeyPatch.context() as patch,
    ):
        use(patch, told)
        backup.plant(
            "update journal_postings set book_account = 'goodwill' where account_id = 'ann' "
            "and event_type = 'CashDeposited' and book_account = 'cash'"
        )
        result = runner.invoke(app, ["trial-balance", "--account", "ann"])

    assert result.exit_code == 2
    assert "cannot check: book account 'goodwill' is of kind 'goodwill'" in result.stderr


def use(monkeypatch: pytest.MonkeyPatch, told: World) -> None:
    monkeypatch.setattr("runtime.settings.settings", lambda: told.settings)


def test_the_command_shows_a_table(told: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """For people: a row a book account, sums, and the verdict with the place where it stands."""
    use(monkeypatch, told)

    result = runner.invoke(app, ["trial-balance", "--account", "ann", "--at", "5"], env={"COLUMNS": "160"})

    assert result.exit_code == 0
    assert "inventory:AAPL" in result.output
    assert "7827.11" in result.output
    assert "trial-balance OK: " in result.output
    assert "at 0:5" in result.output


def test_the_command_as_json(told: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """For machines: amounts are texts, and a time of record may stand in place of a position."""
    use(monkeypatch, told)
    opened = datetime.fromtimestamp((WALL_US + 2_000) / 1_000_000, UTC).isoformat()

    now = json.loads(runner.invoke(app, ["trial-balance", "--json"]).stdout)
    nothing = json.loads(runner.invoke(app, ["trial-balance", "--at", opened, "--json"]).stdout)

    assert now["ok"]
    assert [line["balance"] for line in now["lines"] if line["book_account"] == "external"] == ["-26000.00"]
    assert nothing["lines"] == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--account", "nobody"], "there is no account 'nobody'"),
        (["--at", "5"], "an offset alone is a position of one account"),
        (["--at", "0:5,0:6"], "partition 0 is named twice"),
        (["--at", "77:1"], "expected one of the partitions 0, 1"),
        (["--at", "0:9999"], "partition 0 is projected up to offset 18"),
        (["--at", "0:x"], "expected PARTITION:OFFSET"),
        (["--account", "ann", "--at", "1:3"], "expected one of the partitions 0"),
        (["--at", "2026-13-01"], "expected a time such as"),
        (["--market-time", "noon"], "expected a time such as"),
    ],
)
def test_what_cannot_be_asked_is_one_clear_line(
    told: World, monkeypatch: pytest.MonkeyPatch, arguments: list[str], words: str
) -> None:
    """Exit code 2, and what was expected."""
    use(monkeypatch, told)

    result = runner.invoke(app, ["trial-balance", *arguments])

    assert result.exit_code == 2
    assert words in result.stderr
    assert result.stdout == ""
