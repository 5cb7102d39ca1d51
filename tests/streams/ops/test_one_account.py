"""`tape ops` for one account: each command is one event with who and why, however often the line is typed."""

from __future__ import annotations

from decimal import Decimal

import pytest

from domain import ids
from domain.account_terms import FeeSchedule, MarginTerms
from domain.commands import OpenAccount
from domain.events import (
    AccountOpened,
    CashAdjusted,
    CashTransferredOut,
    CommandRejected,
    DividendPaid,
    FeeScheduleChanged,
    FillBusted,
    FillCorrected,
    LocateGranted,
)
from runtime.clock import now_us
from runtime.settings import Settings
from streams.tape import end_offsets
from tests.streams.ops.desk import ANNA, LEDGER, PROJECTOR, hold, of, refused, tape, units
from tests.streams.trading import send
from tests.workers import eventually, worker

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]
ANN = "acc_ann"
FILL = f"exe_{ids.order_id(ANN, 'first')}"
REFERENCE = ("--reference", "ticket-7")
ADJUST = ("adjust-cash", ANN, "FEE", "--amount", "-2.50", *REFERENCE, *ANNA)
LINES = {
    FillCorrected: ("correct-fill", ANN, FILL, "--quantity", "1", "--price", "9", "--fee", "0", *REFERENCE, *ANNA),
    CashAdjusted: ADJUST,
    DividendPaid: ("dividend", "AAPL", "--per-unit", "1", "--account", ANN, "--at", "2012-08-16", *REFERENCE, *ANNA),
    CashTransferredOut: ("transfer", ANN, "acc_bob", "--amount", "5", *REFERENCE, *ANNA),
    FillBusted: ("bust-fill", ANN, FILL, *REFERENCE, *ANNA),
}


def projected(settings: Settings) -> None:
    """Wait until the tables have all: then answers are found in them."""
    said = refused(settings, "delist", "FB", "--price", "0", "--all", "--at", "2012-08-16", *REFERENCE, *ANNA)
    assert "there are none" in said


def test_each_line_is_done_once(ledger_settings: Settings) -> None:
    """Typed again at once, and when the tables have it: it was done before, at the same place on the tape."""
    settings = ledger_settings
    with worker(settings, LEDGER), worker(settings, PROJECTOR):
        hold(settings, ANN)
        for kind, line in LINES.items():
            code, said = tape(settings, *line)
            assert (code, said["done"], said["answers"][0]["event"]) == (0, True, kind.__name__)
            code, again = tape(settings, *line)
            assert (code, again["answers"]) == (0, [said["answers"][0] | {"earlier": True}])
        projected(settings)
        digits = ["9.00" if word == "9" else word for word in LINES[FillCorrected]]
        for line in (*LINES.values(), digits):
            code, said = tape(settings, *line, "--wait", "5")
            assert (code, said["answers"][0]["earlier"]) == (0, True)

    done = of(settings, *LINES)
    assert [type(event) for event in done] == list(LINES)
    assert {(event.actor, event.reason, event.reference) for event in done} == {(ANNA[1], ANNA[3], "ticket-7")}
    assert units(settings, ANN) == 0
    assert of(settings, CommandRejected) == []


def test_locates_and_fee_schedules(ledger_settings: Settings) -> None:
    """Each has a new id, unless an earlier one is named; the figures are the account's from then on."""
    settings = ledger_settings
    margin = OpenAccount(
        command_id="o", account_id=ANN, issued_at_us=now_us(), owner="ann", margin=MarginTerms(), currencies=("EUR",)
    )
    locate = ("locate", ANN, "AAPL", "--quantity", "500", "--expires", "2012-12-31T21:00:00Z", *ANNA)
    with worker(settings, LEDGER), worker(settings, PROJECTOR):
        send(settings, margin)
        eventually(lambda: bool(of(settings, AccountOpened)), "the account is open")
        code, said = tape(settings, *locate)
        assert (code, said["answers"][0]["event"]) == (0, "LocateGranted")
        assert tape(settings, "fees", ANN, "per_order=1.00", "bps=2.5", "order_minimum=1.50", *ANNA)[0] == 0
        assert tape(settings, "fees", ANN, *ANNA)[0] == 0
        projected(settings)
        again = tape(settings, *locate, "--command-id", said["command_id"])
        assert (again[0], again[1]["answers"][0]["earlier"]) == (0, True)

    (granted,) = of(settings, LocateGranted)
    assert (granted.quantity, granted.expires_at_us, granted.granted_by) == (500, 1_356_987_600_000_000, "anna")
    assert [event.fee_schedule for event in of(settings, FeeScheduleChanged)] == [
        FeeSchedule(per_order=Decimal("1.00"), bps=Decimal("2.5"), order_minimum=Decimal("1.50")),
        None,
    ]


def test_a_refusal_is_told(ledger_settings: Settings) -> None:
    """The ledger's code and text, exit code 1; what then can be done is done by the same line."""
    settings = ledger_settings
    with worker(settings, LEDGER), worker(settings, PROJECTOR):
        code, said = tape(settings, *ADJUST)
        assert (code, said["done"], said["answers"][0]["code"]) == (1, False, "ACCOUNT_UNKNOWN")
        hold(settings, ANN)
        assert tape(settings, *ADJUST)[0] == 0


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (("adjust-cash", ANN, "FEE", "--amount", "two"), "expected --amount to be a number, it was 'two'"),
        (("adjust-cash", ANN, "FEE", "--amount", "0"), "expected an amount above or below zero"),
        (("delist", "AAPL", "--price", "1", "--at", "soon", "--all"), "expected --at to be a day or a time"),
        (("delist", "AAPL", "--price", "1", "--at", "2012-08-10T09:30:00", "--all"), "it was '2012-08-10T09:30:00'"),
        (("delist", "AAPL", "--price", "1", "--at", "2012-08-10"), "expected either --account ACCOUNT or --all"),
        (("split", "AAPL", "3", "2", "--at", "2012-08-10", "--all"), "expected a price for fractions"),
    ],
)
def test_a_line_that_is_wrong_sends_nothing(ledger_settings: Settings, line: tuple[str, ...], expected: str) -> None:
    """The domain's own words, before anything is on Kafka."""
    said = refused(ledger_settings, *line, *REFERENCE, *ANNA)

    assert expected in said
    assert set(end_offsets(ledger_settings, ledger_settings.topic("trading.commands")).values()) == {0}
