"""Admission control: concurrency limits, rate limits, request timeouts and clients that left."""

import asyncio
import ipaddress
import math
import time
from collections import Counter
from collections.abc import Collection, Mapping
from http import HTTPStatus
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from furniture_prompter.web.access import is_open
from furniture_prompter.web.errors import ApiError, Overloaded, send_error, timed_out
from furniture_prompter.web.telemetry import Metrics

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


_WINDOW_S: Final = 60
# One customer of a provider commands this much of the IPv6 space (RFC 6177).
_CUSTOMER_V6_BITS: Final = 64


class RateLimit:
    """Answers 429 beyond the limit; every answer tells what is left.

    The headers are those of the IETF's draft-ietf-httpapi-ratelimit-headers.
    """

    def __init__(self, app: ASGIApp, per_minute: int) -> None:
        """Wrap an application.

        Args:
            app: The application.
            per_minute: Requests in a minute; 0 for no limit.
        """
        self._app = app
        self._per_minute = per_minute
        if per_minute:
            # Which loads what counts in Redis and elsewhere as well.
            from limits import RateLimitItemPerMinute
            from limits.storage import MemoryStorage
            from limits.strategies import SlidingWindowCounterRateLimiter

            self._item = RateLimitItemPerMinute(per_minute)
            self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        if scope["type"] != "http" or not self._per_minute or is_open(scope["path"]):
            await self._app(scope, receive, send)
            return
        who = _who(scope)
        allowed = self._limiter.hit(self._item, who)
        stats = self._limiter.get_window_stats(self._item, who)
        reset_s = max(1, math.ceil(stats.reset_time - time.time()))

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["RateLimit-Policy"] = f'"requests";q={self._per_minute};w={_WINDOW_S}'
                headers["RateLimit"] = f'"requests";r={max(0, stats.remaining)};t={reset_s}'
            await send(message)

        if allowed:
            await self._app(scope, receive, send_with_headers)
            return
        refusal = ApiError(
            429,
            "too_many_requests",
            f"More than {self._per_minute} requests in a minute. Try again in {reset_s} s.",
            {"Retry-After": str(reset_s)},
        )
        await send_error(scope, receive, send_with_headers, refusal)


def _who(scope: Scope) -> str:
    name = scope.get("state", {}).get("key_name", "")
    if name:
        return f"key {name}"
    host = str((scope.get("client") or ("", 0))[0])
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return f"address {host}"
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return f"address {address.ipv4_mapped}"
        return f"network {ipaddress.ip_network((address, _CUSTOMER_V6_BITS), strict=False)}"
    return f"address {address}"


class RequestTimeout:
    """Answers 504 where the work on a request takes longer than the limit.

    Time in which the route waits for the body counts for nothing here: the body has its own limit.
    """

    def __init__(self, app: ASGIApp, timeout_s: float, *, unlimited: Collection[str] = ()) -> None:
        """Wrap an application; paths in `unlimited` may take as long as they do."""
        self._app = app
        self._timeout_s = timeout_s
        self._unlimited = frozenset(unlimited)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        if scope["type"] != "http" or scope["path"] in self._unlimited:
            await self._app(scope, receive, send)
            return
        loop = asyncio.get_running_loop()
        answered = complete = False
        try:
            async with asyncio.timeout(self._timeout_s) as limit:

                async def receive_untimed() -> Message:
                    nonlocal complete
                    # A listener for hang-ups must not stop the clock.
                    if complete:
                        return await receive()
                    limit.reschedule(None)
                    message = await receive()
                    limit.reschedule(loop.time() + self._timeout_s)
                    complete = not message.get("more_body", False)
                    return message

                async def send_noting(message: Message) -> None:
                    nonlocal answered
                    answered = True
                    await send(message)

                await self._app(scope, receive_untimed, send_noting)
        except TimeoutError:
            # Half an answer cannot be taken back; the server closes its connection.
            if answered or not limit.expired():
                raise
            await send_error(
                scope,
                receive,
                send,
                timed_out(writing=scope["method"] in {"PUT", "PATCH", "DELETE"}),
            )


class HangUp:
    """Cancels the work on a request when its client leaves.

    Nothing is answered then, and the request counts as a hang-up.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        """Wrap an application."""
        self._app = app
        self._hang_ups = metrics.hang_ups

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        task = asyncio.current_task()
        if scope["type"] != "http" or task is None:
            await self._app(scope, receive, send)
            return
        line = _Line(receive, send, task)
        headers = Headers(scope=scope)
        if "content-length" not in headers and "transfer-encoding" not in headers:
            await line.receive_body()
        try:
            await self._app(scope, line.receive, line.send)
        except asyncio.CancelledError:
            if not line.cancelled:
                # The time for finishing accepted requests is over: uvicorn cancels what is left.
                if not line.answering:
                    await send_error(scope, receive, send, _ending())
                raise
            task.uncancel()
        except ClientDisconnect:
            if not line.left:
                raise
        finally:
            line.end()
            if line.left:
                self._hang_ups.inc()


def _ending() -> ApiError:
    return ApiError(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "unavailable",
        "The server is ending. Ask again in a moment.",
        {"Retry-After": "1"},
    )


class _Line:
    """The connection to one client, watched from the end of the request's body on.

    Attributes:
        left: Whether the client has gone before the end of the answer.
        cancelled: Whether the work was cancelled for that.
        answering: Whether the answer has begun.
    """

    def __init__(self, receive: Receive, send: Send, task: asyncio.Task[object]) -> None:
        self.left = False
        self.cancelled = False
        self.answering = False
        self._receive = receive
        self._send = send
        self._task = task
        self._first: Message | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._answered = False

    async def receive_body(self) -> None:
        """Take the message of a request without a body, and watch from now on."""
        self._first = await self._next()

    async def receive(self) -> Message:
        """The next message; after the body, the client's leaving."""
        if self._first is not None:
            message, self._first = self._first, None
            return message
        if self._watcher is not None:
            # Cancelling who listens must not end the watch.
            await asyncio.shield(self._watcher)
            return {"type": "http.disconnect"}
        return await self._next()

    async def send(self, message: Message) -> None:
        """Pass on, noting the end: servers call that a disconnect too."""
        self.answering = True
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            self._answered = True
        await self._send(message)

    def end(self) -> None:
        """Stop watching."""
        if self._watcher is not None:
            self._watcher.cancel()

    async def _next(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self.left = not self._answered
        elif not message.get("more_body", False):
            self._watcher = asyncio.create_task(self._watch(), name="watch for a hang-up")
        return message

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        if not self._answered:
            self.left = self.cancelled = True
            self._task.cancel()


# What the router notes of its match, and log and metrics ask for.
_NOTED: Final = ("route", "path_params")


class AnswerHead:
    """Lets routes answer HEAD as GET; the framework's take GET alone. Goes innermost."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap an application."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def send_without_body(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        # Whoever lies outside must go on seeing a HEAD: the server then sends no body.
        asked = {**scope, "method": "GET"}
        try:
            await self._app(asked, receive, send_without_body)
        finally:
            scope.update({name: asked[name] for name in _NOTED if name in asked})
