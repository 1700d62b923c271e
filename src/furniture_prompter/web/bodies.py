"""Request bodies: limits of size, pace and memory, and JSON parsed in linear time."""

import asyncio
import math
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, NoReturn

import jiter
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from furniture_prompter.errors import InvalidQueryError
from furniture_prompter.web.errors import ApiError, Overloaded, send_error
from furniture_prompter.web.telemetry import Metrics

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
        """Count bytes that come; for :class:`HeldShare`.

        Raises:
            Overloaded: all requests together would hold too many.
            ApiError: one would by itself (413).
        """
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


LIMIT_VALUES: Final = 100
"""Values of a request, unless its endpoint takes more; a search has 23 at the most."""
LIMIT_OUTSIDE_BYTES: Final = 1_000_000
"""Numbers, names of values, commas, brackets and blanks together. Of what a body holds only photos
are long, and they are texts."""
LIMIT_WRITTEN_BYTES: Final = 4_000_000
"""Bytes of texts that are not ASCII alone, and backslashes of all texts: they take ten times as
long as the letters of a photo in base64, and four times the memory. All texts of the largest
product have 3.3 million; a photo may be written with ``\\/``."""

# What takes a millisecond to read, which the event loop has not got.
_LONG_BYTES: Final = 50_000
_STEP_BYTES: Final = 1 << 20
_BOM: Final = b"\xef\xbb\xbf"
_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))
_SHOWN_CHARACTERS: Final = 120

# One at a time: while a photo of 30 MB is read, it is in memory three times.
_READER: Final = ThreadPoolExecutor(1, thread_name_prefix="json")


async def read_json_body(
    request: Request, limit_depth: int, limit_values: int = LIMIT_VALUES
) -> Any:
    """The value of a request's body; errors as :func:`parse_json`.

    The body is not kept with the request: beside the texts read of it, it would be there twice.
    """
    pieces = [piece async for piece in request.stream()]
    data = b"".join(pieces)
    pieces.clear()
    return await read_value(data, limit_depth, limit_values)


async def read_value(data: bytes, limit_depth: int, limit_values: int = LIMIT_VALUES) -> Any:
    """As :func:`parse_json`, beside the event loop where the text is long."""
    if len(data) <= _LONG_BYTES:
        return parse_json(data, limit_depth, limit_values)
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_READER, parse_json, data, limit_depth, limit_values)


def parse_json(data: bytes, limit_depth: int, limit_values: int = LIMIT_VALUES) -> Any:
    """The value of a JSON text, in time and memory linear in its length.

    Args:
        data: UTF-8; a byte order mark before it is skipped.
        limit_depth: Deepest nesting of objects and lists, at most 200.
        limit_values: Most values, those within others counted too.

    Raises:
        InvalidQueryError: it is no JSON, nests deeper, has more values, gives a name twice, or
            holds a number or a text that cannot be kept.
    """
    data = data.removeprefix(_BOM)
    _refuse_costly(data, limit_depth, limit_values)
    try:
        value = jiter.from_json(data, catch_duplicate_keys=True, cache_mode="none")
    except ValueError as error:
        _refuse_unreadable(data, str(error), limit_depth)
    _refuse_infinite(value)
    return value


def _refuse_costly(data: bytes, limit_depth: int, limit_values: int) -> None:
    """Tell texts and what lies between them apart, and count; a few passes in C each.

    None of them goes on where a limit is passed, and none holds the interpreter for long.
    """
    backslashes = _count_backslashes(data)
    # Without escaped quotes and backslashes every quote begins or ends a text.
    plain = data.replace(b"\\\\", b"").replace(b'\\"', b"") if backslashes else data
    # Each value is a text or has one for its name.
    limit_quotes = 4 * limit_values
    pieces = plain.split(b'"', limit_quotes + 1)
    if len(pieces) > limit_quotes + 1:
        _refuse_many(limit_values)
    texts = pieces[1::2]
    if sum(map(len, pieces[::2])) > LIMIT_OUTSIDE_BYTES:
        _refuse(
            f"has more than {LIMIT_OUTSIDE_BYTES:,} bytes beside its texts",
            "Send fewer things at once, and no blanks.",
        )
    outside = b'"'.join(pieces[::2])
    opened = outside.count(b"[") + outside.count(b"{")
    # A value follows a comma or an opening bracket, or is the whole.
    if outside.count(b",") + opened > limit_values:
        _refuse_many(limit_values)
    if opened > limit_depth:
        _refuse_depth(outside.translate(None, _NO_BRACKETS), limit_depth)
    if backslashes + sum(len(text) for text in texts if not text.isascii()) > LIMIT_WRITTEN_BYTES:
        _refuse_written()


def _count_backslashes(data: bytes) -> int:
    count = 0
    for start in range(0, len(data), _STEP_BYTES):
        count += data.count(b"\\", start, start + _STEP_BYTES)
        if count > LIMIT_WRITTEN_BYTES:
            _refuse_written()
    return count


def _refuse_written() -> NoReturn:
    _refuse(
        f"has texts with more than {LIMIT_WRITTEN_BYTES:,} bytes of other letters than those of a "
        "photo in base64",
        "Shorten them.",
    )


def _refuse_depth(brackets: bytes, limit_depth: int) -> None:
    depth = 0
    for bracket in brackets:
        depth += 1 if bracket in b"[{" else -1
        if depth > limit_depth:
            _refuse(f"nests more than {limit_depth} levels", "Write it flatter.")


def _refuse_many(limit_values: int) -> NoReturn:
    _refuse(f"has more than {limit_values:,} values", "Send fewer things at once.")


def _refuse_unreadable(data: bytes, reason: str, limit_depth: int) -> NoReturn:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        _refuse(f"is not UTF-8 at byte {error.start + 1}", "Send it as UTF-8.")
    told = reason.encode("ascii", "backslashreplace").decode()
    if len(told) > _SHOWN_CHARACTERS:
        told = told[:_SHOWN_CHARACTERS] + "..."
    if "recursion limit" in reason:
        _refuse(f"nests more than {limit_depth} levels", "Write it flatter.")
    if "duplicate key" in reason:
        _refuse(f"gives a name twice in one object ({told})", "Leave one of the two out.")
    if "surrogate" in reason or "hex escape" in reason:
        _refuse(
            rf"holds \u codes that are no characters ({told})", "Write the characters themselves."
        )
    if "out of range" in reason:
        _refuse(f"holds a number of thousands of digits ({told})", "Write it in quotes, as text.")
    _refuse(f"cannot be read ({told})", "Mend it there.")


def _refuse_infinite(value: object) -> None:
    left = [value]
    while left:
        each = left.pop()
        if isinstance(each, dict):
            left.extend(each.values())
        elif isinstance(each, list):
            left.extend(each)
        elif isinstance(each, float) and not math.isfinite(each):
            _refuse_number(each)


def _refuse_number(value: float) -> NoReturn:
    if math.isnan(value):
        _refuse("holds NaN, which JSON does not have", "Write null, or leave it out.")
    name = "-Infinity" if value < 0 else "Infinity"
    _refuse(
        f"holds {name}, which JSON does not have, or a number too large to be kept",
        "Write null, or a smaller number.",
    )


def _refuse(reason: str, cure: str) -> NoReturn:
    raise InvalidQueryError(f"The JSON {reason}. {cure}")
