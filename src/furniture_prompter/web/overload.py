"""No more requests in work at once than the server can hold."""

from collections import Counter
from collections.abc import Mapping
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from furniture_prompter.web.errors import Overloaded, send_error
from furniture_prompter.web.metrics import Metrics

WATCHING_PATHS: Final = frozenset({"/healthz", "/readyz", "/metrics"})
"""What tells how the server fares must answer when nothing else does."""


class LimitRequests:
    """Answers 429 with Retry-After where more requests are in work than the limit.

    Some paths have places of their own, so that what may take minutes keeps nothing else waiting.
    """

    def __init__(
        self,
        app: ASGIApp,
        limit_requests: int,
        metrics: Metrics,
        *,
        apart: Mapping[str, tuple[str, int]] | None = None,
    ) -> None:
        """Wrap an application.

        Args:
            app: What is wrapped.
            limit_requests: Requests in work at once.
            metrics: Where to count.
            apart: Paths with places of their own: what metrics call them, and how many.
        """
        self._app = app
        self._places = ("requests", limit_requests)
        self._apart = dict(apart or {})
        self._metrics = metrics
        self._in_work: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        if scope["type"] != "http" or scope["path"] in WATCHING_PATHS:
            await self._app(scope, receive, send)
            return
        kind, limit = self._apart.get(scope["path"], self._places)
        if self._in_work[kind] >= limit:
            self._metrics.refused.labels(kind).inc()
            # The connection stays open: closing it below an upload would lose this very answer.
            await send_error(scope, receive, send, Overloaded())
            return
        self._in_work[kind] += 1
        self._metrics.in_flight.inc()
        try:
            await self._app(scope, receive, send)
        finally:
            self._in_work[kind] -= 1
            self._metrics.in_flight.dec()
