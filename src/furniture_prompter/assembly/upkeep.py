"""Catalogs verified and repaired, for whoever has settings and a path."""

import asyncio
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from furniture_prompter import event_loop
from furniture_prompter.assembly.encoders import (
    catalog_encoders,
    photo_encoder_folder,
    prompt_encoder_folder,
)
from furniture_prompter.catalog.manifest import (
    Manifest,
    read_manifest,
    refuse_other_encoder,
    refuse_other_prompt_encoder,
)
from furniture_prompter.catalog.retention import Spool, spool_in
from furniture_prompter.catalog.upkeep import verify_catalog
from furniture_prompter.domain import RepairSummary, VerifyReport, Write, WriteSummary
from furniture_prompter.encoders.card import EncoderCard, identity_of
from furniture_prompter.encoders.protocols import Encoder, PromptEncoder
from furniture_prompter.encoders.registry import load_encoder, load_prompt_encoder
from furniture_prompter.errors import BenchmarkError, CatalogBusyError
from furniture_prompter.ingest.repairing import (
    CatalogEncoders,
    alignment_fingerprint,
    repair_catalog,
)
from furniture_prompter.ingest.upserts import write_products
from furniture_prompter.settings import ServeSettings, Settings

if TYPE_CHECKING:
    from furniture_prompter.client import Client


def verify(catalog: str | Path) -> VerifyReport:
    """Check a catalog's current version: every file, every row, every index.

    Raises:
        CatalogNotFoundError, CatalogFormatError, CatalogDamagedError: it has no
            manifest to go by.
    """
    return event_loop.run(verify_catalog(Path(catalog), alignment_fingerprint))


def repair(catalog: str | Path, *, settings: Settings | None = None) -> RepairSummary:
    """Make a damaged catalog sound, keeping every product that can be read.

    Raises:
        CatalogDamagedError: nothing of it can be kept.
        CatalogError, EncoderError: see :mod:`furniture_prompter.errors`.
    """
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


_READY_S: Final = 90.0
_STOP_S: Final = 30.0
_BOUND: Final = re.compile(r"^furniture-prompter \S+ on (http://\S+)", re.MULTILINE)
# What an environment may set for a server of the shop's own; this one has the defaults.
_OF_SERVERS: Final = ServeSettings.model_fields.keys() - Settings.model_fields.keys()
_PREFIX: Final = "FURNITURE_PROMPTER_"
_TOLD_CHARACTERS: Final = 2_000
_PAUSE_S: Final = 0.05


def can_serve() -> bool:
    """Whether the extra `serve` is installed."""
    return all(find_spec(name) is not None for name in ("fastapi", "httpx", "limits", "uvicorn"))


class ServedCatalog:
    """Answers photo files over HTTP, by a server that starts with the first of them.

    The server listens on loopback alone, keeps no vectors of photos, and ends with
    :meth:`close`.
    """

    def __init__(self, catalog: Path, encoder: Path, threads: int | None = None) -> None:
        """Prepare; nothing runs yet.

        Args:
            catalog: The catalog's folder.
            encoder: Folder of the encoder of queries.
            threads: For encoding; None as the server itself chooses.
        """
        self._words = [
            *(sys.executable, "-m", "furniture_prompter.cli.main", "serve"),
            *("--catalog", str(catalog), "--encoder", str(encoder)),
            *("--host", "127.0.0.1", "--port", "0", "--log-level", "warning"),
            *(() if threads is None else ("--threads", str(threads))),
        ]
        self._running = ExitStack()
        self._client: Client | None = None

    def __call__(self, photo: Path) -> object:
        """Search by a photo's file.

        Raises:
            BenchmarkError: the server does not start, or does not answer with hits.
        """
        from furniture_prompter.client import ClientError

        if self._client is None:
            self._client = self._start()
        try:
            return self._client.search(photo=photo)
        except ClientError as error:
            raise BenchmarkError(f"The API that is measured did not answer: {error}") from error

    def close(self) -> None:
        """End the server, if it runs."""
        self._client = None
        self._running.close()

    def _start(self) -> "Client":
        from furniture_prompter.client import Client

        with ExitStack() as starting:
            # A file and not a pipe: nobody reads along, and a pipe that is full stops the server.
            log = Path(starting.enter_context(TemporaryDirectory())) / "server.log"
            with log.open("wb") as out:
                process = subprocess.Popen(  # noqa: S603  # our own command
                    self._words, stdout=out, stderr=out, env=_environment()
                )
            starting.callback(_end, process)
            client = starting.enter_context(Client(_bound(process, log)))
            _wait_until_ready(client, process, log)
            self._running = starting.pop_all()
        return client


def _environment() -> dict[str, str]:
    removed = {f"{_PREFIX}{name.upper()}" for name in _OF_SERVERS}
    kept = {name: value for name, value in os.environ.items() if name not in removed}
    return kept | {f"{_PREFIX}CACHE_VECTORS": "0"}


def _bound(process: "subprocess.Popen[bytes]", log: Path) -> str:
    """The address that the server says it took."""
    end = time.monotonic() + _READY_S
    while process.poll() is None and time.monotonic() < end:
        found = _BOUND.search(log.read_text("utf-8", "replace"))
        if found is not None:
            return found[1]
        time.sleep(_PAUSE_S)
    raise _not_started(log)


def _wait_until_ready(client: "Client", process: "subprocess.Popen[bytes]", log: Path) -> None:
    from furniture_prompter.client import NoAnswerError

    end = time.monotonic() + _READY_S
    while process.poll() is None and time.monotonic() < end:
        # It listens while its process still loads.
        with suppress(NoAnswerError):
            if client.ready():
                return
        time.sleep(_PAUSE_S)
    raise _not_started(log)


def _not_started(log: Path) -> BenchmarkError:
    told = log.read_text("utf-8", "replace")[-_TOLD_CHARACTERS:].strip()
    return BenchmarkError(
        "The API over the catalog did not start, so whole queries through HTTP cannot be timed; "
        f"set end_to_end.queries = 0 in the suite to leave them out. It said: {told}"
    )


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
