"""From settings to concrete parts: the only place that chooses them.

This is the library's door::

    from furniture_prompter import Catalog

    with Catalog.open("my-catalog") as catalog:
        result = catalog.search("white wooden stool", photo="stool.jpg")
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from furniture_prompter import event_loop
from furniture_prompter.catalog.compatibility import refuse_mismatch
from furniture_prompter.catalog.reader import CatalogReader
from furniture_prompter.catalog.upkeep import describe_catalog, optimize_catalog, verify_catalog
from furniture_prompter.domain import (
    CatalogInfo,
    IndexProgress,
    IndexSummary,
    OptimizeSummary,
    Query,
    RgbImage,
    SearchResult,
    VerifyReport,
)
from furniture_prompter.encoders import registry
from furniture_prompter.encoders.alignment import Alignment
from furniture_prompter.encoders.card import EncoderCard
from furniture_prompter.encoders.decoding import PhotoLimits, decode_photo, read_photo_bytes
from furniture_prompter.encoders.identity import identity_of
from furniture_prompter.encoders.protocols import Encoder, PromptEncoder
from furniture_prompter.encoders.registry import encoder_folder, shipped_cards
from furniture_prompter.feeds.opening import open_feed
from furniture_prompter.ingest.indexing import index_feed
from furniture_prompter.search.searching import Searcher
from furniture_prompter.settings import Settings

PhotoInput = str | Path | bytes | RgbImage


def load_encoder(name: str, threads: int | None, cache_folder: Path | None = None) -> Encoder:
    """Load a photo encoder by name or folder.

    Args:
        name: One that ships or was pulled, or a folder.
        threads: Threads for one image; None takes the processors this process may use.
        cache_folder: Where pulled encoders lie; None for where the environment says.

    Raises:
        EncoderError: it is not there, or not what its card says, or what runs it is missing.
    """
    return registry.load_encoder(encoder_folder(name, cache_folder), threads=threads)


def load_prompt_encoder(name: str, cache_folder: Path | None = None) -> PromptEncoder:
    """Load a prompt encoder by name or folder; errors as :func:`load_encoder`."""
    return registry.load_prompt_encoder(encoder_folder(name, cache_folder))


class Catalog:
    """One version of a catalog, open for searching; safe to use from several threads."""

    def __init__(self, reader: CatalogReader, searcher: Searcher, settings: Settings) -> None:
        """Use :meth:`open`."""
        self._reader = reader
        self._searcher = searcher
        self._settings = settings

    @classmethod
    def open(
        cls, path: str | Path, *, settings: Settings | None = None, encoder: str | None = None
    ) -> Self:
        """Open the current version of the catalog at `path`.

        Args:
            path: The catalog's folder.
            settings: Settings; from the environment when left out.
            encoder: Photo encoder for queries, by name or folder; the catalog's own when left out.

        Raises:
            CatalogNotFoundError: there is no catalog.
            CatalogMismatchError: the encoder is not the one the catalog was made with.
            CatalogFormatError, CatalogDamagedError, EncoderError: see those.
        """
        chosen = settings or Settings()
        reader = event_loop.run(CatalogReader.open(Path(path)))
        manifest = reader.manifest
        encoder_name = encoder or _own(manifest.encoder.name, chosen.encoder)
        prompt_name = _own(manifest.prompt_encoder.name, chosen.prompt_encoder)
        refuse_mismatch(
            manifest,
            identity_of(EncoderCard.load(encoder_folder(encoder_name))),
            identity_of(EncoderCard.load(encoder_folder(prompt_name))),
        )
        searcher = Searcher(
            reader,
            cache(lambda: load_encoder(encoder_name, chosen.threads)),
            cache(lambda: load_prompt_encoder(prompt_name)),
            Alignment.load(reader.alignment_path) if reader.alignment_path else None,
            chosen,
        )
        return cls(reader, searcher, chosen)

    def search(
        self,
        prompt: str | None = None,
        *,
        photo: PhotoInput | None = None,
        photo_weight: float | None = None,
        without: str | None = None,
        where: str | None = None,
        limit: int = 10,
    ) -> SearchResult:
        """Find products by words, by a photo, or by both.

        Args:
            prompt: What is wanted, in words.
            photo: A file, its bytes, or pixels of shape (height, width, 3), uint8, sRGB.
            photo_weight: Share of the photo when both are given, 0 to 1.
            without: What is not wanted, in words.
            where: Filter over the catalog's columns, such as ``price < 300``; see docs/filters.md.
            limit: Products wanted at the most.

        Raises:
            InvalidQueryError, InvalidFilterError: the query cannot be answered as it stands.
            InvalidPhotoError: the photo cannot be used.
        """
        image, name = self._image(photo)
        query = Query(
            prompt=prompt,
            photo=image,
            photo_name=name,
            photo_weight=self._settings.photo_weight if photo_weight is None else photo_weight,
            without=without,
            where=where,
            limit=limit,
        )
        return event_loop.run(self._searcher.search(query))

    def _image(self, photo: PhotoInput | None) -> tuple[RgbImage | None, str | None]:
        if photo is None:
            return None, None
        if isinstance(photo, np.ndarray):
            return photo, "pixels"
        limits = PhotoLimits(
            limit_bytes=self._settings.limit_photo_bytes,
            limit_pixels=self._settings.limit_photo_pixels,
        )
        if isinstance(photo, bytes):
            name, data = "photo", photo
        else:
            name, data = str(photo), read_photo_bytes(Path(photo), limits)
        preprocessing = self._reader.manifest.encoder.preprocessing
        side_px = preprocessing.get("side_px")
        return decode_photo(data, name=name, target_side_px=side_px, limits=limits), name

    def info(self) -> CatalogInfo:
        """What the opened version says of itself."""
        return describe_catalog(self._reader)

    def verify(self) -> VerifyReport:
        """Check the catalog's current version, row by row."""
        return event_loop.run(verify_catalog(self._reader.folder))

    def close(self) -> None:
        """Let go of the version; the catalog must not be used afterwards."""
        self._reader.close()

    def __enter__(self) -> Self:
        """Use with ``with``."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close."""
        self.close()


def _own(name_in_catalog: str, name_in_settings: str) -> str:
    """The encoder named in the settings, unless those name none: then the catalog's own."""
    return name_in_catalog if name_in_settings.startswith("default") else name_in_settings


def index(
    source: str | Path,
    catalog: str | Path,
    *,
    settings: Settings | None = None,
    encoder: str | None = None,
    language: str | None = None,
    sync: bool = False,
    progress: Callable[[IndexProgress], None] | None = None,
) -> IndexSummary:
    """Bring a catalog up to date with a feed, as one new version or not at all.

    Args:
        source: A folder of photos, or a JSON-lines or CSV file; see docs/feeds.md.
        catalog: The catalog's folder; begun when nothing is there.
        settings: Settings; from the environment when left out.
        encoder: Photo encoder by name or folder; the settings' when left out.
        language: Language of the keyword index; the catalog's own when left out.
        sync: Whether to remove products that the feed no longer has.
        progress: Called often while it goes.

    Raises:
        InvalidFeedError: nothing of the feed can be read.
        CatalogError, EncoderError: see :mod:`furniture_prompter.errors`.
    """
    chosen = settings or Settings()
    return event_loop.run(
        index_feed(
            open_feed(Path(source)),
            Path(catalog),
            load_encoder(encoder or chosen.encoder, chosen.threads),
            load_prompt_encoder(chosen.prompt_encoder),
            chosen,
            language=language,
            sync=sync,
            on_progress=progress or (lambda _: None),
        )
    )


def optimize(catalog: str | Path, *, settings: Settings | None = None) -> OptimizeSummary:
    """Compact a catalog, bring its indexes up to date and delete versions nobody reads.

    Raises:
        CatalogError: see :mod:`furniture_prompter.errors`.
    """
    chosen = settings or Settings()
    return event_loop.run(
        optimize_catalog(Path(catalog), chosen.vector_index_photos, chosen.version_grace_s)
    )


def available_encoders() -> tuple[EncoderCard, ...]:
    """Cards of the encoders that ship with the package, photo encoders first."""
    return shipped_cards()
