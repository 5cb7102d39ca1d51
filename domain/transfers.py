"""The process manager of transfers: what makes sure that cash which left one account arrives in another, or comes back.

A transfer is one event in each of two accounts, which may stand on two partitions, so no single decision can write
both. This is the pure half of the saga: it reads the events of all partitions, in any order between them, and says
which command is due. Whoever runs it sends what `due` gives until the answer is on a tape. The ids of the commands are
derived from the transfer's, so sending them again is free; and a receiving account knows the transfer by its reference,
so it takes it in once. A refusal that was read before the departure is passed over: the command goes out again and is
refused again. A transfer's id is the house's own: two of one id to one account are a conflict, and the second comes
back.

    TransferCash -> CashTransferredOut -> ReceiveTransfer -> CashTransferredIn             done
                                                          -> CommandRejected -> ReturnTransfer -> CashTransferReturned

A transfer that is out and not yet in stands in the books of the sender: the balances of `transfers` over all accounts
sum to what is on its way.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from domain import ids
from domain.commands import Command, ReceiveTransfer, ReturnTransfer
from domain.events import (
    CashTransferredIn,
    CashTransferredOut,
    CashTransferReturned,
    CommandRejected,
    LedgerEvent,
)

ACTOR = "transfers"
_OF_THE_COMMAND = frozenset({"COMMAND_EXPIRED", "COMMAND_AHEAD"})
"""Refusals that say nothing of the transfer: the command lay about, and goes out again with another time of issue."""


class Transfer(msgspec.Struct, kw_only=True):
    """A transfer that is not done. refusal: why the receiver would not take it; empty while it may."""

    transfer_id: str
    from_account_id: str
    to_account_id: str
    amount: Decimal
    currency: str
    refusal: str = ""


class Transfers:
    """Folds events of the ledger's tapes. Memory grows with the transfers that are on their way, and with those whose
    arrival was read before their departure."""

    def __init__(self) -> None:
        self.open: dict[tuple[str, str], Transfer] = {}  # (the sender, the transfer's id)
        self._ended: set[tuple[str, str]] = set()  # ends that were read before their beginnings

    def fold(self, event: LedgerEvent) -> None:
        """Take in an event that is on a tape."""
        match event:
            case CashTransferredOut():
                self._begin(event)
            case CashTransferredIn():
                self._end((event.from_account_id, event.reference))
            case CashTransferReturned():
                self._end((event.originator_id, event.reference))
            case CommandRejected(command_type="ReceiveTransfer") if event.code not in _OF_THE_COMMAND:
                self._refuse(event)

    def due(self, now_us: int) -> list[Command]:
        """What is to be sent for every transfer that is on its way, oldest first; sending it again is free."""
        return [_command(transfer, now_us) for transfer in self.open.values()]

    def _begin(self, event: CashTransferredOut) -> None:
        key = (event.originator_id, event.reference)
        if key in self._ended:
            self._ended.remove(key)
            return
        self.open[key] = Transfer(
            transfer_id=event.reference,
            from_account_id=event.originator_id,
            to_account_id=event.to_account_id,
            amount=event.amount,
            currency=event.currency,
        )

    def _end(self, key: tuple[str, str]) -> None:
        if self.open.pop(key, None) is None:
            self._ended.add(key)

    def _refuse(self, event: CommandRejected) -> None:
        for transfer in self.open.values():
            if _command_id("in", transfer) == event.command_id:
                transfer.refusal = event.code
                return


def _command_id(way: str, transfer: Transfer) -> str:
    return ids.derive("trf", way, transfer.from_account_id, transfer.transfer_id)


def _command(transfer: Transfer, now_us: int) -> Command:
    if transfer.refusal:
        return ReturnTransfer(
            command_id=_command_id("back", transfer),
            account_id=transfer.from_account_id,
            issued_at_us=now_us,
            actor=ACTOR,
            reason=f"{transfer.to_account_id} refused it: {transfer.refusal}"[:128],
            reference=transfer.transfer_id,
            to_account_id=transfer.to_account_id,
            amount=transfer.amount,
            currency=transfer.currency,
        )
    return ReceiveTransfer(
        command_id=_command_id("in", transfer),
        account_id=transfer.to_account_id,
        issued_at_us=now_us,
        actor=ACTOR,
        reason=f"sent by {transfer.from_account_id}"[:128],
        reference=transfer.transfer_id,
        from_account_id=transfer.from_account_id,
        amount=transfer.amount,
        currency=transfer.currency,
    )
