"""No more requests in work at once than the server can hold."""

from collections import Counter
from collections.abc import Mapping
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from furniture_prompter.web.errors import Overloaded, send_error
from furniture_prompter.web.metrics import Metrics

WATCHING_PATHS: Final = frozenset({"/healthz", "/readyz", "/metrics"})
"""What tells how the server fares must answer when nothing else does."""

_UNFINISHED: Final = 4
"""Bodies that may be on their way, for each request that may be in work: they take no work, and the
bytes of them are bounded apart."""
_WITH_BODIES: Final = frozenset({"POST", "PUT", "PATCH"})
"""Methods whose routes begin to work when the body is there."""


class LimitRequests:
    """Answers 429 with Retry-After where more requests are in work than the limit.

    A request is in work from when its body is whole: clients that trickle keep nobody else out.
    Bodies on their way are at most four times as many. What lies within has to take an
    :class:`Overloaded` from `receive`.

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
            apart: Paths with places of their own, which they take before their body comes: what
                metrics call them, and how many.
        """
        self._app = app
        self._limits = {
            "requests": limit_requests,
            "bodies": _UNFINISHED * limit_requests,
            **dict((apart or {}).values()),
        }
        self._apart = dict(apart or {})
        self._metrics = metrics
        self._in_work: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        if scope["type"] != "http" or scope["path"] in WATCHING_PATHS:
            await self._app(scope, receive, send)
            return
        kind, _ = self._apart.get(scope["path"], ("requests", 0))
        place = _Place(self._limits, self._in_work)
        try:
            # Where no work would be taken, no body is waited for either.
            place.refuse_full(kind)
            unfinished = kind == "requests" and _brings_body(scope)
            place.take("bodies" if unfinished else kind)
        except _FullError as full:
            self._metrics.refused.labels(full.kind).inc()
            # The connection stays open: closing it below an upload would lose this very answer.
            await send_error(scope, receive, send, Overloaded())
            return

        ended: Message | None = None

        async def receive_then_work() -> Message:
            nonlocal unfinished, ended
            if ended is not None:
                # Who reads what is left of a refused body is not kept waiting.
                message, ended = ended, None
                return message
            message = await receive()
            if unfinished and not message.get("more_body", False):
                unfinished = False
                try:
                    place.take(kind)
                except _FullError as full:
                    self._metrics.refused.labels(full.kind).inc()
                    ended = {"type": "http.request", "body": b"", "more_body": False}
                    raise Overloaded from full
            return message

        self._metrics.in_flight.inc()
        try:
            await self._app(scope, receive_then_work, send)
        finally:
            place.leave()
            self._metrics.in_flight.dec()


class _FullError(Exception):
    """No place of a kind is free."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


class _Place:
    """The place that one request has: one at a time, of one kind."""

    def __init__(self, limits: Mapping[str, int], taken: Counter[str]) -> None:
        self._limits = limits
        self._taken = taken
        self._kind = ""

    def refuse_full(self, kind: str) -> None:
        if self._taken[kind] >= self._limits[kind]:
            raise _FullError(kind)

    def take(self, kind: str) -> None:
        """Leave the place that it has for one of another kind; it stays where none is free."""
        self.refuse_full(kind)
        self.leave()
        self._taken[kind] += 1
        self._kind = kind

    def leave(self) -> None:
        if self._kind:
            self._taken[self._kind] -= 1
        self._kind = ""


def _brings_body(scope: Scope) -> bool:
    headers = Headers(scope=scope)
    told = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
    return scope["method"] in _WITH_BODIES and told
