"""The paper venue, which writes down what it says before it says it: the venue's own record, a file for each worker."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

from execution.order import WorkingOrder
from execution.paper import PaperParameters, PaperVenue
from execution.venue import Execution, Outcome
from tests.faults.exchange import Traded, VenueOrder


class RecordedPaperVenue(PaperVenue):
    """Everything the engine hears from it stands in the file first."""

    def __init__(self, parameters: PaperParameters, path: Path, *, shared_liquidity: bool = False) -> None:
        super().__init__(parameters, shared_liquidity=shared_liquidity)
        self._file = path.open("a", buffering=1)

    def _tell(self, order: WorkingOrder, outcome: Outcome) -> None:
        if isinstance(outcome, Execution):
            self._file.write(json.dumps(_line(order, outcome)) + "\n")
        super()._tell(order, outcome)


def _line(order: WorkingOrder, execution: Execution) -> dict[str, str | int | None]:
    terms = order.terms
    worst = terms.worst_price
    return {
        "order_id": terms.order_id,
        "account_id": order.account_id,
        "symbol": terms.symbol,
        "side": terms.side,
        "quantity": str(terms.quantity),
        "worst": None if worst is None else str(worst),
        "execution_id": execution.execution_id,
        "traded": str(execution.quantity),
        "price": str(execution.price),
        "fee": str(execution.fee),
        "market_time_us": execution.market_time_us,
    }


def recorded(folder: Path, booked: Mapping[str, Decimal], *, shared: bool) -> dict[str, VenueOrder]:
    """What the workers' paper venues said, as orders; of executions those whose ids are `booked`, with the quantity.

    Workers that were fenced off went on for a while on paper, where nothing is lost by it; so an execution that the
    ledger did not take is no contradiction, but two that have one id and differ are. But where orders share ticks, a
    worker that is fenced off does not know what the one after it gives of a tick: there the one that was taken counts.
    """
    orders: dict[str, VenueOrder] = {}
    said: dict[str, Traded] = {}
    for path in sorted(folder.glob("*.paper")):
        for text in path.read_text().splitlines():
            if not text.endswith("}"):
                continue  # the worker was killed in the middle of the line, so it told nobody
            line = json.loads(text)
            worst = None if line["worst"] is None else Decimal(line["worst"])
            order = orders.setdefault(
                line["order_id"],
                VenueOrder(
                    line["order_id"],
                    line["account_id"],
                    line["symbol"],
                    line["side"],
                    Decimal(line["quantity"]),
                    worst,
                ),
            )
            order.quantity = max(order.quantity, Decimal(line["quantity"]))  # it may have been replaced
            traded = Traded(
                line["execution_id"],
                Decimal(line["traded"]),
                Decimal(line["price"]),
                Decimal(line["fee"]),
                line["market_time_us"],
            )
            if shared and booked.get(traded.execution_id) != traded.quantity:
                continue
            before = said.setdefault(traded.execution_id, traded)
            if before != traded and traded.execution_id in booked:
                order.conflicts.append(f"execution {traded.execution_id} was {before}, then {traded}")
            elif before is traded and traded.execution_id in booked:
                order.traded.append(traded)
    return orders
