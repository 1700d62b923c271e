"""Judging on the shop's side: two answers to one query beside each other, and which is better."""

import asyncio
import logging
import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from http import HTTPStatus
from typing import Any, Final, TypeVar

from fastapi import APIRouter, Depends, Request, Response
from starlette.datastructures import UploadFile

from furniture_prompter.assembly.demand import demand
from furniture_prompter.domain import Query, SearchResult
from furniture_prompter.domain.wording import one_line
from furniture_prompter.errors import BenchmarkError, PhotoNotFoundError
from furniture_prompter.search.answer import answer
from furniture_prompter.web.access import ADMIN, require, words_of
from furniture_prompter.web.bodies import read_json_body
from furniture_prompter.web.caches import resized
from furniture_prompter.web.errors import ApiError, photo_address
from furniture_prompter.web.judging import Preference, Side
from furniture_prompter.web.looking import sight, upright
from furniture_prompter.web.page_files import PAGE_HEADERS
from furniture_prompter.web.page_products import product_card
from furniture_prompter.web.page_words import Words
from furniture_prompter.web.routes.admin import (
    SpokenRoute,
    admin_part,
    refuse_keyless,
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
_SIDE_PX: Final = 192
_MOST_VALUES: Final = 100
_NUMBERS: Final = ("photo_weight", "colour_weight", "diversity")
# Of what is kept beside judgments the content is known: it was decoded.
_SUFFIXES: Final = ((b"\xff\xd8", ".jpg"), (b"\x89PNG", ".png"), (b"RIFF", ".webp"))


@router.get(f"{ADMIN}/judge", dependencies=[_KEYED])
async def judging(request: Request, services: ServicesDep) -> Response:
    """The form that asks for two answers, with what visitors asked where that is written down."""
    refuse_keyless(services)
    if services.judgments is None:
        return admin_part(request, "admin_judge.html", off=True)
    asked: list[str] = []
    if services.settings.events is not None:
        asked = await asyncio.to_thread(_asked, services)
    said = await _written(services.judgments.all)
    return admin_part(
        request,
        "admin_judge.html",
        off=False,
        asked=asked,
        count=len(said),
        catalogs=_catalogs(services),
        tally=_tally(said, services, words_of(request)),
    )


@router.get(f"{ADMIN}/judge/images/{{photo}}", dependencies=[_KEYED])
async def judged_image(photo: str, services: ServicesDep) -> Response:
    """A photo of the catalog beside, which nobody else is shown."""
    refuse_keyless(services)
    if services.compared is None:
        raise PhotoNotFoundError("There is no catalog beside the one that is served.")
    async with services.compared.current() as catalog:
        path = await catalog.photo_path(photo)
        limits = services.decoding.limits
        made = await services.decoding.run(resized, path, _SIDE_PX, "jpeg", limits)
    return Response(made.data, media_type=made.media_type, headers=PAGE_HEADERS)


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
    names = ("first", "second")
    options = [_options(items, name, spoken) for name in names]
    catalogs = _catalogs(services)
    asked = [items.get(f"{name}.catalog", "") if catalogs else "" for name in names]
    if any(each and each not in catalogs for each in asked):
        raise _refused(spoken("judge_no_catalog", names=", ".join(catalogs)))
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
        sides = []
        for name, given in zip(asked, options, strict=True):
            if catalogs and name == catalogs[1]:
                result = await _compared(words, data, given, services)
            else:
                fitting = {**_fitting(given, vector), "limit": SHOWN_JUDGED}
                result = await found(query, vector, fitting, catalog, services)
            sides.append(_side(result, given, name or "".join(catalogs[:1]), catalogs, spoken))
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
        Side(sent.first.options, tuple(sent.first.products), sent.first.catalog),
        Side(sent.second.options, tuple(sent.second.products), sent.second.catalog),
        sent.better,
        request.scope["state"].get("key_name", ""),
    )
    count = await _written(services.judgments.add, preference)
    said = await _written(services.judgments.all) if services.compared is not None else []
    told = _tally(said, services, words_of(request))
    return admin_part(request, "admin_judged.html", count=count, tally=told)


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


def _fitting(options: dict[str, Any], photo: object) -> dict[str, Any]:
    """Options without those that only a query with a photo takes."""
    if photo is not None:
        return options
    return {name: value for name, value in options.items() if not name.endswith("weight")}


def _catalogs(services: Services) -> tuple[str, ...]:
    """Names of the catalog that is served and of the one beside it; none where there is none."""
    beside = services.settings.compare
    if beside is None:
        return ()
    own, other = services.folder_name, beside.absolute().name
    # Two folders of one name are told apart by where they lie.
    return (own, other if other != own else f"{beside.absolute().parent.name}/{other}")


def tally(preferences: Iterable[Preference], one: str, other: str) -> dict[str, int]:
    """How often answers of two catalogs, that were judged beside each other, were better.

    Args:
        preferences: All that was said.
        one: A catalog.
        other: The other.

    Returns:
        How often, by catalog, and by ``both`` and ``neither``.
    """
    counts = {one: 0, other: 0, "both": 0, "neither": 0}
    for each in preferences:
        named = {"first": each.first.catalog, "second": each.second.catalog}
        if set(named.values()) == {one, other}:
            counts[named.get(each.better, each.better)] += 1
    return counts


def _tally(said: list[Preference], services: Services, words: Words) -> str:
    """How often which catalog was better, in a sentence; empty where only one answers."""
    catalogs = _catalogs(services)
    if not catalogs:
        return ""
    one, other = catalogs
    counts = {name: words.number(count) for name, count in tally(said, one, other).items()}
    return words(
        "judge_tally",
        one=one,
        other=other,
        ones=counts[one],
        others=counts[other],
        both=counts["both"],
        neither=counts["neither"],
    )


async def _compared(
    words: str, photo: bytes, options: dict[str, Any], services: Services
) -> SearchResult:
    """The answer of the catalog beside, by its own encoders."""
    assert services.compared is not None  # noqa: S101  # its name is only known where it is
    async with services.compared.current() as catalog:
        return await asyncio.to_thread(
            catalog.search,
            words or None,
            photo=photo or None,
            **_fitting(options, photo or None),
            limit=SHOWN_JUDGED,
        )


def _side(
    result: SearchResult,
    options: dict[str, Any],
    name: str,
    catalogs: tuple[str, ...],
    words: Words,
) -> dict[str, Any]:
    hits = answer(result, photo_address)["hits"]
    beside = bool(catalogs) and name == catalogs[1]
    cards = []
    for hit in hits:
        photo = hit["photo"].rpartition("/")[2]
        place = f"admin/judge/images/{photo}" if beside else f"v1/images/{photo}?side_px={_SIDE_PX}"
        cards.append({**product_card(hit["product"], hit["variant"], words), "photo": place})
    products = [hit["product"]["id"] for hit in hits]
    return {"told": {"options": options, "products": products, "catalog": name}, "cards": cards}
