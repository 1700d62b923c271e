"""Encoders by settings and name: load, list, pull, export, distil; and the route of a prompt."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from furniture_prompter import event_loop
from furniture_prompter.catalog.manifest import MANIFEST_FILE, Manifest, refuse_other_space
from furniture_prompter.catalog.reader import CatalogReader
from furniture_prompter.distillation.networks import ARCHITECTURES
from furniture_prompter.encoders import registry
from furniture_prompter.encoders.alignment import Alignment
from furniture_prompter.encoders.card import EmbeddingSpace, EncoderCard, Kind, identity_of
from furniture_prompter.encoders.hub.catalogue import TEACHERS
from furniture_prompter.encoders.protocols import CrossModalEncoder, Encoder, PromptEncoder
from furniture_prompter.encoders.registry import encoder_folder, shipped_cards
from furniture_prompter.encoders.shipped import STATEMENT
from furniture_prompter.errors import DistillationError, EncoderNotFoundError
from furniture_prompter.search.query_vectors import (
    AlignmentRoute,
    NoRoute,
    PromptRoute,
    TextTowerRoute,
)
from furniture_prompter.settings import Settings

if TYPE_CHECKING:
    from furniture_prompter.distillation.distilling import DistillationSummary
    from furniture_prompter.distillation.options import DistillationOptions
    from furniture_prompter.domain import IndexProgress


class LoadedEncoders:
    """Encoders by folder, each loaded at the first call and kept; safe from several threads."""

    def __init__(self, settings: Settings) -> None:
        """Take threads and device from settings."""
        self._settings = settings
        self._lock = threading.Lock()
        self._photo: dict[tuple[Path, str], Encoder] = {}
        self._prompt: dict[tuple[Path, str], PromptEncoder] = {}

    def photo(self, folder: Path) -> Encoder:
        """The photo encoder in a folder; errors as :func:`load_encoder`."""
        key = _content_of(folder)
        with self._lock:
            if key not in self._photo:
                self._photo[key] = registry.load_encoder(
                    folder, threads=self._settings.threads, device=self._settings.encoder_device
                )
            return self._photo[key]

    def prompt(self, folder: Path) -> PromptEncoder:
        """The prompt encoder in a folder; errors as :func:`load_encoder`."""
        key = _content_of(folder)
        with self._lock:
            if key not in self._prompt:
                self._prompt[key] = registry.load_prompt_encoder(folder)
            return self._prompt[key]


def _content_of(folder: Path) -> tuple[Path, str]:
    # Another encoder may have been put into the folder since, or the same with other preprocessing.
    return folder, repr(identity_of(EncoderCard.load(folder)))


def photo_encoder_folder(in_catalog: str | None, given: str | None, settings: Settings) -> Path:
    """The folder of the photo encoder for a catalog, to index into it or to search it.

    It is the one given; else the settings', where they name another than the default; else the
    catalog's own; else the default.

    Args:
        in_catalog: Name of the catalog's own; None for a catalog that is not there yet.
        given: A name or a folder that was asked for; None where none was.
        settings: Name one, and where pulled encoders lie.

    Raises:
        EncoderNotFoundError: it is nowhere.
    """
    own = in_catalog if given is None and _is_unset("encoder", settings.encoder) else None
    cure = "Name its folder, or that of an encoder taught into its space, with --encoder."
    return _folder("image", own, given or settings.encoder, cure, settings)


def prompt_encoder_folder(in_catalog: str | None, settings: Settings) -> Path:
    """The folder of the prompt encoder for a catalog, as :func:`photo_encoder_folder`."""
    own = in_catalog if _is_unset("prompt_encoder", settings.prompt_encoder) else None
    cure = "Set FURNITURE_PROMPTER_PROMPT_ENCODER to its folder."
    return _folder("prompt", own, settings.prompt_encoder, cure, settings)


def catalog_encoders(
    manifest: Manifest | None, given: str | None, settings: Settings
) -> tuple[Encoder, PromptEncoder]:
    """Load what encodes a catalog's products, chosen as :func:`photo_encoder_folder` chooses.

    Args:
        manifest: The catalog's; None for one that is not there yet.
        given: The photo encoder that was asked for, by name or folder.
        settings: Name others, and say where and with how many threads they run.

    Raises:
        EncoderError: see :func:`load_encoder`.
    """
    own = manifest.encoder.name if manifest else None
    own_prompt = manifest.prompt_encoder.name if manifest else None
    folder = photo_encoder_folder(own, given, settings)
    prompt_folder = prompt_encoder_folder(own_prompt, settings)
    return (
        registry.load_encoder(folder, threads=settings.threads, device=settings.encoder_device),
        registry.load_prompt_encoder(prompt_folder),
    )


def _is_unset(setting: str, value: str) -> bool:
    return bool(value == Settings.model_fields[setting].default)


def _folder(kind: Kind, own: str | None, otherwise: str, cure: str, settings: Settings) -> Path:
    try:
        return encoder_folder(own or otherwise, settings.encoder_cache, kind)
    except EncoderNotFoundError as error:
        if own is None:
            raise
        raise EncoderNotFoundError(
            f"The catalog was embedded by {own}, which neither ships nor lies in the cache. {cure}"
        ) from error


def load_encoder(
    name: str,
    threads: int | None,
    cache_folder: Path | None = None,
    device: str | None = None,
) -> Encoder:
    """Load a photo encoder by name or folder.

    Args:
        name: One that ships or was pulled, or a folder.
        threads: Threads for one image; None takes the processors this process may use.
        cache_folder: Where pulled encoders lie; None for where the environment says.
        device: Where a teacher runs; None for where the environment says.

    Raises:
        EncoderError: it is not there, or not what its card says, or what runs it is missing.
    """
    folder = encoder_folder(name, cache_folder)
    return registry.load_encoder(folder, threads=threads, device=device)


def load_prompt_encoder(name: str, cache_folder: Path | None = None) -> PromptEncoder:
    """Load a prompt encoder by name or folder; errors as :func:`load_encoder`."""
    return registry.load_prompt_encoder(encoder_folder(name, cache_folder))


def available_encoders(settings: Settings | None = None) -> tuple[EncoderCard, ...]:
    """Cards of the encoders that ship with the package, then of those in the cache.

    Raises:
        EncoderDamagedError: a card in the cache is no valid one.
    """
    return (*shipped_cards(), *registry.cached_cards((settings or Settings()).encoder_cache))


@dataclass(frozen=True, slots=True)
class ObtainableEncoder:
    """An encoder that is one command away.

    Attributes:
        name: What the command calls it.
        way: How it is come by: pulled from a hub, built from packages, or trained as a student.
        parameters: Trained numbers; of a student, before its head.
        size_bytes: What it takes on the disk, to within a few per cent: float32, a student int8.
        licence: SPDX expression for the weights; empty for a student that starts from random ones.
        about: A sentence.
    """

    name: str
    way: Literal["pull", "build", "train"]
    parameters: int
    size_bytes: int
    licence: str
    about: str


def obtainable_encoders() -> tuple[ObtainableEncoder, ...]:
    """Encoders that can be pulled, then what is built from packages, then students to train."""
    pulled = (
        ObtainableEncoder(
            name, "pull", known.parameters, known.size_bytes, known.licence, known.about
        )
        for name, known in TEACHERS.items()
    )
    students = (
        ObtainableEncoder(
            name,
            "train",
            each.parameters,
            each.parameters,
            each.weights.licence if each.weights else "",
            f"{each.title}, photos of {each.side_px} px"
            + ("." if each.weights else ", from random weights or a file of your own."),
        )
        for name, each in ARCHITECTURES.items()
    )
    return (*pulled, ENSEMBLE, *students)


ENSEMBLE = ObtainableEncoder(
    registry.BUILT_FROM_PACKAGES,
    "build",
    12_372_544,
    49_300_000,
    "Apache-2.0 AND MIT",
    "MobileNetV2, EfficientNet-Lite0 and Lite2 joined. Photos only; no network is used. About "
    "a minute on two processors.",
)


def describe_encoder(name: str, *, settings: Settings | None = None) -> EncoderCard:
    """The card of an encoder, by name or folder; errors as :func:`load_encoder`."""
    return EncoderCard.load(encoder_folder(name, (settings or Settings()).encoder_cache))


def pull_encoder(
    name: str,
    *,
    source: Path | None = None,
    revision: str | None = None,
    settings: Settings | None = None,
    progress: "Callable[[IndexProgress], None] | None" = None,
) -> EncoderCard:
    """Bring a teacher into the cache; ``imagenet-ensemble`` is built from packages instead.

    `progress` is called often while one is built; a hub's client tells of downloads itself. For the
    other arguments and errors see :func:`furniture_prompter.encoders.hub.pulling.pull`, and
    :mod:`furniture_prompter.distillation.ensemble_teacher` for the one that is built.
    """
    chosen = settings or Settings()
    cache_folder = chosen.encoder_cache
    if name == registry.BUILT_FROM_PACKAGES and source is None and revision is None:
        with registry.needing("train", name):
            from furniture_prompter.distillation.ensemble_teacher import build_imagenet_ensemble

            return build_imagenet_ensemble(
                cache_folder / name, on_progress=progress or (lambda _: None)
            )
    with registry.needing("hub", name):
        from furniture_prompter.encoders.hub.pulling import pull

        return pull(
            name,
            cache=cache_folder,
            source=source,
            revision=revision,
            device=chosen.encoder_device,
        )


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
    :func:`furniture_prompter.distillation.ensemble_teacher.export_teacher`.
    """
    from furniture_prompter.encoders.decoding import PhotoLimits

    chosen = settings or Settings()
    limits = PhotoLimits.of(chosen)
    with registry.needing("hub,train", name):
        from furniture_prompter.distillation.ensemble_teacher import export_teacher
        from furniture_prompter.feeds.opening import open_feed

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
    progress: "Callable[[IndexProgress], None] | None" = None,
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
    from furniture_prompter.encoders.decoding import PhotoLimits

    chosen = settings or Settings()
    tell = progress or (lambda _: None)
    limits = PhotoLimits.of(chosen)
    with registry.needing("train", "Distillation"):
        from furniture_prompter.distillation.distilling import distill as run
        from furniture_prompter.distillation.photos import photos_of_catalog, photos_of_feed
        from furniture_prompter.distillation.training_data import space_of
        from furniture_prompter.feeds.opening import open_feed
    path = Path(source)
    encoder: Encoder | None = None
    if (path / MANIFEST_FILE).is_file():
        reader = event_loop.run(CatalogReader.open(path))
        try:
            found = event_loop.run(photos_of_catalog(reader))
            identity = reader.manifest.encoder
        finally:
            reader.close()
        space = EmbeddingSpace(identity.name, identity.space_id)
        if teacher is not None or options.views:
            encoder = _teacher(teacher or identity.name, options, chosen, tell)
            if identity_of(encoder.card) != identity:
                # Another encoder's view of these photos; what the catalog holds is not its.
                found, space = found.without_vectors(), space_of(encoder)
    else:
        if not path.exists():
            raise DistillationError(
                f"There is nothing at {path.absolute()}. Give a catalog's folder, a folder of "
                "photos or a feed."
            )
        if teacher is None:
            raise DistillationError(
                f"{path} is no catalog, so nobody has embedded its photos: name the encoder to "
                "learn from with --teacher."
            )
        from furniture_prompter.domain import IndexProgress

        encoder = _teacher(teacher, options, chosen, tell)
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


def _teacher(
    name: str,
    options: "DistillationOptions",
    settings: Settings,
    progress: "Callable[[IndexProgress], None]",
) -> Encoder:
    """The encoder to learn from; the ensemble is built from packages when it is missing."""
    if name == "imagenet-ensemble" and (
        registry.find_encoder_folder(name, settings.encoder_cache) is None
    ):
        pull_encoder(name, settings=settings, progress=progress)
    threads = options.threads or settings.threads
    return load_encoder(name, threads, settings.encoder_cache, settings.encoder_device)


def prompt_route(
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
        refuse_other_space(manifest, identity_of(card), space_name(card))
        return TextTowerRoute(partial(_text_tower_in, folder, load))
    if reader.alignment_path is not None:
        statement = manifest.alignment.statement
        note = STATEMENT if statement.startswith(STATEMENT) else ""
        return AlignmentRoute(Alignment.load(reader.alignment_path), note=note)
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


def space_name(card: EncoderCard) -> str:
    """The encoder whose space its vectors lie in, by name."""
    return card.space.name if card.space else card.name
