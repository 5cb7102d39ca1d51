"""A desk at which operators and vendors' feeds work, too: corporate actions, cash movements, corrections."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from domain import commands, events, reports
from tests.domain.desk import Desk

WHO = {"actor": "ops-anna", "reason": "notice of the depository"}


class OperatorDesk(Desk):
    """Amounts, prices and ratios as texts."""

    def operate(self, command_class: Any, /, **fields: Any) -> Any:
        own = WHO | {"reference": f"ref-{self.sent + 1}"}
        return self.send(command_class(**self._envelope(own | fields)))

    def dividend(self, per_unit: str, symbol: str = "AAPL", **fields: Any) -> Any:
        own = {"symbol": symbol, "per_unit": Decimal(per_unit), "market_time_us": self.now_us}
        return self.operate(commands.PayDividend, **(own | fields))

    def split(self, numerator: int, denominator: int, lieu: str | None = None, **fields: Any) -> Any:
        own = {
            "symbol": "AAPL",
            "numerator": numerator,
            "denominator": denominator,
            "cash_in_lieu_price": None if lieu is None else Decimal(lieu),
            "market_time_us": self.now_us,
        }
        return self.operate(commands.SplitShares, **(own | fields))

    def rename(self, new_symbol: str = "IBM", **fields: Any) -> Any:
        own = {"symbol": "AAPL", "new_symbol": new_symbol, "market_time_us": self.now_us}
        return self.operate(commands.ChangeSymbol, **(own | fields))

    def delist(self, price: str = "0", **fields: Any) -> Any:
        own = {"symbol": "AAPL", "price": Decimal(price), "market_time_us": self.now_us}
        return self.operate(commands.DelistInstrument, **(own | fields))

    def adjust(self, kind: str, amount: str, **fields: Any) -> Any:
        return self.operate(commands.AdjustCash, kind=kind, amount=Decimal(amount), **fields)

    def correct(self, execution_id: str, quantity: str, price: str, fee: str = "0", **fields: Any) -> Any:
        own = {
            "execution_id": execution_id,
            "quantity": Decimal(quantity),
            "price": Decimal(price),
            "fee": Decimal(fee),
        }
        return self.operate(commands.CorrectFill, **(own | fields))

    def bust(self, execution_id: str, **fields: Any) -> Any:
        return self.operate(commands.BustFill, execution_id=execution_id, **fields)

    # The venue's word

    def correcting(self, fill: Any, quantity: str, price: str, fee: str = "0", **fields: Any) -> Any:
        own = {
            "execution_id": fill.execution_id,
            "quantity": Decimal(quantity),
            "price": Decimal(price),
            "fee": Decimal(fee),
            "reason": "clearly erroneous",
        }
        return self.report(reports.ReportCorrected, fill.order_id, **(own | fields))

    def busting(self, fill: Any, **fields: Any) -> Any:
        own = {"execution_id": fill.execution_id, "reason": "clearly erroneous"}
        return self.report(reports.ReportBusted, fill.order_id, **(own | fields))

    # What must always hold

    def check(self) -> None:
        """Lots add up to the position, the state to the postings, the bytes of the events to the state."""
        for position in self.account.positions.values():
            assert sum(lot.quantity for lot in position.lots) == position.quantity
            assert sum(lot.cost for lot in position.lots) == position.cost
            assert sum(lot.quantity for lot in position.short_lots) == position.short_quantity
            assert sum(lot.cost for lot in position.short_lots) == position.short_proceeds
        for key, amount in self.account.trial_balance().items():
            assert amount == self.account.books.get(key, 0), key
        assert self.refolded().digest() == self.ledger.digest()


OPERATORS_EVENTS = {cls for cls in events.LEDGER_EVENTS if issubclass(cls, events.OperatorEvent | events.FillRestated)}


def a_day_of_operators(desk: OperatorDesk) -> list[Any]:
    """One of each of OPERATORS_EVENTS, and the commands and reports that give them."""
    sent: list[Any] = []
    taken = desk.send
    desk.send = lambda message, *rest: (sent.append(message), taken(message, *rest))[1]  # type: ignore[method-assign]
    first = desk.trade("BUY", "25", "4.00", "0.10")
    second = desk.trade("BUY", "5", "4.10")
    desk.submit("SELL", "2", "5.00")
    desk.dividend("0.24", withholding_bps=Decimal(1500))
    desk.split(1, 10, "44.00")
    desk.send(desk.correcting(first, "23", "4.00", "0.09"))
    desk.correct(first.execution_id, "22", "4.00", "0.09")
    desk.bust(second.execution_id)
    desk.rename("IBM")
    desk.send(desk.busting(first))
    desk.trade("BUY", "3", "40.00", symbol="IBM")
    desk.delist("2.00", symbol="IBM")
    desk.adjust("INTEREST", "-1.00")
    out = {"to_account_id": "other", "amount": Decimal(2), "reference": "t1"}
    desk.operate(commands.TransferCash, **out)
    desk.operate(commands.ReturnTransfer, **out)
    desk.operate(commands.ReceiveTransfer, from_account_id="other", amount=Decimal(3))
    del desk.send  # type: ignore[method-assign]
    return sent
