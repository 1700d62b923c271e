"""Cross-origin protection: Host and Origin checks, CORS and security headers.

A browser sends requests for any page it shows, to loopback and the local network too. Two things
give such a request away: the name in ``Host``, where a page's own name was pointed at this server
(DNS rebinding), and ``Origin`` and ``Sec-Fetch-Site``, which no page can write.
"""

import ipaddress
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from furniture_prompter.errors import ServeError
from furniture_prompter.settings import ServeSettings
from furniture_prompter.web.access import is_loopback
from furniture_prompter.web.errors import ApiError, send_error

_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
# A name in a message is worth no more than the longest that DNS has.
_SHOWN_CHARACTERS: Final = 253


class GuardOrigins:
    """Answers 421 to a Host that is none of the server's, and 403 to other sites' pages that write.

    Which hosts: those of the settings and loopback's. Where the settings name none:

    - on a loopback address those of loopback alone;
    - on a public one with keys every name, for a page that got here by a name of its own still has
      no key, and browsers add none by themselves;
    - on a public one without keys (``open_access``) addresses besides, which no page can point
      elsewhere.

    A request without Origin and Sec-Fetch-Site comes from no page that a browser shows, for
    browsers send one of them with whatever is no plain reading.
    """

    def __init__(self, app: ASGIApp, settings: ServeSettings) -> None:
        """Wrap an application."""
        self._app = app
        self._origins = frozenset(settings.cors_origins)
        told = (settings.host.lower(), *settings.allowed_hosts)
        self._names = frozenset(name.strip("[]") for name in told)
        self._suffixes = tuple(name[1:] for name in settings.allowed_hosts if name[:2] == "*.")
        public = not is_loopback(settings.host)
        self._any = "*" in self._names or (
            public and settings.api_keys is not None and not settings.allowed_hosts
        )
        self._addresses = public

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            error = self._foreign_host(headers.get("host"))
            if error is None and scope["method"] not in _SAFE_METHODS:
                error = self._foreign_page(headers)
            if error is not None:
                await send_error(scope, receive, send, error)
                return
        await self._app(scope, receive, send)

    def _foreign_host(self, host: str | None) -> ApiError | None:
        # HTTP/1.0 may leave it out, as checks of load balancers do, and no browser does.
        if host is None or self._any:
            return None
        name = _name_of(host)
        if name is not None and self._is_own(name):
            return None
        return ApiError(
            421,
            "misdirected",
            f"This server does not answer for the host {host[:_SHOWN_CHARACTERS]!r}. Whoever runs "
            "it can name it with --allowed-host, or in FURNITURE_PROMPTER_ALLOWED_HOSTS.",
        )

    def _is_own(self, name: str) -> bool:
        if name in self._names or name.endswith(self._suffixes):
            return True
        if name.endswith(".localhost") or is_loopback(name):
            return True
        return self._addresses and _is_address(name)

    def _foreign_page(self, headers: Headers) -> ApiError | None:
        origins = headers.getlist("origin")
        listed = bool(origins) and self._are_listed(origins)
        own = all(_is_of(origin, headers.get("host", "")) for origin in origins)
        site = headers.get("sec-fetch-site", "none")
        if listed or (own and site in {"same-origin", "none"}):
            return None
        return ApiError(
            403,
            "forbidden",
            "A page of another site may not send this. Whoever runs the server can name the "
            "page's origin with --cors-origin, or in FURNITURE_PROMPTER_CORS_ORIGINS; a proxy must "
            "pass on Host.",
        )

    def _are_listed(self, origins: Iterable[str]) -> bool:
        return "*" in self._origins or all(origin in self._origins for origin in origins)


def _is_of(origin: str, host: str) -> bool:
    """Whether a page lies on this server, by whichever scheme: a proxy may speak TLS for it."""
    try:
        return urlsplit(origin).netloc.lower() == host.lower() != ""
    except ValueError:
        return False


def _name_of(host: str) -> str | None:
    """Name or address in a Host header, in lower case; None where it is written wrongly."""
    if host.startswith("["):
        name, closed, port = host[1:].partition("]")
        if not closed or (port and port[0] != ":"):
            return None
        port = port[1:]
    else:
        name, _, port = host.partition(":")
    if port and not (port.isascii() and port.isdecimal()):
        return None
    return name.lower().removesuffix(".")


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


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
        allow_methods=("GET", "POST", "PUT", "PATCH", "DELETE"),
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


# OWASP's REST and HTTP headers cheat sheets. An answer of the API is data: nothing in it may run,
# be framed or be taken for another type, and nobody between here and there keeps it.
_EVERYWHERE: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
}
_DATA: Final = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
_PAGE: Final = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-cache",
}
# Two years, as the preload list wants; browsers heed it over TLS alone (RFC 6797).
_TRANSPORT: Final = "max-age=63072000; includeSubDomains"


class SecurityHeaders:
    """Adds what an answer does not say itself; a route's own header wins."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap an application."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                is_page = headers.get("content-type", "").startswith("text/html")
                for name, value in {**_EVERYWHERE, **(_PAGE if is_page else _DATA)}.items():
                    headers.setdefault(name, value)
                if scope["scheme"] == "https":
                    headers.setdefault("Strict-Transport-Security", _TRANSPORT)
            await send(message)

        await self._app(scope, receive, send_with_headers)
