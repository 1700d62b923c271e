"""Photos by web address: what is fetched, and everything that must never be."""

import asyncio
import ipaddress
from collections.abc import Awaitable, Callable, Sequence

import httpx
import pytest

from furniture_prompter.errors import InvalidPhotoError
from furniture_prompter.fetching.public_addresses import is_public, literal_address
from furniture_prompter.settings import ServeSettings
from furniture_prompter.web.fetching import PhotoFetcher

PUBLIC = "93.184.215.14"
Handler = Callable[[httpx.Request], httpx.Response]
Answers = dict[str, Sequence[str]]


class Resolver:
    """Answers from a table; several lists for one name are given one after the other."""

    def __init__(self, answers: dict[str, list[Sequence[str]]]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        if host not in self.answers:
            raise OSError("Name or service not known")
        given = self.answers[host]
        return given.pop(0) if len(given) > 1 else given[0]


def run(
    url: str,
    answer: Handler | None = None,
    names: dict[str, list[Sequence[str]]] | None = None,
    settings: ServeSettings | None = None,
) -> tuple[bytes, list[httpx.Request], Resolver]:
    """Fetch a URL with nothing of the network there."""
    seen: list[httpx.Request] = []
    resolver = Resolver(names or {"shop.example": [[PUBLIC]]})

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return answer(request) if answer else httpx.Response(200, stream=httpx.ByteStream(b"photo"))

    async def fetch() -> bytes:
        fetcher = PhotoFetcher(
            settings or ServeSettings(),
            resolve=resolver,
            transport=httpx.MockTransport(handle),
        )
        try:
            return await fetcher.fetch(url)
        finally:
            await fetcher.aclose()

    return asyncio.run(fetch()), seen, resolver


def refusal(
    url: str,
    answer: Handler | None = None,
    names: dict[str, list[Sequence[str]]] | None = None,
    settings: ServeSettings | None = None,
) -> str:
    with pytest.raises(InvalidPhotoError) as caught:
        run(url, answer, names, settings)
    return str(caught.value)


def test_a_photo_is_fetched_from_the_address_that_was_checked() -> None:
    data, seen, _ = run("https://shop.example/chair.jpg?size=2#top")
    assert data == b"photo"
    (request,) = seen
    assert str(request.url) == f"https://{PUBLIC}/chair.jpg?size=2"
    assert request.headers["host"] == "shop.example"
    assert request.extensions["sni_hostname"] == "shop.example"
    assert "cookie" not in request.headers


FORBIDDEN_HOSTS = [
    "127.0.0.1",
    "127.8.9.10",
    "localhost",
    "0.0.0.0",  # noqa: S104  (an address to refuse, not to bind)
    "10.0.0.5",
    "172.16.0.1",
    "172.31.255.254",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.169.254",
    "192.0.0.8",
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "198.51.100.7",
    "203.0.113.9",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "[::]",
    "[::1]",
    "[fe80::1]",
    "[fe80::1%25eth0]",
    "[fec0::1]",
    "[fc00::1]",
    "[fd12:3456::1]",
    "[ff02::1]",
    "[100::1]",
    "[2001:db8::1]",
    "[3fff::1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::ffff:169.254.169.254]",
    "[::127.0.0.1]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b::a00:1]",
    "[64:ff9b:1::a00:1]",
    "[2002:7f00:1::]",
    "[2002:a00:1::1]",
    "[2001:0:5ef5:79fd::1]",
    "2130706433",
    "017700000001",
    "0x7f000001",
    "0x7f.1",
    "0x7f.0.0.0x1",
    "0177.0.0.1",
    "127.1",
    "127.0.1",
    "127.0.0.1.",
    "127.0.0.01",
    "127。0。0。1",
    "１２７.０.０.１",
    "①②⑦.0.0.1",
    "8.8.8.8.in-addr.0x7f000001",
]


@pytest.mark.parametrize("host", FORBIDDEN_HOSTS)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_host_that_is_no_public_address_is_never_connected_to(host: str, scheme: str) -> None:
    connected = []

    def handle(request: httpx.Request) -> httpx.Response:
        connected.append(request)
        return httpx.Response(200, stream=httpx.ByteStream(b"secret"))

    names: dict[str, list[Sequence[str]]] = {"localhost": [["127.0.0.1", "::1"]]}
    message = refusal(f"{scheme}://{host}/latest/meta-data", handle, names)
    assert connected == []
    assert "web address" in message


@pytest.mark.parametrize(
    "answers",
    [
        ["10.0.0.5"],
        ["::1"],
        ["169.254.169.254"],
        ["::ffff:10.0.0.5"],
        ["64:ff9b::a9fe:a9fe"],
        [PUBLIC, "10.0.0.5"],
        ["10.0.0.5", PUBLIC],
        ["fe80::1%eth0"],
        [],
    ],
    ids=str,
)
def test_a_name_with_any_answer_that_is_not_public_is_refused(answers: list[str]) -> None:
    private = refusal("http://intern.example/a.jpg", names={"intern.example": [answers]})
    unknown = refusal("http://intern.example/a.jpg", names={"other.example": [answers]})
    assert private == unknown, "the answer tells whether a private name exists"
    assert not any(answer in private for answer in answers)


def test_a_name_whose_answer_changes_is_resolved_once_and_connected_as_checked() -> None:
    names: dict[str, list[Sequence[str]]] = {"turn.example": [[PUBLIC], ["127.0.0.1"]]}
    _, seen, resolver = run("http://turn.example/a.jpg", names=names)
    assert resolver.asked == ["turn.example"]
    assert [request.url.host for request in seen] == [PUBLIC]


def test_a_name_that_turns_private_between_redirects_is_refused() -> None:
    names: dict[str, list[Sequence[str]]] = {"turn.example": [[PUBLIC], ["127.0.0.1"]]}
    reached = []

    def again(request: httpx.Request) -> httpx.Response:
        reached.append(request.url.host)
        return httpx.Response(302, headers={"location": "/b.jpg"})

    assert "public address" in refusal("http://turn.example/a.jpg", again, names)
    assert reached == [PUBLIC]


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.1/",
        "http://169.254.169.254/latest/meta-data/",
        "//10.0.0.1/x",
        "http://[::1]/",
        "http://[::ffff:10.0.0.1]/",
        "http://2130706433/",
        "http://intern.example/",
        "file:///etc/passwd",
        "gopher://shop.example/_x",
        "http://shop.example:6379/",
        "http://user:secret@shop.example/",
        "http://[broken/",
    ],
)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_checked_like_the_first_address(location: str, status: int) -> None:
    reached = []

    def redirect(request: httpx.Request) -> httpx.Response:
        reached.append(request.url.host)
        return httpx.Response(status, headers={"location": location})

    names: dict[str, list[Sequence[str]]] = {
        "shop.example": [[PUBLIC]],
        "intern.example": [["192.168.0.9"]],
    }
    refusal("https://shop.example/a.jpg", redirect, names)
    assert reached == [PUBLIC]


def test_three_redirects_are_followed_and_a_fourth_is_not() -> None:
    def hops(count: int) -> Handler:
        def answer(request: httpx.Request) -> httpx.Response:
            done = int(request.url.path.strip("/") or 0)
            if done < count:
                return httpx.Response(302, headers={"location": f"/{done + 1}"})
            return httpx.Response(200, stream=httpx.ByteStream(b"photo"))

        return answer

    assert run("http://shop.example/0", hops(3))[0] == b"photo"
    assert "more than 3 times" in refusal("http://shop.example/0", hops(4))


@pytest.mark.parametrize(
    "url",
    [
        "",
        "chair.jpg",
        "/etc/passwd",
        "file:///etc/passwd",
        "ftp://shop.example/a.jpg",
        "gopher://shop.example/",
        "data:image/png;base64,AAAA",
        "http://",
        "http:///a.jpg",
        "https://shop.example:8443/a.jpg",
        "http://shop.example:22/",
        "https://shop.example:80/",
        "https://user@shop.example/",
        "https://user:secret@shop.example/",
        "http://shop.example\\@127.0.0.1/",
        "http://shop.example/\r\nHost: x",
        "http://shop.example/\x00",
        "http://" + "a" * 3_000,
    ],
)
def test_what_is_no_plain_web_address_is_refused_with_its_cure(url: str) -> None:
    message = refusal(url)
    assert message.startswith("The photo's web address")
    assert "secret" not in message


def test_a_photo_that_is_too_large_is_cut_off_whether_it_says_so_or_not() -> None:
    settings = ServeSettings(limit_photo_bytes=1024)
    sent = 0

    async def endless() -> object:
        nonlocal sent
        while True:
            sent += 512
            yield b"x" * 512

    def declared(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"content-length": "9" * 30})

    def undeclared(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=endless())  # type: ignore[arg-type]  # a stream

    assert "1,024 bytes" in refusal("http://shop.example/a", declared, settings=settings)
    assert "1,024 bytes" in refusal("http://shop.example/a", undeclared, settings=settings)
    assert sent <= 4 * 1024


def test_a_compressed_answer_that_would_grow_is_refused() -> None:
    def bomb(request: httpx.Request) -> httpx.Response:
        assert request.headers["accept-encoding"] == "identity"

        async def stream() -> object:
            yield b"\x1f\x8b"

        return httpx.Response(200, headers={"content-encoding": "gzip"}, content=stream())  # type: ignore[arg-type]  # a stream

    assert "compressed" in refusal("http://shop.example/a", bomb)


def test_an_answer_other_than_200_is_told_and_its_body_is_not() -> None:
    message = refusal("http://shop.example/a", lambda _: httpx.Response(403, content=b"inner"))
    assert "403" in message
    assert "inner" not in message


def test_a_name_that_resolves_too_slowly_is_given_up() -> None:
    async def slow(host: str, port: int) -> Sequence[str]:
        await asyncio.sleep(60)
        return [PUBLIC]

    async def fetch() -> None:
        fetcher = PhotoFetcher(ServeSettings(fetch_timeout_s=0.05), resolve=slow)
        try:
            await fetcher.fetch("http://shop.example/")
        finally:
            await fetcher.aclose()

    with pytest.raises(InvalidPhotoError, match=r"longer than 0.05 s"):
        asyncio.run(fetch())


def serving(
    answer: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
    settings: ServeSettings,
) -> bytes:
    """Fetch over TCP from a server on this machine that stands in for a public address."""

    async def fetch() -> bytes:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        real = httpx.AsyncHTTPTransport(trust_env=False)

        class Redirected(httpx.AsyncBaseTransport):
            async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
                assert request.url.host == PUBLIC
                request.url = request.url.copy_with(host="127.0.0.1", port=port)
                return await real.handle_async_request(request)

        fetcher = PhotoFetcher(
            settings, resolve=Resolver({"shop.example": [[PUBLIC]]}), transport=Redirected()
        )
        try:
            return await fetcher.fetch("http://shop.example/a.jpg")
        finally:
            await fetcher.aclose()
            await real.aclose()
            server.close()

    return asyncio.run(fetch())


def test_over_tcp_the_name_is_in_the_host_header_and_a_drip_is_cut_off() -> None:
    heard = []

    async def whole(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nphoto")
        await writer.drain()
        writer.close()

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n")
        try:
            for _ in range(100):
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.05)
        except OSError:
            pass
        finally:
            writer.close()

    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\nhalf")
        await writer.drain()
        writer.close()

    assert serving(whole, ServeSettings()) == b"photo"
    assert b"Host: shop.example\r\n" in heard[0]
    with pytest.raises(InvalidPhotoError, match="longer than"):
        serving(drip, ServeSettings(fetch_timeout_s=0.3))
    with pytest.raises(InvalidPhotoError, match="could not be fetched"):
        serving(cut, ServeSettings())


@pytest.mark.parametrize(
    "address",
    [PUBLIC, "8.8.8.8", "2606:2800:220:1::1", "::ffff:8.8.8.8", "64:ff9b::808:808"],
)
def test_public_addresses_are_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("host", ["shop.example", "1.shop.example", "a1", "0x.example"])
def test_names_with_digits_are_names(host: str) -> None:
    assert literal_address(host) is None


def test_an_address_with_a_port_or_ipv6_reaches_the_transport_well_formed() -> None:
    names: dict[str, list[Sequence[str]]] = {"six.example": [["2606:2800:220:1::1"]]}
    _, seen, _ = run("http://six.example:80/a.jpg", names=names)
    assert str(seen[0].url) == "http://[2606:2800:220:1::1]/a.jpg"
