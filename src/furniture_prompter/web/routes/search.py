"""Search by words, by a photo, or by both."""

from typing import Any, Final

from fastapi import APIRouter, Depends, Request, Response

from furniture_prompter.domain import Query
from furniture_prompter.timing import StepTimes
from furniture_prompter.web import examples
from furniture_prompter.web.access import require
from furniture_prompter.web.descriptions import answers, json_body
from furniture_prompter.web.errors import search_answer
from furniture_prompter.web.schemas import SearchAnswer, SearchRequest
from furniture_prompter.web.search_bodies import (
    SentPhoto,
    Vector,
    photo_of_text,
    read_search,
    sha256_of,
    vector_of,
)
from furniture_prompter.web.services import Services, ServicesDep

router = APIRouter(tags=["search"], dependencies=[Depends(require("read"))])

_AS_IN_JSON: Final = "As in JSON."
_FORM: Final[dict[str, Any]] = {
    "multipart/form-data": {
        "schema": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "photo": {"type": "string", "format": "binary", "description": "Its file."},
                "prompt": {"type": "string", "description": _AS_IN_JSON},
                "crop": {
                    "type": "string",
                    "description": 'JSON: {"x": 0.1, "y": 0, "width": 0.5, "height": 1}',
                },
                "photo_weight": {
                    "type": "number",
                    "minimum": 0,
                    "maximum": 1,
                    "description": _AS_IN_JSON,
                },
                "without": {"type": "string", "description": _AS_IN_JSON},
                "where": {"type": "string", "description": _AS_IN_JSON},
                "limit": {"type": "integer", "minimum": 1, "description": _AS_IN_JSON},
                "cursor": {"type": "string", "description": _AS_IN_JSON},
                "facets": {"type": "string", "description": "Column names with commas between."},
            },
        }
    }
}


@router.post(
    "/search",
    summary="Find products by words, by a photo, or by both",
    responses=answers(SearchAnswer, examples.SEARCH_ANSWER, 400, 415),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": json_body(SearchRequest, examples.SEARCH) | _FORM,
        }
    },
)
async def search(request: Request, services: ServicesDep) -> Response:
    """Hits in the shape that `search --json` prints, best first.

    JSON with the photo as base64 or as a public web address; or a form with the photo as a file.
    The header Server-Timing says where the time went.
    """
    asked, photo = await read_search(request, services.settings)
    clock = StepTimes()
    if photo is None and asked.photo is not None:
        with clock.step("receive"):
            photo = await photo_of_text(asked.photo, services)
    vector: Vector | None = None
    sha256 = b""
    if photo is not None:
        with clock.step("encode"):
            sha256 = await sha256_of(photo.data, services)
            crop = asked.crop.crop() if asked.crop is not None else None
            vector = await vector_of(photo.data, sha256, crop, services)
    query = _query(asked, photo, sha256.hex() or None, services)
    async with services.catalog.current() as catalog:
        result = await catalog.search_async(query, photo_vector=vector)
    for step, elapsed_ms in result.timings_ms.items():
        services.metrics.stage_took(f"search_{step}", elapsed_ms / 1_000)
    return search_answer(result, services.folder_name, clock)


def _query(
    asked: SearchRequest, photo: SentPhoto | None, sha256: str | None, services: Services
) -> Query:
    weight = asked.photo_weight
    return Query(
        prompt=asked.prompt,
        photo_name=photo.name if photo is not None else None,
        photo_sha256=sha256,
        photo_weight=services.settings.photo_weight if weight is None else weight,
        crop=asked.crop.crop() if asked.crop is not None else None,
        without=asked.without,
        where=asked.where,
        limit=asked.limit,
        cursor=asked.cursor,
        facets=tuple(asked.facets),
    )
