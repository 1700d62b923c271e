"""Public addresses: the guard between a web address that somebody gave and a connection.

The danger is a program that fetches what whoever wrote the address cannot reach: this machine's
loopback, a cloud's metadata service, a neighbour in the private network (OWASP "Server-Side Request
Forgery"). So every address is resolved here, all answers must be public, and the connection goes to
the very address that was checked: a name that answers differently a moment later changes nothing.
"""

import asyncio
import ipaddress
import re
import socket
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Final
from urllib.parse import urlsplit

import httpx

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
_SHOWN_CHARACTERS: Final = 200
_PORTS: Final = {"http": 80, "https": 443}
_EXAMPLE: Final = "Write it like https://shop.example/chair.jpg"

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


class AddressError(Exception):
    """A web address that is not asked, or does not answer as it should.

    Attributes:
        reason: What is wrong, as what a sentence says of its subject: ``answered 404``.
        cure: What to do about it, a sentence without its full stop.
        status: The status that was answered; 0 without an answer.
        temporary: Whether asking again may help.
        retry_after_s: For how long the server wants to be left alone, seconds; 0 where it does not
            say.
    """

    def __init__(
        self,
        reason: str,
        cure: str,
        *,
        status: int = 0,
        temporary: bool = False,
        retry_after_s: float = 0.0,
    ) -> None:
        super().__init__(f"{reason}. {cure}.")
        self.reason = reason
        self.cure = cure
        self.status = status
        self.temporary = temporary
        self.retry_after_s = retry_after_s


async def resolve(host: str, port: int) -> Sequence[str]:
    """Addresses of a host name by the system's resolver.

    Raises:
        OSError: the name is not known.
    """
    answers = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(answer[4][0]) for answer in answers]


def shown_address(url: str) -> str:
    """A web address for logs and messages: without user, password, query and fragment.

    What a query holds may be a signature that opens the door; that it was there is told by ``?…``.
    """
    try:
        parts = urlsplit(url)
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
        port = f":{parts.port}" if parts.port is not None else ""
    except ValueError:
        return "a broken address"
    shown = f"{parts.scheme}://{host}{port}{parts.path}{'?…' if parts.query else ''}"
    return shown if len(shown) <= _SHOWN_CHARACTERS else f"{shown[:_SHOWN_CHARACTERS]}…"


class Guard:
    """Says which web addresses may be asked, and where a connection to one has to go."""

    def __init__(
        self,
        resolve: Resolve = resolve,
        *,
        private_hosts: Collection[str] = (),
        discreet: bool = False,
    ) -> None:
        """Take what resolves names, and exceptions.

        Args:
            resolve: Addresses of a host name.
            private_hosts: Hosts with their ports (``127.0.0.1:8123``) that may be asked wherever
                they are; for tests and intranets, and never from anything that was downloaded.
            discreet: Whether a name that is not known is told like one that is private: who asks
                over a network must not learn which names there are.
        """
        self._resolve = resolve
        self._private_hosts = frozenset(each.lower() for each in private_hosts)
        self._discreet = discreet

    def parse(self, url: str) -> httpx.URL:
        """A web address as it may be asked, as far as can be told without resolving its name.

        Raises:
            AddressError: it is no address of http or https, or holds what is never sent.
        """
        if len(url) > LIMIT_URL_CHARACTERS:
            raise AddressError(
                f"is longer than {LIMIT_URL_CHARACTERS:,} characters", "Give a shorter one"
            )
        try:
            parsed = httpx.URL(url)
            # A name such as ``xn--`` is found to be none only when its letters are asked for.
            _ = parsed.host
        except (httpx.InvalidURL, UnicodeError, ValueError):
            raise AddressError("is none", _EXAMPLE) from None
        if parsed.scheme not in _PORTS or not parsed.raw_host:
            raise AddressError("is none", _EXAMPLE)
        if parsed.userinfo:
            raise AddressError("holds a user name or password", "Leave them out")
        # httpx leaves a scheme's own port out.
        if parsed.port is not None and not self._is_allowed(parsed):
            raise AddressError(
                "names a port", "Leave it out: only 80 for http and 443 for https are asked"
            )
        return parsed

    async def address(self, url: httpx.URL) -> Address:
        """The address to connect to: every one that the host has is public.

        Raises:
            AddressError: one is not, or the name is not known.
        """
        host = url.raw_host.decode("ascii")
        try:
            literal = literal_address(host)
        except ValueError:
            raise _not_public() from None
        if literal is not None:
            found = [literal]
        else:
            try:
                answers = await self._resolve(host, url.port or _PORTS[url.scheme])
                found = [ipaddress.ip_address(answer) for answer in answers]
            except (OSError, UnicodeError, ValueError) as error:
                if self._discreet:
                    raise _not_public() from None
                raise AddressError(
                    "names a host that is not known",
                    "Check its spelling, and that this machine reaches the internet",
                    temporary=isinstance(error, socket.gaierror)
                    and error.errno == socket.EAI_AGAIN,
                ) from error
        private = not found or not all(is_public(address) for address in found)
        if private and not (found and self._is_allowed(url)):
            raise _not_public()
        # Many servers have no route for IPv6, and there is no second try.
        return min(found, key=lambda address: address.version)

    def _is_allowed(self, url: httpx.URL) -> bool:
        return host_of(url) in self._private_hosts


def host_of(url: httpx.URL) -> str:
    """The host of an address with its port, such as ``shop.example:443``."""
    host = url.raw_host.decode("ascii").lower()
    port = url.port or _PORTS.get(url.scheme, 0)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _not_public() -> AddressError:
    return AddressError("does not lead to a public address", "Give one on the public internet")
