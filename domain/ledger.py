"""The accounts of one partition and its desk: fold what is on the tape, decide what comes next."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

from eventsourcing.domain import OriginatorIDError, OriginatorVersionError

from domain import (
    checks,
    decide_breaks,
    decide_cash,
    decide_corporate,
    decide_corrections,
    decide_desk,
    decide_groups,
    decide_movements,
    decide_orders,
    decide_rebalance,
    decide_replace,
    decide_reports,
    decide_risk,
    desk_checks,
    dispatching,
    forms,
    operator_checks,
    references,
)
from domain.account import IDS_KEPT_US, Account
from domain.catalog import Catalog
from domain.commands import (
    BustFill,
    CancelOrder,
    CancelRebalance,
    Command,
    ConvertCash,
    CorrectFill,
    Deposit,
    DeskCommand,
    EnableStrategy,
    EngageKillSwitch,
    GrantLocate,
    GrantOverride,
    OpenAccount,
    PlanRebalance,
    ReleaseKillSwitch,
    ReplaceOrder,
    RevokeOverride,
    SetFeeSchedule,
    SetLimits,
    SubmitOrder,
    SubmitOrderGroup,
    TransferCash,
    Withdraw,
)
from domain.desk import FIRST_KEY, Desk
from domain.dispatch import Dispatch
from domain.errors import BooksError, InvalidValue, UnreadableInput
from domain.events import AccountOpened, DeskEvent, LedgerEvent, TradingHalted
from domain.numbers import exact
from domain.orders import Order
from domain.reports import BreakReport, Report
from domain.world import Mark, World


class Ledger:
    """Accounts by id, the desk over them, and the decisions on both.

    desk_key: the key of the partition's desk (streams.desks).
    ids_kept_us_max: for how long the state remembers ids of finished orders and of commands, in microseconds of record
    time; the longest `client_ids_kept_us` that `decide` can be asked to honour. Two ledgers with the same value that
    fold the same events have the same digest.
    """

    def __init__(self, catalog: Catalog, ids_kept_us_max: int = IDS_KEPT_US, desk_key: str = FIRST_KEY) -> None:
        self.catalog = catalog
        self.accounts: dict[str, Account] = {}
        self._ids_kept_us_max = ids_kept_us_max
        self.desk = Desk.unopened(desk_key, self._remembered_us)

    @property
    def marks(self) -> dict[str, Mark]:
        """The newest price of each symbol that the desk was told."""
        return self.desk.marks

    @property
    def world(self) -> World:
        """What decisions look at besides the account."""
        return World(self.catalog, self.marks, self.desk)

    # Folding

    def fold(self, event: LedgerEvent) -> None:
        """Take in an event that is on the tape. Raises BooksError when it does not follow from what was before."""
        if event.originator_version == 0:
            return
        if isinstance(event, DeskEvent):
            mutate(event, self.desk)
            return
        account = self.accounts.get(event.originator_id)
        if account is None:
            if not isinstance(event, AccountOpened):
                raise BooksError(f"{type(event).__name__} for account {event.originator_id!r}, which was never opened")
            account = self._unopened(event.originator_id)
        mutate(event, account)
        self.accounts[account.id] = account

    def _unopened(self, account_id: str) -> Account:
        return Account.unopened(account_id, self._remembered_us)

    @property
    def _remembered_us(self) -> int:
        # An id must outlive every command that could repeat it, also one whose sender's clock runs ahead.
        return self._ids_kept_us_max + checks.CLOCK_AHEAD_US_MAX

    # Deciding

    def decide(self, message: Any, now_us: int, client_ids_kept_us: int = IDS_KEPT_US) -> LedgerEvent | None:
        """The one event of a command or report, already folded in; None when it is a repeat.

        now_us: wall time. client_ids_kept_us: the published time for which ids are remembered. Raises UnreadableInput
        when the message is neither command nor report, InvalidValue when ids are not remembered for that long.
        """
        if client_ids_kept_us > self._ids_kept_us_max:
            raise InvalidValue(
                "IDS_KEPT_TOO_LONG",
                f"expected at most {self._ids_kept_us_max} us, as ids are remembered, it was {client_ids_kept_us}",
            )
        with exact():
            if isinstance(message, Report | BreakReport):
                return self._report(message, now_us)
            if isinstance(message, Command):
                return self._command(message, now_us, client_ids_kept_us)
        raise UnreadableInput(f"the ledger takes commands and reports, it was a {type(message).__name__}")

    def _report(self, report: Report | BreakReport, now_us: int) -> LedgerEvent | None:
        account = self.accounts.get(report.account_id)
        if account is None:
            return decide_reports.rejected(report, checks.unknown_account(report.account_id), now_us)
        if isinstance(report, BreakReport):
            return decide_breaks.report(account, report, now_us)
        return decide_reports.report(account, report, now_us, self.world)

    def _command(self, command: Command, now_us: int, kept_us: int) -> LedgerEvent | None:
        refusal = checks.envelope(command) or forms.form(command) or operator_checks.form(command)
        if refusal is not None:
            return decide_cash.rejected(command, refusal, now_us)
        if isinstance(command, DeskCommand):
            return decide_desk.decide(self.desk, command, now_us, kept_us, self.catalog)
        account = self.accounts.get(command.account_id)
        if account is not None:
            now_us = account.clock(now_us)
            known = _repeat(account, command, now_us - kept_us - checks.CLOCK_AHEAD_US_MAX)
            if known is True:
                return None
            refusal = known or None
        refusal = refusal or checks.age(command, now_us, kept_us)
        if refusal is None and account is None and not isinstance(command, OpenAccount):
            refusal = checks.unknown_account(command.account_id)
        if refusal is not None:
            return decide_cash.rejected(command, refusal, now_us)
        return self._carry_out(account, command, now_us)

    def _carry_out(self, account: Account | None, command: Command, now_us: int) -> LedgerEvent | None:
        if account is None:
            assert isinstance(command, OpenAccount)
            account = self._unopened(command.account_id)
            event = decide_cash.open_account(account, command, now_us)
            self.accounts[account.id] = account
            return event
        looks_around = _IN_THE_WORLD.get(type(command))
        if looks_around is None:
            return _DECISIONS[type(command)](account, command, now_us)
        if isinstance(command, ReplaceOrder):
            refusal = desk_checks.killed(account.orders.get(command.order_id), self.desk)
            if refusal is not None:
                return decide_cash.rejected(command, refusal, now_us)
        return looks_around(account, command, now_us, self.world)

    # Reading

    def open_orders(self) -> Iterator[tuple[Account, Order]]:
        """Every open order with its account. The ledger must not change while this is read."""
        for account in self.accounts.values():
            for order in account.orders.values():
                yield account, order

    def is_to_be_canceled(self, order: Order) -> bool:
        """Whether somebody wants what is left of an open order cancelled: its account, or a halt."""
        return order.status == "PENDING_CANCEL" or self.desk.kills(order)

    def dispatches_of(self, event: LedgerEvent) -> list[Dispatch]:
        """What the execution engine is to be sent for an event, as of now; see domain.dispatching."""
        if isinstance(event, TradingHalted):
            return dispatching.of_halt(self.accounts.values(), self.desk)
        account = self.accounts.get(event.originator_id)
        return [] if account is None else dispatching.of_event(account, event, self.desk)

    def dispatch_for(self, account: Account, order_id: str) -> Dispatch | None:
        """The dispatch of an open order as of now; None while it waits for its parent. KeyError when it is not open."""
        return dispatching.of_order(account, account.orders[order_id], self.desk)

    def digest(self) -> bytes:
        """SHA-256 over the digests of all accounts, in the order of their ids, and of the desk."""
        total = hashlib.sha256()
        for account_id in sorted(self.accounts):
            name = account_id.encode()
            total.update(len(name).to_bytes(4, "big") + name + self.accounts[account_id].digest())
        total.update(self.desk.digest())
        return total.digest()


def mutate(event: LedgerEvent, aggregate: Account | Desk) -> None:
    """Fold an event into what it is of. Raises BooksError when it does not follow from what was before."""
    try:
        event.mutate(aggregate)
    except (OriginatorIDError, OriginatorVersionError, KeyError) as error:
        raise BooksError(
            f"{type(event).__name__} version {event.originator_version} of {event.originator_id!r} does not follow "
            f"{type(aggregate).__name__.lower()} {aggregate.id!r} version {aggregate.version}: {error!r}"
        ) from error


def _repeat(account: Account, command: Command, forgotten_before_us: int) -> checks.Refusal | bool:
    if isinstance(command, SubmitOrder):
        return decide_orders.repeat(account, command, forgotten_before_us)
    if isinstance(command, SubmitOrderGroup):
        return decide_groups.repeat(account, command, forgotten_before_us)
    return decide_cash.repeat(account.commands, command, forgotten_before_us) or references.repeat(account, command)


_DECISIONS: dict[type[Command], Callable[[Account, Any, int], LedgerEvent | None]] = {
    OpenAccount: decide_cash.refuse_opening,
    Deposit: decide_cash.deposit,
    ConvertCash: decide_cash.convert,
    SetFeeSchedule: decide_cash.set_fee_schedule,
    SetLimits: decide_risk.set_limits,
    GrantOverride: decide_risk.grant,
    RevokeOverride: decide_risk.revoke,
    EnableStrategy: decide_risk.enable,
    CancelRebalance: decide_rebalance.cancel,
    EngageKillSwitch: decide_risk.engage,
    ReleaseKillSwitch: decide_risk.release,
    **decide_movements.DECISIONS,
}

# Those that look at instruments, marks or the desk besides.
_IN_THE_WORLD: dict[type[Command], Callable[[Account, Any, int, World], LedgerEvent | None]] = {
    SubmitOrder: decide_orders.submit,
    SubmitOrderGroup: decide_groups.submit,
    ReplaceOrder: decide_replace.request,
    PlanRebalance: decide_rebalance.plan,
    CancelOrder: decide_orders.cancel,
    Withdraw: decide_cash.withdraw,
    TransferCash: decide_movements.transfer,
    GrantLocate: decide_cash.grant_locate,
    **decide_corporate.DECISIONS,
    CorrectFill: decide_corrections.command,
    BustFill: decide_corrections.command,
}
