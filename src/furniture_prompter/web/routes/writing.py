"""Products stored and deleted: one by one, or a batch of lines as one version."""

import asyncio
import json
import logging
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import ExitStack
from typing import Any, Final, Literal

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel
from starlette.datastructures import UploadFile
from starlette.responses import StreamingResponse

from furniture_prompter.domain import Removal, Upsert, Write, WriteResult, WriteSummary
from furniture_prompter.domain.wording import as_id
from furniture_prompter.errors import (
    CatalogBusyError,
    FurniturePrompterError,
    InvalidPhotoError,
    InvalidQueryError,
)
from furniture_prompter.feeds.rows import LIMIT_ID, LIMIT_IMAGES
from furniture_prompter.settings import ServeSettings
from furniture_prompter.web import examples
from furniture_prompter.web.access import require
from furniture_prompter.web.bodies import HeldShare, read_json_body, read_value
from furniture_prompter.web.errors import ApiError
from furniture_prompter.web.product_bodies import (
    LIMIT_PRODUCT_VALUES,
    MEDIA_TYPES,
    MERGE_PATCH,
    PRODUCT,
    ProductBodies,
    id_of,
    kept_bytes,
    lines,
)
from furniture_prompter.web.search_bodies import read_form
from furniture_prompter.web.services import Services, ServicesDep, refuse_copy

_LOG = logging.getLogger("furniture_prompter.web")

# A batch is worth waiting for; one product is sent again sooner than it is waited for.
_WAIT_SHARE: Final = 0.5
_BATCH_WAIT_S: Final = 60.0
# Lines whose photos are fetched, checked and kept at the same time.
_LINES_AT_ONCE: Final = 8


class WrittenProduct(BaseModel):
    """What became of a product, and the version that holds it.

    `left_out` says of each value that it could not be used, and what to do.
    """

    id: str
    outcome: Literal["created", "updated", "unchanged", "deleted"]
    version: int
    left_out: list[str] = []


router = APIRouter(tags=["writing"], dependencies=[Depends(require("write")), Depends(refuse_copy)])


@router.put(
    PRODUCT,
    summary="Store a product",
    response_model=WrittenProduct,
    responses=examples.PUT_ANSWERS,
    openapi_extra=examples.PUT_BODY,
)
async def put_product(product_id: str, request: Request, services: ServicesDep) -> Response:
    """It takes the place of whatever has its id; without `photos` it keeps those it has.

    JSON with photos as base64 or public web addresses, or a form with the JSON in `product` and
    the photos as files in `photos`. Answers when the product can be found. To change some fields
    and keep the others, send PATCH.
    """
    return await _store(product_id, request, services, patches=False)


@router.patch(
    PRODUCT,
    summary="Change some fields of a product",
    response_model=WrittenProduct,
    responses=examples.PATCH_ANSWERS,
    openapi_extra=examples.PATCH_BODY,
)
async def patch_product(product_id: str, request: Request, services: ServicesDep) -> Response:
    """Fields that are named change, those that are null go, and all others stay (RFC 7396).

    A body as for PUT. `photos` and `variants`, where they are named, take the place of all that
    the product has. Answers when what changed can be found.
    """
    return await _store(product_id, request, services, patches=True)


async def _store(
    product_id: str, request: Request, services: Services, *, patches: bool
) -> Response:
    with ExitStack() as kept:
        spool = kept.enter_context(services.upserts.spool())
        bodies = ProductBodies(spool, services.fetcher, services.settings)
        value, files = await _product_sent(request, services.settings)
        if isinstance(value, dict):
            if not _names(value.setdefault("id", product_id), product_id):
                raise ApiError(
                    422,
                    "invalid_request",
                    "The id in the body is not the one in the address. Write the same, or leave it "
                    "out of the body.",
                )
            if value.get("patch") is True:
                raise ApiError(
                    422, "invalid_request", "patch is for batches. Send PATCH to this address."
                )
        write = await bodies.read(value, 1, files, patches=patches)
        if not isinstance(write, Upsert):
            raise ApiError(
                422, "invalid_request", "delete is for batches. Send DELETE to this address."
            )
        summary = await _commit(services, [write], kept.pop_all())
    return _answer(summary)


@router.delete(
    PRODUCT,
    summary="Delete a product",
    response_model=WrittenProduct,
    responses=examples.DELETE_ANSWERS,
)
async def delete_product(product_id: str, services: ServicesDep) -> Response:
    """Answers when the product cannot be found any more."""
    summary = await _commit(services, [Removal(1, product_id)], ExitStack())
    return _answer(summary)


@router.post(
    "/products:batch",
    summary="Store and delete many products as one version",
    response_class=StreamingResponse,
    responses=examples.BATCH_ANSWERS,
    openapi_extra=examples.BATCH_BODY,
)
async def write_batch(request: Request, services: ServicesDep) -> StreamingResponse:
    """One product a line in, as for PUT and with its `id`, or `{"id": …, "delete": true}`.

    `{"id": …, "patch": true, …}` changes what it names and keeps the rest, as PATCH does.

    One result a line out, in the same order, then a line that counts them and names the version.
    A line that cannot be taken is refused with its reason, and the rest is written together.
    """
    kind = request.headers.get("content-type", "application/x-ndjson").partition(";")[0]
    if kind.strip().lower() not in MEDIA_TYPES:
        raise ApiError(
            415,
            "unsupported_media_type",
            "A batch is JSON lines. Send it with Content-Type: application/x-ndjson.",
        )
    settings = services.settings
    with ExitStack() as kept:
        # Until the batch is written: its lines wait in memory for that.
        share = kept.enter_context(services.held.share())
        spool = kept.enter_context(services.upserts.spool())
        bodies = ProductBodies(spool, services.fetcher, settings)
        taken = await _take_lines(request.stream(), bodies, settings, share)
        writes = [each for each in taken if not isinstance(each, WriteResult)]
        refused = [each for each in taken if isinstance(each, WriteResult)]
        summary = await _commit(services, writes, kept.pop_all(), _BATCH_WAIT_S)
    results = sorted([*summary.results, *refused], key=lambda result: result.line)
    return StreamingResponse(
        _result_lines(results, summary.version), media_type="application/x-ndjson"
    )


async def _product_sent(request: Request, settings: ServeSettings) -> tuple[Any, list[bytes]]:
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    patches = request.method == "PATCH"
    if kind == "application/json" or (patches and kind == MERGE_PATCH):
        value = await read_json_body(request, settings.limit_json_depth, LIMIT_PRODUCT_VALUES)
        return value, []
    if kind != "multipart/form-data":
        raise ApiError(
            415,
            "unsupported_media_type",
            "A product is sent as application/json or multipart/form-data"
            + (f", and what changes of one as {MERGE_PATCH} too." if patches else "."),
        )
    form = await read_form(request, LIMIT_IMAGES)
    try:
        product = form.get("product", "{}")
        sent = form.getlist("photos")
        if isinstance(product, UploadFile):
            text = await product.read()
        else:
            text = product.encode("utf-8", "surrogatepass")
        if form.keys() - {"product", "photos"} or any(isinstance(each, str) for each in sent):
            raise ApiError(
                422,
                "invalid_request",
                "The form has fields that are not read here. Send the JSON in product, and each "
                "photo as a file in photos.",
            )
        files = [await each.read() for each in sent if isinstance(each, UploadFile)]
    finally:
        await form.close()
    return await read_value(text, settings.limit_json_depth, LIMIT_PRODUCT_VALUES), files


async def _take_lines(
    stream: AsyncIterator[bytes], bodies: ProductBodies, settings: ServeSettings, share: HeldShare
) -> list[Write | WriteResult]:
    """What each line asks for, or why it is refused, in the order of the lines."""
    places = asyncio.Semaphore(_LINES_AT_ONCE)
    tasks: list[asyncio.Task[Write | WriteResult]] = []

    async def take(line: int, text: list[bytes]) -> Write | WriteResult:
        try:
            return await _take_line(line, text, bodies, settings, share)
        finally:
            places.release()

    try:
        async with asyncio.TaskGroup() as group:
            async for line, data in lines(
                stream, settings.limit_body_bytes, settings.limit_batch_lines, share
            ):
                await places.acquire()
                tasks.append(group.create_task(take(line, [] if data is None else [data])))
                # The task takes it out of its list, and then nobody has it.
                del data
    except BaseExceptionGroup as failed:
        # One answer has one error; the others were cancelled for it.
        raise failed.exceptions[0] from None
    return [task.result() for task in tasks]


async def _take_line(
    line: int, text: list[bytes], bodies: ProductBodies, settings: ServeSettings, share: HeldShare
) -> Write | WriteResult:
    """What a line asks for, or why it is refused.

    Args:
        line: Its number.
        text: It; empty where it is too long. It is taken out.
        bodies: What reads products.
        settings: The limits.
        share: What of it is not kept until the batch is written is given back.
    """
    value: object = None
    write: Write | WriteResult
    line_bytes = len(text[0]) if text else 0
    try:
        if not text:
            raise InvalidQueryError(
                f"The line has more than {settings.limit_body_bytes:,} bytes. Save its photos "
                "smaller."
            )
        value = await read_value(text.pop(), settings.limit_json_depth, LIMIT_PRODUCT_VALUES)
        write = await bodies.read(value, line)
    except (InvalidQueryError, InvalidPhotoError) as error:
        write = WriteResult(line, id_of(value), "refused", str(error))
    except ApiError as error:
        write = WriteResult(line, id_of(value), "refused", error.message)
    finally:
        share.give_back(line_bytes)
    share.take(kept_bytes(write))
    return write


async def _commit(
    services: Services, writes: Sequence[Write], kept: ExitStack, wait_s: float | None = None
) -> WriteSummary:
    """Write, then answer from what was written.

    The thread lets go of `kept`, not this coroutine: a client that hangs up must not take the
    photos from under a commit that goes on.
    """
    limit_s = services.settings.request_timeout_s * _WAIT_SHARE if wait_s is None else wait_s

    def write() -> WriteSummary:
        with kept:
            return services.upserts.write(writes, wait_s=limit_s)

    try:
        # Waiting here costs no thread; a flood of writes must not keep readers from theirs.
        async with asyncio.timeout(limit_s):
            await services.upserts.turn.acquire()
    except TimeoutError:
        kept.close()
        raise CatalogBusyError(
            "Other requests are still writing the catalog. Try again in a while, or send several "
            "products as one batch."
        ) from None
    except BaseException:
        kept.close()
        raise
    try:
        summary = await asyncio.to_thread(write)
    finally:
        services.upserts.turn.release()
    services.learning.written(due=summary.learning_due)
    for note in summary.notes:
        _LOG.warning("%s", note)
    try:
        await services.catalog.refresh()
    except FurniturePrompterError as error:
        # It is written. The catalog's own poll tries again and says so.
        _LOG.error("the version that was written cannot be opened: %s", error)
    return summary


def _answer(summary: WriteSummary) -> Response:
    (result,) = summary.results
    if result.outcome == "missing":
        raise ApiError(404, "not_found", f"There is no product {result.product_id[:200]!r}.")
    if result.outcome == "refused":
        why = f"{result.reason} {result.cure}".strip()
        if result.of_photo:
            raise InvalidPhotoError(why)
        raise ApiError(422, "invalid_request", why)
    written = WrittenProduct(
        id=result.product_id,
        outcome=result.outcome,
        version=summary.version,
        left_out=list(result.left_out),
    )
    return Response(
        written.model_dump_json(),
        201 if result.outcome == "created" else 200,
        media_type="application/json",
    )


async def _result_lines(results: Iterable[WriteResult], version: int) -> AsyncIterator[bytes]:
    counts: Counter[str] = Counter()
    for result in results:
        counts[result.outcome] += 1
        yield _line(
            {
                "line": result.line,
                "id": result.product_id or None,
                "outcome": result.outcome,
                "reason": f"{result.reason} {result.cure}".strip() or None,
                "left_out": list(result.left_out),
            }
        )
    yield _line({"version": version, **{name: counts[name] for name in examples.OUTCOMES}})


def _line(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace") + b"\n"


def _names(given: object, product_id: str) -> bool:
    """Whether an id in a body is the one in the address; a whole number is written as its digits.

    What is no id at all is left to whoever reads the product.
    """
    if isinstance(given, int) and not isinstance(given, bool):
        return abs(given) < 10**LIMIT_ID and str(given) == as_id(product_id)
    return not isinstance(given, str) or as_id(given) == as_id(product_id)
