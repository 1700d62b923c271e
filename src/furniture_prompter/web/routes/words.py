"""GET /v1/suggest and POST /v1/describe: a prompt completed, a photo put into words."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request, Response

from furniture_prompter.search.answer import (
    DescriptionAnswer,
    SuggestionsAnswer,
    description_answer,
    suggestions_answer,
)
from furniture_prompter.search.suggesting import LIMIT_SUGGESTIONS
from furniture_prompter.web import examples
from furniture_prompter.web.access import require
from furniture_prompter.web.descriptions import (
    CROP_FIELD,
    PHOTO_FIELD,
    answers,
    form_body,
    json_body,
)
from furniture_prompter.web.errors import ApiError, json_answer
from furniture_prompter.web.schemas import DescribeRequest
from furniture_prompter.web.search_bodies import photo_of_text, read_photo, sha256_of, vector_of
from furniture_prompter.web.services import ServicesDep

router = APIRouter(tags=["words"], dependencies=[Depends(require("read"))])

_FORM: Final = form_body({"photo": PHOTO_FIELD, "crop": CROP_FIELD})


@router.get(
    "/suggest",
    summary="Complete a prompt while it is typed",
    responses=answers(SuggestionsAnswer, examples.SUGGESTIONS_ANSWER, 400),
)
async def suggest(
    services: ServicesDep,
    q: Annotated[str, Query(description="What was typed so far; may be empty.")] = "",
    limit: Annotated[
        int,
        Query(
            ge=1,
            le=LIMIT_SUGGESTIONS,
            description="Completions, and refinements, at the most.",
        ),
    ] = 8,
) -> Response:
    """Completions in the catalog's own words, and what the products of these words differ in."""
    async with services.catalog.current() as catalog:
        found = await catalog.suggest_async(q, limit)
    return json_answer(suggestions_answer(found))


@router.post(
    "/describe",
    summary="Put a photo into words",
    responses=answers(DescriptionAnswer, examples.DESCRIPTION_ANSWER, 400, 415),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": json_body(DescribeRequest, examples.DESCRIBE) | _FORM,
        }
    },
)
async def describe(request: Request, services: ServicesDep) -> Response:
    """Category, colours and materials of what a photo shows, in the catalog's own words.

    JSON with the photo as base64 or as a public web address; or a form with the photo as a file.
    """
    asked, photo = await read_photo(request, services.settings, DescribeRequest)
    if photo is None and asked.photo is not None:
        photo = await photo_of_text(asked.photo, services)
    if photo is None:
        raise ApiError(422, "invalid_request", "There is no photo. Send one in `photo`.")
    crop = asked.crop.crop() if asked.crop is not None else None
    vector = await vector_of(photo.data, await sha256_of(photo.data, services), crop, services)
    async with services.catalog.current() as catalog:
        told = await catalog.describe_async(vector)
    return json_answer(description_answer(told))
