"""Runs a small application under the real server: ``python -m … WORKERS [SETTING=value …]``.

Prints the address and serves until a signal ends it.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from furniture_prompter.settings import ServeSettings
from furniture_prompter.web import connections
from furniture_prompter.web.connections import CONNECTIONS, Connections, connection_limit
from furniture_prompter.web.limits import HangUp
from furniture_prompter.web.server import run_app
from furniture_prompter.web.telemetry import Metrics, RequestLog


def tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def create(settings: ServeSettings) -> ASGIApp:
    connections.PATIENCE_S = 0.5  # type: ignore[misc]  # nobody waits for the real one
    metrics = Metrics()

    async def who(request: Request) -> Response:
        return JSONResponse({"pid": os.getpid(), "threads": settings.threads})

    async def slow(request: Request) -> Response:
        tell("slow has begun")
        await asyncio.sleep(float(request.query_params["s"]))
        return JSONResponse({"pid": os.getpid()})

    async def numbers(request: Request) -> Response:
        content, media_type = metrics.render()
        return Response(content, media_type=media_type)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[dict[str, object]]:
        if settings.log_level == "error":
            raise RuntimeError("it was told not to start")
        yield {CONNECTIONS: Connections(connection_limit(settings), metrics)}
        tell("closed")

    return Starlette(
        routes=[Route("/who", who), Route("/slow", slow), Route("/metrics", numbers)],
        middleware=[Middleware(RequestLog, metrics), Middleware(HangUp, metrics)],
        lifespan=lifespan,
    )


if __name__ == "__main__":
    given = dict(argument.split("=", 1) for argument in sys.argv[2:])
    run_app(
        create,
        ServeSettings.model_validate({"port": 0, "workers": int(sys.argv[1]), **given}),
        tell,
    )
