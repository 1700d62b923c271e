"""Judging on the shop's side: two answers to one query beside each other, and which is better."""

import asyncio
import logging
from dataclasses import replace
from http import HTTPStatus
from typing import Any, Final

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.datastructures import UploadFile

from furniture_prompter.assembly.catalogs import Catalog
from furniture_prompter.assembly.demand import demand
from furniture_prompter.domain import Query
from furniture_prompter.errors import BenchmarkError
from furniture_prompter.feeds.rows import LIMIT_ID
from furniture_prompter.search.answer import answer
from furniture_prompter.web.access import ADMIN, require
from furniture_prompter.web.bodies import read_json_body
from furniture_prompter.web.errors import ApiError, photo_address
from furniture_prompter.web.judging import Preference, Side, Verdict
from furniture_prompter.web.looking import sight, upright
from furniture_prompter.web.page_products import product_card
from furniture_prompter.web.routes.admin import admin_part, refuse_keyless, words_of
from furniture_prompter.web.routes.search import found
from furniture_prompter.web.search_bodies import Vector, read_form, sha256_of
from furniture_prompter.web.services import Services, ServicesDep

_LOG = logging.getLogger("furniture_prompter.web")

router = APIRouter(include_in_schema=False)

_KEYED = Depends(require("write"))
_SHOWN_HITS: Final = 6
_SHOWN_QUERIES: Final = 200
_MOST_VALUES: Final = 100
_NUMBERS: Final = ("photo_weight", "colour_weight", "diversity")
# Of what is kept beside judgments the content is known: it was decoded.
_SUFFIXES: Final = ((b"\xff\xd8", ".jpg"), (b"\x89PNG", ".png"), (b"RIFF", ".webp"))


class SideSent(BaseModel):
    """An answer as the page tells it back."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    options: dict[str, float | bool | None] = Field(max_length=8)
    products: list[str] = Field(max_length=_SHOWN_HITS)


class Judged(BaseModel):
    """Which of two answers is better."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    words: str = Field(max_length=5_000)
    photo: str = Field(pattern=r"^([0-9a-f]{64}\.(jpg|png|webp|img))?$")
    first: SideSent
    second: SideSent
    better: Verdict


@router.get(f"{ADMIN}/judge", dependencies=[_KEYED])
async def judging(request: Request, services: ServicesDep) -> Response:
    """The form that asks for two answers, with what visitors asked where that is written down."""
    refuse_keyless(services)
    if services.judgments is None:
        return admin_part(request, "admin_judge.html", off=True, asked=[], count=0)
    asked: list[str] = []
    if services.settings.events is not None:
        asked = await asyncio.to_thread(_asked, services)
    count = len(await asyncio.to_thread(services.judgments.all))
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
    words, photo = items.get("words", "").strip(), ""
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
            photo = await asyncio.to_thread(judgments.keep_photo, data, suffix)
        sides = [
            await _side(query, vector, _options(items, name), catalog, services, request)
            for name in ("first", "second")
        ]
    return admin_part(request, "admin_judge_answers.html", words=words, photo=photo, sides=sides)


@router.post(f"{ADMIN}/judge", dependencies=[_KEYED])
async def judge(request: Request, services: ServicesDep) -> Response:
    """Keep which of two answers is better."""
    refuse_keyless(services)
    if services.judgments is None:
        raise _off()
    depth = services.settings.limit_json_depth
    sent = Judged.model_validate(await read_json_body(request, depth, _MOST_VALUES))
    preference = Preference(
        sent.words,
        sent.photo,
        Side(sent.first.options, tuple(each[:LIMIT_ID] for each in sent.first.products)),
        Side(sent.second.options, tuple(each[:LIMIT_ID] for each in sent.second.products)),
        sent.better,
        request.scope["state"].get("key_name", ""),
    )
    try:
        count = await asyncio.to_thread(services.judgments.add, preference)
    except OSError as error:
        _LOG.error("a judgment could not be kept: %s", error)
        raise ApiError(
            HTTPStatus.INSUFFICIENT_STORAGE,
            "unavailable",
            "The judgment could not be kept; the server's log says why.",
        ) from error
    return admin_part(request, "admin_judged.html", count=count)


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


def _options(items: dict[str, str], side: str) -> dict[str, Any]:
    """A side's options; what is no number, or empty, is the server's own."""
    options: dict[str, Any] = {"understand": items.get(f"{side}.understand") != "false"}
    for name in _NUMBERS:
        try:
            value = float(items.get(f"{side}.{name}", "").replace(",", "."))
        except ValueError:
            continue
        if 0 <= value <= 1:
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
    result = await found(query, vector, {**asked, "limit": _SHOWN_HITS}, catalog, services)
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
