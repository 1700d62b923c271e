"""No more requests in work at once than the server can hold."""

from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from furniture_prompter.web.errors import Overloaded, send_error
from furniture_prompter.web.metrics import Metrics

WATCHING_PATHS: Final = frozenset({"/healthz", "/readyz", "/metrics"})
"""What tells how the server fares must answer when nothing else does."""


class LimitRequests:
    """Answers 429 with Retry-After where more requests are in work than the limit."""

    def __init__(self, app: ASGIApp, limit_requests: int, metrics: Metrics) -> None:
        """Wrap an application."""
        self._app = app
        self._limit = limit_requests
        self._metrics = metrics
        self._in_work = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        if scope["type"] != "http" or scope["path"] in WATCHING_PATHS:
            await self._app(scope, receive, send)
            return
        if self._in_work >= self._limit:
            self._metrics.refused.labels("requests").inc()
            # The connection stays open: closing it below an upload would lose this very answer.
            await send_error(scope, receive, send, Overloaded())
            return
        self._in_work += 1
        self._metrics.in_flight.inc()
        try:
            await self._app(scope, receive, send)
        finally:
            self._in_work -= 1
            self._metrics.in_flight.dec()
