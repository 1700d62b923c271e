"""POST /v1/search: by words, by a photo, or by both."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from fastapi import APIRouter, Depends, Request, Response

from furniture_prompter.assembly.catalogs import Catalog
from furniture_prompter.domain import Query, SearchResult
from furniture_prompter.query_options import LISTS, OPTIONS
from furniture_prompter.search.answer import SearchAnswer
from furniture_prompter.search.option_fields import options_of
from furniture_prompter.search.pieces import box_of, looks_for_pieces
from furniture_prompter.search.query_vectors import Vectors
from furniture_prompter.timing import StepTimes
from furniture_prompter.web import examples
from furniture_prompter.web.access import require
from furniture_prompter.web.descriptions import (
    CROP_FIELD,
    PHOTO_FIELD,
    answers,
    form_body,
    json_body,
)
from furniture_prompter.web.errors import search_answer
from furniture_prompter.web.looking import Sight, covered, pieces_of, room, sight, upright
from furniture_prompter.web.schemas import SearchRequest
from furniture_prompter.web.search_bodies import (
    Vector,
    photo_of_text,
    read_search,
    sha256_of,
)
from furniture_prompter.web.services import Services, ServicesDep

router = APIRouter(tags=["search"], dependencies=[Depends(require("read"))])


def _form_field(name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """A field of a form by the JSON's: of the same type and range, but a list is one text."""
    kind: dict[str, Any] = next(
        each for each in schema.get("anyOf", [schema]) if each.get("type") != "null"
    )
    kept: dict[str, Any] = {key: kind[key] for key in ("type", "minimum", "maximum") if key in kind}
    if name in LISTS:
        kept["type"] = "string"
    return {**kept, "description": OPTIONS[name].about.help_in_form}


_JSON_FIELDS: Final = SearchRequest.model_json_schema()["properties"]
_FORM: Final = form_body(
    {
        "photo": PHOTO_FIELD,
        "prompt": {"type": "string", "description": "As in JSON."},
        "crop": CROP_FIELD,
        **{name: _form_field(name, _JSON_FIELDS[name]) for name in OPTIONS},
    }
)


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
    crop = asked.crop.crop() if asked.crop is not None else None
    options = options_of(asked)
    whole: bool = options["whole"]
    query = Query(prompt=asked.prompt, crop=crop)
    vector: Vector | None = None
    covers: Vectors | None = None
    seen: Sight | None = None
    if photo is not None:
        with clock.step("encode"):
            sha256 = await sha256_of(photo.data, services)
            if options["piece"] is not None:
                crop = box_of((await pieces_of(photo.data, services))[0], options["piece"])
                query = replace(query, crop=crop)
            seen = await sight(photo.data, sha256, crop, services, whole=whole)
        query = replace(query, photo_name=photo.name, photo_sha256=sha256.hex())
    async with services.catalog.current() as catalog:
        if seen is not None:
            with clock.step("encode"):
                vector, looked_at = await upright(seen, catalog.upright, services, whole=whole)
                if photo is not None and options["heat"]:
                    turned = 0 if looked_at is None else looked_at.turned
                    covers = await covered(photo.data, seen.look.cut, turned, services)
            query = replace(query, looked_at=looked_at)
        result = await found(query, vector, options, catalog, services, covers)
        asks_for_pieces = services.settings.detector is not None and looks_for_pieces(result.query)
        if photo is not None and asks_for_pieces:
            with clock.step("pieces"):
                pieces = await room(photo.data, result.query, catalog, services)
            result = replace(result, pieces=pieces)
    return search_answer(result, services.folder_name, clock)


async def found(
    query: Query,
    vector: Vector | None,
    options: Mapping[str, Any],
    catalog: Catalog,
    services: Services,
    covers: Vectors | None = None,
) -> SearchResult:
    """The answer to a query with options; None is as if left out. Its steps are counted.

    Raises:
        InvalidQueryError, InvalidFilterError, ProductNotFoundError: it cannot be answered.
    """
    asked = query.with_options(options, services.settings)
    result = await catalog.search_async(asked, photo_vector=vector, covered=covers)
    for step, elapsed_ms in result.timings_ms.items():
        services.metrics.stage_took(f"search_{step}", elapsed_ms / 1_000)
    return result
