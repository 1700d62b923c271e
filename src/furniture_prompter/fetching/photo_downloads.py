"""Photo downloads: photos by address, fetched politely in a thread of their own, kept by content.

A photo's file is named by the hash of its bytes and appears whole; its record is written after it.
A run that is killed has lost what was under way, and the next one asks for nothing else again.
"""

import asyncio
import shutil
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from furniture_prompter.domain import DownloadSummary
from furniture_prompter.errors import CatalogWriteError, InvalidPhotoError
from furniture_prompter.fetching.guarded_requests import GuardedClient, refusal_of
from furniture_prompter.fetching.politeness import Host, Manners, Queues, Unanswered
from furniture_prompter.fetching.public_addresses import AddressError, Guard, host_of, shown_address
from furniture_prompter.fetching.records import (
    HEAD_BYTES,
    Record,
    Records,
    conditions,
    fresh_for_s,
    save,
    validators,
)
from furniture_prompter.settings import Settings
from furniture_prompter.timing import now_s

_REDIRECTS: Final = 5
_HEADERS: Final = {"Accept": "image/*,*/*;q=0.1", "Accept-Encoding": "identity"}
# Time for connecting, and between two pieces of an answer; the whole has its own.
_PATIENCE_S: Final = 20.0

ExtensionOf = Callable[[bytes, str], str]


@dataclass(frozen=True, slots=True)
class Download:
    """What became of one address.

    Attributes:
        path: The photo's file, named by its SHA-256; None where there is none.
        reason: What went wrong, a sentence; empty where nothing did.
        cure: What to do about it, a sentence.
        before: The file that the address had before, where it sent another one now.
    """

    path: Path | None
    reason: str = ""
    cure: str = ""
    before: Path | None = None


class PhotoDownloads:
    """The photos by address of one run.

    Addresses are asked for in the order in which they are requested, while their results are waited
    for from any thread.
    """

    def __init__(
        self,
        photos: Path,
        spool: Path,
        records: Records,
        settings: Settings,
        extension_of: ExtensionOf,
        *,
        download: bool,
    ) -> None:
        """Prepare; nothing is asked before the first request.

        Args:
            photos: Folder of the photos, each named by its content.
            spool: Folder on the same disk for what is being received.
            records: What earlier runs fetched.
            settings: Manners and limits.
            extension_of: The extension of a photo's format by its first bytes and what to call it;
                raises InvalidPhotoError where they are of no photo.
            download: Whether to ask for anything; without, photos that were fetched before serve.
        """
        self._photos = photos.absolute()
        self._spool = spool
        self._records = records
        self._settings = settings
        self._extension_of = extension_of
        self._download = download
        self._wanted: dict[str, tuple[Future[Download], int]] = {}
        self._addresses: set[int] = set()
        self._lock = threading.Lock()
        self._numbers = count()
        self._done = 0
        self._counts = DownloadSummary()
        self._since_s = records.begin() if download else now_s()
        self._guard = Guard(private_hosts=settings.allow_private_hosts)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        """Begin to ask."""
        if self._download:
            self._loop = asyncio.new_event_loop()
            self._client = GuardedClient(
                self._guard,
                headers=_HEADERS,
                timeout_s=min(_PATIENCE_S, self._settings.download_timeout_s),
                redirects=_REDIRECTS,
                connections=self._settings.download_connections,
            )
            self._folder = Path(tempfile.mkdtemp(dir=self._spool))
            self._queues = Queues(Manners.of(self._settings), self._work)
            self._thread = threading.Thread(
                target=self._loop.run_forever, name="download", daemon=True
            )
            self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give up what is under way; whoever waits for it is told."""
        if self._loop is not None and self._thread is not None:
            asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()
            shutil.rmtree(self._folder, ignore_errors=True)
        for future, _ in self._wanted.values():
            future.cancel()

    @property
    def summary(self) -> DownloadSummary:
        """What became of the addresses so far."""
        return replace(self._counts, addresses=len(self._addresses))

    @property
    def progress(self) -> tuple[int, int]:
        """Addresses that are done, and all that were requested."""
        return self._done, len(self._addresses)

    def request(self, url: str) -> None:
        """Ask for an address; one that was asked for already is waited for once more."""
        new: Future[Download] = Future()
        with self._lock:
            future, waiting = self._wanted.get(url, (new, 0))
            self._wanted[url] = future, waiting + 1
            # A number tells addresses apart in an eighth of their room.
            self._addresses.add(hash(url))
        if future is not new:
            return
        if self._loop is None:
            new.set_result(self._remembered(url))
            self._done += 1
        else:
            self._loop.call_soon_threadsafe(self._queue, url, new)

    def result(self, url: str) -> Download:
        """What became of an address that was requested; waits for it.

        Raises:
            CatalogWriteError: the disk is full or cannot be written.
        """
        future, _ = self._wanted[url]
        found = future.result()
        with self._lock:
            waiting = self._wanted[url][1]
            if waiting > 1:
                self._wanted[url] = future, waiting - 1
            else:
                del self._wanted[url]
        return found

    def reject(self, url: str) -> None:
        """Take back that an address has a new photo, for its file turned out to be none."""
        record = self._records.get(url)
        self._records.put(url, Record(name=record.kept, size_bytes=self._size(record.kept)))

    # --- In the thread of the downloads -----------------------------------------------------------

    async def _stop(self) -> None:
        await self._queues.stop()
        await self._client.aclose()

    def _queue(self, url: str, future: Future[Download]) -> None:
        try:
            host = host_of(self._guard.parse(url))
        except AddressError as error:
            self._settle(future, self._failed(url, error, 0))
            return
        self._queues.add(host, (url, future))

    async def _work(self, host: Host, item: tuple[str, Future[Download]]) -> None:
        url, future = item
        try:
            self._settle(future, await self._fetched(host, url))
        except OSError as error:
            future.set_exception(
                CatalogWriteError(
                    f"A photo cannot be written to {self._photos} ({error.strerror}). Make room on "
                    "the disk, or check the folder's permissions, then run again: what was "
                    "downloaded is kept."
                )
            )
        except asyncio.CancelledError:
            future.cancel()
            raise
        except Exception as error:  # noqa: BLE001  # whoever waits for it has to be told
            future.set_exception(error)

    def _settle(self, future: Future[Download], download: Download) -> None:
        self._done += 1
        if download.reason:
            self._count(failed=1, kept=int(download.path is not None))
        future.set_result(download)

    async def _fetched(self, host: Host, url: str) -> Download:
        record = self._records.get(url)
        there = self._is_there(record)
        if there and (
            record.checked_s >= self._since_s or record.checked_s <= now_s() < record.fresh_until_s
        ):
            self._count(not_asked=1)
            return Download(self._photos / record.name, before=self._before(record))
        try:
            download, attempts = await host.ask(lambda: self._once(url, record if there else None))
        except Unanswered as failure:
            self._count(retries=max(0, failure.attempts - 1))
            return self._failed(url, failure.error, failure.attempts)
        self._count(retries=attempts - 1)
        return download

    async def _once(self, url: str, record: Record | None) -> Download:
        """Ask once; a photo that is there already is sent again only if it changed."""
        try:
            async with asyncio.timeout(self._settings.download_timeout_s):
                return await self._asked(url, record)
        except TimeoutError:
            raise AddressError(
                f"took longer than {self._settings.download_timeout_s:g} s",
                "Check that it opens in a browser, or save the photo smaller",
                temporary=True,
            ) from None

    async def _asked(self, url: str, record: Record | None) -> Download:
        headers = conditions(record) if record is not None else {}
        async with self._client.get(url, headers) as response:
            now = now_s()
            fresh_until_s = now + fresh_for_s(response.headers, self._settings.download_fresh_s)
            if response.status_code == 304 and record is not None:
                self._records.put(url, replace(record, checked_s=now, fresh_until_s=fresh_until_s))
                self._count(unchanged=1)
                return Download(self._photos / record.name, before=self._before(record))
            if response.status_code != 200:
                raise refusal_of(response)
            spooled = self._folder / str(next(self._numbers))
            try:
                body = await save(response, spooled, self._settings.limit_photo_bytes)
                new = f"{body.sha256}{self._extension(url, body.head)}"
                spooled.replace(self._photos / new)
            finally:
                spooled.unlink(missing_ok=True)
        etag, modified = validators(response.headers)
        kept = ""
        if record is not None:
            kept = record.name if record.name != new else record.kept
        saved = Record(new, body.size_bytes, kept, etag, modified, now, now, fresh_until_s)
        self._records.put(url, saved)
        self._count(fetched=1, received_bytes=body.size_bytes)
        return Download(self._photos / new, before=self._before(saved))

    def _extension(self, url: str, head: bytes) -> str:
        try:
            return self._extension_of(head[:HEAD_BYTES], shown_address(url))
        except InvalidPhotoError as error:
            raise NoPhotoError(str(error)) from error

    def _failed(self, url: str, error: AddressError, attempts: int) -> Download:
        if isinstance(error, NoPhotoError):
            reason, _, cure = error.reason.partition(". ")
            reason = f"{reason}."
        else:
            times = f", asked {attempts} times" if attempts > 1 else ""
            reason = f"The photo at {shown_address(url)} {error.reason}{times}."
            cure = f"{error.cure}."
        record = self._records.get(url)
        if not self._is_there(record):
            return Download(None, reason, cure)
        since = ""
        if record.fetched_s:
            since = f" of {datetime.fromtimestamp(record.fetched_s, UTC).date()}"
        return Download(
            self._photos / record.name, f"{reason} Its earlier picture{since} stays.", cure
        )

    def _remembered(self, url: str) -> Download:
        record = self._records.get(url)
        if self._is_there(record):
            self._count(not_asked=1)
            return Download(self._photos / record.name, before=self._before(record))
        self._count(failed=1)
        return Download(
            None,
            f"The photo is at an address, {shown_address(url)}, and was not downloaded.",
            "Run again with --download, or save the photos beside the feed and name the files.",
        )

    def _before(self, record: Record) -> Path | None:
        path = self._photos / record.kept
        return path if record.kept and path.is_file() else None

    def _is_there(self, record: Record) -> bool:
        return bool(record.name) and self._size(record.name) == record.size_bytes

    def _size(self, name: str) -> int:
        if not name:
            return 0
        with suppress(OSError):
            return (self._photos / name).stat().st_size
        return -1

    def _count(self, **more: int) -> None:
        counted = {name: getattr(self._counts, name) + added for name, added in more.items()}
        self._counts = replace(self._counts, **counted)


class NoPhotoError(AddressError):
    """What an address sends is no photo; its reason is sentences of their own."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, "")
