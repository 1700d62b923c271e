"""Feeds by address: fetched to a file beside the catalog, and again only when they changed."""

import asyncio
import hashlib
import re
from collections.abc import Collection
from dataclasses import dataclass
from email.message import Message
from pathlib import Path, PurePosixPath
from typing import Final

import httpx

from furniture_prompter.errors import InvalidFeedError
from furniture_prompter.fetching.guarded_requests import GuardedClient, refusal_of
from furniture_prompter.fetching.politeness import Host, Manners, Unanswered
from furniture_prompter.fetching.public_addresses import Guard, shown_address
from furniture_prompter.fetching.records import Record, Records, conditions, save, validators
from furniture_prompter.settings import Settings
from furniture_prompter.timing import now_s

FEEDS_FOLDER: Final = "feeds"
_REDIRECTS: Final = 5
_PATIENCE_S: Final = 30.0
# Two gigabytes at a megabyte a second.
_LIMIT_S: Final = 2_000.0
_NAME_CHARACTERS: Final = 100
_HEADERS: Final = {"Accept": "*/*", "Accept-Encoding": "gzip"}
_EXTENSIONS: Final = {
    "text/csv": ".csv",
    "application/csv": ".csv",
    "text/tab-separated-values": ".tsv",
    "application/json": ".json",
    "application/ld+json": ".json",
    "application/x-ndjson": ".jsonl",
    "application/jsonl": ".jsonl",
    "application/xml": ".xml",
    "text/xml": ".xml",
    "application/rss+xml": ".xml",
    "application/atom+xml": ".xml",
    "text/html": ".html",
    "application/gzip": ".gz",
    "application/zip": ".zip",
    "application/vnd.apache.parquet": ".parquet",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
    "application/vnd.oasis.opendocument.spreadsheet": ".ods",
}
"""By media type (IANA), for addresses whose names tell nothing."""

# First bytes that tell a format whatever the server calls it.
_BEGINNINGS: Final = (
    (b"PK\x03\x04", ".zip"),
    (b"\x1f\x8b", ".gz"),
    (b"PAR1", ".parquet"),
    (b"<", ".xml"),
    (b"[", ".json"),
    (b"{", ".json"),
)
_BOM: Final = b"\xef\xbb\xbf"
_UNSAFE: Final = re.compile(r"[^\w.()-]+")


@dataclass(frozen=True, slots=True)
class FetchedFeed:
    """A feed that was fetched.

    Attributes:
        path: Its file, alone in its folder.
        changed: Whether it was sent now; otherwise it is as it was.
        size_bytes: Its size.
    """

    path: Path
    changed: bool
    size_bytes: int


async def fetch_feed(
    url: str, folder: Path, settings: Settings, known: Collection[str]
) -> FetchedFeed:
    """Fetch a feed, or learn that it is as it was.

    Args:
        url: Its address.
        folder: Where feeds and records of downloads are kept.
        settings: Manners, limits and hosts that may be private.
        known: Extensions of feeds, in small letters with their dots.

    Raises:
        InvalidFeedError: it cannot be fetched.
        CatalogWriteError: the disk is full or cannot be written.
    """
    # A folder of its own: images that a feed names by path are looked for there and nowhere else.
    place = folder / FEEDS_FOLDER / hashlib.sha256(url.encode("utf-8", "replace")).hexdigest()[:16]
    records = Records(folder)
    client = GuardedClient(
        Guard(private_hosts=settings.allow_private_hosts),
        headers=_HEADERS,
        timeout_s=_PATIENCE_S,
        redirects=_REDIRECTS,
    )
    host = Host(Manners.of(settings), asyncio.Semaphore())
    try:
        place.mkdir(parents=True, exist_ok=True)
        async with asyncio.timeout(_LIMIT_S):
            fetched, _ = await host.ask(
                lambda: _once(client, url, place, records, settings.limit_feed_bytes, known)
            )
    except Unanswered as failure:
        times = f", asked {failure.attempts} times" if failure.attempts > 1 else ""
        raise InvalidFeedError(
            f"The feed at {shown_address(url)} {failure.error.reason}{times}. {failure.error.cure}."
        ) from failure
    except TimeoutError as error:
        raise InvalidFeedError(
            f"The feed at {shown_address(url)} took longer than {_LIMIT_S:,.0f} s. Download it by "
            "other means, and give the file."
        ) from error
    except OSError as error:
        raise InvalidFeedError(
            f"The feed at {shown_address(url)} cannot be kept in {place} ({error.strerror}). Make "
            "room on the disk, or check the folder's permissions."
        ) from error
    finally:
        records.close()
        await client.aclose()
    return fetched


async def _once(
    client: GuardedClient,
    url: str,
    place: Path,
    records: Records,
    limit_bytes: int,
    known: Collection[str],
) -> FetchedFeed:
    record = records.get(url)
    before = place / record.name
    there = bool(record.name) and before.is_file() and before.stat().st_size == record.size_bytes
    async with client.get(url, conditions(record) if there else {}) as response:
        if response.status_code == 304 and there:
            return FetchedFeed(before, changed=False, size_bytes=record.size_bytes)
        if response.status_code != 200:
            raise refusal_of(response)
        temporary = place / ".receiving"
        try:
            body = await save(response, temporary, limit_bytes, decoded=True)
            path = place / _name(url, response, body.head, known)
            for other in place.iterdir():
                if other != temporary and other != path:
                    other.unlink()
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    etag, modified = validators(response.headers)
    now = now_s()
    records.put(url, Record(path.name, body.size_bytes, "", etag, modified, now, now))
    return FetchedFeed(path, changed=True, size_bytes=body.size_bytes)


def _name(url: str, response: httpx.Response, head: bytes, known: Collection[str]) -> str:
    """A name by which the feed's format is told: the server's, the address's, or one that fits."""
    names = [_disposition(response), PurePosixPath(httpx.URL(url).path).name]
    safe = [_UNSAFE.sub("_", name).strip("._")[-_NAME_CHARACTERS:] for name in names]
    for name in safe:
        if PurePosixPath(name.lower()).suffix in known:
            return name
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    extension = _EXTENSIONS.get(kind) or _told_by(head)
    stem = next((name for name in safe if name), "feed")
    return stem if stem.lower().endswith(extension) else f"{stem}{extension}"


def _disposition(response: httpx.Response) -> str:
    message = Message()
    message["Content-Disposition"] = response.headers.get("content-disposition", "")
    # Whatever folders a server puts before it, the name is what counts.
    return PurePosixPath((message.get_filename() or "").replace("\\", "/")).name


def _told_by(head: bytes) -> str:
    text = head.removeprefix(_BOM).lstrip()
    return next((extension for start, extension in _BEGINNINGS if text.startswith(start)), ".csv")
