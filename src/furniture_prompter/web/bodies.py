"""Request bodies that are too large, too slow, or too many at once, cut off."""

import asyncio
from collections.abc import Collection
from contextlib import suppress
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


class HeldBytes:
    """Bytes of request bodies in memory, of all requests together."""

    def __init__(self, limit_bytes: int, metrics: Metrics) -> None:
        """Hold none yet."""
        self._limit_bytes = limit_bytes
        self._refused = metrics.refused.labels("memory")
        self._bytes = 0

    def take(self, count: int) -> None:
        """Count bytes that came; who takes them gives them back, refused or not.

        Raises:
            Overloaded: there are more than the limit now.
        """
        self._bytes += count
        if self._bytes > self._limit_bytes:
            self._refused.inc()
            raise Overloaded

    def give_back(self, count: int) -> None:
        """Count bytes that are gone."""
        self._bytes -= count


class LimitBody:
    """Bounds a request's body in bytes and time, and all bodies in memory together.

    Too large answers 413 and too slow 408; too many bytes in all answer 429. Streamed paths are
    read piece by piece by their route, so they are bounded only in the time between two pieces.
    """

    def __init__(
        self,
        app: ASGIApp,
        limit_bytes: int,
        timeout_s: float,
        metrics: Metrics,
        *,
        streamed: Collection[str] = (),
    ) -> None:
        """Wrap an application.

        Args:
            app: What is wrapped.
            limit_bytes: Largest body.
            timeout_s: Time for a whole body; for each piece where it is streamed.
            metrics: Where to count.
            streamed: Paths whose routes read a stream.
        """
        self._app = app
        self._limit_bytes = limit_bytes
        self._timeout_s = timeout_s
        self._streamed = frozenset(streamed)
        self._held = HeldBytes(_BODIES_AT_ONCE * limit_bytes, metrics)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["path"] in self._streamed:
            body = _Body(receive, send, None, self._timeout_s, self._held)
        else:
            body = _Body(receive, send, self._limit_bytes, self._timeout_s, self._held)
        headers = Headers(scope=scope)
        try:
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
        finally:
            self._held.give_back(body.held_bytes)


class _CutOffError(Exception):
    """Ends a route that waits for a body of which no more will come."""


class _Body:
    """One request's body on its way through.

    Attributes:
        held_bytes: Bytes of it that count as in memory.
        failure: Why it was cut off.
        answered: Whether the route has begun to answer.
    """

    def __init__(
        self,
        receive: Receive,
        send: Send,
        limit_bytes: int | None,
        timeout_s: float,
        held: HeldBytes,
    ) -> None:
        self.held_bytes = 0
        self.failure: ApiError | None = None
        self.answered = False
        self._receive = receive
        self._send = send
        self._limit_bytes = limit_bytes
        self._timeout_s = timeout_s
        self._held = held
        self._until = asyncio.get_running_loop().time() + timeout_s
        self._complete = False

    def refuse_declared(self, length: str) -> None:
        """Refuse by Content-Length what would be refused after reading it."""
        if self._limit_bytes is not None and length.isdecimal() and int(length) > self._limit_bytes:
            self.failure = _too_large(self._limit_bytes)

    async def receive(self) -> Message:
        """The next message, within the limits."""
        if self.failure is not None:
            raise _CutOffError
        if self._complete:
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._deadline()):
                message = await self._receive()
            self._count(len(message.get("body", b"")))
        except TimeoutError:
            self.failure = _too_slow(self._timeout_s)
            raise _CutOffError from None
        except ApiError as error:
            self.failure = error
            raise _CutOffError from error
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

    def _deadline(self) -> float:
        if self._limit_bytes is None:
            return asyncio.get_running_loop().time() + self._timeout_s
        return self._until

    def _count(self, count: int) -> None:
        if self._limit_bytes is None:
            return
        self.held_bytes += count
        self._held.take(count)
        if self.held_bytes > self._limit_bytes:
            raise _too_large(self._limit_bytes)


def _too_large(limit_bytes: int) -> ApiError:
    return ApiError(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "too_large",
        f"The request's body has more than {limit_bytes:,} bytes. Send a smaller photo, or fewer "
        "things at once.",
        {"Connection": "close"},
    )


def _too_slow(timeout_s: float) -> ApiError:
    return ApiError(
        HTTPStatus.REQUEST_TIMEOUT,
        "timeout",
        f"The request's body took longer than {timeout_s:g} seconds. Send it faster, or send a "
        "smaller photo.",
        {"Connection": "close"},
    )
