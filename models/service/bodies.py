"""What is asked of the inference service, and what it answers."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import (
    ConfigDict,
    Discriminator,
    Field,
    JsonValue,
    PlainSerializer,
    StringConstraints,
    Tag,
    WithJsonSchema,
)

from domain.signals import Direction
from models.features import FEATURE_NAMES
from models.service.warm import REFERENCE
from runtime.http.fields import Body, Symbol, TimeIn, View
from runtime.http.openapi import SCHEMAS
from runtime.http.problems import Code, FieldProblem, shown

ROWS_MAX = 512
_EXAMPLE_ROW: JsonValue = {name: 0.01 * (place + 1) for place, name in enumerate(FEATURE_NAMES)}
_EXAMPLE: JsonValue = {"model": "signals@champion", "symbol": "AAPL", "features": _EXAMPLE_ROW, "explain": True}
_PROBABILITIES = {"BUY": 0.41, "SELL": 0.27, "HOLD": 0.32}

Number = Annotated[float, Field(allow_inf_nan=False)]
Row = Annotated[dict[str, Number], Field(description="a number for each of the model's features, by name")]


def _shape(value: Any) -> str:
    """Which of the two forms of features it is. In angle brackets: no part of an error's pointer."""
    return "<row>" if isinstance(value, dict) else "<rows>"


Features = Annotated[
    Annotated[Row, Tag("<row>")]
    | Annotated[Annotated[list[Row], Field(min_length=1, max_length=ROWS_MAX)], Tag("<rows>")],
    Discriminator(_shape),
    Field(description="as many rows as the model looks at, oldest first; or one row, for a model that looks at one"),
]
Reference = Annotated[
    str,
    StringConstraints(pattern=REFERENCE),
    Field(description="`name@alias` or `name/version`", examples=["signals@champion", "signals/3"]),
]


class PredictRequest(Body):
    """Feature rows of one instrument, and what is asked of them."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    model: Reference | None = Field(None, description="null: the champion")
    symbol: Symbol | None = Field(None, description="told again in the answer; a model looks at the rows alone")
    features: Features
    explain: bool = Field(False, description="whether the answer is to say how much each feature moved it")
    market_time: TimeIn | None = Field(
        None, description="of the newest row: a model is stale by the market's time; null: now"
    )
    abstain: bool = Field(
        True, description="false: the caller knows whether the model may be asked, and gets what it says in any case"
    )
    use_cache: bool = Field(True, description="false: computed anew, and not kept")


class BatchRequest(Body):
    """Several predictions. What is wrong with one does not fail the others."""

    items: Annotated[
        list[Any],
        WithJsonSchema({"type": "array", "minItems": 1, "items": {"$ref": SCHEMAS + PredictRequest.__name__}}),
    ] = Field(description="at most MODEL_BATCH_ITEMS_MAX", examples=[[_EXAMPLE]])


class ModelId(View):
    """Exactly one model."""

    name: str = Field(examples=["signals"])
    version: str = Field(examples=["3"])
    kind: str = Field(examples=["xgboost"])
    sha256: str = Field(description="of the model's file, hex", examples=["9f86d081884c7d659a2feaa0c55ad015" * 2])


class ThresholdsView(View):
    """The probability that BUY or SELL needs at least; below it the decision is HOLD."""

    buy: float = Field(examples=[0.4])
    sell: float = Field(examples=[0.4])


class Contribution(View):
    feature: str = Field(examples=[FEATURE_NAMES[0]])
    value: float = Field(description="of the newest row")
    contribution: float = Field(description="to the margin; above zero it speaks for the class")


class ClassExplanation(View):
    """base_value + all contributions = margin."""

    base_value: float = Field(description="the margin when nothing is known of the features")
    margin: float = Field(description="the softmax's argument, before calibration")
    contributions: dict[str, float] = Field(description="by feature")


class Explanation(View):
    """Tree SHAP: S. Lundberg et al., Nature Machine Intelligence 2 (2020)."""

    direction: Direction = Field(description="the class that is explained: the model's decision, abstained or not")
    base_value: float
    margin: float
    contributions: list[Contribution] = Field(description="to that class's margin, the largest in size first")
    classes: dict[Direction, ClassExplanation] = Field(description="the same for each class")


class Prediction(View):
    model: ModelId
    symbol: str | None
    direction: Direction = Field(description="HOLD where the model abstains")
    probabilities: dict[Direction, float] = Field(description="calibrated", examples=[_PROBABILITIES])
    thresholds: ThresholdsView
    abstained: str | None = Field(description="why the model has no say, such as model_stale", examples=["model_stale"])
    cached: bool = Field(description="whether the numbers were kept from an earlier request")
    explanation: Explanation | None
    explanation_missing: str | None = Field(description="why there is none, where one was asked for")
    problem: str | None = Field(
        description="why the alias is not followed now (the registry is away, a new version is damaged): the last good "
        "model answered"
    )


class ItemProblem(View):
    """What is wrong with one item of a batch, as a request of its own would have been told."""

    status: int = Field(examples=[422])
    code: Code = Field(examples=["MODEL_FEATURES_MISMATCH"])
    detail: str
    errors: Annotated[
        list[FieldProblem],
        PlainSerializer(shown),
        WithJsonSchema({"type": "array", "items": {"$ref": SCHEMAS + FieldProblem.__name__}}),
    ]


class BatchResult(View):
    """One of the two is null."""

    prediction: Prediction | None
    error: ItemProblem | None


class BatchAnswer(View):
    results: list[BatchResult] = Field(description="one for each item, in their order")


class DriftLimits(View):
    pooled: float = Field(description="of a symbol that the model was not trained on")
    by_symbol: dict[str, float]


class SymbolAccuracy(View):
    """How often the model's signals said what came, as far as it is known."""

    symbol: str
    outcomes: int
    accuracy: float = Field(description="share that was right")
    majority_share: float = Field(description="what always saying the commonest class would have had right")


class Description(View):
    """What a model is, from its meta.json."""

    kind: str
    sha256: str
    steps: int = Field(description="feature rows that it looks at")
    features: list[str]
    symbols: list[str] = Field(description="that it was trained on")
    prices: str = Field(description="adjusted or raw")
    trained_from: str
    trained_to: str
    label: dict[str, Any] = Field(description="the rule that it has learnt")
    thresholds: ThresholdsView
    metrics: dict[str, float]
    drift_limits: DriftLimits = Field(description="mean PSI of the features above which they have drifted")


class ModelView(View):
    version: str = Field(examples=["3"])
    aliases: list[str] = Field(examples=[["champion"]])
    is_loaded: bool = Field(description="whether it is in memory")
    problem: str | None = Field(description="why it cannot be used; its description is null where that is unreadable")
    description: Description | None
    accuracy: list[SymbolAccuracy] | None = Field(description="null where no database is known, or it was not read yet")


class ModelList(View):
    name: str = Field(description="MODEL_NAME: one service has the versions of one model", examples=["signals"])
    alias: str = Field(description="MODEL_ALIAS: what serves where a request names no model", examples=["champion"])
    serving: ModelId | None
    problem: str | None = Field(description="why the alias is not followed now")
    models: list[ModelView] = Field(description="newest first")


class ModelDetail(ModelView):
    meta: dict[str, Any] | None = Field(description="meta.json, whole")
