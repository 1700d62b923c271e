"""A web server on loopback for tests: answers from a table, and a log of what was asked."""

import io
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

from PIL import Image


@dataclass(frozen=True)
class Answer:
    """What the server says.

    Attributes:
        body: The bytes.
        status: The status.
        headers: Headers beside Content-Length.
        declared: Content-Length; the body's own unless given, and none where it is negative.
        wait_s: Pause before the answer.
    """

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    declared: int | None = None
    wait_s: float = 0.0


@dataclass(frozen=True)
class Asked:
    """One request."""

    path: str
    headers: Mapping[str, str]
    at_s: float
    at_once: int


def photo(red: int, green: int = 90, blue: int = 20, side: int = 64) -> bytes:
    """A JPEG of one colour."""
    buffer = io.BytesIO()
    Image.new("RGB", (side, side), (red, green, blue)).save(buffer, "JPEG")
    return buffer.getvalue()


class Quiet:
    """What every handler of requests shares: connections stay open, and no log is written."""

    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  # its name there
        """Say nothing."""


class LoopbackServer:
    """A server on a free port of loopback, that answers in threads for as long as `with` lasts."""

    def handler(self) -> type[BaseHTTPRequestHandler]:
        """What takes requests; one of another kind than GET needs a class of its own."""
        owner = self

        class Handler(Quiet, BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                owner.serve(self)

        return Handler

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one GET."""
        raise NotImplementedError

    @cached_property
    def _server(self) -> ThreadingHTTPServer:
        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

            def handle_error(self, request: object, client_address: object) -> None:
                """A client that went away is what tests are about."""

        return Server(("127.0.0.1", 0), self.handler())

    @property
    def host(self) -> str:
        """Where it listens."""
        return f"127.0.0.1:{self._server.server_port}"

    @property
    def url(self) -> str:
        """Its address, without a path."""
        return f"http://{self.host}"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.01,), daemon=True
        )
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Loopback(LoopbackServer):
    """Several answers for one path come one after the other, the last again."""

    def __init__(self) -> None:
        self.answers: dict[str, list[Answer]] = {}
        self.asked: deque[Asked] = deque()
        self.on_request: Callable[[str], None] = lambda _: None
        self._under_way = 0
        self._lock = threading.Lock()
        self._given: dict[str, int] = defaultdict(int)

    def put(self, path: str, *answers: Answer | bytes) -> str:
        """Set what a path answers; returns its address."""
        self.answers[path] = [
            each if isinstance(each, Answer) else Answer(each) for each in answers
        ]
        self._given[path] = 0
        return f"{self.url}{path}"

    def count(self, path: str) -> int:
        """How often a path was asked."""
        return sum(each.path == path for each in self.asked)

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        path = handler.path
        with self._lock:
            self._under_way += 1
            self.asked.append(Asked(path, dict(handler.headers), time.monotonic(), self._under_way))
            answers = self.answers.get(path.partition("?")[0], [Answer(b"none", 404)])
            answer = answers[min(self._given[path], len(answers) - 1)]
            self._given[path] += 1
        self.on_request(path)
        time.sleep(answer.wait_s)
        with self._lock:
            self._under_way -= 1
        etag = answer.headers.get("ETag")
        if etag is not None and handler.headers.get("If-None-Match") == etag:
            answer = Answer(b"", 304, answer.headers)
        modified = answer.headers.get("Last-Modified")
        if modified is not None and handler.headers.get("If-Modified-Since") == modified:
            answer = Answer(b"", 304, answer.headers)
        handler.send_response(answer.status)
        for name, value in answer.headers.items():
            handler.send_header(name, value)
        declared = len(answer.body) if answer.declared is None else answer.declared
        if declared >= 0:
            handler.send_header("Content-Length", str(declared))
        if declared != len(answer.body):
            handler.send_header("Connection", "close")
            handler.close_connection = True
        handler.end_headers()
        handler.wfile.write(answer.body)
