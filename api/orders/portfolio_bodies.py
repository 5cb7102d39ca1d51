"""What clients write about a portfolio as a whole."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated

from pydantic import ConfigDict, Field, StringConstraints

from api.fields import SYMBOL, Body, DecimalIn, Symbol
from domain import ids
from domain.commands import PlanRebalance
from runtime.clock import now_us

PLAN_TAG_FORM = r'^"v[0-9]{1,18}-[0-9a-f]{32}"$'
PLAN_TAG = re.compile(r'"v([0-9]{1,18})-([0-9a-f]{32})"')
PlanId = Annotated[str, StringConstraints(pattern=r"^pln_[0-9a-f]{32}$")]


class RebalanceRequest(Body):
    """Target weights. They and cash_weight sum to one; what is held and not named is sold."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"weights": {"AAPL": "0.60", "IBM": "0.35"}, "cash_weight": "0.05", "drift_band": "0.02"}]
        }
    )

    weights: dict[Symbol, DecimalIn] = Field(
        description="share of equity by symbol",
        max_length=500,
        json_schema_extra={"propertyNames": {"pattern": SYMBOL}},
    )
    cash_weight: DecimalIn = Field(Decimal(0), description="share of equity that stays cash", examples=["0.05"])
    drift_band: DecimalIn = Field(
        Decimal(0),
        description="a position this near to its target, as a share of equity, is left alone",
        examples=["0.02"],
    )
    allowance: DecimalIn = Field(
        Decimal("0.10"), description="how far from its mark an order may fill, as a share of it", examples=["0.02"]
    )


def tag_of(version: int, digest: str) -> str:
    """The ETag of a previewed plan: the account's version and the digest of the orders."""
    return f'"v{version}-{digest}"'


def plan_command(
    account_id: str, body: RebalanceRequest, command_id: str, expected: tuple[int, str] | None = None
) -> PlanRebalance:
    """expected: version and digest of the plan that was shown."""
    return PlanRebalance(
        command_id=command_id,
        account_id=account_id,
        issued_at_us=now_us(),
        plan_id=ids.plan_id(account_id, command_id),
        weights=dict(body.weights),
        cash_weight=body.cash_weight,
        drift_band=body.drift_band,
        allowance=body.allowance,
        expected_version=None if expected is None else expected[0],
        expected_orders=None if expected is None else expected[1],
    )
