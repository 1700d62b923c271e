"""Connection limits, and an HTTP/1.1 protocol that bounds a request before it is whole.

Nothing here is asked for a key yet, so all of it has a bound: time, bytes, lines and connections.
What can be read in two ways is refused, for whatever stands before the server may read it in the
other.
"""

import asyncio
import logging
import sys
import time
from typing import Any, Final, Literal
from urllib.parse import urlsplit
from uuid import uuid4

from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from furniture_prompter.settings import ServeSettings
from furniture_prompter.web.errors import ApiError, error_response
from furniture_prompter.web.telemetry import Metrics

if sys.platform != "win32":
    import resource

_LOG = logging.getLogger("furniture_prompter.web")

PATIENCE_S: Final = 15.0
"""For the headers of a request, and for the rest of a body that was answered already."""
# What nginx takes by default (large_client_header_buffers, four of 8 KiB), so that nothing passes a
# proxy and fails here.
LIMIT_LINE_BYTES: Final = 8_192
LIMIT_HEAD_BYTES: Final = 32_768
LIMIT_HEADERS: Final = 100
"""Apache's default (LimitRequestFields)."""
CONNECTIONS: Final = "connections"
"""Under this name the application's lifespan hands its :class:`Connections` to the protocol."""

# How long what a refused client still sends is thrown away, so that it comes to read why.
_LINGER_S: Final = 2.0
# One line of the log in this time, however many connections it is about.
_TOLD_EVERY_S: Final = 10.0
_BACKLOG: Final = 2_048
_FILES: Final = 16_384
_HTTP_VERSIONS: Final = frozenset({"1.0", "1.1"})


def connection_limit(settings: ServeSettings) -> int:
    """Connections that may be open at once: fewer than set where files would run out.

    A quarter of the files that the process may open stays for the catalog and for connections that
    arrive together; see :func:`backlog`.
    """
    files = file_limit()
    return (
        settings.limit_connections
        if files is None
        else min(settings.limit_connections, max(1, files - files // 4))
    )


def backlog() -> int:
    """Connections that may wait to be taken, all at once where the loop was busy.

    The kernel's own limit is often 4,096.
    """
    files = file_limit()
    return _BACKLOG if files is None else min(_BACKLOG, max(16, files // 8))


def file_limit() -> int | None:
    """Files and connections that the process may have open; None where nobody says."""
    if sys.platform == "win32":
        return None
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft


def raise_file_limit() -> None:
    """Take what the machine allows, up to what is ever needed; workers inherit it.

    The usual 1,024 is for programs that use select(), which this one does not.
    """
    if sys.platform == "win32":
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class Connections:
    """The open connections of a process, never more than a limit.

    One more takes the place of whichever has waited longest for a request; where none waits, it is
    refused.
    """

    def __init__(self, limit: int, metrics: Metrics) -> None:
        """Take the limit, at least one, and where to count."""
        self._limit = limit
        self._metrics = metrics
        self._open: set[PatientProtocol] = set()
        # In the order in which they began to wait.
        self._waiting: dict[PatientProtocol, None] = {}
        self._closing: set[PatientProtocol] = set()
        self._untold = 0
        self._told_s = -_TOLD_EVERY_S

    def admit(self, new: "PatientProtocol") -> bool:
        """Count a connection in; False where there is no place for it."""
        self._open.add(new)
        self._metrics.connections.inc()
        if len(self._open) - len(self._closing) > self._limit:
            oldest = next(iter(self._waiting), None)
            self._tell("new" if oldest is None else "idle")
            if oldest is None:
                self._closing.add(new)
                return False
            del self._waiting[oldest]
            self._closing.add(oldest)
            oldest.hang_up()
        self._waiting[new] = None
        return True

    def waits(self, connection: "PatientProtocol") -> None:
        """Note that a connection has nothing in work: it may be closed for another."""
        if connection not in self._closing:
            self._waiting[connection] = None

    def works(self, connection: "PatientProtocol") -> None:
        """Note that a request of a connection is in work."""
        self._waiting.pop(connection, None)

    def gone(self, connection: "PatientProtocol") -> None:
        """Count a connection out."""
        self._open.discard(connection)
        self._closing.discard(connection)
        self._waiting.pop(connection, None)
        self._metrics.connections.dec()

    def _tell(self, which: Literal["idle", "new"]) -> None:
        self._metrics.connections_closed.labels(which).inc()
        self._untold += 1
        now_s = time.monotonic()
        if now_s - self._told_s < _TOLD_EVERY_S:
            return
        _LOG.warning(
            "There are as many connections as may be, %d; %d were closed since this was last said. "
            "Clients that keep idle connections are too many, or limit_connections is too low.",
            self._limit,
            self._untold,
        )
        self._untold, self._told_s = 0, now_s


class PatientProtocol(HttpToolsProtocol):
    """Uvicorn's protocol, which itself waits for ever for headers, and takes any number of them."""

    _patience: asyncio.TimerHandle | None = None
    _refusal: ApiError | None = None
    _refused = False
    # Where in a request the parser is. Trailers are headers that come after the body.
    _part: Literal["none", "head", "body"] = "none"
    _lines = 0
    _line_bytes = 0
    # Since something was whole: a line that does not end, an extension of a chunk, trailers.
    _unread_bytes = 0

    @property
    def _held(self) -> Connections:
        held: Connections = self.app_state[CONNECTIONS]
        return held

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn
        """Expect a request."""
        super().connection_made(transport)
        if self._held.admit(self):
            self._expect()
            return
        self._refused = True
        self._write(
            ApiError(
                503,
                "overloaded",
                "The server has as many connections as it can hold. Try again in a moment.",
                {"Retry-After": "1"},
            )
        )
        transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Expect nothing more."""
        self._held.gone(self)
        self._relax()
        super().connection_lost(exc)

    def hang_up(self) -> None:
        """Close a connection that has nothing in work."""
        self._refused = True
        self._give_up()

    def data_received(self, data: bytes) -> None:
        """Read on, within the limits."""
        if self._refused:
            return
        self._unread_bytes += len(data)
        super().data_received(data)
        if self._is_deaf():
            return
        if self._unread_bytes > LIMIT_HEAD_BYTES and self._part != "none":
            self._refusal = _too_large_head()
            self.send_400_response(self._refusal.message)
        elif self._part == "none" and not self._in_work() and self._patience is None:
            # Blank lines between two requests stop the time for keeping the connection.
            self._expect()

    def on_message_begin(self) -> None:
        """Expect the end of the headers."""
        super().on_message_begin()
        self._part = "head"
        self._lines = self._line_bytes = self._unread_bytes = 0
        self._expect()

    def on_url(self, url: bytes) -> None:
        """Take a piece of the address.

        Raises:
            ApiError: it is too long (414).
        """
        super().on_url(url)
        if len(self.url) > LIMIT_LINE_BYTES:
            raise self._refuse(
                ApiError(
                    414,
                    "too_large",
                    f"The address has more than {LIMIT_LINE_BYTES:,} bytes. Send what is long in "
                    "the body of a POST.",
                )
            )

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; one behind the body counts, and is no header of the request.

        Raises:
            ApiError: the head is too large (431).
        """
        line_bytes = len(name) + len(value) + len(b": \r\n")
        self._lines += 1
        self._line_bytes += line_bytes
        if (
            line_bytes > LIMIT_LINE_BYTES
            or self._lines > LIMIT_HEADERS
            or self._line_bytes > LIMIT_HEAD_BYTES
        ):
            raise self._refuse(_too_large_head())
        if self._part == "head":
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Refuse what can be read in two ways; the body's time is the application's affair."""
        self._refuse_ambiguous()
        self._part = "body"
        self._unread_bytes = 0
        self._relax()
        self._held.works(self)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        self._unread_bytes = 0
        super().on_body(body)

    def on_chunk_header(self) -> None:
        """A chunk's length has come; trailers are counted from the last one's on."""
        self._lines = self._line_bytes = self._unread_bytes = 0

    def on_response_complete(self) -> None:
        """Expect the end of a body that nobody reads any more."""
        unread = self.cycle.more_body
        super().on_response_complete()
        if self._in_work():
            return
        self._held.waits(self)
        if unread and not self.transport.is_closing():
            self._expect()

    def on_message_complete(self) -> None:
        """Nothing is left to wait for."""
        self._part = "none"
        self._unread_bytes = 0
        self._relax()
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  (the parser's words help nobody)
        """Answer what is no request, or is refused before it is whole, and read no more."""
        self._refused = True
        self._relax()
        cycle = self._cycle
        if cycle is not None and not cycle.response_complete:
            if not cycle.more_body:
                # It follows on requests that are still in work. Their answers come first, and last.
                cycle.keep_alive = False
                return
            cycle.disconnected = True
            cycle.message_event.set()
            if cycle.response_started:
                self.transport.close()
                return
        self._write(self._refusal or _no_request())
        self.flow.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._patience = self.loop.call_later(_LINGER_S, self._give_up)

    def _is_deaf(self) -> bool:
        return self._refused or self.transport.is_closing()

    def _refuse(self, error: ApiError) -> ApiError:
        # The parser wraps what is raised through it; the answer is written from here.
        self._refusal = error
        return error

    def _refuse_ambiguous(self) -> None:
        """What RFC 9112 lets a server refuse: sections 2.3, 3.2 and 6.1."""
        version = self.parser.get_http_version()
        if version not in _HTTP_VERSIONS:
            raise self._refuse(_no_request())
        hosts = [value for name, value in self.headers if name == b"host"]
        if len(hosts) > 1 or (not hosts and version != "1.0"):
            raise self._refuse(
                ApiError(400, "invalid_request", "An HTTP/1.1 request has one Host header.")
            )
        if not self.url.startswith((b"/", b"*")) and hosts:
            named = urlsplit(self.url).netloc
            if named.lower() != hosts[0].strip().lower():
                raise self._refuse(
                    ApiError(400, "invalid_request", "Address and Host name two servers.")
                )
        codings = [value for name, value in self.headers if name == b"transfer-encoding"]
        if codings and (version == "1.0" or codings[0].strip().lower() != b"chunked"):
            raise self._refuse(
                ApiError(
                    400,
                    "invalid_request",
                    "The only Transfer-Encoding is chunked, of HTTP/1.1. Send the body as it is.",
                )
            )

    @property
    def _cycle(self) -> RequestResponseCycle | None:
        # None until the first request, which uvicorn's own types do not say.
        return self.cycle

    def _in_work(self) -> bool:
        return self._cycle is not None and not self._cycle.response_complete

    def _write(self, error: ApiError) -> None:
        answer = error_response(error, uuid4().hex)
        lines = [STATUS_LINE[answer.status_code]]
        headers = [
            *self.server_state.default_headers,
            *answer.raw_headers,
            (b"connection", b"close"),
        ]
        lines += [name + b": " + value + b"\r\n" for name, value in headers]
        self.transport.write(b"".join([*lines, b"\r\n", bytes(answer.body)]))

    def _expect(self) -> None:
        self._relax()
        self._patience = self.loop.call_later(PATIENCE_S, self._give_up)

    def _relax(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _give_up(self) -> None:
        transport: Any = self.transport
        if not transport.is_closing():
            transport.close()


def _too_large_head() -> ApiError:
    return ApiError(
        431,
        "too_large",
        f"The request's headers are too many or too large. Send {LIMIT_HEADERS} at the most, each "
        f"of at most {LIMIT_LINE_BYTES:,} bytes, and {LIMIT_HEAD_BYTES:,} bytes in all.",
    )


def _no_request() -> ApiError:
    return ApiError(400, "invalid_request", "This is no HTTP/1.1 request that can be read.")
