"""Guarded requests: one GET, each hop of it checked, with the failures told apart."""

import asyncio
import email.utils
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Final

import httpx

from furniture_prompter.fetching.public_addresses import Address, AddressError, Guard, host_of
from furniture_prompter.timing import now_s

_REDIRECTS: Final = (301, 302, 303, 307, 308)
# Answers after which asking again may help (RFC 9110 and, of 425 and 429, RFC 8470 and 6585).
_TEMPORARY: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_RETRY_AFTER: Final = frozenset({429, 503})
# Names that keep connections; those of all others are closed after each answer.
_KEEPING_HOSTS: Final = 64
# Names whose checked address is remembered, and for how long: a shop's photos lie on one host, and
# its name server need not be asked for each.
_REMEMBERED_HOSTS: Final = 1_024
_REMEMBERED_S: Final = 60.0

Connect = Callable[[httpx.Limits], httpx.AsyncBaseTransport]


def over_tcp(limits: httpx.Limits) -> httpx.AsyncBaseTransport:
    """What speaks HTTP/1.1 to an address, without proxies or settings of the environment."""
    return httpx.AsyncHTTPTransport(trust_env=False, limits=limits)


class GuardedTransport(httpx.AsyncBaseTransport):
    """Connects to the very address that the guard has checked, in the name of the host.

    A connection that is kept for one name must not answer for another on its address, so each
    name has connections of its own.
    """

    def __init__(self, guard: Guard, connect: Connect, connections: int, keeping: bool) -> None:
        """Take the guard, and how to connect.

        Args:
            guard: What says where a connection goes.
            connect: Makes what speaks to a checked address.
            connections: Connections to one name that stay open for the next request.
            keeping: Whether any stay open, and checked addresses are remembered for a minute.
        """
        self._guard = guard
        self._connect = connect
        self._limits = httpx.Limits(max_keepalive_connections=connections)
        self._keeping = keeping
        self._kept: dict[str, httpx.AsyncBaseTransport] = {}
        self._passing = connect(httpx.Limits(max_keepalive_connections=0))
        self._known: dict[str, tuple[float, Address]] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request to where its host was found to be.

        Raises:
            AddressError: it must not be asked.
        """
        url = self._guard.parse(str(request.url))
        address = await self._address(url)
        checked = httpx.Request(
            request.method,
            url.copy_with(host=str(address), fragment=None),
            headers=request.headers,
            stream=request.stream,
            # The certificate must be the name's, though the address is what is connected to.
            extensions={**request.extensions, "sni_hostname": url.raw_host.decode("ascii")},
        )
        return await self._transport_to(url).handle_async_request(checked)

    async def aclose(self) -> None:
        """Close what is open."""
        for transport in (*self._kept.values(), self._passing):
            await transport.aclose()

    async def _address(self, url: httpx.URL) -> Address:
        if not self._keeping:
            return await self._guard.address(url)
        host, now = host_of(url), asyncio.get_running_loop().time()
        until, address = self._known.get(host, (0.0, None))
        if address is None or until < now:
            address = await self._guard.address(url)
            if len(self._known) >= _REMEMBERED_HOSTS:
                self._known.clear()
            self._known[host] = now + _REMEMBERED_S, address
        return address

    def _transport_to(self, url: httpx.URL) -> httpx.AsyncBaseTransport:
        host = f"{url.scheme}://{host_of(url)}"
        if self._keeping and host not in self._kept and len(self._kept) < _KEEPING_HOSTS:
            self._kept[host] = self._connect(self._limits)
        return self._kept.get(host, self._passing)


class GuardedClient:
    """Asks web addresses, and follows where they redirect to, each hop as the first one."""

    def __init__(
        self,
        guard: Guard,
        *,
        headers: Mapping[str, str],
        timeout_s: float,
        redirects: int,
        connections: int = 0,
        connect: Connect = over_tcp,
    ) -> None:
        """Prepare to ask; nothing is opened yet.

        Args:
            guard: What may be asked.
            headers: Sent with every request.
            timeout_s: Longest time for connecting, and between two pieces of an answer.
            redirects: Redirects that are followed.
            connections: Connections to one host that stay open; 0 closes each after its answer.
            connect: Makes what speaks to a checked address.
        """
        self._guard = guard
        self._redirects = redirects
        self._client = httpx.AsyncClient(
            transport=GuardedTransport(guard, connect, connections, keeping=connections > 0),
            headers={"User-Agent": "furniture-prompter", **headers},
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            trust_env=False,
            follow_redirects=False,
            timeout=timeout_s,
        )

    @asynccontextmanager
    async def get(
        self, url: str, headers: Mapping[str, str] | None = None
    ) -> AsyncIterator[httpx.Response]:
        """The first answer that is no redirect, its body still to be read.

        Args:
            url: The address.
            headers: Sent beside those of every request.

        Raises:
            AddressError: the address, or one that it redirects to, must not be asked or does not
                answer; from within the block too, while the body is read.
        """
        current = self._guard.parse(url)
        for _ in range(self._redirects + 1):
            try:
                async with self._client.stream("GET", current, headers=headers) as response:
                    if response.status_code not in _REDIRECTS:
                        yield response
                        return
                    location = response.headers.get("location", "")
            except httpx.HTTPError as error:
                raise _no_answer(error) from error
            try:
                current = self._guard.parse(str(current.join(location)))
            except httpx.InvalidURL:
                raise AddressError(
                    "redirects to no web address", "Give the address that it leads to"
                ) from None
        raise AddressError(
            f"redirects more than {self._redirects} times", "Give the address that it leads to"
        )

    async def aclose(self) -> None:
        """Close what is open."""
        await self._client.aclose()


def _no_answer(error: httpx.HTTPError) -> AddressError:
    kinds = (httpx.TimeoutException, httpx.NetworkError, httpx.RemoteProtocolError)
    if isinstance(error, httpx.TimeoutException):
        reason = "did not answer in time"
    elif isinstance(error, httpx.ConnectError):
        reason = "could not be connected to"
    else:
        reason = f"could not be fetched ({type(error).__name__})"
    return AddressError(
        reason, "Check that it opens in a browser", temporary=isinstance(error, kinds)
    )


def refusal_of(response: httpx.Response) -> AddressError:
    """What an answer other than the wanted one means."""
    status = response.status_code
    after_s = 0.0
    if status in _RETRY_AFTER:
        after_s = _retry_after_s(response.headers.get("retry-after", ""))
    return AddressError(
        f"answered {status}{_phrase(status)}",
        "Check that it opens in a browser without signing in",
        status=status,
        temporary=status in _TEMPORARY,
        retry_after_s=after_s,
    )


def _phrase(status: int) -> str:
    try:
        return f" {HTTPStatus(status).phrase}"
    except ValueError:
        return ""


def _retry_after_s(header: str) -> float:
    """Seconds of a Retry-After header, which has them or a date; 0 where it makes no sense."""
    text = header.strip()
    if text.isascii() and text.isdecimal():
        return float(text[:9])
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - now_s())
    except (ValueError, TypeError, OverflowError):
        return 0.0
