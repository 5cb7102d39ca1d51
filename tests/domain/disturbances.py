"""What disturbs a trader: repeats, conflicts, clocks that jump, other epochs, restarts. None of it changes a state."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from domain import commands, reports
from tests.domain.desk import DAY_US, START_US
from tests.domain.machine import Trader, workers
from tests.domain.treasury import code_of

PLAIN_REPORTS: dict[str, tuple[Any, dict[str, str]]] = {
    "acknowledged": (reports.ReportAcknowledged, {"venue": "v"}),
    "canceled": (reports.ReportCanceled, {"reason": "r"}),
    "refused": (reports.ReportRefused, {"code": "C_D", "text": "t"}),
    "redispatch": (reports.RequestRedispatch, {"reason": "r"}),
}


class DisturbedTrader(Trader):
    """A Trader whose messages come again, late, or wrong."""

    @precondition(lambda self: self.effective)
    @rule(data=st.data())
    def send_again(self, data: st.DataObject) -> None:
        """A message that changed something never changes anything again."""
        message = data.draw(st.sampled_from(self.effective), label="again")
        before = self.ledger.digest()

        event = self.send(message)

        if isinstance(message, reports.ReportAcknowledged | reports.RequestRedispatch):
            assert event is None or code_of(event) in {"EPOCH_STALE", "ORDER_NOT_OPEN"}
        else:
            assert event is None
        assert self.ledger.digest() == before

    @rule(hours=st.integers(min_value=1, max_value=20))
    def wait(self, hours: int) -> None:
        """Not so long in all that ids are forgotten, for that is tested elsewhere."""
        if self.now_us + hours * DAY_US // 24 < START_US + 6 * DAY_US:
            self.now_us += hours * DAY_US // 24

    @rule(hours=st.integers(min_value=1, max_value=30))
    def set_the_clock_back(self, hours: int) -> None:
        """Record times must not follow it, and nothing may be forgotten or taken twice."""
        self.now_us = max(START_US, self.now_us - hours * DAY_US // 24)

    @precondition(lambda self: self.effective)
    @rule(data=st.data())
    def use_an_id_again(self, data: st.DataObject) -> None:
        """An id that was used with other content is a conflict, whatever became of the first command."""
        taken = [message for message in self.effective if isinstance(message, commands.Command)]
        message = data.draw(st.sampled_from(taken), label="taken")
        other: dict[type, dict[str, Any]] = {
            commands.OpenAccount: {"owner": "y"},
            commands.CancelOrder: {"order_id": "other"},
            commands.SubmitOrder: {"quantity": Decimal(7)},
            commands.SetFeeSchedule: {"reason": "z"},
            commands.GrantLocate: {"quantity": Decimal(21)},
        }
        changed = other.get(type(message)) or {"amount": message.amount + 1}
        before = self.ledger.digest()

        event = self.send(msgspec.structs.replace(message, **changed))

        order = isinstance(message, commands.SubmitOrder)
        assert code_of(event) == ("CLIENT_ORDER_ID_CONFLICT" if order else "COMMAND_ID_CONFLICT")
        assert self.ledger.digest() == before

    @precondition(lambda self: self.open_orders())
    @rule(data=st.data(), kind=st.sampled_from(sorted(PLAIN_REPORTS)), late=st.sampled_from([-1, 1]), worker=workers)
    def report_in_another_epoch(self, data: st.DataObject, kind: str, late: int, worker: str) -> None:
        """A report of a past epoch, or of one that nobody was given, changes nothing, whatever it says."""
        account, order_id, order = self.choose(data)
        before = self.ledger.digest()
        report, fields = PLAIN_REPORTS[kind]

        event = self.send(self.report(report, account, order_id, order.epoch + late, worker, **fields))

        known = late < 0 and report is reports.RequestRedispatch  # the epoch that it asked for has begun
        assert event is None if known else code_of(event) == ("EPOCH_STALE" if late < 0 else "EPOCH_UNKNOWN")
        assert self.ledger.digest() == before

    @rule()
    def restart(self) -> None:
        """A successor has only the bytes of the tape, and must know repeats and conflicts all the same."""
        self.ledger = self.refolded()
