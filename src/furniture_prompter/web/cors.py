"""Which web pages may call the API from a browser: those of the origins in the settings."""

from typing import Final
from urllib.parse import urlsplit

from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from furniture_prompter.errors import ServeError
from furniture_prompter.settings import ServeSettings

# What a page may read of an answer, beside what browsers always show.
_EXPOSED: Final = (
    "ETag",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "Server-Timing",
    "X-Request-ID",
)


def cors_middleware(settings: ServeSettings) -> Middleware | None:
    """The middleware for the origins of the settings; None where there are none.

    Cookies are never allowed: keys travel in headers that a page sets itself.

    Raises:
        ServeError: an origin is not written as browsers send it.
    """
    if not settings.cors_origins:
        return None
    for origin in settings.cors_origins:
        _refuse_unusual(origin)
    return Middleware(
        CORSMiddleware,
        allow_origins=settings.cors_origins,
        allow_methods=("GET", "POST", "PUT", "DELETE"),
        allow_headers=("Authorization", "Content-Type", "X-API-Key", "X-Request-ID"),
        expose_headers=_EXPOSED,
        max_age=600,
    )


def _refuse_unusual(origin: str) -> None:
    # The Fetch standard: scheme, host and port, in lower case, without a slash behind.
    parts = urlsplit(origin)
    usual = f"{parts.scheme}://{parts.netloc}"
    if origin == "*":
        return
    if parts.scheme not in {"http", "https"} or not parts.hostname or origin.lower() != usual:
        raise ServeError(
            f"The CORS origin {origin!r} is none that a browser sends. Write it like "
            "https://shop.example, in lower case and without a path."
        )
