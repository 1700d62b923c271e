"""The shop's side: GET /admin, which is everybody's, and what it shows to a key that may write.

The page has no data. Its script asks for parts, each with the key in a header, so that the key
stands in no address and in no log.
"""

import asyncio
import base64
import logging
import os
import stat
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from http import HTTPStatus
from itertools import islice
from pathlib import Path
from typing import Any, Final

from fastapi import APIRouter, Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.responses import HTMLResponse, StreamingResponse

from furniture_prompter import assembly
from furniture_prompter.assembly.demand import ROOM, demand
from furniture_prompter.assembly.run_progress import run_under_way
from furniture_prompter.domain import LeftOut, ProductDifference, RollbackSummary
from furniture_prompter.domain.behaviour import Demand
from furniture_prompter.domain.feed import CRAWL_OF, is_web_address
from furniture_prompter.errors import BenchmarkError, FurniturePrompterError, VersionNotKeptError
from furniture_prompter.health.checks import CHECKS
from furniture_prompter.web.access import ADMIN, REPORT_FRAME, require, spoken, words_of
from furniture_prompter.web.bodies import read_json_body
from furniture_prompter.web.errors import ApiError, api_error
from furniture_prompter.web.page_address import LANGUAGES
from furniture_prompter.web.page_files import PAGE_HEADERS, STATIC, root_of, templates
from furniture_prompter.web.page_words import Words
from furniture_prompter.web.services import Services, ServicesDep, refuse_copy

_LOG = logging.getLogger("furniture_prompter.web")


class SpokenRoute(APIRoute):
    """Tells errors in the language of the page that asked."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """As the framework's, with the errors told."""
        handler = super().get_route_handler()

        async def told(request: Request) -> Response:
            try:
                return await handler(request)
            except (
                ApiError,
                FurniturePrompterError,
                ValidationError,
                RequestValidationError,
            ) as error:
                unfit = isinstance(error, ValidationError | RequestValidationError)
                shown = api_error(request, error)
                raise spoken(shown, words_of(request), unfit=unfit) from error

        return told


router = APIRouter(include_in_schema=False, route_class=SpokenRoute)

_DIFF: Final = f"{ADMIN}/diff"
_ROLLBACK: Final = f"{ADMIN}/rollback"
_PROGRESS: Final = f"{ADMIN}/progress"
UNLIMITED: Final = frozenset({_DIFF, _ROLLBACK, _PROGRESS})
"""What reads as much as a version has, or goes on being told, and takes longer than others."""
_REPORT_FILE: Final = "report.html"
_LIMIT_REPORT_BYTES: Final = 100_000_000
# A stream ends before a server that is told to stop gives up what is in work; whoever listens asks
# again.
_STREAM_S: Final = 12.0
_LOOK_EVERY_S: Final = 0.5
_SHOWN_PRODUCTS: Final = 100
# So many say that it is another catalog; to count on would read all of both.
_COUNTED_PRODUCTS: Final = 10_000
_SHOWN_VERSIONS: Final = 100
_SHOWN_SET_ASIDE: Final = 500
_FEWEST_SET_ASIDE: Final = 20
_SHOWN_FINDINGS: Final = 20
_SHOWN_GROUPS: Final = 20
_SHOWN_PICTURES: Final = 8
_LIMIT_PICTURE_BYTES: Final = 100_000
_SHOWN_LETTERS: Final = 120
_ROLLBACK_VALUES: Final = 10
# What a key was shown is nobody else's, the browser's own copy included.
_HEADERS: Final = {**PAGE_HEADERS, "Cache-Control": "no-store"}
# The report is one file with its own styles and pictures in it, and runs nothing.
_REPORT_POLICY: Final = (
    "default-src 'none'; img-src data: blob:; style-src 'unsafe-inline' 'self'; script-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
_REPORT_HEADERS: Final = {
    **_HEADERS,
    "Content-Security-Policy": _REPORT_POLICY,
    "X-Frame-Options": "SAMEORIGIN",
}
# Pictures of what visitors brought come within a part, for no address of theirs could have a key.
_ADMIN_POLICY: Final = (
    PAGE_HEADERS["Content-Security-Policy"].replace("img-src ", "img-src data: ", 1)
    + "; frame-src 'self'"
)
_KEYED = Depends(require("write"))


class RollbackRequest(BaseModel):
    """The version to return to."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    version: int


@router.get(ADMIN)
async def admin(request: Request, services: ServicesDep) -> Response:
    """The page; without API keys it says how to begin with one."""
    answer = admin_part(
        request,
        "admin.html",
        keyed=services.keys is not None,
        has_report=services.settings.benchmark_report is not None,
    )
    answer.headers["Content-Security-Policy"] = _ADMIN_POLICY
    return answer


@router.get(_PROGRESS, dependencies=[_KEYED])
async def progress(request: Request, services: ServicesDep) -> Response:
    """Where a run over a feed or a crawl stands, as server-sent events, each a part of the page."""
    refuse_keyless(services)
    folder = _folder(services)

    async def told() -> AsyncIterator[str]:
        loop = asyncio.get_running_loop()
        until_s, before = loop.time() + _STREAM_S, None
        while loop.time() < until_s:
            run = await asyncio.to_thread(run_under_way, folder)
            text = _part(request, "admin_progress.html", run=run)
            if text != before:
                name = "none" if run is None else "run"
                lines = "".join(f"data: {line}\n" for line in text.splitlines())
                yield f"event: {name}\n{lines}\n"
                before = text
            await asyncio.sleep(_LOOK_EVERY_S)

    # Proxies that collect an answer before they pass it on would tell nothing until the end.
    headers = {**_HEADERS, "X-Accel-Buffering": "no"}
    return StreamingResponse(told(), media_type="text/event-stream", headers=headers)


@router.get(f"{ADMIN}/report", dependencies=[_KEYED])
async def report(services: ServicesDep) -> Response:
    """The report of a benchmark that the shop has run, where the server was told of its folder."""
    refuse_keyless(services)
    folder = services.settings.benchmark_report
    data = (
        None
        if folder is None
        else await asyncio.to_thread(_read_plain, folder / _REPORT_FILE, _LIMIT_REPORT_BYTES)
    )
    if data is None:
        raise ApiError(
            HTTPStatus.NOT_FOUND,
            "not_found",
            f"There is no {_REPORT_FILE} in the folder that the setting benchmark_report names. "
            "Run `furniture-prompter benchmark` into it.",
        )
    return HTMLResponse(data, headers=_REPORT_HEADERS)


@router.get(REPORT_FRAME)
async def report_view(request: Request) -> Response:
    """An empty page that shows the report, which the page around it has fetched with its key."""
    answer = admin_part(request, "admin_report.html")
    answer.headers.update(_REPORT_HEADERS)
    return answer


@router.get(f"{ADMIN}/versions", dependencies=[_KEYED])
async def versions(request: Request, services: ServicesDep) -> Response:
    """What made each version, what it changed, and which can be returned to."""
    refuse_keyless(services)
    found = await asyncio.to_thread(assembly.versions, _folder(services))
    shown = list(reversed(found))[:_SHOWN_VERSIONS]
    served = services.catalog.version
    return admin_part(
        request,
        "admin_versions.html",
        folder=services.folder_name,
        versions=shown,
        served=served,
        of=len(found),
    )


@router.get(_DIFF, dependencies=[_KEYED])
async def diff(request: Request, services: ServicesDep, before: int, after: int) -> Response:
    """What differs between two kept versions."""
    refuse_keyless(services)
    told = await asyncio.to_thread(_compared, _folder(services), before, after)
    return admin_part(request, "admin_diff.html", **told)


@router.post(_ROLLBACK, dependencies=[_KEYED, Depends(refuse_copy)])
async def rollback(request: Request, services: ServicesDep) -> Response:
    """Return to a kept version, as a new one; answers when searches find it."""
    refuse_keyless(services)
    sent = RollbackRequest.model_validate(
        await read_json_body(request, services.settings.limit_json_depth, _ROLLBACK_VALUES)
    )
    async with services.upserts.turn:
        summary = await asyncio.to_thread(_rolled_back, services, sent.version)
    name = request.scope["state"].get("key_name", "")
    _LOG.info("catalog returned to version %d, by key %s", summary.returned_to, name)
    taken_up = True
    try:
        await services.catalog.refresh()
    except FurniturePrompterError as error:
        taken_up = False
        _LOG.error("the version that was returned to cannot be opened: %s", error)
    return admin_part(request, "admin_returned.html", summary=summary, taken_up=taken_up)


@router.get(f"{ADMIN}/set-aside", dependencies=[_KEYED])
async def set_aside(request: Request, services: ServicesDep) -> Response:
    """What the last run over each feed left out, and why."""
    refuse_keyless(services)
    runs = await asyncio.to_thread(assembly.set_aside, _folder(services))
    share = max(_FEWEST_SET_ASIDE, _SHOWN_SET_ASIDE // max(1, sum(bool(run.count) for run in runs)))
    titles = _titles(runs, words_of(request))
    shown = [
        {
            "run": run,
            "title": title,
            "items": [{**asdict(each), "file": each.source.name} for each in run.items[:share]],
        }
        for run, title in zip(runs, titles, strict=True)
    ]
    return admin_part(request, "admin_set_aside.html", shown=shown)


@router.get(f"{ADMIN}/demand", dependencies=[_KEYED])
async def asked_for(request: Request, services: ServicesDep) -> Response:
    """What visitors asked for and the shop does not sell: photos that look alike, and words."""
    refuse_keyless(services)
    folder = services.settings.events
    found, groups = (None, []) if folder is None else await asyncio.to_thread(_demanded, folder)
    return admin_part(
        request,
        "admin_demand.html",
        off=folder is None,
        keeps_photos=services.settings.event_photos > 0,
        found=found,
        groups=groups,
        most=_SHOWN_GROUPS,
        room=ROOM,
    )


@router.get(f"{ADMIN}/health", dependencies=[_KEYED])
async def health(request: Request, services: ServicesDep) -> Response:
    """Where the report on the catalog's data stands, or the report."""
    refuse_keyless(services)
    return await _health(request, services)


@router.post(f"{ADMIN}/health", dependencies=[_KEYED])
async def examine(request: Request, services: ServicesDep) -> Response:
    """Begin a report on the version that answers now."""
    refuse_keyless(services)
    await services.examination.begin(services.catalog.current())
    return await _health(request, services)


@router.get(f"{ADMIN}/encoders", dependencies=[_KEYED])
async def encoders(request: Request, services: ServicesDep) -> Response:
    """What photos and prompts are encoded by, with the figures of their cards."""
    refuse_keyless(services)
    async with services.catalog.current() as current:
        info = await asyncio.to_thread(current.info)
        cards = current.cards
    return admin_part(request, "admin_encoders.html", info=info, cards=cards)


def _read_plain(path: Path, limit_bytes: int) -> bytes | None:
    """A file of that name; None where there is none, or something else by it."""
    try:
        # Neither a link to somewhere else nor a pipe that never ends.
        place = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    with os.fdopen(place, "rb") as file:
        found = os.fstat(place)
        if not stat.S_ISREG(found.st_mode) or found.st_size > limit_bytes:
            return None
        return file.read()


def _demanded(folder: Path) -> tuple[Demand | None, list[dict[str, Any]]]:
    """The report, and its first groups of photos with their pictures; None before any query."""
    try:
        found = demand(folder)
    except BenchmarkError:
        return None, []
    groups = []
    for each in found.unmet[:_SHOWN_GROUPS]:
        # What was forgotten meanwhile leaves no gap.
        files = (_read_plain(Path(path), _LIMIT_PICTURE_BYTES) for path in each.pictures)
        shown = list(islice(filter(None, files), _SHOWN_PICTURES))
        pictures = [base64.b64encode(data).decode("ascii") for data in shown]
        further = len(each.pictures) - len(shown)
        groups.append({"group": each, "pictures": pictures, "further": further})
    return found, groups


def refuse_keyless(services: Services) -> None:
    """Without keys anybody may write, a page of this server too; here it takes a key."""
    if services.keys is None:
        raise ApiError(
            HTTPStatus.FORBIDDEN,
            "forbidden",
            "The shop's side needs a server with API keys; /admin says how to begin with one.",
        )


def _folder(services: Services) -> Path:
    return services.catalog.folder


def _compared(folder: Path, before: int, after: int) -> dict[str, Any]:
    counts = dict.fromkeys(("added", "removed", "changed"), 0)
    shown: list[dict[str, Any]] = []
    with _not_kept_told():
        first, second, found = assembly.diff(folder, before, after)
        for each in islice(found, _COUNTED_PRODUCTS):
            counts[each.change] += 1
            if len(shown) < _SHOWN_PRODUCTS:
                shown.append(_shown(each))
    total = sum(counts.values())
    return {
        "first": first,
        "second": second,
        "counts": counts,
        "products": shown,
        "further": total - len(shown),
        "more": total == _COUNTED_PRODUCTS,
    }


def _shown(difference: ProductDifference) -> dict[str, Any]:
    cells = [(name, _cell(old), _cell(new)) for name, (old, new) in difference.cells.items()]
    return {
        "id": difference.id,
        "title": difference.title,
        "change": difference.change,
        "cells": cells,
        "photos_added": len(difference.photos_added),
        "photos_removed": len(difference.photos_removed),
        "reordered": difference.photos_reordered,
    }


def _cell(value: object) -> str:
    values = value if isinstance(value, list) else [value]
    text = ", ".join(f"{each:g}" if isinstance(each, float) else str(each) for each in values)
    text = "" if value is None else text
    return text if len(text) <= _SHOWN_LETTERS else f"{text[:_SHOWN_LETTERS]}…"


def _rolled_back(services: Services, version: int) -> RollbackSummary:
    with _not_kept_told():
        return assembly.rollback(_folder(services), version, settings=services.settings)


def _titles(runs: Sequence[LeftOut], words: Words) -> list[str]:
    """What each run's feed is called: by its file, unless others are called so, or by its name."""
    files = [Path(run.source).name for run in runs]
    titles = []
    for run, file in zip(runs, files, strict=True):
        if run.feed.startswith(CRAWL_OF):
            titles.append(words("admin_crawl_of", host=run.feed.removeprefix(CRAWL_OF)))
        elif is_web_address(run.feed) or ("/" in run.feed and files.count(file) > 1):
            titles.append(run.feed)
        else:
            titles.append(file if "/" in run.feed else f"{run.feed} ({file})")
    return titles


@contextmanager
def _not_kept_told() -> Iterator[None]:
    """Tell whoever asked of a version that is not kept: of all errors of a catalog, theirs."""
    try:
        yield
    except VersionNotKeptError as error:
        raise ApiError(HTTPStatus.CONFLICT, "version_not_kept", str(error)) from error


async def _health(request: Request, services: Services) -> Response:
    made = await asyncio.to_thread(services.examination.state)
    report = made.report
    checks = [each for each in report.checks if each.findings] if report else []
    return admin_part(
        request,
        "admin_health.html",
        report=report,
        checks=checks,
        running=made.is_running,
        progress=made.progress,
        failure=made.failure,
        served=services.catalog.version,
        most=_SHOWN_FINDINGS,
        headings={name: check.heading for name, check in CHECKS.items()},
    )


def admin_part(request: Request, template: str, **values: Any) -> Response:
    """A part of the page, in its language; nobody keeps it."""
    text = _part(request, template, **values)
    return HTMLResponse(text.encode("utf-8", "replace"), headers=_HEADERS)


def _part(request: Request, template: str, **values: Any) -> str:
    return (
        templates()
        .get_template(template)
        .render(
            t=words_of(request),
            root=root_of(request),
            files=STATIC.digest,
            languages=[(code, Words(code)("name")) for code in LANGUAGES],
            **values,
        )
    )
