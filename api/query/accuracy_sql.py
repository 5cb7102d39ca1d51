"""How often models were right, by name, version and symbol. Index: model_outcomes_pkey, model_outcomes_symbol."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from api.query.database import Row, Rows, Snapshot
from api.query.filters import AccuracyFilters, where

_Text = Annotated[str, msgspec.Meta(pattern=r"^[^\x00]*$")]


class AfterModel(msgspec.Struct, array_like=True, frozen=True):
    model_name: _Text
    model_version: _Text
    symbol: _Text


def key(row: Row) -> tuple[Any, ...]:
    return row["model_name"], row["model_version"], row["symbol"]


async def page(snapshot: Snapshot, filters: AccuracyFilters, after: AfterModel | None) -> Rows:
    """limit + 1 models and symbols behind `after`, each with its `cells`: direction, realised, how many."""
    clause, parameters = where(
        model_name=("model_name = %(model_name)s", filters.model_name),
        model_version=("model_version = %(model_version)s", filters.model_version),
        symbol=("symbol = %(symbol)s", filters.symbol),
        after_name=(
            "(model_name, model_version, symbol) > (%(after_name)s, %(after_version)s, %(after_symbol)s)",
            after and after.model_name,
        ),
    )
    return await snapshot.all(
        f"""select model_name, model_version, symbol,
                jsonb_agg(jsonb_build_array(direction, realised, outcomes)) as cells
            from model_outcomes {clause} group by model_name, model_version, symbol
            order by model_name, model_version, symbol limit %(rows)s""",
        {
            **parameters,
            "after_version": after and after.model_version,
            "after_symbol": after and after.symbol,
            "rows": filters.limit + 1,
        },
    )
