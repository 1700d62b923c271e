"""What a catalog remembers feeds by: names made of their paths and addresses, and former ones."""

import hashlib
import os
import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from furniture_prompter.catalog.manifest import read_manifest
from furniture_prompter.domain.feed import CRAWL_OF, is_web_address
from furniture_prompter.errors import CatalogNotFoundError
from furniture_prompter.fetching.public_addresses import shown_address
from furniture_prompter.ingest.brought_by import feed_name as checked_name
from furniture_prompter.ingest.brought_by import feed_name_before, known_before

_DATE: Final = re.compile(
    r"(?<!\d)(?:(?:19|20)\d{2}([-_.]?)(?:0[1-9]|1[0-2])\1(?:0[1-9]|[12]\d|3[01])"
    r"|(?:0[1-9]|[12]\d|3[01])([-_.])(?:0[1-9]|1[0-2])\2(?:19|20)\d{2})"
    r"(?:[-_.T ]?(?:[01]\d|2[0-3])[-_.h]?[0-5]\d(?:[-_.]?[0-5]\d)?)?(?!\d)"
)
"""A day, and perhaps the time, as exports have it in their names: 2026-12-01, 01.12.2026."""
_HOST_END: Final = re.compile(r"[/?#]")


def name_of_source(source: str) -> str:
    """What a catalog remembers a feed by whose path or address is all that is known.

    A date in the file's name does not count, for exports bear that of their day. An address is told
    without user, password and query; a digest of user and query keeps feeds apart of which nothing
    else differs.
    """
    if not is_web_address(source):
        # A link stays a link: what it leads to may have another name every day.
        return _undated(os.path.normpath(Path(source).absolute()))
    shown = _undated(shown_address(source))
    behind = source.partition("://")[2]
    host = _HOST_END.split(behind, 1)[0]
    rest = behind.removeprefix(host)
    # A password says nothing of the feed, and may be another every month.
    user = host.rpartition("@")[0].partition(":")[0]
    if not user and "…" not in shown:
        return shown
    asked = f"{user}@{_DATE.sub('DATE', rest)}".encode("utf-8", "surrogatepass")
    # What opens the door may be short: slow and short, so that nobody finds it by trying.
    digest = hashlib.scrypt(
        asked, salt=shown.encode("utf-8", "replace"), n=2**14, r=8, p=1, dklen=4
    )
    return f"{shown}{'' if '…' in shown else '…'}{digest.hex()}"


def name_of_crawl(start: str) -> str:
    """What a catalog remembers the crawl of a shop by of which its address is all that is known."""
    return f"{CRAWL_OF}{urlsplit(shown_address(start)).netloc}"


def refuse_feed_names(catalog: Path, start: str, feed_name: str | None, was: Sequence[str]) -> None:
    """Refuse, before a crawl of hours, names that would be refused at its end.

    Raises:
        InvalidFeedError: a feed cannot be called so, or the catalog remembers none of a name in
            `was`.
        CatalogError: there is a catalog that cannot be read.
    """
    try:
        known = read_manifest(catalog).feeds
    except CatalogNotFoundError:
        known = ()
    name = checked_name(name_of_crawl(start) if feed_name is None else feed_name)
    known_before(list(map(feed_name_before, former_names(was, known))), name, known)


def former_names(was: Sequence[str], known: Collection[str]) -> list[str]:
    """Names as the catalog has them, given so, or as a feed's path or address or a shop's."""
    names = []
    for each in was:
        places = [name_of_source(each)]
        if is_web_address(each):
            places.append(name_of_crawl(each))
        told = (feed_name_before(place) for place in places)
        is_known = feed_name_before(each) in known
        names.append(each if is_known else next((name for name in told if name in known), each))
    return names


def _undated(name: str) -> str:
    folder, slash, file = name.rpartition("/")
    return f"{folder}{slash}{_DATE.sub('DATE', file)}"
