"""Transfers on real Kafka between accounts on two partitions: they arrive or come back, whoever is killed and when."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

import pytest

from domain.commands import Deposit, OpenAccount, TransferCash
from domain.events import (
    CashDeposited,
    CashTransferredIn,
    CashTransferredOut,
    CashTransferReturned,
    CommandRejected,
    LedgerEvent,
)
from runtime.clock import now_us
from runtime.settings import Settings
from streams.partitioning import partition_of
from streams.tape import end_offsets
from tests.streams.trading import events, opened, send
from tests.workers import eventually, worker

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]
LEDGER, TRANSFERS = "streams.ledger.worker", "streams.transfers.worker"
ANN, BOB, EVE = "acc_ann", "acc_bob", "acc_eve"


def transfer(reference: str, to: str = BOB, amount: str = "30.00", command_id: str = "") -> TransferCash:
    return TransferCash(
        command_id=command_id or reference,
        account_id=ANN,
        issued_at_us=now_us(),
        actor="ops-anna",
        reason="rent",
        reference=reference,
        to_account_id=to,
        amount=Decimal(amount),
    )


def of(settings: Settings, *kinds: type[LedgerEvent]) -> list[Any]:
    return [event for event in events(settings) if isinstance(event, kinds)]


def wait_for(settings: Settings, kind: type[LedgerEvent], count: int = 1) -> list[Any]:
    eventually(lambda: len(of(settings, kind)) >= count, f"{count} {kind.__name__}")
    return of(settings, kind)


def commands_sent(settings: Settings) -> int:
    return sum(end_offsets(settings, settings.topic("trading.commands")).values())


def balance(settings: Settings, account: str) -> Decimal:
    """By the postings on the tape."""
    return sum(
        (
            leg.amount
            for event in events(settings)
            if event.originator_id == account
            for leg in event.postings
            if leg.account == "cash"
        ),
        Decimal(0),
    )


def settle(settings: Settings) -> None:
    """Whatever is under way is decided: a deposit behind it on each of the two partitions is on the tape."""
    before = len(of(settings, CashDeposited))
    own = {"issued_at_us": now_us(), "amount": Decimal("0.01")}
    send(settings, *(Deposit(command_id=f"settle-{before}-{name}", account_id=name, **own) for name in (ANN, BOB)))
    wait_for(settings, CashDeposited, before + 2)


def house(settings: Settings) -> None:
    """Ann with 1,000 USD, Bob on another partition, Eve in euros."""
    assert partition_of(ANN.encode(), settings.partitions) != partition_of(BOB.encode(), settings.partitions)
    euros = OpenAccount(command_id="o-eve", account_id=EVE, issued_at_us=now_us(), owner="eve", currency="EUR")
    send(settings, *opened(ANN), *opened(BOB, "1.00"), euros)
    wait_for(settings, CashDeposited, 2)


def test_a_transfer_arrives_once_however_often_it_is_asked_for(ledger_settings: Settings) -> None:
    """Ann's partition writes the departure, Bob's the arrival; the same reference again is no event."""
    settings = ledger_settings
    with worker(settings, LEDGER), worker(settings, TRANSFERS) as manager:
        house(settings)
        send(settings, transfer("t1"))
        (arrived,) = wait_for(settings, CashTransferredIn)
        send(settings, transfer("t1", command_id="again"), transfer("t2", amount="5.00"))
        wait_for(settings, CashTransferredIn, 2)
        assert manager.stop() == 0

    assert (arrived.originator_id, arrived.from_account_id, arrived.amount) == (BOB, ANN, 30)
    assert [event.reference for event in of(settings, CashTransferredOut)] == ["t1", "t2"]
    assert (balance(settings, ANN), balance(settings, BOB)) == (Decimal("965.00"), Decimal("36.00"))
    assert of(settings, CommandRejected) == []


def test_killed_between_the_legs_it_arrives_once(ledger_settings: Settings) -> None:
    """Goal: a crash at each step. Method: the ledger is away when the manager sends; both are killed, twice over.

    Departure without a manager; command without a ledger; a second manager that sends it again; then the ledger.
    """
    settings = ledger_settings
    with worker(settings, LEDGER) as ledger:
        house(settings)
        send(settings, transfer("t1"))
        wait_for(settings, CashTransferredOut)
        ledger.kill()
    sent = commands_sent(settings)
    for number in (1, 2):
        with worker(settings, TRANSFERS) as manager:
            eventually(lambda wanted=sent + number: commands_sent(settings) >= wanted, f"copy {number} is sent")
            manager.kill()
    assert of(settings, CashTransferredIn) == []

    with worker(settings, LEDGER):
        wait_for(settings, CashTransferredIn)
        before = commands_sent(settings)
        with worker(settings, TRANSFERS) as third:
            send(settings, transfer("t2", amount="5.00"))
            wait_for(settings, CashTransferredIn, 2)
            settle(settings)
            assert third.stop() == 0
        assert commands_sent(settings) - before == 4, (
            "a transfer, its arrival and two deposits: nothing for what is done"
        )

    assert [event.reference for event in of(settings, CashTransferredIn)] == ["t1", "t2"]
    assert of(settings, CashTransferReturned, CommandRejected) == []
    assert balance(settings, ANN) == Decimal("965.01")


@pytest.mark.parametrize(("to", "code"), [("acc_nobody", "ACCOUNT_UNKNOWN"), (EVE, "CURRENCY_MISMATCH")])
def test_what_is_refused_comes_back_once(ledger_settings: Settings, to: str, code: str) -> None:
    """Killed before the refusal is read and after the return is sent: the sender has it back, once."""
    settings = ledger_settings
    with worker(settings, LEDGER) as ledger:
        house(settings)
        send(settings, transfer("t1", to=to))
        wait_for(settings, CashTransferredOut)
        ledger.kill()
    sent = commands_sent(settings)
    with worker(settings, TRANSFERS) as manager:
        eventually(lambda: commands_sent(settings) > sent, "the receiver is asked")
        manager.kill()
    with worker(settings, LEDGER) as ledger:
        (refused,) = wait_for(settings, CommandRejected)
        ledger.kill()
    sent = commands_sent(settings)
    with worker(settings, TRANSFERS) as manager:
        eventually(lambda: commands_sent(settings) > sent, "the return is sent")
        manager.kill()
    with worker(settings, LEDGER), worker(settings, TRANSFERS):
        (returned,) = wait_for(settings, CashTransferReturned)
        settle(settings)

    assert (refused.originator_id, refused.code) == (to, code)
    assert (returned.originator_id, returned.reason) == (ANN, f"{to} refused it: {code}")
    assert Counter(type(event) for event in of(settings, CashTransferredIn, CashTransferReturned)) == {
        CashTransferReturned: 1
    }
    assert balance(settings, ANN) == Decimal("1000.01")
