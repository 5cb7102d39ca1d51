"""POST /predict and /predict/batch."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from models.service.bodies import BatchAnswer, BatchRequest, Prediction, PredictRequest
from models.service.desk import Desk

router = APIRouter(tags=["predictions"])


async def _desk(request: Request) -> Desk:  # a plain function would be called on a thread
    found: Desk = request.app.state.desk
    return found


DeskOf = Annotated[Desk, Depends(_desk)]


@router.post("/predict", operation_id="predict", summary="What a model says of one instrument's feature rows")
async def predict(desk: DeskOf, body: PredictRequest) -> Prediction:
    """The numbers are those of the same model in process, bit by bit."""
    return await desk.one(body)


@router.post("/predict/batch", operation_id="predict_batch", summary="Several predictions at once")
async def predict_batch(desk: DeskOf, body: BatchRequest) -> BatchAnswer:
    """200 with one result for each item, in their order: its prediction, or what is wrong with it."""
    return BatchAnswer(results=await desk.many(body.items))
