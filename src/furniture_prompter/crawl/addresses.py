"""Addresses of pages: one spelling for each page, the shop's own hosts, patterns of addresses."""

import re
from typing import Final
from urllib.parse import parse_qsl, unquote_plus, urljoin, urlsplit, urlunsplit

from w3lib.url import safe_url_string

LIMIT_CHARACTERS: Final = 2_048
# Parameters that say where a visitor came from and who it is, never what is shown.
_TRACKING: Final = frozenset(
    {"gclid", "gclsrc", "dclid", "gbraid", "wbraid", "fbclid", "msclkid", "yclid", "ttclid"}
    | {"twclid", "igshid", "mc_cid", "mc_eid", "_ga", "_gl", "srsltid", "epik", "_hsenc", "_hsmi"}
    | {"phpsessid", "jsessionid", "sessionid", "sid", "zanpid", "irclickid", "_pos", "_sid", "_ss"}
)
_TRACKING_PREFIXES: Final = ("utm_", "pk_", "mtm_", "hsa_")
_SESSION = re.compile(r";jsessionid=[^/?#;]*+", re.IGNORECASE)
_DIGITS = re.compile(r"\d+")
_FILES: Final = (
    *(".jpg", ".jpeg", ".png", ".gif", ".webp", ".avif", ".svg", ".ico", ".heic", ".tif", ".tiff"),
    *(".css", ".js", ".json", ".woff", ".woff2", ".ttf", ".pdf", ".zip", ".gz", ".rar", ".7z"),
    *(".mp4", ".webm", ".mov", ".mp3", ".doc", ".docx", ".xls", ".xlsx", ".csv", ".dmg", ".exe"),
    *(".glb", ".gltf", ".usdz", ".obj", ".dwg", ".rss", ".atom", ".ics"),
)
# A cart, a comparison and the like change with every visit, and asking for them may change them.
_ACTIONS: Final = frozenset(
    {"add-to-cart", "add_to_cart", "addtocart", "remove_item", "add_to_wishlist", "replytocom"}
)


def page_address(address: str, base: str = "") -> str:
    """The one spelling of a page's address; empty where it leads to no page.

    Escapes, letter case of the host, fragments and tracking parameters make no difference to what
    is shown. The order of parameters stays, for rules of robots.txt may name the first one.

    Args:
        address: As a page or a sitemap writes it.
        base: The address that a relative one is joined to.
    """
    try:
        whole = urljoin(base, address.strip())
        parts = urlsplit(whole)
        port = parts.port
    except ValueError:
        return ""
    if parts.scheme not in {"http", "https"} or not parts.hostname or len(whole) > LIMIT_CHARACTERS:
        return ""
    if parts.username or parts.password or parts.path.lower().endswith(_FILES):
        return ""
    pairs = [each for each in parts.query.split("&") if each]
    names = [unquote_plus(each.partition("=")[0]).lower() for each in pairs]
    if not _ACTIONS.isdisjoint(names):
        return ""
    query = "&".join(
        pair for pair, name in zip(pairs, names, strict=True) if not _is_tracking(name)
    )
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    if port is not None and port != {"http": 80, "https": 443}[parts.scheme]:
        host = f"{host}:{port}"
    path = _SESSION.sub("", parts.path) or "/"
    try:
        return str(safe_url_string(urlunsplit((parts.scheme, host, path, query, ""))))
    except ValueError:
        return ""


def _is_tracking(name: str) -> bool:
    return name in _TRACKING or name.startswith(_TRACKING_PREFIXES)


def host_of(address: str) -> str:
    """Host and port of an address, as a person writes them."""
    return urlsplit(address).netloc.lower()


def same_shop(address: str, start: str) -> bool:
    """Whether an address lies on the shop's own host: that of `start`, with or without ``www.``."""
    return host_of(address).removeprefix("www.") == host_of(start).removeprefix("www.")


def is_front_page(address: str) -> bool:
    """Whether it is a host's first page."""
    parts = urlsplit(address)
    return parts.path in {"", "/"} and not parts.query


def pattern_of(address: str) -> str:
    """What addresses of one kind share, such as ``/calendar/#/*?month``.

    The last part of the path counts as ``*``, digits as ``#``, parameters by name alone: pages that
    a shop makes without end share a pattern, and so do its products.
    """
    parts = urlsplit(address)
    folders = parts.path.strip("/").split("/")
    path = "/".join([*(_DIGITS.sub("#", each) for each in folders[:-1]), "*"])
    names = sorted({name for name, _ in parse_qsl(parts.query, keep_blank_values=True)})
    return f"/{path}" + (f"?{'&'.join(names)}" if names else "")
