"""From what is asked to what is answered: the model, its numbers (kept or computed), and whether it may be believed.

A few rows take about a millisecond, no longer than a thread waits for Python's lock while the event loop has it: they
are computed in the loop. Large batches and explanations are computed beside it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from pydantic import ValidationError

from domain.errors import InvalidValue
from domain.signals import Direction
from models.classes import CLASSES
from models.engine.doubt import doubt
from models.engine.predictor import Predictor
from models.features import FEATURE_NAMES, Array
from models.learners import checks
from models.service.bodies import (
    BatchResult,
    ItemProblem,
    ModelId,
    Prediction,
    PredictRequest,
    ThresholdsView,
)
from models.service.cache import Answer, Cache
from models.service.explaining import explanation
from models.service.warm import Warm
from runtime import metrics, tracing
from runtime.clock import now_us
from runtime.http.fields import us_of_time
from runtime.http.problems import ProblemError, invalid, moved, refused, unavailable
from runtime.settings import Settings

AT_ONCE_ROWS_MAX = 32
"""Feature rows that are computed in the event loop; two of the LSTM's predictions by default."""

CODES = {
    "finite_number": "FIELD_NOT_FINITE",
    "float_type": "FIELD_TYPE",
    "bool_type": "FIELD_TYPE",
    "list_type": "FIELD_TYPE",
}
"""Of what pydantic finds wrong with a request, beside runtime.http.problems' own."""


class _Asked(NamedTuple):
    """rows: (steps, features). key: where the answer may be kept; None: nowhere."""

    request: PredictRequest
    model: Predictor
    rows: Array
    key: str | None


class _Answered(NamedTuple):
    answer: Answer
    is_kept: bool


class Desk:
    """Answers requests for predictions, at most `model_requests_max` at once."""

    def __init__(self, settings: Settings, warm: Warm, cache: Cache) -> None:
        self._settings = settings
        self._warm = warm
        self._cache = cache
        self._under_way = 0

    async def one(self, request: PredictRequest) -> Prediction:
        """Raises ProblemError: 404 and 503 as Warm.find does, 422 for rows that the model cannot take."""
        with self._admitted():
            asked = self._asked(request, await self._warm.find(request.model))
            (answered,) = await self._answers([asked])
            return self._prediction(asked, answered)

    async def many(self, items: Sequence[Any]) -> list[BatchResult]:
        """Each item, a PredictRequest as JSON gives it, has its answer or its problem.

        All items that name the same model get the same one, though its alias may move meanwhile.
        Raises ProblemError 422 for too many items, or none.
        """
        most = self._settings.model_batch_items_max
        if not 1 <= len(items) <= most:
            raise refused("BATCH_SIZE", f"expected 1 to {most} items, there were {len(items)}", "#/items")
        with self._admitted():
            models: dict[str, Predictor | ProblemError] = {}
            read: list[_Asked | ProblemError] = []
            for place, item in enumerate(items):
                try:
                    read.append(await self._item(item, models))
                except ProblemError as problem:
                    read.append(_within(problem, f"#/items/{place}"))
                await asyncio.sleep(0)  # others are answered between two items
            answers = iter(await self._answers([one for one in read if isinstance(one, _Asked)]))
            return [
                BatchResult(prediction=self._prediction(one, next(answers)), error=None)
                if isinstance(one, _Asked)
                else BatchResult(prediction=None, error=_item_problem(one))
                for one in read
            ]

    @contextmanager
    def _admitted(self) -> Iterator[None]:
        if self._under_way >= self._settings.model_requests_max:
            raise unavailable("SERVICE_BUSY", f"{self._under_way} requests are under way, which is as many as may be")
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1

    async def _item(self, item: Any, models: dict[str, Predictor | ProblemError]) -> _Asked:
        try:
            request = PredictRequest.model_validate(item)
        except ValidationError as error:
            raise invalid(error.errors(), "", CODES) from error
        reference = request.model or f"{self._settings.model_name}@{self._settings.model_alias}"
        if reference not in models:
            try:
                models[reference] = await self._warm.find(reference)
            except ProblemError as problem:
                models[reference] = problem
        found = models[reference]
        if isinstance(found, ProblemError):
            raise found
        return self._asked(request, found)

    def _asked(self, request: PredictRequest, model: Predictor) -> _Asked:
        given = [request.features] if isinstance(request.features, dict) else request.features
        try:
            rows = model.matrix(given)
            checks.finite_rows(rows[np.newaxis], model.steps, len(FEATURE_NAMES))
        except InvalidValue as error:
            raise refused(error.code, error.text, "#/features") from error
        is_kept = request.use_cache and self._cache.is_on
        return _Asked(request, model, rows, self._cache.key(model, rows) if is_kept else None)

    async def _answers(self, asked: Sequence[_Asked]) -> list[_Answered]:
        keys = [one.key for one in asked if one.key is not None]
        kept = iter(await self._cache.find(keys))
        found = [None if one.key is None else next(kept) for one in asked]
        missing: dict[Predictor, list[int]] = {}
        for place, (one, answer) in enumerate(zip(asked, found, strict=True)):
            if answer is None or (one.request.explain and answer.contributions is None):
                missing.setdefault(one.model, []).append(place)
        made: dict[int, Answer] = {}
        for model, places in missing.items():
            fresh = await self._computed(model, [asked[place] for place in places])
            made.update(zip(places, fresh, strict=True))
        await self._cache.keep({key: answer for place, answer in made.items() if (key := asked[place].key) is not None})
        return [
            _Answered(made[place], is_kept=False) if place in made else _Answered(_there(answer), is_kept=True)
            for place, answer in enumerate(found)
        ]

    async def _computed(self, model: Predictor, asked: Sequence[_Asked]) -> list[Answer]:
        with tracing.span("predict", model=model.id, predictions=len(asked)):
            if len(asked) * model.steps <= AT_ONCE_ROWS_MAX and not any(one.request.explain for one in asked):
                return _compute(model, asked)
            return await asyncio.to_thread(_compute, model, asked)

    def _prediction(self, asked: _Asked, answered: _Answered) -> Prediction:
        request, model = asked.request, asked.model
        probabilities = dict(zip(CLASSES, answered.answer.probabilities, strict=True))
        decided, abstained = model.decide(probabilities), self._doubt(request, model)
        contributions = answered.answer.contributions if request.explain else None
        explained = None if contributions is None else explanation(np.array(contributions), decided, asked.rows[-1])
        no_shap = f"models of kind {model.meta.kind} have no SHAP values"
        direction: Direction = "HOLD" if abstained else decided
        metrics.predictions_total.labels(direction=direction, abstained=abstained or "no").inc()
        return Prediction(
            model=model_id(model),
            symbol=request.symbol,
            direction=direction,
            probabilities=probabilities,
            thresholds=ThresholdsView(buy=model.thresholds.buy, sell=model.thresholds.sell),
            abstained=abstained,
            cached=answered.is_kept,
            explanation=explained,
            explanation_missing=no_shap if request.explain and explained is None else None,
            problem=self._warm.problem,
        )

    def _doubt(self, request: PredictRequest, model: Predictor) -> str | None:
        if not request.abstain:
            return None
        time_us = now_us() if request.market_time is None else us_of_time(request.market_time)
        return doubt(model.meta.trained_until, self._settings.model_age_days_max, time_us, None)


def model_id(model: Predictor) -> ModelId:
    return ModelId(name=model.name, version=model.version, kind=model.meta.kind, sha256=model.sha256)


def _compute(model: Predictor, asked: Sequence[_Asked]) -> list[Answer]:
    """All at once; each takes its share of the time."""
    rows = np.stack([one.rows for one in asked])
    started = time.perf_counter()
    probabilities = model.probabilities(rows).tolist()
    share_ms = (time.perf_counter() - started) * 1_000 / len(asked)
    for _ in asked:
        metrics.model_inference_time_ms.observe(share_ms)
    explained = [place for place, one in enumerate(asked) if one.request.explain]
    contributions: dict[int, Any] = {}
    if explained and (values := model.contributions(rows[explained])) is not None:
        contributions = dict(zip(explained, values.tolist(), strict=True))
    return [
        Answer(probabilities=tuple(own), contributions=_tuples(contributions.get(place)))
        for place, own in enumerate(probabilities)
    ]


def _tuples(rows: list[list[float]] | None) -> tuple[tuple[float, ...], ...] | None:
    return None if rows is None else tuple(tuple(row) for row in rows)


def _there(answer: Answer | None) -> Answer:
    assert answer is not None, "what was not found is made"
    return answer


def _within(problem: ProblemError, place: str) -> ProblemError:
    """A problem of an item as one of the batch."""
    errors = [moved(error, place) for error in problem.errors]
    return ProblemError(problem.status, problem.code, problem.detail, errors=errors)


def _item_problem(problem: ProblemError) -> ItemProblem:
    return ItemProblem(status=problem.status, code=problem.code, detail=problem.detail, errors=list(problem.errors))
