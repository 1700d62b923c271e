"""How the server fares: for supervisors, load balancers and Prometheus."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial

import numpy as np
from fastapi import APIRouter, Depends, Response
from fastapi.routing import APIRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from furniture_prompter.domain import Query
from furniture_prompter.errors import DecodingBusyError, FurniturePrompterError
from furniture_prompter.web import examples
from furniture_prompter.web.access import require
from furniture_prompter.web.descriptions import answers
from furniture_prompter.web.errors import ApiError, json_answer, send_error
from furniture_prompter.web.schemas import AliveAnswer, ReadyAnswer
from furniture_prompter.web.services import Services, ServicesDep

_LOG = logging.getLogger("furniture_prompter.web")

router = APIRouter(tags=["operation"])

# A brown square on white: any picture does, as long as it is not of one colour.
_PHOTO = np.full((64, 64, 3), 255, np.uint8)
_PHOTO[16:48, 16:48] = (120, 80, 40)


@router.get("/healthz", summary="Alive?", responses=answers(AliveAnswer, examples.ALIVE_ANSWER))
async def healthz() -> Response:
    """The process answers; restart it where it does not."""
    return json_answer({"status": "alive"})


@router.get("/readyz", summary="Ready?", responses=answers(ReadyAnswer, examples.READY_ANSWER, 503))
async def readyz(services: ServicesDep) -> Response:
    """It encodes a photo and a prompt and searches with both; send no requests where it fails.

    However often it is asked, it does so once a second at the most, for all who ask.
    """
    try:
        async with asyncio.timeout(services.settings.request_timeout_s):
            version = await services.readiness.version(lambda: _probe(services))
    except TimeoutError:
        version = None
    if version is None:
        raise ApiError(
            503,
            "unavailable",
            "The server cannot answer searches now; its log says why.",
            {"Retry-After": "1"},
        )
    return json_answer({"status": "ready", "catalog_version": version})


class AnswerProbes:
    """Answers ``GET /healthz`` and ``GET /readyz`` before limits, keys, bodies and routes.

    A supervisor kills what answers late: behind a thousand requests that came at the same moment,
    its own must cost as little as it can, and so must theirs where they ask the same. Goes right
    inside of what logs, adds headers and knows the server's hosts.
    """

    def __init__(self, app: ASGIApp, services: Services) -> None:
        """Wrap an application."""
        self._app = app
        self._answers: dict[str, Callable[[], Awaitable[Response]]] = {
            "healthz": healthz,
            "readyz": partial(readyz, services),
        }
        self._routes = {
            route.path: route
            for route in router.routes
            if isinstance(route, APIRoute) and route.name in self._answers
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        route = self._routes.get(scope["path"]) if scope["type"] == "http" else None
        if route is None or scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        scope["route"] = route
        try:
            answer = await self._answers[route.name]()
        except ApiError as error:
            await send_error(scope, receive, send, error)
        else:
            await answer(scope, receive, send)


async def _probe(services: Services) -> int | None:
    """The version that a search of photo and prompt was answered from; None where it was not."""
    try:
        if services.decoding.is_stuck():
            raise DecodingBusyError("all decoding threads are lost to photos that never end")
        async with asyncio.timeout(services.settings.request_timeout_s):
            vector = await services.queue.encode(_PHOTO)
            async with services.catalog.current() as catalog:
                result = await catalog.search_async(
                    Query(prompt="chair", photo_name="ready", limit=1), photo_vector=vector
                )
    except (FurniturePrompterError, ApiError, TimeoutError) as error:
        _LOG.error("not ready: %s", str(error) or type(error).__name__)
        return None
    return result.catalog.version


@router.get(
    "/metrics",
    summary="Numbers for Prometheus",
    response_class=Response,
    dependencies=[Depends(require("read"))],
    responses={
        200: {
            "description": "docs/operations.md says what each number means.",
            "content": {"text/plain": {"schema": {"type": "string"}}},
        },
        401: {"description": "An API key is needed."},
        403: {"description": "The key may not do this."},
    },
)
async def metrics(services: ServicesDep) -> Response:
    """Counts and times since the start, of all workers together."""
    body, media_type = services.metrics.render()
    return Response(body, headers={"Content-Type": media_type})
