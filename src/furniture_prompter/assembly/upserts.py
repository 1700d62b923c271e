"""Writing products into a catalog for whoever has settings and its path."""

import asyncio
import threading
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from furniture_prompter.assembly.encoders import catalog_encoders
from furniture_prompter.catalog.manifest import read_manifest
from furniture_prompter.catalog.uploads import Spool, spool_in
from furniture_prompter.domain import Write, WriteSummary
from furniture_prompter.encoders.protocols import Encoder, PromptEncoder
from furniture_prompter.errors import CatalogBusyError
from furniture_prompter.ingest.upserts import write_products
from furniture_prompter.settings import Settings

# Long enough not to busy a core, short beside the time that a commit takes.
_RETRY_S = 0.05


class CatalogUpserts:
    """Writes products into one catalog; safe to use from several threads and processes.

    The encoders are the catalog's own, loaded at the first write and kept.

    Attributes:
        turn: For callers on an event loop: held while they write, it keeps those behind them from
            waiting in threads.
    """

    def __init__(self, folder: Path, settings: Settings) -> None:
        """Take a catalog's folder; nothing is opened yet."""
        self._folder = folder
        self._settings = settings
        self.turn = asyncio.Lock()
        self._turn = threading.Lock()
        self._encoders: tuple[Encoder, PromptEncoder] | None = None

    def spool(self) -> AbstractContextManager[Spool]:
        """Where the photos of one request are kept until it is written; blocks on the disk.

        Raises:
            CatalogWriteError: the disk is full or cannot be written.
        """
        return spool_in(self._folder)

    def write(self, writes: Sequence[Write], *, wait_s: float) -> WriteSummary:
        """Store and delete products as one version, waiting for other writers to finish.

        Blocks for as long as encoding and writing take: not for an event loop's thread.

        Args:
            writes: What to do, by line.
            wait_s: How long to wait for another writer.

        Raises:
            CatalogBusyError: another writer was not done in that time.
            CatalogError, EncoderError: see :mod:`furniture_prompter.errors`; nothing was written.
        """
        deadline = time.monotonic() + wait_s
        if not self._turn.acquire(timeout=wait_s):
            raise CatalogBusyError(
                f"Other requests are still writing the catalog after {wait_s:g} s. Try again in a "
                "while, or send several products as one batch."
            )
        try:
            encoder, prompt_encoder = self._load()
            while True:
                try:
                    return asyncio.run(
                        write_products(
                            writes, self._folder, encoder, prompt_encoder, self._settings
                        )
                    )
                except CatalogBusyError:
                    if time.monotonic() >= deadline:
                        raise
                    time.sleep(_RETRY_S)
        finally:
            self._turn.release()

    def _load(self) -> tuple[Encoder, PromptEncoder]:
        if self._encoders is None:
            manifest = read_manifest(self._folder)
            self._encoders = catalog_encoders(manifest, None, self._settings)
        return self._encoders
