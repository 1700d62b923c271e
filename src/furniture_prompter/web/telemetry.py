"""Telemetry of the API: metrics in the words of Prometheus, and a line in the log for each request.

One process keeps its numbers in memory. Where several answer, :mod:`furniture_prompter.web.server`
gives them a folder in ``PROMETHEUS_MULTIPROC_DIR`` before they start; they count in files there,
and whichever process is asked adds them all up.

What people ask is theirs: neither prompts nor photos, query strings, keys or addresses are logged.
"""

import logging
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Final
from uuid import uuid4

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.values import MultiProcessValue
from pythonjsonlogger.core import RESERVED_ATTRS
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SHARED_FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"
"""Where several processes count together; prometheus_client reads it when it is imported."""

# From a cached prompt to the longest request timeout.
_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)
_PHOTOS: Final = (1, 2, 3, 4, 6, 8, 12, 16, 32, 64)
_WORKERS_REPLACED: Final = "furniture_prompter_workers_replaced"
_WORKERS_REPLACED_SAYS: Final = "Workers that ended or hung and were replaced."


class Metrics:
    """The numbers of one app; docs/operations.md says what each means.

    Attributes:
        in_flight: Requests in work.
        refused: Requests refused before any work, by reason: requests, bodies, batches,
            photos or memory.
        decoders_lost: Decoding threads given up because a photo took too long.
        decoders_stuck: Of these, threads that are still busy.
        batch_photos: Photos encoded in one run.
        queue_photos: Photos waiting to be encoded.
        cache_hits: Photos whose vector was in memory, or being computed for somebody else.
        cache_misses: Photos whose vector had to be computed.
        cache_vectors: Photos' vectors kept in memory.
        catalog_version: Version that new requests are answered from; the oldest of all processes.
        catalog_swaps: Versions taken up since the start.
        catalog_failures: New versions that could not be opened.
        hang_ups: Requests whose client left before the answer.
        connections: Connections that are open.
        connections_closed: Connections closed because there were as many as may be, by which: idle
            ones, or new ones where none was idle.
        workers_replaced: Workers that ended or hung and were replaced; counted by their supervisor.
    """

    def __init__(self) -> None:
        """Begin at zero."""
        own = self._registry = CollectorRegistry()
        name = "furniture_prompter"
        self._requests = Counter(
            f"{name}_requests",
            "Requests answered, by route and HTTP status.",
            ("method", "route", "status"),
            registry=own,
        )
        self._request_s = Histogram(
            f"{name}_request_seconds",
            "Time from a request's headers to the end of its answer, by route.",
            ("route",),
            buckets=_SECONDS,
            registry=own,
        )
        self._stage_s = Histogram(
            f"{name}_stage_seconds",
            "Time of one stage of the work on a request.",
            ("stage",),
            buckets=_SECONDS,
            registry=own,
        )
        self.in_flight = Gauge(
            f"{name}_requests_in_flight",
            "Requests in work.",
            registry=own,
            multiprocess_mode="livesum",
        )
        self.refused = Counter(
            f"{name}_refused",
            "Requests refused because too much was in work, by what was full.",
            ("full",),
            registry=own,
        )
        self.decoders_lost = Counter(
            f"{name}_decoders_lost",
            "Decoding threads given up because a photo took longer than decode_timeout_s.",
            registry=own,
        )
        self.decoders_stuck = Gauge(
            f"{name}_decoders_stuck",
            "Decoding threads that were given up and are still busy.",
            registry=own,
            multiprocess_mode="livesum",
        )
        self.batch_photos = Histogram(
            f"{name}_batch_photos", "Photos encoded in one run.", buckets=_PHOTOS, registry=own
        )
        self.queue_photos = Gauge(
            f"{name}_queue_photos",
            "Photos waiting to be encoded.",
            registry=own,
            multiprocess_mode="livesum",
        )
        self.cache_hits = Counter(
            f"{name}_cache_hits",
            "Photos whose vector was in memory, or being computed for another request.",
            registry=own,
        )
        self.cache_misses = Counter(
            f"{name}_cache_misses", "Photos whose vector had to be computed.", registry=own
        )
        self.cache_vectors = Gauge(
            f"{name}_cache_vectors",
            "Photos' vectors kept in memory.",
            registry=own,
            multiprocess_mode="livesum",
        )
        self.catalog_version = Gauge(
            f"{name}_catalog_version",
            "Catalog version that new requests are answered from; the oldest of all processes.",
            registry=own,
            multiprocess_mode="livemin",
        )
        self.catalog_swaps = Counter(
            f"{name}_catalog_swaps", "Catalog versions taken up since the start.", registry=own
        )
        self.catalog_failures = Counter(
            f"{name}_catalog_failures",
            "Attempts to take up a catalog version that failed.",
            registry=own,
        )
        self.hang_ups = Counter(
            f"{name}_hang_ups", "Requests whose client left before the answer.", registry=own
        )
        self.connections = Gauge(
            f"{name}_connections",
            "Connections that are open.",
            registry=own,
            multiprocess_mode="livesum",
        )
        self.connections_closed = Counter(
            f"{name}_connections_closed",
            "Connections closed because there were as many as may be, by which: idle or new.",
            ("which",),
            registry=own,
        )
        self.workers_replaced = Counter(_WORKERS_REPLACED, _WORKERS_REPLACED_SAYS, registry=own)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request that is over.

        Args:
            method: HTTP method.
            route: The route's template, never the path itself: paths have no end of values.
            status: HTTP status; 499 where the client left first.
            seconds: Wall time.
        """
        self._requests.labels(method, route, str(status)).inc()
        self._request_s.labels(route).observe(seconds)

    def stage_took(self, stage: str, seconds: float) -> None:
        """Note the wall time of a stage, such as ``decode`` or ``retrieve``."""
        self._stage_s.labels(stage).observe(seconds)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure a stage, whether it succeeds or not."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.stage_took(name, time.perf_counter() - began)

    def render(self) -> tuple[bytes, str]:
        """All numbers in Prometheus's text format, and its content type."""
        registry = self._registry
        if SHARED_FOLDER in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # upstream leaves it untyped
        return generate_latest(registry), CONTENT_TYPE_LATEST


@cache
def replaced_workers() -> Any:
    """The counter of a supervisor of several processes, which answers nothing itself.

    A value of prometheus_client in the folder that its workers count in, whatever was set when that
    was imported here; ``inc(1)`` adds one.
    """
    total = f"{_WORKERS_REPLACED}_total"
    value = MultiProcessValue()  # type: ignore[no-untyped-call]  # upstream leaves it untyped
    return value("counter", _WORKERS_REPLACED, total, (), (), _WORKERS_REPLACED_SAYS)


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
