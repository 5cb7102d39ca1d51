"""GET operations: how often models were right."""

from __future__ import annotations

from typing import Annotated, get_args

from fastapi import Query
from pydantic import Field

from api.fields import View
from api.query import accuracy_sql, cursors
from api.query.database import Row
from api.query.filters import AccuracyFilters
from api.query.proportion import wilson_interval
from api.query.read_router import ReadRouter
from api.query.reading import Reader
from api.query.views import Page
from domain.signals import Direction

router = ReadRouter()

_DIRECTIONS: tuple[Direction, ...] = get_args(Direction)


class ModelAccuracy(View):
    """What came of the signals of a version of a model on a symbol, as far as it is known.

    Signals that abstained or were asked for by hand do not count.
    """

    model_name: str = Field(examples=["xgboost"])
    model_version: str = Field(examples=["3"])
    symbol: str = Field(examples=["AAPL"])
    outcomes: int = Field(description="signals of which it is known what came", examples=[250])
    correct: int = Field(description="those that said so", examples=[95])
    accuracy: float = Field(description="correct / outcomes", examples=[0.38])
    accuracy_low: float = Field(
        description="lower end of the 95 % Wilson score interval (E. B. Wilson, 1927): with p the accuracy, n the "
        "outcomes and z = 1.96, (p + z²/2n ± z √(p(1 - p)/n + z²/4n²)) / (1 + z²/n). It takes outcomes as independent "
        "of one another; labels that overlap in time are not, so the truth is less certain than this",
        examples=[0.322],
    )
    accuracy_high: float = Field(description="its upper end", examples=[0.4416])
    majority_share: float = Field(
        description="what always saying the class that came most often would have had right", examples=[0.4]
    )
    confusion: dict[Direction, dict[Direction, int]] = Field(
        description="outcomes by what was said, and in that by what would have been right",
        examples=[
            {
                "BUY": {"BUY": 40, "SELL": 30, "HOLD": 25},
                "SELL": {"BUY": 35, "SELL": 30, "HOLD": 20},
                "HOLD": {"BUY": 25, "SELL": 20, "HOLD": 25},
            }
        ],
    )


@router.get(
    "/api/models/accuracy",
    operation_id="list_model_accuracy",
    tags=["signals"],
    summary="How often each version of a model was right on each symbol, by name, version and symbol",
)
async def list_model_accuracy(reader: Reader, filters: Annotated[AccuracyFilters, Query()]) -> Page[ModelAccuracy]:
    """Beside what always saying the commonest class would have been right, for an accuracy alone says nothing."""
    scope = cursors.scope_of("accuracy", filters.chosen())
    after = cursors.decode(scope, filters.cursor, accuracy_sql.AfterModel)
    async with reader.snapshot("signals") as snapshot:
        rows = await accuracy_sql.page(snapshot, filters, after)
    found = cursors.page(rows, filters.limit, scope, accuracy_sql.key)
    return Page[ModelAccuracy](**{**found, "data": [_accuracy(row) for row in found["data"]]})


def _accuracy(row: Row) -> ModelAccuracy:
    counts = {(said, realised): count for said, realised, count in row["cells"]}
    confusion = {said: {came: counts.get((said, came), 0) for came in _DIRECTIONS} for said in _DIRECTIONS}
    outcomes = sum(counts.values())
    correct = sum(confusion[said][said] for said in _DIRECTIONS)
    low, high = wilson_interval(correct, outcomes)
    return ModelAccuracy(
        model_name=row["model_name"],
        model_version=row["model_version"],
        symbol=row["symbol"],
        outcomes=outcomes,
        correct=correct,
        accuracy=correct / outcomes,
        accuracy_low=low,
        accuracy_high=high,
        majority_share=max(sum(confusion[said][came] for said in _DIRECTIONS) for came in _DIRECTIONS) / outcomes,
        confusion=confusion,
    )
