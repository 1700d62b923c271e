"""Services of one server process: catalog versions, readiness, and what routes share."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import numpy as np
from cachetools import LRUCache
from fastapi import Depends, Request

from furniture_prompter.assembly.catalogs import Catalog
from furniture_prompter.assembly.encoders import LoadedEncoders
from furniture_prompter.assembly.query_photos import load_detector
from furniture_prompter.assembly.remote_catalogs import copy_of
from furniture_prompter.assembly.upkeep import CatalogUpserts
from furniture_prompter.catalog.manifest import MANIFEST_FILE, read_manifest
from furniture_prompter.domain.query import Piece
from furniture_prompter.encoders.card import identity_of
from furniture_prompter.errors import (
    CatalogMismatchError,
    CatalogNotFoundError,
    FurniturePrompterError,
)
from furniture_prompter.settings import ServeSettings
from furniture_prompter.understanding.rooms import read_rooms
from furniture_prompter.web.access import Keys
from furniture_prompter.web.behaviour import BehaviourLog
from furniture_prompter.web.bodies import HeldBytes
from furniture_prompter.web.caches import ThumbnailCache
from furniture_prompter.web.decoding_pool import DecodePool, Look
from furniture_prompter.web.encoding import EncodeQueue
from furniture_prompter.web.errors import ApiError
from furniture_prompter.web.examining import Examination
from furniture_prompter.web.judging import Judgments
from furniture_prompter.web.learning import Learning
from furniture_prompter.web.memory import give_back
from furniture_prompter.web.telemetry import Metrics

# What a server of a folder that fetches no photos never asks for.
if TYPE_CHECKING:
    from furniture_prompter.catalog.following import Follower
    from furniture_prompter.web.fetching import PhotoFetcher

_LOG = logging.getLogger("furniture_prompter.web")

# Rooms whose pieces are kept, so that a page's address leads to them without the photo.
_ROOMS: Final = 512

OpenCatalog = Callable[[Path, Catalog | None], Catalog]
"""Opens the current version, taking over what the one that is open has loaded; blocks."""


@dataclass(eq=False, slots=True)
class _Opened:
    """A version, and how many requests are answered from it."""

    catalog: Catalog
    version: int
    requests: int = 0
    replaced: bool = False


class VersionedCatalog:
    """One catalog, always its newest version; belongs to the event loop that starts it."""

    def __init__(
        self,
        path: Path,
        settings: ServeSettings,
        metrics: Metrics | None,
        *,
        loaded: LoadedEncoders | None = None,
        open_catalog: OpenCatalog | None = None,
    ) -> None:
        """Open nothing yet.

        Args:
            path: The catalog's folder, or its address in object storage.
            settings: ``catalog_poll_s``, ``store_poll_s``, and what opening a catalog needs.
            metrics: Where to count versions; None for a catalog beside the one that is served. It
                encodes photos itself, so that a version may come with other encoders.
            loaded: Encoders that others use too; None for its own.
            open_catalog: What opens a version.
        """
        self._path = path
        self._copy = copy_of(path, settings)
        self._following = self._follower(settings)
        self._poll_s = settings.catalog_poll_s
        self._metrics = metrics
        self._open = open_catalog or partial(_open, settings, loaded)
        self._now: _Opened | None = None
        self._seen: tuple[Path, int, int, int] | None = None
        self._refreshing = asyncio.Lock()
        self._polling: asyncio.Task[None] | None = None
        self._last_closed: set[asyncio.Task[None]] = set()

    def _follower(self, settings: ServeSettings) -> "Follower | None":
        if self._copy is None:
            return None
        from furniture_prompter.catalog.following import Follower

        return Follower(self._copy, settings.store_poll_s, self._count_failure)

    @property
    def version(self) -> int:
        """The version that new requests are answered from; 0 before the first is open."""
        return self._now.version if self._now else 0

    @property
    def is_copy(self) -> bool:
        """Whether it is a copy of what lies in object storage, which nothing is written to."""
        return self._copy is not None

    @property
    def folder(self) -> Path:
        """The folder that has the newest version.

        Raises:
            CatalogNotFoundError: the catalog was never copied to this machine whole.
        """
        folder = self._path if self._copy is None else self._copy.folder
        if folder is None:
            raise CatalogNotFoundError(f"There is no whole copy of the catalog at {self._path}.")
        return folder

    async def start(self) -> None:
        """Open the current version and look for new ones from now on.

        Raises:
            CatalogError, EncoderError: there is none that can be opened.
        """
        if self._copy is not None and self._copy.folder is None:
            await asyncio.to_thread(self._copy.newest)
        if self._following is not None:
            self._following.start()
        async with self._refreshing:
            self._seen = await asyncio.to_thread(self._look)
            self._swap(await self._open_next())
        self._polling = asyncio.create_task(self._poll(), name="look for catalog versions")

    @asynccontextmanager
    async def current(self) -> AsyncIterator[Catalog]:
        """The newest version, which stays open until the block is left.

        Raises:
            RuntimeError: it was not started, or was closed.
        """
        opened = self._now
        if opened is None:
            raise RuntimeError("VersionedCatalog.start() has not been awaited, or close() has.")
        opened.requests += 1
        try:
            yield opened.catalog
        finally:
            opened.requests -= 1
            self._close_unused(opened)

    async def refresh(self) -> None:
        """Take up a new version now, such as after writing one.

        Raises:
            CatalogError, EncoderError: it cannot be opened; the old one goes on answering.
        """
        async with self._refreshing:
            seen = await asyncio.to_thread(self._look)
            if seen == self._seen:
                return
            newest = await asyncio.to_thread(read_manifest, self.folder)
            elsewhere = self._seen is not None and seen is not None and seen[0] != self._seen[0]
            if newest.version != self.version or elsewhere:
                catalog = await self._open_next()
                await self._refuse_other_encoder(catalog)
                self._swap(catalog)
                if self._metrics is not None:
                    self._metrics.catalog_swaps.inc()
                _LOG.info("catalog version taken up", extra={"catalog_version": self.version})
            # Only what was opened has been seen: what fails is tried again.
            self._seen = seen

    async def close(self) -> None:
        """Look no more; close the version, and wait for those that are being closed."""
        if self._following is not None:
            self._following.stop()
        if self._polling is not None:
            self._polling.cancel()
            await asyncio.wait([self._polling])
        async with self._refreshing:
            opened, self._now = self._now, None
        if opened is not None:
            opened.replaced = True
            self._close_unused(opened)
        if self._last_closed:
            await asyncio.wait(self._last_closed)

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(self._poll_s)
            try:
                await self.refresh()
            except (FurniturePrompterError, OSError) as error:
                self._count_failure()
                _LOG.error(
                    "the new catalog version cannot be opened: %s",
                    error,
                    extra={"catalog_version": self.version},
                )

    def _count_failure(self) -> None:
        if self._metrics is not None:
            self._metrics.catalog_failures.inc()

    def _look(self) -> tuple[Path, int, int, int] | None:
        """What a new manifest changes: it is replaced by rename, so at least the inode."""
        try:
            folder = self.folder
            found = (folder / MANIFEST_FILE).stat()
        except (FileNotFoundError, CatalogNotFoundError):
            return None
        return folder, found.st_ino, found.st_mtime_ns, found.st_size

    async def _open_next(self) -> Catalog:
        return await asyncio.to_thread(
            self._open, self.folder, self._now.catalog if self._now else None
        )

    async def _refuse_other_encoder(self, catalog: Catalog) -> None:
        """The photos of requests are encoded by what the first version came with."""
        if self._metrics is None:
            return
        if self._now and identity_of(catalog.card) != identity_of(self._now.catalog.card):
            await asyncio.to_thread(catalog.close)
            raise CatalogMismatchError(
                f"Version {catalog.version} of the catalog at {self._path} needs photos from "
                f"{catalog.card.name}, and this server has loaded {self._now.catalog.card.name}. "
                "Start the server again."
            )

    def _swap(self, catalog: Catalog) -> None:
        old, self._now = self._now, _Opened(catalog, catalog.version)
        if self._metrics is not None:
            self._metrics.catalog_version.set(self._now.version)
        if old is not None:
            old.replaced = True
            self._close_unused(old)

    def _close_unused(self, opened: _Opened) -> None:
        if opened.replaced and not opened.requests:
            closing = asyncio.create_task(asyncio.to_thread(opened.catalog.close))
            self._last_closed.add(closing)
            closing.add_done_callback(self._last_closed.discard)


def _open(
    settings: ServeSettings, loaded: LoadedEncoders | None, path: Path, now: Catalog | None
) -> Catalog:
    """Open a version and read what its first search would wait for.

    Raises:
        CatalogError, EncoderError: it, its encoder or its detector cannot be used.
        InvalidRoomsError: the shop's rooms cannot be read.
    """
    if settings.detector is not None:
        load_detector(settings.detector)
    if settings.rooms is not None:
        read_rooms(settings.rooms)
    catalog = Catalog.open(
        path,
        settings=settings,
        encoder=settings.query_encoder,
        sharing=now,
        loaded=loaded,
        cached_prompts=settings.cache_vectors,
    )
    # What was taken over of photos needs no trial: it was read before.
    photo = None if catalog.took_over else np.full((64, 64, 3), 128, np.uint8)
    catalog.search("furniture", photo=photo, limit=1)
    give_back()
    return catalog


FRESH_S: Final = 1.0
"""How long what was found out is told on; who watches over a server asks less often."""


class Readiness:
    """One trial at a time, and one in :data:`FRESH_S`, whoever asks: nobody needs a key for it."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._trial: asyncio.Task[int | None] | None = None
        self._began_s = 0.0

    async def version(self, probe: Callable[[], Coroutine[None, None, int | None]]) -> int | None:
        """The catalog version that a search was answered from; None where it cannot be.

        Args:
            probe: Tries it, in bounded time. It goes on when whoever asked has gone: others wait
                for it.
        """
        now_s = asyncio.get_running_loop().time()
        trial = self._trial
        if trial is None or (trial.done() and now_s - self._began_s >= FRESH_S):
            trial = self._trial = asyncio.create_task(probe(), name="probe")
            self._began_s = now_s
        return await asyncio.shield(trial)


@dataclass(slots=True)
class Services:
    """What answers requests; one for each process.

    Attributes:
        settings: The settings.
        metrics: What is counted.
        held: Bytes of bodies in memory.
        catalog: The catalog, in its newest version.
        decoding: Threads that decode photos and resize pictures.
        thumbnails: Photos of products made small.
        upserts: What writes products.
        learning: What learns from them beside answering.
        keys: The API keys; None where everybody may ask.
        fetcher: What fetches photos by web address; None where that is off.
        looks: What photos were found to be whose vectors are kept, by the same keys.
        behaviour: Where queries and clicks are written; None where that is off.
        judgments: Which of two answers the shop's people found better; None where that is off.
        compared: The catalog whose answers are judged beside this one's, with its own encoders,
            in its newest version; None where none is.
        encoding: The queue of photos for the encoder; None until the catalog is open.
        readiness: Whether searches can be answered, as it was tried last.
        rooms: Pieces of rooms that photos show, by the hash of the file; none of other photos.
        examination: The report on the catalog's data, for the shop's side.
    """

    settings: ServeSettings
    metrics: Metrics
    held: HeldBytes
    catalog: VersionedCatalog
    decoding: DecodePool
    thumbnails: ThumbnailCache
    upserts: CatalogUpserts
    learning: Learning
    keys: Keys | None
    fetcher: "PhotoFetcher | None"
    looks: LRUCache[bytes, Look]
    behaviour: BehaviourLog | None = None
    judgments: Judgments | None = None
    compared: VersionedCatalog | None = None
    encoding: EncodeQueue | None = None
    readiness: Readiness = field(default_factory=Readiness)
    rooms: LRUCache[str, tuple[Piece, ...]] = field(default_factory=lambda: LRUCache(_ROOMS))
    examination: Examination = field(default_factory=Examination)

    @property
    def queue(self) -> EncodeQueue:
        """The queue of photos.

        Raises:
            RuntimeError: the application has not started.
        """
        if self.encoding is None:
            raise RuntimeError("The application has not started: its lifespan was not entered.")
        return self.encoding

    @property
    def folder_name(self) -> str:
        """Name of the catalog's folder: what answers may say of where it lies."""
        return self.settings.catalog.absolute().name if self.settings.catalog is not None else ""

    @property
    def side_px(self) -> int:
        """Side of the square that photos are fitted into.

        Raises:
            RuntimeError: the application has not started.
        """
        if self.decoding.fit is None:
            raise RuntimeError("The application has not started: its lifespan was not entered.")
        return self.decoding.fit.side_px


async def services_of(request: Request) -> Services:
    """The services of the application that answers.

    A coroutine, for FastAPI takes plain functions to another thread, which costs more than they do.
    """
    services: Services = request.app.state.services
    return services


ServicesDep = Annotated[Services, Depends(services_of)]


async def refuse_copy(services: ServicesDep) -> None:
    """Refuse to write to a copy, which the next version from object storage would undo."""
    if services.catalog.is_copy:
        raise ApiError(
            HTTPStatus.FORBIDDEN,
            "forbidden",
            "This server answers from a copy of a catalog in object storage. Write where the "
            "catalog is indexed, and push it from there.",
        )
