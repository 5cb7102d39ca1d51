"""The gateway's checks of an order, and the worst price of a purchase that names none."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from api.gateway import checks
from api.gateway.idempotency import Entry
from api.gateway.prices import LastPrices, protection_price
from api.orders import commands as order_commands
from api.problems import refused
from domain.catalog import Catalog
from domain.commands import SubmitOrder


class WorstPrices:
    """protection: how far above the newest price a purchase may fill that names no worst price, a part of 1."""

    def __init__(self, catalog: Catalog, prices: LastPrices, protection: Decimal) -> None:
        self._catalog = catalog
        self._prices = prices
        self._protection = protection

    def checked(self, command: SubmitOrder, known: Entry | None) -> SubmitOrder:
        """The order with its worst price. Raises ProblemError 422 where it breaks a rule by itself."""
        checks.order(command, self._catalog, price_may_follow=True)
        if not order_commands.lacks_worst_price(command):
            return command
        command = self.protected(command, known)
        checks.order(command, self._catalog, price_may_follow=False)
        return command

    def protected(self, command: SubmitOrder, known: Entry | None) -> SubmitOrder:
        """The order with the price of its first request, or with one derived from the newest price."""
        if known is not None and known.protection_price is not None:
            return msgspec.structs.replace(command, protection_price=Decimal(known.protection_price))
        last = self._prices.get(command.symbol)
        if last is None:
            raise refused(
                "PRICE_REQUIRED",
                "expected protection_price, the worst price at which a market purchase may fill: it has none, and no "
                f"tick of {command.symbol} is known to derive it from",
                "#/protection_price",
            )
        price = protection_price(
            order_commands.worst_from(command, last), self._protection, self._catalog[command.symbol].price_increment
        )
        return msgspec.structs.replace(command, protection_price=price)
