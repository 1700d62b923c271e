"""The shopper's page: GET and POST /, a product's page, the comparison, and the files they load.

It asks as the API does, by the same query and the same answer; see ``web.page``.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import Any, Final

from fastapi import APIRouter, Depends, Request, Response
from pydantic import ValidationError
from starlette.background import BackgroundTask
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, RedirectResponse

from furniture_prompter import domain
from furniture_prompter.assembly.catalogs import Catalog
from furniture_prompter.domain import Query
from furniture_prompter.domain.query import LookedAt, Piece
from furniture_prompter.errors import FurniturePrompterError, NotInCatalogError
from furniture_prompter.search.answer import answer, facet_answer, product_page_answer
from furniture_prompter.search.outfit_answer import goes_with_answer
from furniture_prompter.timing import StepTimes
from furniture_prompter.web.access import EMBEDDING, require
from furniture_prompter.web.behaviour import BehaviourLog, EventRequest
from furniture_prompter.web.bodies import read_json_body
from furniture_prompter.web.errors import ApiError, api_error, json_answer, photo_address
from furniture_prompter.web.looking import PhotoGoneError, Sight, pieces_of, sight, upright
from furniture_prompter.web.page import HITS_OF_PAGE, MOST_COMPARED, MOST_SORTED, View
from furniture_prompter.web.page_address import (
    LANGUAGES,
    Asked,
    as_addressed,
    facet_columns,
    where_of,
)
from furniture_prompter.web.page_files import FILE_TYPES, PAGE_HEADERS, STATIC, root_of, templates
from furniture_prompter.web.page_order import page_of
from furniture_prompter.web.page_products import (
    companion_card,
    facts_of,
    is_sold_out,
    product_card,
    title_of,
)
from furniture_prompter.web.page_start import first_page
from furniture_prompter.web.page_words import Words, language_of
from furniture_prompter.web.product_bodies import PRODUCT
from furniture_prompter.web.routes.search import found
from furniture_prompter.web.search_bodies import (
    SentPhoto,
    Vector,
    photo_of_text,
    read_form,
    sha256_of,
)
from furniture_prompter.web.services import Services, ServicesDep

_LOG = logging.getLogger("furniture_prompter.web")

router = APIRouter(include_in_schema=False)

# Of these errors the page's own words say all that is to be said.
_SUFFICE: Final = ("photo_gone", "not_found")
_SIMILAR: Final = 8
_MOST_PIECES: Final = 8
_EVENT_VALUES: Final = 20


@router.get("/page/{digest}/{name}")
async def static_file(digest: str, name: str, request: Request) -> Response:
    """A style, script or drawing of the page; its address changes when it does."""
    return STATIC.answer(digest, name, request.headers.get("accept-encoding", ""))


@router.get(EMBEDDING)
async def embedding() -> Response:
    """The module that a shop's own page loads, at an address that stays."""
    text = f"export * from './page/{STATIC.digest}/embed.js';\n"
    return Response(text, media_type=FILE_TYPES["js"], headers={"Cache-Control": "no-cache"})


@router.get("/")
async def page(request: Request, services: ServicesDep) -> Response:
    """The page for people; for programs where the API is, and for people without a key as well."""
    accepted = request.headers.get("accept", "")
    if "application/json" in accepted and "text/html" not in accepted:
        places = {"documentation": "/docs", "description": "/openapi.json"}
        return json_answer(places, {"Vary": "Accept"})
    if "read" not in request.scope["state"]["scopes"]:
        return RedirectResponse("docs", headers={"Vary": "Accept"})
    return await _search_page(request, services, *_told(request), None)


@router.post("/", dependencies=[Depends(require("read"))])
async def page_with_photo(request: Request, services: ServicesDep) -> Response:
    """The page that answers a form with a photo; what it shows has an address of its own."""
    asked, words = _told(request)
    photo: SentPhoto | None = None
    items: list[tuple[str, str]] = []
    try:
        form = await read_form(request, 1)
    except ApiError as error:
        return _problem(request, asked, words, error)
    try:
        for name, value in form.multi_items():
            if isinstance(value, UploadFile):
                photo = SentPhoto(await value.read(), (value.filename or "photo")[:100])
            else:
                items.append((name, value))
    finally:
        await form.close()
    address = dict(reversed(items)).get("address", "").strip()
    return await _search_page(request, services, *_told(request, items), photo, address)


@router.post("/events", dependencies=[Depends(require("read"))])
async def event(request: Request, services: ServicesDep) -> Response:
    """What was done with a hit; written down where the server was told to."""
    if services.behaviour is None:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    sent = EventRequest.model_validate(
        await read_json_body(request, services.settings.limit_json_depth, _EVENT_VALUES)
    )
    await asyncio.to_thread(
        services.behaviour.event, sent.query, sent.session, sent.action, sent.product, sent.place
    )
    return Response(status_code=HTTPStatus.NO_CONTENT)


@router.get("/compare", dependencies=[Depends(require("read"))])
async def compare(request: Request, services: ServicesDep) -> Response:
    """Up to four products side by side."""
    asked, words = _told(request)
    ids = list(dict.fromkeys(request.query_params.getlist("id")))[:MOST_COMPARED]
    columns: list[dict[str, Any]] = []
    async with services.catalog.current() as catalog:
        for product_id in ids:
            try:
                product, photos = await catalog.product(product_id)
            except NotInCatalogError:
                continue
            told = product_page_answer(product, photos, photo_address)
            columns.append(
                {
                    "card": product_card(told["product"], None, words),
                    "photo": _photo_ids(told["photos"])[:1],
                    "facts": dict(facts_of(told["product"], words)),
                }
            )
    names = list(dict.fromkeys(name for each in columns for name in each["facts"]))
    return _html(request, "compare.html", asked, words, products=columns, names=names)


@router.get(PRODUCT, dependencies=[Depends(require("read"))])
async def product_page(product_id: str, request: Request, services: ServicesDep) -> Response:
    """A product: its photos, what the shop says of it, what goes with it and what looks like it."""
    asked, words = _told(request)
    async with services.catalog.current() as catalog:
        try:
            product, photos = await catalog.product(product_id)
            query = domain.Query(similar_to=product.id).with_options(
                {"limit": _SIMILAR}, services.settings
            )
            result = await catalog.search_async(query)
            suited = await catalog.goes_with_async(product.id, None, _SIMILAR)
        except NotInCatalogError as error:
            return _problem(request, asked, words, api_error(request, error))
        columns = catalog.columns
    told = product_page_answer(product, photos, photo_address)
    view = View(replace(asked, like=product.id), words, columns, answer(result, photo_address))
    return _html(
        request,
        "product.html",
        asked,
        words,
        product=told["product"],
        card=product_card(told["product"], None, words),
        photos=_photo_ids(told["photos"]),
        variants=[
            {
                "card": product_card(told["product"], variant, words),
                "sold": is_sold_out(told["product"], variant),
                "photos": _photo_ids(told["variant_photos"].get(variant["id"], ())),
            }
            for variant in told["product"]["variants"]
        ],
        facts=facts_of(told["product"], words),
        goes_with=[
            companion_card(each, words)
            for each in goes_with_answer(suited, photo_address)["pieces"]
        ],
        similar=[view.card(hit) for hit in view.answer["hits"]],
    )


def _photo_ids(addresses: Any) -> list[str]:
    return [address.rpartition("/")[2] for address in addresses]


def _told(request: Request, items: Sequence[tuple[str, str]] | None = None) -> tuple[Asked, Words]:
    """What a form's fields ask for, the address without them, and the page's language."""
    items = request.query_params.multi_items() if items is None else items
    named = dict(reversed(items)).get("lang", "")
    language = language_of(named, request.headers.get("accept-language", ""))
    return Asked.of(items, language), Words(language)


async def _search_page(
    request: Request,
    services: Services,
    asked: Asked,
    words: Words,
    photo: SentPhoto | None,
    address: str = "",
) -> Response:
    try:
        if photo is None and address:
            # As people copy it: browsers leave the scheme out of what they show.
            full = address if "://" in address else f"https://{address}"
            photo = await photo_of_text(full, services)
            asked = replace(asked, crop=None)
        return await _searched(request, services, asked, photo, words)
    except PhotoGoneError:
        gone = ApiError(HTTPStatus.GONE, "photo_gone", words.problem("photo_gone"))
        return _problem(request, asked, words, gone)
    except (ApiError, FurniturePrompterError, ValidationError) as error:
        return _problem(request, asked, words, api_error(request, error))


async def _searched(
    request: Request, services: Services, asked: Asked, photo: SentPhoto | None, words: Words
) -> Response:
    clock = StepTimes()
    vector: Vector | None = None
    seen: Sight | None = None
    if photo is not None:
        with clock.step("encode"):
            sha256 = await sha256_of(photo.data, services)
            # Of another photo than the one before, nobody has said that it is to stay as it is.
            is_whole = asked.whole and asked.photo in ("", sha256.hex())
            asked = replace(asked, photo=sha256.hex(), like="", whole=is_whole)
            seen = await sight(photo.data, sha256, asked.crop, services, whole=asked.whole)
    elif asked.photo:
        sha256 = bytes.fromhex(asked.photo)
        seen = await sight(None, sha256, asked.crop, services, whole=asked.whole)
    looked_at: LookedAt | None = None
    async with services.catalog.current() as catalog:
        if seen is not None:
            with clock.step("encode"):
                sides = catalog.upright
                vector, looked_at = await upright(seen, sides, services, whole=asked.whole)
            if looked_at is not None and photo is not None:
                # The link to the photo as it is works from memory, without its file.
                await sight(photo.data, sha256, asked.crop, services, whole=True)
        if not asked.asks:
            return _html(
                request,
                "search.html",
                asked,
                words,
                view=None,
                query_id="",
                first="",
                **await first_page(catalog, words),
            )
        columns = catalog.columns
        pieces = await _pieces(asked, photo, services)
        result = await _asked_for(asked, vector, catalog, services, words.language)
        counted = await _counted(asked, vector, catalog, services, result.facets)
        title = ""
        if asked.like:
            liked, _ = await catalog.product(asked.like)
            title = title_of({"title": liked.title, "id": liked.id, **liked.attributes}, words)
        in_photo = pieces or services.rooms.get(asked.photo) or ()
        shown, is_whole_room = "", len(in_photo) > 1 and not asked.crop
        # A room's vector is of no one product.
        if vector is not None and services.behaviour is not None and not is_whole_room:
            shown = (await catalog.describe_async(vector)).prompt
    clock.add({name: ms for name, ms in result.timings_ms.items() if name != "total"})
    told = answer(result, photo_address)
    strengths = {hit.rank: hit.strengths for hit in result.hits}
    view = View(asked, words, columns, told, strengths, looked_at, pieces)
    hits, further, sorted_apart = page_of(
        asked, told, {hit.rank: hit.is_of_kind for hit in result.hits}
    )
    query_id = ""
    if services.behaviour is not None:
        ids = [hit["product"]["id"] for hit in hits]
        behaviour = {**view.behaviour(shown), "room": is_whole_room}
        # What a filter leaves nothing of may well be sold.
        is_unmet = behaviour["nothing_matches"] and not asked.chosen
        if is_unmet and seen is not None and vector is not None:
            behaviour["photo_kept"] = await _kept(seen, vector, services.behaviour)
        query_id = await asyncio.to_thread(services.behaviour.query, asked.words, behaviour, ids)
    return _html(
        request,
        "search.html",
        asked,
        words,
        view=view,
        query_id=query_id,
        first=(asked.page - 1) * HITS_OF_PAGE + 1 if asked.sort or not hits else hits[0]["rank"],
        total=result.passed,
        cards=[view.card(hit) for hit in hits],
        facets=view.facets(counted),
        further=further,
        sorted_apart=sorted_apart,
        title=title,
        ms=max(1, round(clock.timings_ms()["total"])),
        status=HTTPStatus.OK,
        later=BackgroundTask(_remember, photo, pieces, services) if photo and pieces else None,
    )


async def _kept(seen: Sight, vector: Vector, behaviour: BehaviourLog) -> str:
    """What a photo that found nothing is kept as, where such are; empty where they are not.

    One whose vector was in memory has come before, and was kept then.
    """
    if behaviour.photos is None:
        return ""
    name = seen.key.hex()
    if seen.image is not None:
        await asyncio.to_thread(behaviour.photos.keep, name, seen.image, vector)
    return name


async def _pieces(asked: Asked, photo: SentPhoto | None, services: Services) -> tuple[Piece, ...]:
    """The pieces of a room, where a detector is set up and the photo is not to stay as it is."""
    if services.settings.detector is None or not asked.photo or asked.whole:
        return ()
    found = services.rooms.get(asked.photo)
    if found is None and photo is not None:
        pieces, _ = await pieces_of(photo.data, services, asked=False)
        found = pieces[:_MOST_PIECES]
        services.rooms[asked.photo] = found
    return found or ()


async def _remember(photo: SentPhoto, pieces: Sequence[Piece], services: Services) -> None:
    """Encode the pieces of a room, so that their links work from memory, without the photo."""
    sha256 = await sha256_of(photo.data, services)
    async with services.catalog.current() as catalog:
        for piece in pieces:
            try:
                seen = await sight(photo.data, sha256, as_addressed(piece.box), services)
                await upright(seen, catalog.upright, services)
            except (ApiError, FurniturePrompterError) as error:
                # The page's script sends the photo again where a link finds nothing.
                _LOG.info("the pieces of a room are not all kept: %s", error)
                return


def _query(
    asked: Asked, columns: Mapping[str, str], leave_out: str = ""
) -> tuple[Query, dict[str, Any]]:
    """A query and its options, but for how much of its answer is wanted."""
    options: dict[str, Any] = {"where": where_of(asked.chosen, columns, leave_out)}
    if asked.like:
        return Query(similar_to=asked.like), options
    options |= {
        "photo_weight": asked.weight,
        "without": asked.without or None,
        "understand": not asked.literal,
        "lift": asked.lift,
        "whole": asked.whole and bool(asked.photo),
    }
    query = Query(prompt=asked.words or None)
    if asked.photo:
        query = replace(query, photo_name="photo", photo_sha256=asked.photo, crop=asked.crop)
    return query, options


async def _asked_for(
    asked: Asked, vector: Vector | None, catalog: Catalog, services: Services, language: str
) -> domain.SearchResult:
    columns = catalog.columns
    query, options = _query(asked, columns)
    sorted_limit = min(MOST_SORTED, services.settings.limit_hits)
    options |= {
        "limit": sorted_limit if asked.sort else min(HITS_OF_PAGE, services.settings.limit_hits),
        "facets": facet_columns(columns, language),
        "cursor": asked.cursor if asked.cursor and not asked.sort else None,
    }
    return await found(query, vector, options, catalog, services)


async def _counted(
    asked: Asked,
    vector: Vector | None,
    catalog: Catalog,
    services: Services,
    counts: Mapping[str, domain.query.Facet],
) -> dict[str, Any]:
    """Counts by column; of a column with chosen values as if none of them were."""
    columns = catalog.columns
    counted = dict(counts)
    for column in counts:
        if column in asked.chosen:
            query, options = _query(asked, columns, leave_out=column)
            options |= {"limit": 1, "facets": [column]}
            beside = await found(query, vector, options, catalog, services)
            counted[column] = beside.facets[column]
    return {column: facet_answer(facet) for column, facet in counted.items()}


def _problem(request: Request, asked: Asked, words: Words, error: ApiError) -> Response:
    """A page that says what did not work, with what was asked still in its form."""
    told, detail = told_of(error.code, error.message, words)
    return _html(
        request,
        "problem.html",
        asked,
        words,
        problem=told,
        detail=detail,
        code=error.code,
        status=error.status,
        headers=error.headers,
    )


def told_of(code: str, message: str, words: Words) -> tuple[str, str]:
    """What a shopper reads of an error, and what is added to it in English; both may be one.

    Nothing of it is in another language than the page's: whoever runs the server has the log.
    """
    in_words = words.error(message)
    if words.language != LANGUAGES[0]:
        return in_words or words.problem(code), ""
    if code not in words.problems:
        return message, ""
    return words.problem(code), "" if code in _SUFFICE else message


def _html(
    request: Request,
    template: str,
    asked: Asked,
    words: Words,
    *,
    status: int = HTTPStatus.OK,
    headers: Mapping[str, str] | None = None,
    later: BackgroundTask | None = None,
    **values: Any,
) -> Response:
    text = (
        templates()
        .get_template(template)
        .render(
            t=words,
            asked=asked,
            root=root_of(request),
            files=STATIC.digest,
            languages=[(code, Words(code)("name")) for code in LANGUAGES],
            fetches=request.app.state.services.fetcher is not None,
            most_compared=MOST_COMPARED,
            most_sorted=MOST_SORTED,
            problems=words.problems,
            named=words.values,
            **values,
        )
    )
    return HTMLResponse(
        text.encode("utf-8", "replace"),
        status,
        {**PAGE_HEADERS, **(headers or {})},
        background=later,
    )
