"""The ASGI application: services, middlewares and routes wired from settings."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from cachetools import LRUCache
from fastapi import FastAPI, Request, Response
from fastapi.routing import APIRoute
from starlette.middleware import Middleware
from starlette.responses import HTMLResponse
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from furniture_prompter.assembly.encoders import LoadedEncoders
from furniture_prompter.assembly.upkeep import CatalogUpserts
from furniture_prompter.errors import ServeError
from furniture_prompter.settings import ServeSettings
from furniture_prompter.web.access import Authenticate, Keys
from furniture_prompter.web.behaviour import BehaviourLog
from furniture_prompter.web.bodies import BodyLimits, HeldBytes, LimitBody
from furniture_prompter.web.caches import ThumbnailCache
from furniture_prompter.web.connections import CONNECTIONS, Connections, connection_limit
from furniture_prompter.web.decoding_pool import DecodePool
from furniture_prompter.web.descriptions import POLICY, describe, docs_page
from furniture_prompter.web.encoding import EncodeQueue
from furniture_prompter.web.errors import AnswerUnexpected, add_error_handlers, json_answer
from furniture_prompter.web.examining import Examination
from furniture_prompter.web.judging import Judgments
from furniture_prompter.web.learning import Learning
from furniture_prompter.web.limits import (
    AnswerHead,
    HangUp,
    LimitRequests,
    RateLimit,
    RequestTimeout,
)
from furniture_prompter.web.origins import GuardOrigins, SecurityHeaders, cors_middleware
from furniture_prompter.web.page_files import STATIC
from furniture_prompter.web.routes import (
    admin,
    catalog,
    embeddings,
    health,
    images,
    judging,
    outfits,
    page,
    pieces,
    products,
    search,
    words,
    writing,
)
from furniture_prompter.web.services import Services, VersionedCatalog
from furniture_prompter.web.telemetry import SHARED_FOLDER, Metrics, RequestLog

if TYPE_CHECKING:
    from furniture_prompter.web.fetching import PhotoFetcher

_BATCH = "/v1/products:batch"
_DESCRIPTION = (
    "Search a furniture catalog by photo, by prompt or by both. Every error has one shape: a code "
    "for programs, and a message that says what helps."
)


def create_app(settings: ServeSettings) -> FastAPI:
    """The API over the catalog that the settings name.

    The catalog is opened when the application starts, not here.

    Raises:
        ServeError: the settings name no catalog, or do not fit together.
    """
    services = _services(settings)
    app = FastAPI(
        title="Furniture Prompter",
        version=version("furniture-prompter"),
        description=_DESCRIPTION,
        # The page that the framework brings loads scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=_lifespan,
        middleware=_middlewares(services),
        generate_unique_id_function=_operation_id,
        redirect_slashes=False,
    )
    app.state.services = services
    add_error_handlers(app)
    # An id may hold slashes; so what goes with a product comes before the product.
    for each in (search, pieces, words, outfits, products, writing, embeddings, catalog, images):
        app.include_router(each.router, prefix="/v1")
    app.include_router(health.router)
    app.include_router(page.router)
    app.include_router(admin.router)
    app.include_router(judging.router)
    app.add_api_route("/openapi.json", _openapi, include_in_schema=False)
    app.add_api_route("/docs", _docs, include_in_schema=False)
    return app


def _services(settings: ServeSettings) -> Services:
    if settings.catalog is None:
        raise ServeError("There is no catalog to serve. Name its folder with --catalog.")
    metrics = Metrics()
    loaded = LoadedEncoders(settings)
    catalog = VersionedCatalog(settings.catalog, settings, metrics, loaded=loaded)
    upserts = CatalogUpserts(settings.catalog, settings, loaded)
    return Services(
        settings=settings,
        metrics=metrics,
        held=HeldBytes.for_bodies(settings.limit_body_bytes, metrics),
        catalog=catalog,
        compared=(
            VersionedCatalog(settings.compare, settings.of_compared(), None)
            if settings.compare is not None
            else None
        ),
        decoding=DecodePool(settings, metrics),
        thumbnails=ThumbnailCache(settings.cache_images),
        upserts=upserts,
        learning=Learning(upserts, catalog.refresh, _shared_folder(settings)),
        keys=Keys.load(settings.api_keys) if settings.api_keys is not None else None,
        fetcher=_fetcher(settings),
        behaviour=_behaviour(settings),
        judgments=Judgments(settings.judgments) if settings.judgments is not None else None,
        examination=Examination(_shared_folder(settings)),
        looks=LRUCache(max(1, settings.cache_vectors)),
    )


def _fetcher(settings: ServeSettings) -> "PhotoFetcher | None":
    if not settings.fetch_photos:
        return None
    from furniture_prompter.web.fetching import PhotoFetcher

    return PhotoFetcher(settings)


def _behaviour(settings: ServeSettings) -> BehaviourLog | None:
    if settings.events is None:
        return None
    if settings.judgments is not None and settings.judgments.resolve() == settings.events.resolve():
        raise ServeError(
            f"Events and judgments keep other photos, and both in {settings.events}. Name another "
            "folder with the setting judgments."
        )
    return BehaviourLog(settings.events, limit_photos=settings.event_photos)


def _shared_folder(settings: ServeSettings) -> Path | None:
    """Where this server's workers find what all of them know; None where there is one alone."""
    folder = os.environ.get(SHARED_FOLDER)
    return Path(folder) if folder and settings.workers > 1 else None


def _middlewares(services: Services) -> list[Middleware]:
    """Outermost first: what is cheap and refuses most comes before what reads."""
    settings, metrics = services.settings, services.metrics
    cors = cors_middleware(settings)
    patience_s = settings.body_patience_s
    bodies = BodyLimits(settings.limit_body_bytes, settings.body_timeout_s, patience_s)
    batches = BodyLimits(
        settings.limit_batch_bytes, settings.batch_timeout_s, patience_s, streamed=True
    )
    proxies = [str(network) for network in settings.trusted_proxies]
    return [
        *([Middleware(ProxyHeadersMiddleware, proxies)] if proxies else []),
        Middleware(RequestLog, metrics),
        Middleware(SecurityHeaders),
        Middleware(GuardOrigins, settings),
        *([cors] if cors is not None else []),
        # Inside of what adds ids and headers to every answer, outside of all that may fail.
        Middleware(AnswerUnexpected),
        Middleware(health.AnswerProbes, services),
        Middleware(
            LimitRequests,
            settings.limit_requests,
            metrics,
            apart={_BATCH: ("batches", settings.limit_batches)},
        ),
        Middleware(Authenticate, services.keys),
        Middleware(RateLimit, settings.rate_limit_per_minute),
        # Inside of these, exceptions end a request that was cut off or whose client has gone.
        Middleware(HangUp, metrics),
        Middleware(LimitBody, bodies, services.held, apart={_BATCH: batches}),
        Middleware(
            RequestTimeout, settings.request_timeout_s, unlimited={_BATCH, *admin.UNLIMITED}
        ),
        Middleware(AnswerHead),
    ]


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[dict[str, object]]:
    services: Services = app.state.services
    settings, metrics, decoding = services.settings, services.metrics, services.decoding
    try:
        await services.catalog.start()
        async with services.catalog.current() as opened:
            encoder = await asyncio.to_thread(lambda: opened.encoder)
        decoding.fit = encoder.card.preprocessing
        services.encoding = EncodeQueue(encoder, settings, metrics, coming=decoding.coming)
        if services.compared is not None:
            await services.compared.start()
        may_be_due = services.upserts.may_be_due
        if not services.catalog.is_copy and await asyncio.to_thread(may_be_due):
            services.learning.written(due=True)
        # For the protocol, which knows no more of the application.
        yield {CONNECTIONS: Connections(connection_limit(settings), metrics)}
    finally:
        if services.compared is not None:
            await services.compared.close()
        if services.encoding is not None:
            await services.encoding.close()
        await services.examination.close()
        await services.learning.close()
        await services.catalog.close()
        if services.fetcher is not None:
            await services.fetcher.aclose()
        await asyncio.to_thread(decoding.close)


def _operation_id(route: APIRoute) -> str:
    return route.name


async def _openapi(request: Request) -> Response:
    return json_answer(describe(request.app))


async def _docs(request: Request) -> Response:
    services: Services = request.app.state.services
    script = f"page/{STATIC.digest}/docs.js"
    text = docs_page(describe(request.app), script, keyed=services.keys is not None)
    return HTMLResponse(text, headers={"Content-Security-Policy": POLICY})
