"""Requests that take too long, and those that nobody waits for any more, are ended."""

import asyncio
from collections.abc import Collection
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from furniture_prompter.web.errors import ApiError, send_error, timed_out
from furniture_prompter.web.metrics import Metrics


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
            await send_error(scope, receive, send, timed_out())


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
