"""GET /v1/products/{id}/goes-with and POST /v1/outfit: what suits a piece, and a room's pieces."""

import asyncio
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response

from furniture_prompter.domain.outfit import OutfitRequest
from furniture_prompter.search.goes_with import MOST_COMPANIONS
from furniture_prompter.search.outfit import one_of_both
from furniture_prompter.search.outfit_answer import (
    GoesWithAnswer,
    OutfitAnswer,
    goes_with_answer,
    outfit_answer,
)
from furniture_prompter.web import examples
from furniture_prompter.web.access import require
from furniture_prompter.web.descriptions import PHOTO_FIELD, answers, form_body, json_body
from furniture_prompter.web.errors import json_answer, photo_address
from furniture_prompter.web.looking import pieces_of
from furniture_prompter.web.page_address import LANGUAGES
from furniture_prompter.web.page_products import reason_told
from furniture_prompter.web.page_words import Words, language_of
from furniture_prompter.web.product_bodies import PRODUCT, ends_in_id
from furniture_prompter.web.routes.products import product
from furniture_prompter.web.schemas import OutfitAsked
from furniture_prompter.web.search_bodies import photo_of_text, read_photo
from furniture_prompter.web.services import ServicesDep

Language = Annotated[
    Literal["en", "tr"] | None,
    Query(description="Language of `text` and `notes`; by Accept-Language unless given."),
]

router = APIRouter(tags=["products"], dependencies=[Depends(require("read"))])


@router.get(
    f"{PRODUCT}/goes-with",
    summary="Find what goes with a product",
    responses=answers(GoesWithAnswer, examples.GOES_WITH_ANSWER, 404),
)
async def goes_with(
    product_id: str,
    request: Request,
    services: ServicesDep,
    where: Annotated[
        str | None, Query(description="A filter that pieces must pass; see docs/filters.md.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=MOST_COMPANIONS, description="Pieces at the most.")] = 10,
    lang: Language = None,
) -> Response:
    """Pieces of other kinds that suit a product, of several kinds, each with why."""
    if ends_in_id(request):
        return await product(f"{product_id}/goes-with", services)
    async with services.catalog.current() as catalog:
        found = await catalog.goes_with_async(product_id, where, limit)
    told = goes_with_answer(found, photo_address)
    told["catalog"]["path"] = services.folder_name
    return _in_language(told, request, lang)


@router.post(
    "/outfit",
    summary="Put an outfit together",
    responses=answers(OutfitAnswer, examples.OUTFIT_ANSWER, 404, 415),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": json_body(OutfitAsked, examples.OUTFIT)
            | form_body(
                {
                    "photo": PHOTO_FIELD,
                    **{
                        name: {"type": kind, "description": "As in JSON."}
                        for name, kind in (
                            ("budget", "number"),
                            ("currency", "string"),
                            ("limit", "integer"),
                            ("where", "string"),
                        )
                    },
                }
            ),
        }
    },
)
async def outfit(request: Request, services: ServicesDep, lang: Language = None) -> Response:
    """One piece of each kind that go with a product, or are like those of a room, under a budget.

    JSON with the product's id, or with the photo as base64 or as a public web address; or a form
    with the photo as a file.
    """
    asked, photo = await read_photo(request, services.settings, OutfitAsked)
    if (asked.like is None) == (asked.photo is None and photo is None):
        raise one_of_both()
    wanted = OutfitRequest(
        asked.like,
        asked.budget,
        asked.currency,
        asked.limit,
        tuple(asked.leave_out),
        dict(asked.replace),
        asked.where,
    )
    if photo is None and asked.photo is not None:
        photo = await photo_of_text(asked.photo, services)
    pieces = []
    if photo is not None:
        found, images = await pieces_of(photo.data, services)
        rows = await asyncio.gather(*(services.queue.encode(image) for image in images))
        pieces = list(zip(found, rows, strict=True))
    async with services.catalog.current() as catalog:
        told = outfit_answer(await catalog.outfit_async(wanted, pieces), photo_address)
    told["catalog"]["path"] = services.folder_name
    return _in_language(told, request, lang)


def _in_language(
    told: GoesWithAnswer | OutfitAnswer, request: Request, lang: str | None
) -> Response:
    """An answer whose sentences are in the language that is asked for, English in any other."""
    language = language_of(lang or "", request.headers.get("accept-language", ""))
    words = Words(language)
    if language != LANGUAGES[0]:
        pieces: list[Any] = [*told["pieces"]]
        pieces += [other for piece in pieces for other in piece.get("alternatives", ())]
        for reason in (each for piece in pieces for each in piece["why"]):
            reason["text"] = reason_told(reason, words)
        told["notes"] = [words.outfit_note(note) for note in told["notes"]]
    return json_answer(told, {"Content-Language": language, "Vary": "Accept-Language"})
