"""Which network addresses a server may fetch from: public ones, and no others."""

import ipaddress
import re
from typing import Final

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
