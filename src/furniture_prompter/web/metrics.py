"""What the API counts and measures, in the words of Prometheus.

One process keeps its numbers in memory. Where several answer, :mod:`furniture_prompter.web.server`
gives them a folder in ``PROMETHEUS_MULTIPROC_DIR`` before they start; they count in files there,
and whichever process is asked adds them all up.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Final

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
