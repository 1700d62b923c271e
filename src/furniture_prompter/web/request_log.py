"""A line in the log, an id and a measurement for every request.

What people ask is theirs: neither prompts nor photos, query strings, keys or addresses are logged.
"""

import logging
import re
import time
from typing import Any, Final
from uuid import uuid4

from pythonjsonlogger.core import RESERVED_ATTRS
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from furniture_prompter.web.metrics import Metrics

_LOG = logging.getLogger("furniture_prompter.web.requests")

REQUEST_ID: Final = "X-Request-Id"
# What a proxy makes (UUIDs, ULIDs, trace ids), and nothing that could forge a line of a log.
_SANE_ID: Final = re.compile(r"[A-Za-z0-9._-]{8,64}")
# Nobody's status, but what nginx made the word for it.
LEFT_FIRST: Final = 499
_NO_ROUTE: Final = "none"
# Supervisors ask them every few seconds; a thousand lines an hour that say nothing hide the rest.
_PROBED: Final = frozenset({"/healthz", "/readyz"})
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class RequestLog:
    """Gives a request its id, and tells log and metrics how it went; the outermost of all.

    A client's own X-Request-Id is kept where it is sane. The id stands in
    ``scope["state"]["request_id"]``, in the answer's X-Request-Id and in every line of the log.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        """Wrap an application."""
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        request_id = scope.setdefault("state", {})["request_id"] = _id_for(scope)
        status: int | None = None

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[REQUEST_ID] = request_id
            await send(message)

        failed = True
        try:
            await self._app(scope, receive, send_with_id)
            failed = False
        finally:
            # An exception that comes this far is answered outside, as an internal error.
            final = status or (500 if failed else LEFT_FIRST)
            self._note(scope, final, time.perf_counter() - began)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        route = route_of(scope)
        method = scope["method"] if scope["method"] in _METHODS else "OTHER"
        self._metrics.answered(method, route, status, seconds)
        state: dict[str, Any] = scope["state"]
        told = {
            "request_id": state["request_id"],
            "method": method,
            "route": route,
            "status": status,
            "ms": round(1_000 * seconds, 3),
        }
        if "key_name" in state:
            told["key"] = state["key_name"]
        level = logging.ERROR if status >= 500 else logging.INFO
        if route in _PROBED and status == 200:
            level = logging.DEBUG
        if _LOG.isEnabledFor(level):
            _LOG.log(level, "request", extra=told)


def route_of(scope: Scope) -> str:
    """Template of the route that answered, such as ``/v1/products/{id}``; never a path itself."""
    route = scope.get("route")
    if route is None:
        return _NO_ROUTE
    template = str(getattr(route, "path_format", _NO_ROUTE))
    # A route of an included router knows its own part alone; the rest of the path is the prefix.
    own = template.format(**scope.get("path_params", {}))
    path = str(scope["path"])
    return path.removesuffix(own) + template if path.endswith(own) else template


def _id_for(scope: Scope) -> str:
    given = Headers(scope=scope).get(REQUEST_ID, "")
    return given if _SANE_ID.fullmatch(given) else uuid4().hex


def log_config(level: str) -> dict[str, Any]:
    """Configuration for :func:`logging.config.dictConfig`.

    Args:
        level: Least level logged: ``debug``, ``info``, ``warning`` or ``error``.
    """
    logger = {"handlers": ["lines"], "level": level.upper(), "propagate": False}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "json": {
                "()": "pythonjsonlogger.json.JsonFormatter",
                "fmt": ["levelname", "name", "message", "process"],
                "rename_fields": {"levelname": "level", "name": "logger"},
                "timestamp": "time",
                "json_ensure_ascii": False,
                # Uvicorn's second wording, for terminals.
                "reserved_attrs": [*RESERVED_ATTRS, "color_message"],
            }
        },
        "handlers": {
            "lines": {
                "class": "logging.StreamHandler",
                "formatter": "json",
                "stream": "ext://sys.stderr",
            }
        },
        "loggers": {"furniture_prompter": logger, "uvicorn": logger},
    }
