"""Catalogs for whoever has settings and a path: open and search, index, optimize."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from furniture_prompter import event_loop
from furniture_prompter.assembly.encoders import load_encoder, load_prompt_encoder
from furniture_prompter.assembly.query_encoders import (
    own_unless_set,
    prompt_route,
    query_encoder_folder,
    space_name,
)
from furniture_prompter.catalog.compatibility import (
    refuse_other_prompt_encoder,
    refuse_other_space,
)
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
from furniture_prompter.encoders.card import EncoderCard
from furniture_prompter.encoders.decoding import PhotoLimits, decode_photo, read_photo_bytes
from furniture_prompter.encoders.identity import identity_of
from furniture_prompter.encoders.protocols import Encoder
from furniture_prompter.encoders.registry import encoder_folder
from furniture_prompter.feeds.opening import open_feed
from furniture_prompter.ingest.indexing import index_feed
from furniture_prompter.search.searching import Searcher
from furniture_prompter.settings import Settings

PhotoInput = str | Path | bytes | RgbImage


class Catalog:
    """One version of a catalog, open for searching; safe to use from several threads."""

    def __init__(
        self, reader: CatalogReader, searcher: Searcher, encoder: EncoderCard, settings: Settings
    ) -> None:
        """Use :meth:`open`."""
        self._reader = reader
        self._searcher = searcher
        self._encoder = encoder
        self._settings = settings

    @classmethod
    def open(
        cls,
        path: str | Path,
        *,
        settings: Settings | None = None,
        encoder: str | None = None,
        text_tower: str | None = None,
    ) -> Self:
        """Open the current version of the catalog at `path`.

        Args:
            path: The catalog's folder.
            settings: Settings; from the environment when left out.
            encoder: Photo encoder for queries, by name or folder: the catalog's own when left out,
                or another whose vectors lie in the same space, such as its student.
            text_tower: Encoder whose text tower takes prompts into the photos' space; the
                settings' when left out, and the catalog's own tower or alignment without either.

        Raises:
            CatalogNotFoundError: there is no catalog.
            CatalogMismatchError: vectors of the encoder, or of the text tower, cannot be compared
                with the catalog's.
            CatalogFormatError, CatalogDamagedError, EncoderError: see those.
        """
        chosen = settings or Settings()
        reader = event_loop.run(CatalogReader.open(Path(path)))
        manifest = reader.manifest
        folder = query_encoder_folder(manifest.encoder.name, encoder, chosen)
        card = EncoderCard.load(folder)
        refuse_other_space(manifest, identity_of(card), space_name(card))
        prompt_name = own_unless_set(manifest.prompt_encoder.name, chosen.prompt_encoder)
        prompt_folder = encoder_folder(prompt_name, chosen.encoder_cache)
        refuse_other_prompt_encoder(manifest, identity_of(EncoderCard.load(prompt_folder)))

        @cache
        def load(encoder_in: Path) -> Encoder:
            return registry.load_encoder(
                encoder_in, threads=chosen.threads, device=chosen.encoder_device
            )

        searcher = Searcher(
            reader,
            lambda: load(folder),
            cache(lambda: registry.load_prompt_encoder(prompt_folder)),
            prompt_route(reader, text_tower or chosen.text_tower, folder, load, chosen),
            chosen,
        )
        return cls(reader, searcher, card, chosen)

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
        # The query's own encoder: a student may look at its photos larger than the teacher did.
        side_px = self._encoder.input_side_px
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
            load_encoder(
                encoder or chosen.encoder,
                chosen.threads,
                chosen.encoder_cache,
                chosen.encoder_device,
            ),
            load_prompt_encoder(chosen.prompt_encoder, chosen.encoder_cache),
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
