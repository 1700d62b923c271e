"""Request bodies that are too large, too slow, or too many at once, cut off."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from furniture_prompter.web.errors import ApiError, Overloaded, send_error
from furniture_prompter.web.metrics import Metrics

# Bodies of the largest size that may be in memory at once. Requests are many and small, or few and
# large: without this bound as many large ones as there may be requests would take gigabytes.
_BODIES_AT_ONCE: Final = 6
# How long the rest of a body that was cut off is read and thrown away, so that the client comes to
# read the answer: a connection closed below an upload loses it.
_LINGER_S: Final = 2.0

PACE_BYTES_S: Final = 4_096
"""What a body must bring on average: a quarter of the slowest lines of shops (128 kbit/s)."""


class HeldBytes:
    """Bytes of request bodies in memory, of all requests together."""

    def __init__(self, limit_bytes: int, metrics: Metrics) -> None:
        """Hold none yet."""
        self._limit_bytes = limit_bytes
        self._refused = metrics.refused.labels("memory")
        self._bytes = 0

    @classmethod
    def for_bodies(cls, limit_body_bytes: int, metrics: Metrics) -> "HeldBytes":
        """As many as six of the largest bodies have."""
        return cls(_BODIES_AT_ONCE * limit_body_bytes, metrics)

    @contextmanager
    def share(self) -> Iterator["HeldShare"]:
        """What one request holds; given back at the end, whatever happened."""
        share = HeldShare(self)
        try:
            yield share
        finally:
            share.give_back(share.held_bytes)

    def take(self, count: int, of_one: int) -> None:
        """Count bytes that come; for :class:`HeldShare`."""
        if of_one + count > self._limit_bytes:
            raise _too_large(self._limit_bytes)
        if self._bytes + count > self._limit_bytes:
            self._refused.inc()
            raise Overloaded
        self._bytes += count

    def give_back(self, count: int) -> None:
        """Count bytes that are gone; for :class:`HeldShare`."""
        self._bytes -= count


class HeldShare:
    """Bytes that one request holds.

    Attributes:
        held_bytes: How many.
    """

    def __init__(self, held: HeldBytes) -> None:
        """Hold none yet."""
        self.held_bytes = 0
        self._held = held

    def take(self, count: int) -> None:
        """Hold more, before they are kept.

        Raises:
            Overloaded: all requests together would hold too many.
            ApiError: this one would by itself (413).
        """
        self._held.take(count, self.held_bytes)
        self.held_bytes += count

    def give_back(self, count: int) -> None:
        """Hold fewer."""
        self._held.give_back(count)
        self.held_bytes -= count


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """How large and how slow a body may be.

    Attributes:
        limit_bytes: Its bytes in all.
        timeout_s: Seconds in all for which it may let the server wait.
        patience_s: Seconds for which it may lag behind :data:`PACE_BYTES_S`.
        streamed: Whether its route reads it piece by piece and counts itself what it keeps. One
            that is kept whole is counted here, and what it brought early buys it no pause: it fills
            memory meanwhile.
    """

    limit_bytes: int
    timeout_s: float
    patience_s: float
    streamed: bool = False


class LimitBody:
    """Bounds a request's body in bytes and time, and all bodies in memory together.

    Too large answers 413 and too slow 408; too many bytes in all answer 429.
    """

    def __init__(
        self,
        app: ASGIApp,
        limits: BodyLimits,
        held: HeldBytes,
        *,
        apart: Mapping[str, BodyLimits] | None = None,
    ) -> None:
        """Wrap an application.

        Args:
            app: What is wrapped.
            limits: Those of a body.
            held: What all requests hold together.
            apart: Paths with limits of their own.
        """
        self._app = app
        self._limits = limits
        self._held = held
        self._apart = dict(apart or {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        with self._held.share() as share:
            limits = self._apart.get(scope["path"], self._limits)
            body = _Body(receive, send, limits, share)
            body.refuse_declared(headers.get("content-length", ""))
            if body.failure is None:
                # The route gave up its body; what it said of that is answered below instead.
                with suppress(_CutOffError):
                    await self._app(scope, body.receive, body.send)
            if body.failure is not None and not body.answered:
                # Who expects a word before it sends has sent nothing that could be read.
                waits = "expect" in headers
                answer = send if waits else body.send_then_linger
                await send_error(scope, receive, answer, body.failure)


class _CutOffError(Exception):
    """Ends a route that waits for a body of which no more will come."""


class _Body:
    """One request's body on its way through.

    Attributes:
        failure: Why it was cut off.
        answered: Whether the route has begun to answer.
    """

    def __init__(self, receive: Receive, send: Send, limits: BodyLimits, share: HeldShare) -> None:
        self.failure: ApiError | None = None
        self.answered = False
        self._receive = receive
        self._send = send
        self._limits = limits
        self._share = share
        self._bytes = 0
        self._waited_s = 0.0
        self._lag_s = 0.0
        self._complete = False

    def refuse_declared(self, length: str) -> None:
        """Refuse by Content-Length what would be refused after reading it."""
        if length.isdecimal() and int(length[:20]) > self._limits.limit_bytes:
            self.failure = _too_large(self._limits.limit_bytes)

    async def receive(self) -> Message:
        """The next message, within the limits."""
        if self.failure is not None:
            raise _CutOffError
        if self._complete:
            return await self._receive()
        clock = asyncio.get_running_loop().time
        began_s = clock()
        try:
            async with asyncio.timeout(self._patience_s()):
                message = await self._receive()
            self._count(len(message.get("body", b"")))
        except TimeoutError:
            self.failure = self._too_slow(self._waited_s + clock() - began_s)
            raise _CutOffError from None
        except ApiError as error:
            self.failure = error
            raise _CutOffError from error
        # What the server takes between two pieces is not the client's.
        waited_s = clock() - began_s
        self._waited_s += waited_s
        self._lag_s += waited_s - len(message.get("body", b"")) / PACE_BYTES_S
        if not self._limits.streamed:
            self._lag_s = max(self._lag_s, 0.0)
        self._complete = not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        """Pass on what the route answers, unless it answers that its body broke off."""
        if self.failure is None or self.answered:
            self.answered = True
            await self._send(message)

    async def send_then_linger(self, message: Message) -> None:
        """Send the answer, but end it only when the client had time to stop sending."""
        if message["type"] != "http.response.body":
            await self._send(message)
            return
        await self._send({**message, "more_body": True})
        with suppress(TimeoutError):
            async with asyncio.timeout(_LINGER_S):
                while (await self._receive()).get("more_body", False):
                    pass
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    def _patience_s(self) -> float:
        """How long the next piece may take."""
        left_s = self._limits.timeout_s - self._waited_s
        return min(left_s, self._limits.patience_s - self._lag_s)

    def _count(self, count: int) -> None:
        self._bytes += count
        if self._bytes > self._limits.limit_bytes:
            raise _too_large(self._limits.limit_bytes)
        if not self._limits.streamed:
            self._share.take(count)

    def _too_slow(self, waited_s: float) -> ApiError:
        if waited_s < self._limits.timeout_s:
            why = f"came more slowly than {PACE_BYTES_S:,} bytes a second"
        else:
            why = f"took longer than {self._limits.timeout_s:g} seconds"
        return ApiError(
            HTTPStatus.REQUEST_TIMEOUT,
            "timeout",
            f"The request's body {why}. Send it faster, or send smaller photos or fewer things at "
            "once.",
            {"Connection": "close"},
        )


def _too_large(limit_bytes: int) -> ApiError:
    return ApiError(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "too_large",
        f"The request's body has more than {limit_bytes:,} bytes. Send a smaller photo, or fewer "
        "things at once.",
        {"Connection": "close"},
    )
