"""What clients ask for: the bodies of orders, of other terms for them, and of groups."""

from __future__ import annotations

import random
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

SYMBOLS = ("AAPL", "FB", "GOOG", "IBM", "MSFT")


def order(account_id: str, name: str, chance: random.Random) -> dict[str, Any]:
    side = "BUY" if chance.random() < 0.65 else "SELL"
    price = str(Decimal(chance.randint(2_000, 20_000)) / 100)
    body: dict[str, Any] = {
        "account_id": account_id,
        "client_order_id": name,
        "symbol": chance.choice(SYMBOLS),
        "side": side,
        "quantity": str(chance.randint(1, 60)),
    }
    if chance.random() < 0.5:
        return {**body, "order_type": "LIMIT", "limit_price": price}
    return {**body, "order_type": "MARKET"} | ({"protection_price": price} if side == "BUY" else {})


def change(content: Mapping[str, Any], chance: random.Random) -> dict[str, Any]:
    """Another quantity, or another price where the order has one."""
    body: dict[str, Any] = {"account_id": content["account_id"]}
    name = next((name for name in ("limit_price", "protection_price") if name in content), None)
    if name is None or chance.random() < 0.4:
        return {**body, "quantity": str(Decimal(content["quantity"]) + chance.randint(1, 30))}
    return {**body, name: str(Decimal(content[name]) + Decimal(chance.randint(1, 200)) / 100)}


def group(account_id: str, name: str, chance: random.Random) -> dict[str, Any]:
    """Two purchases of which one cancels the other, or a purchase with the sales that follow it."""
    price, quantity = Decimal(chance.randint(2_000, 20_000)) / 100, str(chance.randint(1, 40))
    about = {"symbol": chance.choice(SYMBOLS), "quantity": quantity}
    kind = chance.choice(("OCO", "OTO", "BRACKET"))

    def leg(number: int, side: str, order_type: str, **prices: Decimal) -> dict[str, Any]:
        body = {**about, "client_order_id": f"{name}-{number}", "side": side, "order_type": order_type}
        return body | {field: str(value) for field, value in prices.items()}

    legs = [leg(0, "BUY", "LIMIT", limit_price=price)]
    if kind == "OCO":
        legs.append(leg(1, "BUY", "LIMIT", limit_price=price - 1))
    else:
        legs.append(leg(1, "SELL", "LIMIT", limit_price=price + 1))
    if kind == "BRACKET":
        legs.append(leg(2, "SELL", "STOP", stop_price=price - 1))
    return {"account_id": account_id, "client_group_id": name, "kind": kind, "orders": legs}
