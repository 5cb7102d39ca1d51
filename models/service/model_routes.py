"""GET /models and /models/{version}."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request

from models.service.accuracy import Accuracy
from models.service.bodies import ModelDetail, ModelList, ModelView
from models.service.desk import model_id
from models.service.shelf import Known, Shelf, description, plain
from models.service.warm import Warm
from runtime.http.problems import ProblemError
from runtime.settings import Settings

router = APIRouter(tags=["models"])


@router.get("/models", operation_id="list_models", summary="The versions that are there, and which of them serves")
async def list_models(request: Request) -> ModelList:
    settings, warm, shelf = _settings(request), _warm(request), _shelf(request)
    known = await asyncio.to_thread(shelf.all)
    return ModelList(
        name=settings.model_name,
        alias=settings.model_alias,
        serving=None if warm.champion is None else model_id(warm.champion),
        problem=warm.problem,
        models=[ModelView(**_view(request, one)) for one in known],
    )


@router.get("/models/{version}", operation_id="get_model", summary="One version, with its whole meta.json")
async def get_model(
    request: Request, version: Annotated[str, Path(pattern="^[0-9]{1,9}$", examples=["3"])]
) -> ModelDetail:
    known = await asyncio.to_thread(_shelf(request).one, version)
    if known is None:
        detail = f"there is no version {version} of {_settings(request).model_name}"
        raise ProblemError(404, "MODEL_VERSION_UNKNOWN", detail)
    return ModelDetail(**_view(request, known), meta=None if known.meta is None else plain(known.meta))


def _view(request: Request, known: Known) -> dict[str, Any]:
    warm, accuracy = _warm(request), _accuracy(request)
    return {
        "version": known.version,
        "aliases": sorted(alias for alias, version in warm.aliases().items() if version == known.version),
        "is_loaded": known.version in warm.loaded(),
        "problem": known.problem,
        "description": None if known.meta is None else description(known.meta),
        "accuracy": accuracy.of(known.version),
    }


def _settings(request: Request) -> Settings:
    found: Settings = request.app.state.settings
    return found


def _warm(request: Request) -> Warm:
    found: Warm = request.app.state.warm
    return found


def _shelf(request: Request) -> Shelf:
    found: Shelf = request.app.state.shelf
    return found


def _accuracy(request: Request) -> Accuracy:
    found: Accuracy = request.app.state.accuracy
    return found
