"""Catalog maintenance from settings and a path: verify, repair, history, upserts of a server."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from furniture_prompter import event_loop
from furniture_prompter.assembly.encoders import (
    LoadedEncoders,
    photo_encoder_folder,
    prompt_encoder_folder,
)
from furniture_prompter.assembly.remote_catalogs import local_folder
from furniture_prompter.catalog.addresses import refuse_address
from furniture_prompter.catalog.differences import chosen_versions, differences
from furniture_prompter.catalog.history import catalog_versions, roll_back
from furniture_prompter.catalog.manifest import (
    Manifest,
    read_manifest,
    refuse_other_encoder,
    refuse_other_prompt_encoder,
)
from furniture_prompter.catalog.retention import Spool, spool_in
from furniture_prompter.catalog.upkeep import verify_catalog
from furniture_prompter.domain import (
    CatalogVersion,
    LeftOut,
    ProductDifference,
    RepairSummary,
    RollbackSummary,
    VerifyReport,
    Write,
    WriteSummary,
)
from furniture_prompter.encoders.card import EncoderCard, identity_of
from furniture_prompter.encoders.protocols import Encoder, PromptEncoder
from furniture_prompter.encoders.registry import load_encoder, load_prompt_encoder
from furniture_prompter.errors import CatalogBusyError
from furniture_prompter.ingest.left_out import left_out
from furniture_prompter.settings import Settings

# What reads products and learns from them takes a server that only answers a tenth of its start.
if TYPE_CHECKING:
    from furniture_prompter.ingest.learning import StillWanted

Done = TypeVar("Done")


def verify(catalog: str | Path) -> VerifyReport:
    """Check a catalog's current version: every file, every row, every index.

    Raises:
        CatalogNotFoundError, CatalogFormatError, CatalogDamagedError: it has no manifest to go by.
    """
    from furniture_prompter.ingest.repairing import alignment_fingerprint

    folder = local_folder(catalog, Settings())
    return event_loop.run(verify_catalog(folder, alignment_fingerprint))


def repair(catalog: str | Path, *, settings: Settings | None = None) -> RepairSummary:
    """Make a damaged catalog sound, keeping every product that can be read.

    Raises:
        CatalogDamagedError: nothing of it can be kept.
        CatalogError, EncoderError: see :mod:`furniture_prompter.errors`.
    """
    from furniture_prompter.ingest.repairing import CatalogEncoders, repair_catalog

    chosen = settings or Settings()

    def encoders_of(manifest: Manifest) -> CatalogEncoders:
        def folder() -> Path:
            return photo_encoder_folder(manifest.encoder.name, None, chosen)

        def card() -> EncoderCard:
            found = EncoderCard.load(folder())
            refuse_other_encoder(manifest, identity_of(found))
            return found

        def photo() -> Encoder:
            card()
            return load_encoder(folder(), threads=chosen.threads, device=chosen.encoder_device)

        def prompt() -> PromptEncoder:
            own = prompt_encoder_folder(manifest.prompt_encoder.name, chosen)
            encoder = load_prompt_encoder(own)
            refuse_other_prompt_encoder(manifest, identity_of(encoder.card))
            return encoder

        return CatalogEncoders(card, photo, prompt)

    return event_loop.run(repair_catalog(Path(catalog), encoders_of, chosen))


def versions(catalog: str | Path) -> tuple[CatalogVersion, ...]:
    """Every version of a catalog that is known of, earliest first; the last one is current.

    Raises:
        CatalogNotFoundError, CatalogFormatError, CatalogDamagedError: there is no catalog.
    """
    return catalog_versions(local_folder(catalog, Settings()))


def set_aside(catalog: str | Path) -> tuple[LeftOut, ...]:
    """What the last run over each feed left out of a catalog, and why; the latest run first.

    Raises:
        CatalogNotFoundError, CatalogFormatError, CatalogDamagedError: there is no catalog.
    """
    folder = Path(catalog)
    return left_out(folder, feeds=read_manifest(folder).feeds)


def diff(
    catalog: str | Path, before: int | None = None, after: int | None = None
) -> tuple[int, int, Iterator[ProductDifference]]:
    """Compare two versions of a catalog, product by product.

    Args:
        catalog: The catalog's folder.
        before: Number of the first version; the last one that is kept beside the current when left
            out.
        after: Number of the second version; the current one when left out.

    Returns:
        Both numbers, and the products that differ, read as they are asked for.

    Raises:
        VersionNotKeptError: a version is not there, or its data was deleted.
        CatalogError: see :mod:`furniture_prompter.errors`.
    """
    folder = local_folder(catalog, Settings())
    first, second = chosen_versions(folder, before, after)
    return first, second, _one_by_one(differences(folder, first, second))


def _one_by_one(found: AsyncIterator[ProductDifference]) -> Iterator[ProductDifference]:
    async def following() -> ProductDifference | None:
        return await anext(found, None)

    while (each := event_loop.run(following())) is not None:
        yield each


def rollback(
    catalog: str | Path, version: int | None = None, *, settings: Settings | None = None
) -> RollbackSummary:
    """Make the products of a kept version current again, as a new version.

    Args:
        catalog: The catalog's folder.
        version: The version to return to; the last one before the current when left out.
        settings: Settings; from the environment when left out.

    Raises:
        VersionNotKeptError: the version is not there, or its data was deleted.
        CatalogError: see :mod:`furniture_prompter.errors`.
    """
    chosen = settings or Settings()
    back = roll_back(Path(catalog), version, chosen.version_grace_s, chosen.keep_versions)
    return event_loop.run(back)


# Long enough not to busy a core, short beside the time that a commit takes.
_RETRY_S = 0.05


class CatalogUpserts:
    """Writes products into one catalog; safe to use from several threads and processes.

    The encoders are the catalog's own, loaded at the first write unless they are there already.

    Attributes:
        turn: For callers on an event loop: held while they write, it keeps those behind them from
            waiting in threads.
    """

    def __init__(
        self, folder: Path, settings: Settings, loaded: LoadedEncoders | None = None
    ) -> None:
        """Take a catalog's folder; nothing is opened yet.

        Args:
            folder: The catalog.
            settings: The settings.
            loaded: Encoders that searches of it have loaded by the same settings; None for none.
        """
        self._folder = folder
        self._settings = settings
        self._loaded = loaded or LoadedEncoders(settings)
        self.turn = asyncio.Lock()
        self._turn = threading.Lock()

    def spool(self) -> AbstractContextManager[Spool]:
        """Where the photos of one request are kept until it is written; blocks on the disk.

        Raises:
            CatalogWriteError: the disk is full or cannot be written.
            CatalogFormatError: the catalog is in object storage.
        """
        refuse_address(self._folder)
        return spool_in(self._folder)

    def write(self, writes: Sequence[Write], *, wait_s: float) -> WriteSummary:
        """Store and delete products as one version, waiting for other writers to finish.

        Blocks for as long as encoding and writing take: not for an event loop's thread. What is to
        be learned anew is left to :meth:`learn`.

        Args:
            writes: What to do, by line.
            wait_s: How long to wait for another writer.

        Raises:
            CatalogBusyError: another writer was not done in that time.
            CatalogError, EncoderError: see :mod:`furniture_prompter.errors`; nothing was written.
        """
        from furniture_prompter.ingest.upserts import write_products

        return self._in_turn(
            lambda: write_products(
                writes, self._folder, *self._encoders, self._settings, learns=False
            ),
            wait_s,
        )

    def may_be_due(self) -> bool:
        """Whether the last version was written so: what it taught may be left to be learned.

        Such as by a server that was killed. :meth:`learn` finds out whether it is.

        Raises:
            CatalogError: the catalog cannot be read.
        """
        made = read_manifest(self._folder).made
        return made is not None and made.by == "write"

    def learn(self, *, wait_s: float, still_wanted: "StillWanted") -> tuple[bool, float]:
        """Learn anew from what was written, as a version of its own; blocks for seconds.

        Others write meanwhile, but for the moment in which photos get their new vectors.

        Args:
            wait_s: How long to wait for another writer then.
            still_wanted: Called between steps; raises where nobody wants the rest.

        Returns:
            Whether there is a new version, and the seconds that it took, waits for other writers
            left out. There is none where nothing is due, or where another run has learned
            meanwhile.

        Raises:
            CatalogBusyError: another writer was not done in that time.
            CatalogError, EncoderError: see :mod:`furniture_prompter.errors`; nothing was written.
        """
        from furniture_prompter.ingest.learning import learn, take_up

        encoders = self._encoders
        learned = asyncio.run(learn(self._folder, *encoders, still_wanted))
        if learned is None:
            return False, 0.0
        began = time.perf_counter()

        async def write() -> bool:
            nonlocal began
            began = time.perf_counter()
            made = await take_up(learned, self._folder, *encoders, self._settings)
            return made is not None

        is_new = self._in_turn(write, wait_s)
        return is_new, learned.seconds + time.perf_counter() - began

    def _in_turn(self, write: Callable[[], Coroutine[None, None, Done]], wait_s: float) -> Done:
        deadline = time.monotonic() + wait_s
        if not self._turn.acquire(timeout=wait_s):
            raise CatalogBusyError(
                f"Other requests are still writing the catalog after {wait_s:g} s. Try again in a "
                "while, or send several products as one batch."
            )
        try:
            while True:
                try:
                    return asyncio.run(write())
                except CatalogBusyError:
                    if time.monotonic() >= deadline:
                        raise
                    time.sleep(_RETRY_S)
        finally:
            self._turn.release()

    @cached_property
    def _encoders(self) -> tuple[Encoder, PromptEncoder]:
        manifest = read_manifest(self._folder)
        photo = photo_encoder_folder(manifest.encoder.name, None, self._settings)
        prompt = prompt_encoder_folder(manifest.prompt_encoder.name, self._settings)
        return self._loaded.photo(photo), self._loaded.prompt(prompt)
