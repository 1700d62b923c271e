"""Judging on the shop's side: two answers to one query beside each other, and which is better."""

import asyncio
import logging
import math
from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus
from typing import Any, Final, TypeVar

from fastapi import APIRouter, Depends, Request, Response
from starlette.datastructures import UploadFile

from furniture_prompter.assembly.catalogs import Catalog
from furniture_prompter.assembly.demand import demand
from furniture_prompter.domain import Query
from furniture_prompter.domain.wording import one_line
from furniture_prompter.errors import BenchmarkError
from furniture_prompter.search.answer import answer
from furniture_prompter.web.access import ADMIN, require
from furniture_prompter.web.bodies import read_json_body
from furniture_prompter.web.errors import ApiError, photo_address
from furniture_prompter.web.judging import Preference, Side
from furniture_prompter.web.looking import sight, upright
from furniture_prompter.web.page_products import product_card
from furniture_prompter.web.page_words import Words
from furniture_prompter.web.routes.admin import (
    SpokenRoute,
    admin_part,
    refuse_keyless,
    words_of,
)
from furniture_prompter.web.routes.search import found
from furniture_prompter.web.schemas import SHOWN_JUDGED, Judged
from furniture_prompter.web.search_bodies import Vector, read_form, sha256_of
from furniture_prompter.web.services import Services, ServicesDep

_LOG = logging.getLogger("furniture_prompter.web")

router = APIRouter(include_in_schema=False, route_class=SpokenRoute)

_T = TypeVar("_T")
_KEYED = Depends(require("write"))
_SHOWN_QUERIES: Final = 200
_MOST_VALUES: Final = 100
_NUMBERS: Final = ("photo_weight", "colour_weight", "diversity")
# Of what is kept beside judgments the content is known: it was decoded.
_SUFFIXES: Final = ((b"\xff\xd8", ".jpg"), (b"\x89PNG", ".png"), (b"RIFF", ".webp"))


@router.get(f"{ADMIN}/judge", dependencies=[_KEYED])
async def judging(request: Request, services: ServicesDep) -> Response:
    """The form that asks for two answers, with what visitors asked where that is written down."""
    refuse_keyless(services)
    if services.judgments is None:
        return admin_part(request, "admin_judge.html", off=True, asked=[], count=0)
    asked: list[str] = []
    if services.settings.events is not None:
        asked = await asyncio.to_thread(_asked, services)
    count = len(await _written(services.judgments.all))
    return admin_part(request, "admin_judge.html", off=False, asked=asked, count=count)


@router.post(f"{ADMIN}/judge/answers", dependencies=[_KEYED])
async def answers(request: Request, services: ServicesDep) -> Response:
    """Two answers to one query, beside each other."""
    refuse_keyless(services)
    judgments = services.judgments
    if judgments is None:
        raise _off()
    form = await read_form(request, 1)
    try:
        items = {name: each for name, each in form.multi_items() if isinstance(each, str)}
        files = [each for _, each in form.multi_items() if isinstance(each, UploadFile)]
        data = await files[0].read() if files else b""
    finally:
        await form.close()
    words, photo, spoken = one_line(items.get("words", "")), "", words_of(request)
    options = [_options(items, name, spoken) for name in ("first", "second")]
    vector: Vector | None = None
    query = Query(prompt=words or None)
    async with services.catalog.current() as catalog:
        if data:
            sha256 = await sha256_of(data, services)
            seen = await sight(data, sha256, None, services)
            vector, looked_at = await upright(seen, catalog.upright, services)
            query = replace(
                query, photo_name="photo", photo_sha256=sha256.hex(), looked_at=looked_at
            )
            suffix = next((end for start, end in _SUFFIXES if data.startswith(start)), ".img")
            photo = await _written(judgments.keep_photo, data, suffix)
        sides = [await _side(query, vector, each, catalog, services, request) for each in options]
    return admin_part(request, "admin_judge_answers.html", words=words, photo=photo, sides=sides)


@router.post(f"{ADMIN}/judge", dependencies=[_KEYED])
async def judge(request: Request, services: ServicesDep) -> Response:
    """Keep which of two answers is better."""
    refuse_keyless(services)
    if services.judgments is None:
        raise _off()
    depth = services.settings.limit_json_depth
    sent = Judged.model_validate(await read_json_body(request, depth, _MOST_VALUES))
    if sent.photo and not await _written(services.judgments.has_photo, sent.photo):
        raise _refused(words_of(request)("judge_no_photo"))
    preference = Preference(
        sent.words,
        sent.photo,
        Side(sent.first.options, tuple(sent.first.products)),
        Side(sent.second.options, tuple(sent.second.products)),
        sent.better,
        request.scope["state"].get("key_name", ""),
    )
    count = await _written(services.judgments.add, preference)
    return admin_part(request, "admin_judged.html", count=count)


async def _written(call: Callable[..., _T], *args: object) -> _T:
    """What reads or writes judgments, in a thread; what the disk refuses is told."""
    try:
        return await asyncio.to_thread(call, *args)
    except OSError as error:
        _LOG.error("judgments cannot be kept: %s", error)
        told = "Judgments cannot be kept; the server's log says why."
        raise ApiError(HTTPStatus.INSUFFICIENT_STORAGE, "unavailable", told) from error


def _refused(message: str) -> ApiError:
    return ApiError(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request", message)


def _off() -> ApiError:
    return ApiError(
        HTTPStatus.NOT_FOUND,
        "not_found",
        "This server keeps no judgments. Name a folder for them with the setting judgments.",
    )


def _asked(services: Services) -> list[str]:
    """Words that visitors asked for, those that were asked most first."""
    assert services.settings.events is not None  # noqa: S101  # who calls it has looked
    try:
        told = demand(services.settings.events)
    except BenchmarkError:
        return []
    return [each.text for each in told.words[:_SHOWN_QUERIES]]


def _options(items: dict[str, str], side: str, words: Words) -> dict[str, Any]:
    """A side's options; what is empty is the server's own."""
    options: dict[str, Any] = {"understand": items.get(f"{side}.understand") != "false"}
    for name in _NUMBERS:
        typed = items.get(f"{side}.{name}", "").strip()
        if not typed:
            continue
        try:
            value = float(typed.replace(",", "."))
        except ValueError:
            value = math.nan
        if not 0 <= value <= 1:
            field = words(f"judge_{name}")
            raise _refused(words("judge_no_share", value=typed[:20], field=field))
        options[name] = value
    return options


async def _side(
    query: Query,
    vector: Vector | None,
    options: dict[str, Any],
    catalog: Catalog,
    services: Services,
    request: Request,
) -> dict[str, Any]:
    asked = (
        options if vector is not None else {k: options[k] for k in options if k[-6:] != "weight"}
    )
    result = await found(query, vector, {**asked, "limit": SHOWN_JUDGED}, catalog, services)
    words = words_of(request)
    hits = answer(result, photo_address)["hits"]
    return {
        "told": {"options": options, "products": [hit["product"]["id"] for hit in hits]},
        "cards": [
            {
                **product_card(hit["product"], hit["variant"], words),
                "photo": hit["photo"].rpartition("/")[2],
            }
            for hit in hits
        ],
    }
