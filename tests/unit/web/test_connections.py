"""The protocol without a network: what comes in as bytes, what goes out, and what is held."""

import asyncio
import json
import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from furniture_prompter.settings import ServeSettings
from furniture_prompter.web import connections
from furniture_prompter.web.connections import (
    CONNECTIONS,
    LIMIT_HEAD_BYTES,
    LIMIT_HEADERS,
    LIMIT_LINE_BYTES,
    Connections,
    PatientProtocol,
    backlog,
    connection_limit,
)
from furniture_prompter.web.telemetry import Metrics

READ = 65_536
HEAD = b"GET /x HTTP/1.1\r\nHost: localhost\r\n"
CHUNKED = b"POST /x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"


class Transport(asyncio.Transport):
    """Keeps what is written; closing it is told to the protocol at the next turn of the loop."""

    def __init__(self) -> None:
        super().__init__({"peername": ("203.0.113.5", 5), "sockname": ("127.0.0.1", 8000)})
        self.written = b""
        self.closing = False
        self.ended = False
        self.protocol: PatientProtocol

    def write(self, data: Any) -> None:
        assert not self.ended
        self.written += bytes(data)

    def is_closing(self) -> bool:
        return self.closing

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.ended = True

    def close(self) -> None:
        if not self.closing:
            self.closing = True
            asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None)

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


@dataclass
class Server:
    """Connections to an application that notes what it is asked."""

    limit: int = 100
    asked: list[Scope] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    metrics: Metrics = field(default_factory=Metrics)
    wait: asyncio.Event | None = None

    def __post_init__(self) -> None:
        self.config = uvicorn.Config(
            self.app, interface="asgi3", log_config=None, access_log=False, ws="none"
        )
        self.state = ServerState()
        self.held = Connections(self.limit, self.metrics)

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked.append(scope)
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        self.bodies.append(body)
        if self.wait is not None:
            await self.wait.wait()
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    def connect(self) -> Transport:
        loop = asyncio.get_running_loop()
        protocol = PatientProtocol(self.config, self.state, {CONNECTIONS: self.held}, loop)
        transport = Transport()
        transport.protocol = protocol
        protocol.connection_made(transport)
        return transport

    def counted(self, name: str) -> float:
        lines = self.metrics.render()[0].decode().splitlines()
        (line,) = [each for each in lines if each.startswith(f"furniture_prompter_{name} ")]
        return float(line.split()[-1])


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def pieces(data: bytes, size: int = READ) -> Iterable[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


def talk(*sent: bytes) -> tuple[Server, Transport]:
    """What a server has after one connection sent this, piece by piece."""

    async def exchange() -> tuple[Server, Transport]:
        server = Server()
        transport = server.connect()
        for piece in sent:
            transport.protocol.data_received(piece)
            await settle()
        return server, transport

    return asyncio.run(exchange())


def refusal(transport: Transport) -> tuple[int, str]:
    head, _, body = transport.written.partition(b"\r\n\r\n")
    assert b"connection: close" in head
    assert transport.ended
    return int(head.split()[1]), json.loads(body)["error"]["code"]


def test_a_request_within_the_limits_is_asked_of_the_application() -> None:
    lines = b"".join(b"X-%d: %s\r\n" % (number, b"a" * 200) for number in range(90))
    server, transport = talk(*pieces(HEAD + lines + b"\r\n", 1_000))
    assert transport.written.startswith(b"HTTP/1.1 204")
    assert len(server.asked[0]["headers"]) == 91


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (HEAD + b"a: b\r\n" * LIMIT_HEADERS + b"\r\n", 431),
        (HEAD + b"a: " + b"b" * LIMIT_LINE_BYTES + b"\r\n\r\n", 431),
        (HEAD + (b"a: " + b"b" * 8_000 + b"\r\n") * 5 + b"\r\n", 431),
        (b"GET /" + b"a" * LIMIT_LINE_BYTES + b" HTTP/1.1\r\n", 414),
    ],
)
@pytest.mark.parametrize("size", [7, 1_000, READ])
def test_too_many_or_too_large_headers_are_refused_however_they_come(
    sent: bytes, status: int, size: int
) -> None:
    server, transport = talk(*pieces(sent, size))
    assert refusal(transport) == (status, "too_large")
    assert server.asked == []


@pytest.mark.parametrize("line", [b"a: b\r\n", b"a", b"a: " + b"b" * 8_000 + b"\r\n"])
def test_of_forty_megabytes_of_headers_no_more_than_the_limit_is_parsed(
    monkeypatch: pytest.MonkeyPatch, line: bytes
) -> None:
    parsed: list[int] = []

    async def exchange() -> Transport:
        transport = Server().connect()
        parser: Any = transport.protocol.parser

        class Counting:
            def __getattr__(self, name: str) -> Any:
                return getattr(parser, name)

            def feed_data(self, data: bytes) -> None:
                parsed.append(len(data))
                parser.feed_data(data)

        vars(transport.protocol)["parser"] = Counting()
        sent = HEAD + (b"" if line.endswith(b"\n") else b"X-Long: ")
        transport.protocol.data_received(sent)
        piece = (line * (READ // len(line) + 1))[:READ]
        for _ in range(40_000_000 // READ):
            transport.protocol.data_received(piece)
        await settle()
        return transport

    assert refusal(asyncio.run(exchange())) == (431, "too_large")
    assert sum(parsed) <= LIMIT_HEAD_BYTES + READ + len(HEAD)


@pytest.mark.parametrize(
    "tail",
    [
        b"0\r\n" + b"a: b\r\n" * 200,
        b"0\r\nX-Long: " + b"a" * 200_000,
        b"3;" + b"a" * 200_000,
        b"3\r\nabc\r\n0\r\n" + (b"a: " + b"b" * 8_000 + b"\r\n") * 9,
    ],
)
def test_what_a_chunked_body_bears_beside_its_bytes_has_the_same_limits(tail: bytes) -> None:
    _, transport = talk(CHUNKED, *pieces(tail, 16_384))
    assert refusal(transport) == (431, "too_large")


def test_a_large_body_has_nothing_to_do_with_the_limits_of_headers() -> None:
    chunks = b"".join(b"%x\r\n%s\r\n" % (999, b"a" * 999) for _ in range(200))
    server, transport = talk(CHUNKED, *pieces(chunks + b"0\r\n\r\n", 10_000))
    assert transport.written.startswith(b"HTTP/1.1 204")
    assert len(server.bodies[0]) == 999 * 200


def test_a_trailer_never_becomes_a_header() -> None:
    server, transport = talk(CHUNKED, b"3\r\nabc\r\n0\r\nX-API-Key: secret\r\nHost: evil\r\n\r\n")
    assert transport.written.startswith(b"HTTP/1.1 204")
    assert dict(server.asked[0]["headers"]) == {
        b"host": b"localhost",
        b"transfer-encoding": b"chunked",
    }
    assert server.bodies == [b"abc"]


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /x\r\n\r\n",
        b"GET /x HTTP/0.9\r\n\r\n",
        b"GET /x HTTP/2.0\r\nHost: a\r\n\r\n",
        b"GET /x HTTP/1.1\r\n\r\n",
        b"GET /x HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
        b"GET /x HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET http://evil.example/x HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"CONNECT evil.example:80 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
        b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\n",
        b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"DELETE /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"POST /x HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET /x HTTP/1.1\r\nHost : a\r\n\r\n",
        b"GET /x HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
def test_what_can_be_read_in_two_ways_or_none_is_a_bad_request(sent: bytes) -> None:
    server, transport = talk(sent)
    assert refusal(transport) == (400, "invalid_request")
    assert server.asked == []


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /x HTTP/1.0\r\n\r\n",
        b"GET http://localhost/x HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\r\n\r\nGET /x HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n0\r\n\r\n",
    ],
)
def test_unusual_requests_that_can_be_read_in_one_way_are_answered(sent: bytes) -> None:
    server, transport = talk(sent)
    assert transport.written.startswith(b"HTTP/1.1 204")
    assert [scope["path"] for scope in server.asked] == ["/x"]


def test_answers_that_are_due_come_before_a_bad_request_that_follows() -> None:
    async def exchange() -> tuple[Server, Transport]:
        server = Server(wait=asyncio.Event())
        transport = server.connect()
        transport.protocol.data_received(HEAD + b"\r\n" + b"nonsense\r\n\r\n")
        await settle()
        assert transport.written == b""
        assert server.wait is not None
        server.wait.set()
        await settle()
        return server, transport

    _, transport = asyncio.run(exchange())
    assert transport.written.count(b"HTTP/1.1") == 1
    assert transport.written.startswith(b"HTTP/1.1 204")
    assert transport.closing


def test_a_body_that_breaks_its_framing_is_answered_once() -> None:
    server, transport = talk(CHUNKED, b"zz\r\n")
    assert refusal(transport) == (400, "invalid_request")
    assert transport.written.count(b"\r\n\r\n") == 1
    assert len(server.asked) == 1


def test_blank_lines_between_requests_do_not_keep_a_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connections, "PATIENCE_S", 0.05)

    async def exchange() -> Transport:
        transport = Server().connect()
        transport.protocol.data_received(HEAD + b"\r\n")
        await settle()
        for _ in range(20):
            if not transport.closing:
                transport.protocol.data_received(b"\r\n")
            await asyncio.sleep(0.01)
        return transport

    assert asyncio.run(exchange()).closing


def test_beyond_the_limit_the_connections_that_wait_longest_are_closed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def exchange() -> tuple[Server, list[Transport]]:
        server = Server(limit=5, wait=asyncio.Event())
        assert server.wait is not None
        transports = [server.connect() for _ in range(5)]
        transports[0].protocol.data_received(HEAD + b"\r\n")  # is in work
        transports[1].protocol.data_received(HEAD)  # never comes to an end
        await settle()
        for _ in range(20):
            transports.append(server.connect())
            await settle()
        server.wait.set()
        await settle()
        return server, transports

    with caplog.at_level(logging.WARNING, "furniture_prompter.web"):
        server, transports = asyncio.run(exchange())
    assert [transport.closing for transport in transports] == [False] + [True] * 20 + [False] * 4
    assert transports[0].written.startswith(b"HTTP/1.1 204")
    assert server.counted("connections") == 5
    assert server.counted('connections_closed_total{which="idle"}') == 20
    # One line, however many they were.
    (record,) = caplog.records
    assert "limit_connections" in record.getMessage()


def test_many_that_come_at_once_are_never_more_than_the_limit_besides_those_that_close() -> None:
    async def exchange() -> list[Transport]:
        server = Server(limit=5)
        return [server.connect() for _ in range(30)]

    transports = asyncio.run(exchange())
    assert sum(not transport.closing for transport in transports) == 5


def test_where_all_work_a_new_connection_is_told_so() -> None:
    async def exchange() -> tuple[Server, Transport]:
        server = Server(limit=2, wait=asyncio.Event())
        for _ in range(2):
            server.connect().protocol.data_received(HEAD + b"\r\n")
        await settle()
        new = server.connect()
        new.protocol.data_received(HEAD + b"\r\n")
        await settle()
        return server, new

    server, new = asyncio.run(exchange())
    assert new.written.startswith(b"HTTP/1.1 503")
    assert b"retry-after: 1" in new.written
    assert new.closing
    assert len(server.asked) == 2
    assert server.counted('connections_closed_total{which="new"}') == 1


@pytest.mark.parametrize(
    ("files", "limit", "waiting"),
    [(None, 1_024, 2_048), (1_024, 768, 128), (256, 192, 32), (65_536, 1_024, 2_048), (1, 1, 16)],
)
def test_files_are_left_for_the_catalog_and_for_those_that_come_together(
    monkeypatch: pytest.MonkeyPatch, files: int | None, limit: int, waiting: int
) -> None:
    monkeypatch.setattr(connections, "file_limit", lambda: files)
    assert connection_limit(ServeSettings()) == limit
    assert connection_limit(ServeSettings(limit_connections=1)) == 1
    assert backlog() == waiting
