"""Requests without a valid key are answered before any of their body is read."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Final

from fastapi import Request, Security
from fastapi.security import APIKeyHeader, HTTPBearer
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as AsgiScope

from furniture_prompter.web.errors import ApiError, send_error
from furniture_prompter.web.keys import SCOPES, Keys, Scope, presented_key

# For whoever watches over the process and cannot know a key, and the description of the API.
OPEN_PATHS: Final = frozenset({"/", "/healthz", "/readyz", "/docs", "/openapi.json"})
_SIMPLE_TYPES: Final = frozenset(
    {"", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"}
)
# The framework's own checks are off: the middleware decides, these only describe.
_BEARER: Final = HTTPBearer(auto_error=False, description="An API key.")
_HEADER: Final = APIKeyHeader(name="X-API-Key", auto_error=False, description="An API key.")


class Authenticate:
    """Tells who asks: ``scope["state"]`` gets ``key_name`` ("" without keys) and ``scopes``."""

    def __init__(self, app: ASGIApp, keys: Keys | None) -> None:
        """Wrap an application.

        Args:
            app: The application.
            keys: The keys; None lets everybody do everything.
        """
        self._app = app
        self._keys = keys

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        state["key_name"], state["scopes"] = "", frozenset(SCOPES)
        if self._keys is not None and scope["path"] not in OPEN_PATHS:
            presented = presented_key(Headers(scope=scope))
            key = self._keys.check(presented) if presented is not None else None
            if key is None:
                await send_error(scope, receive, send, _unauthorized(presented is not None))
                return
            state["key_name"], state["scopes"] = key.name, key.scopes
        await self._app(scope, receive, send)


def require(scope: Scope) -> Callable[..., Awaitable[None]]:
    """A dependency that lets a request through whose key has a scope.

    It refuses everything where :class:`Authenticate` did not run.
    """

    async def allowed(
        request: Request,
        bearer: Annotated[object, Security(_BEARER)],  # noqa: ARG001  (for the API's description)
        header: Annotated[object, Security(_HEADER)],  # noqa: ARG001  (for the API's description)
    ) -> None:
        if scope not in request.scope.get("state", {}).get("scopes", ()):
            raise ApiError(
                403, "forbidden", f"This key may not {scope}. Use one with the scope {scope}."
            )
        if scope == "write":
            _refuse_simple(request)

    return allowed


def _refuse_simple(request: Request) -> None:
    """Without a key, take for writing only what no page of another site can send unasked.

    Browsers send a POST of these types anywhere (the Fetch standard's simple requests, also under
    ``no-cors``); for a key, another type or another method they ask the server first.
    """
    if request.method != "POST" or presented_key(request.headers) is not None:
        return
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in _SIMPLE_TYPES:
        raise ApiError(
            415,
            "unsupported_media_type",
            "Writing without a key needs a Content-Type that tells what is sent, such as "
            "application/x-ndjson for a batch.",
        )


def _unauthorized(presented: bool) -> ApiError:
    what = "The API key is not valid." if presented else "An API key is needed."
    return ApiError(
        401,
        "unauthorized",
        f"{what} Send one as `Authorization: Bearer KEY` or `X-API-Key: KEY`.",
        {"WWW-Authenticate": "Bearer"},
    )
