"""Photo fetching from web addresses, guarded against server-side request forgery.

The danger is a server that fetches what its caller cannot reach: its own loopback, a cloud's
metadata service, a neighbour in the private network (OWASP "Server-Side Request Forgery"). So every
address is resolved here, all answers must be public, and the connection goes to the very address
that was checked: a name that answers differently a moment later changes nothing. Each redirect is
checked as the first request was.
"""

import asyncio
import ipaddress
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final, NoReturn

import httpx

from furniture_prompter.errors import InvalidPhotoError
from furniture_prompter.settings import ServeSettings

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# IANA IPv4 Special-Purpose Address Registry (RFC 6890 and its updates), the multicast range
# (RFC 5771) and the reserved one (RFC 1112). Named here because ``is_global`` differs between the
# releases of Python that are supported.
_CLOSED_V4: Final = tuple(
    ipaddress.IPv4Network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
# Only this block is given out for the public internet (IANA IPv6 Global Unicast registry):
# loopback, link-local, unique local, multicast, discard and site-local addresses all lie outside.
_PUBLIC_V6: Final = ipaddress.IPv6Network("2000::/3")
_CLOSED_V6: Final = tuple(
    ipaddress.IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments, among them Teredo, ORCHID and benchmarking
        "2001:db8::/32",
        "2002::/16",  # 6to4 (RFC 7526 retired it): it carries an IPv4 address past any check
        "3fff::/20",
    )
)
# A network without IPv4 reaches public IPv4 hosts through this prefix (RFC 6052).
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
# The WHATWG URL standard, "ends in a number checker": such a host is an IPv4 address or nothing.
_NUMBER: Final = re.compile(r"(0[xX][0-9a-fA-F]*|[0-9]+)\.?")


def is_public(address: Address) -> bool:
    """Whether an address lies on the public internet.

    An IPv4 address inside an IPv6 one (mapped, or NAT64's well-known prefix) is judged by itself;
    6to4, Teredo and every other wrapping is refused whatever it holds.
    """
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped
        if inner is None and address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
        if inner is None:
            return address in _PUBLIC_V6 and not any(address in each for each in _CLOSED_V6)
        address = inner
    return not any(address in each for each in _CLOSED_V4)


def literal_address(host: str) -> Address | None:
    """The address that a host of a URL is, or None where it is a name.

    Raises:
        ValueError: it is an address in a spelling that resolvers read differently: decimal, octal,
            hexadecimal, or with parts left out.
    """
    bare = host.removeprefix("[").removesuffix("]")
    if ":" in bare:
        return ipaddress.IPv6Address(bare)
    # IPv4Address takes four decimal parts without leading zeros, and nothing else.
    if _NUMBER.fullmatch(bare.rstrip(".").rpartition(".")[2]):
        return ipaddress.IPv4Address(bare)
    return None


LIMIT_URL_CHARACTERS: Final = 2_048
LIMIT_REDIRECTS: Final = 3
# So that a flood of addresses that never answer cannot take every socket of the process.
LIMIT_FETCHES: Final = 16
_PORTS: Final = {"http": 80, "https": 443}
_REDIRECTS: Final = (301, 302, 303, 307, 308)
_HEADERS: Final = {
    "User-Agent": "furniture-prompter",
    "Accept": "image/*",
    # What is received is counted, so it must not grow afterwards.
    "Accept-Encoding": "identity",
}

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


async def resolve(host: str, port: int) -> Sequence[str]:
    """Addresses of a host name by the system's resolver.

    Raises:
        OSError: the name is not known.
    """
    answers = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(answer[4][0]) for answer in answers]


class PhotoFetcher:
    """Fetches photos from public addresses, within limits of size and time."""

    def __init__(
        self,
        settings: ServeSettings,
        *,
        resolve: Resolve = resolve,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Prepare to fetch; nothing is opened yet.

        Args:
            settings: ``fetch_timeout_s`` and ``limit_photo_bytes``.
            resolve: Addresses of a host name.
            transport: What connects to a checked address; HTTP/1.1 over TCP when left out.
        """
        self._timeout_s = settings.fetch_timeout_s
        self._limit_bytes = settings.limit_photo_bytes
        self._resolve = resolve
        self._places = asyncio.Semaphore(LIMIT_FETCHES)
        self._client = httpx.AsyncClient(
            # A connection that is kept for one name must not answer for another on its address.
            transport=transport
            or httpx.AsyncHTTPTransport(
                trust_env=False, limits=httpx.Limits(max_keepalive_connections=0)
            ),
            trust_env=False,
            follow_redirects=False,
            timeout=self._timeout_s,
        )

    async def fetch(self, url: str) -> bytes:
        """The bytes behind a web address; whether they are a photo, decoding tells.

        Raises:
            InvalidPhotoError: the address is not allowed, does not answer as it should, or what it
                sends is too large or too slow. The message does not tell what a name resolves to.
        """
        try:
            async with asyncio.timeout(self._timeout_s), self._places:
                return await self._follow(url)
        except TimeoutError:
            _refuse(f"took longer than {self._timeout_s:g} s", "Send the photo itself.")

    async def aclose(self) -> None:
        """Close what is open."""
        await self._client.aclose()

    async def _follow(self, url: str) -> bytes:
        current = _parse(url)
        redirects = 0
        while True:
            async with self._request(current) as response:
                if response.status_code not in _REDIRECTS:
                    return await self._read(response)
                location = response.headers.get("location", "")
            redirects += 1
            if redirects > LIMIT_REDIRECTS:
                _refuse(
                    f"redirects more than {LIMIT_REDIRECTS} times", "Give the photo's own address."
                )
            try:
                current = _parse(str(current.join(location)))
            except httpx.InvalidURL:
                _refuse("redirects to no web address", "Give the photo's own address.")

    @asynccontextmanager
    async def _request(self, url: httpx.URL) -> AsyncIterator[httpx.Response]:
        address = await self._checked_address(url)
        request = self._client.build_request(
            "GET",
            url.copy_with(host=str(address), fragment=None),
            headers={**_HEADERS, "Host": url.netloc.decode("ascii")},
            # The certificate must be the name's, though the address is what is connected to.
            extensions={"sni_hostname": url.raw_host.decode("ascii")},
        )
        try:
            response = await self._client.send(request, stream=True)
            try:
                yield response
            finally:
                await response.aclose()
        except httpx.HTTPError as error:
            raise InvalidPhotoError(
                f"The photo's web address could not be fetched ({type(error).__name__}). Check "
                "that it opens in a browser, or send the photo itself."
            ) from error

    async def _checked_address(self, url: httpx.URL) -> Address:
        """The address to connect to: every one that the host has is public."""
        try:
            literal = literal_address(url.raw_host.decode("ascii"))
        except ValueError:
            _not_public()
        if literal is not None:
            found = [literal]
        else:
            try:
                answers = await self._resolve(url.raw_host.decode("ascii"), _PORTS[url.scheme])
                found = [ipaddress.ip_address(answer) for answer in answers]
            except (OSError, UnicodeError, ValueError):
                # The same words as for a private address: whether a name of the private network
                # exists is nobody's business.
                _not_public()
        if not found or not all(is_public(address) for address in found):
            _not_public()
        # Many servers have no route for IPv6, and there is no second try.
        return min(found, key=lambda address: address.version)

    async def _read(self, response: httpx.Response) -> bytes:
        if response.status_code != 200:
            _refuse(
                f"answered {response.status_code}",
                "Check that it opens in a browser without signing in, or send the photo itself.",
            )
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            _refuse("answered in a compressed form", "Send the photo itself.")
        declared = response.headers.get("content-length", "")
        if declared.isdecimal() and int(declared[:20]) > self._limit_bytes:
            self._too_large()
        data = bytearray()
        async for chunk in response.aiter_raw():
            data += chunk
            if len(data) > self._limit_bytes:
                self._too_large()
        return bytes(data)

    def _too_large(self) -> NoReturn:
        _refuse(f"sends more than {self._limit_bytes:,} bytes", "Save the photo smaller.")


def _parse(url: str) -> httpx.URL:
    if len(url) > LIMIT_URL_CHARACTERS:
        _refuse(f"is longer than {LIMIT_URL_CHARACTERS:,} characters", "Give a shorter one.")
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, UnicodeError, ValueError):
        _refuse("is none", "Write it like https://shop.example/chair.jpg.")
    if parsed.scheme not in _PORTS or not parsed.raw_host:
        _refuse("is none", "Write it like https://shop.example/chair.jpg.")
    if parsed.userinfo:
        _refuse("holds a user name or password", "Leave them out, or send the photo itself.")
    # httpx leaves a scheme's own port out.
    if parsed.port is not None:
        _refuse("names a port", "Only 80 for http and 443 for https are fetched from.")
    return parsed


def _not_public() -> NoReturn:
    _refuse(
        "does not lead to a public address",
        "Only photos on the public internet are fetched; send the photo itself.",
    )


def _refuse(reason: str, cure: str) -> NoReturn:
    raise InvalidPhotoError(f"The photo's web address {reason}. {cure}")
