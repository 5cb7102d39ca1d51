"""The process manager of transfers: what makes sure that cash which left one account arrives in another, or comes back.

A transfer is one event in each of two accounts, which may stand on two partitions, so no single decision can write
both. This is the pure half of the saga: it reads the events of all partitions, each from its beginning, in any order
between them, and says which command is due. Whoever runs it sends what `due` gives until the answer is on a tape. The
ids of the commands are derived from the transfer's, so sending them again is free; and a receiving account knows the
transfer by its reference, so it takes it in once. A transfer's id is the house's own: two of one id to one account are
a conflict, and the second comes back.

    TransferCash -> CashTransferredOut -> ReceiveTransfer -> CashTransferredIn             done
                                                          -> CommandRejected -> ReturnTransfer -> CashTransferReturned

Nothing arrives that has come back, however many managers run and however late their commands are. A refusal is for
ever, apart from ACCOUNT_UNKNOWN, as the account may be opened a moment later. So a manager that has not read the
receiver's AccountOpened sends a probe, which takes nothing in; and whoever has read it has read every refusal that
stands before it on the same tape.

A transfer that is out and not yet in stands in the books of the sender: the balances of `transfers` over all accounts
sum to what is on its way.
Verification: tests/domain/test_transfers.py (several managers, each behind in its own way, and late commands).
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from domain import ids
from domain.commands import Command, ReceiveTransfer, ReturnTransfer
from domain.events import (
    AccountOpened,
    CashTransferredIn,
    CashTransferredOut,
    CashTransferReturned,
    CommandRejected,
    LedgerEvent,
)

ACTOR = "transfers"
READS: tuple[type[LedgerEvent], ...] = (
    AccountOpened,
    CashTransferredOut,
    CashTransferredIn,
    CashTransferReturned,
    CommandRejected,
)
"""The events that a manager looks at."""
_OF_THE_COMMAND = frozenset({"COMMAND_EXPIRED", "COMMAND_AHEAD", "TRANSFER_PROBED"})
"""Refusals that say nothing of the transfer: the command lay about and goes out again, or it was a probe."""


class Transfer(msgspec.Struct, kw_only=True):
    """A transfer that is not done. refusal: why the receiver would not take it; empty while it may.

    is_known: the receiver's opening was read.
    """

    transfer_id: str
    from_account_id: str
    to_account_id: str
    amount: Decimal
    currency: str
    refusal: str = ""
    is_known: bool = False


class Transfers:
    """Folds events of the ledger's tapes.

    Memory grows with accounts, with the transfers that are on their way, and with those of which an arrival or a
    refusal was read that belongs to no departure read so far, or to one that is done.
    """

    def __init__(self) -> None:
        self.open: dict[tuple[str, str], Transfer] = {}  # (the sender, the transfer's id)
        self._accounts: set[str] = set()
        self._ended: set[tuple[str, str]] = set()  # ends that were read before their beginnings
        self._receiving: dict[str, Transfer] = {}  # the open ones by the id of the command to the receiver
        self._refused: dict[str, str] = {}  # such an id -> code, of transfers that are not open
        self._news: dict[tuple[str, str], None] = {}

    def fold(self, event: LedgerEvent) -> None:
        """Take in an event that is on a tape."""
        match event:
            case AccountOpened():
                self._opened(event.originator_id)
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
        return [command_of(transfer, now_us) for transfer in self.open.values()]

    def take_news(self) -> list[Transfer]:
        """The transfers for which another command is due than at the last call, or for the first time."""
        news = [self.open[key] for key in self._news if key in self.open]
        self._news.clear()
        return news

    def _opened(self, account_id: str) -> None:
        self._accounts.add(account_id)
        for key, transfer in self.open.items():
            if transfer.to_account_id == account_id:
                transfer.is_known = True
                self._news[key] = None

    def _begin(self, event: CashTransferredOut) -> None:
        key = (event.originator_id, event.reference)
        if key in self._ended:
            self._ended.remove(key)
            return
        transfer = Transfer(
            transfer_id=event.reference,
            from_account_id=event.originator_id,
            to_account_id=event.to_account_id,
            amount=event.amount,
            currency=event.currency,
            is_known=event.to_account_id in self._accounts,
        )
        receiving = _command_id("in", transfer)
        transfer.refusal = self._refused.pop(receiving, "")
        self.open[key] = self._receiving[receiving] = transfer
        self._news[key] = None

    def _end(self, key: tuple[str, str]) -> None:
        transfer = self.open.pop(key, None)
        if transfer is None:
            self._ended.add(key)
        else:
            del self._receiving[_command_id("in", transfer)]

    def _refuse(self, event: CommandRejected) -> None:
        transfer = self._receiving.get(event.command_id)
        if transfer is None:
            self._refused.setdefault(event.command_id, event.code)
        elif not transfer.refusal:
            transfer.refusal = event.code
            self._news[transfer.from_account_id, transfer.transfer_id] = None


def command_of(transfer: Transfer, now_us: int) -> Command:
    """The command that is due for a transfer on its way."""
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
        is_probe=not transfer.is_known,
    )


def _command_id(way: str, transfer: Transfer) -> str:
    return ids.derive("trf", way, transfer.from_account_id, transfer.transfer_id)
