"""Encoder registry: encoders by name or folder, and the runtime that loads each.

Encoders are folders with a card; those below ``weights`` ship with the package, others lie in the
cache that ``encoders pull`` fills or wherever a person keeps them. ``default`` and
``default-prompt`` stand for the two that docs/decisions chose.
"""

import importlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from operator import attrgetter
from pathlib import Path
from typing import Any

from furniture_prompter.encoders.card import CARD_FILE, EncoderCard, Kind, Runtime
from furniture_prompter.encoders.hub.catalogue import known_teacher
from furniture_prompter.encoders.protocols import CrossModalEncoder, Encoder, PromptEncoder
from furniture_prompter.errors import (
    EncoderDamagedError,
    EncoderError,
    EncoderNotFoundError,
    install_line,
)
from furniture_prompter.settings import Settings

WEIGHTS_FOLDER = Path(__file__).parent / "weights"
DEFAULTS = {"default": "efficientnet-lite2", "default-prompt": "multilingual-static-384"}

# Loaded on use: a back end that nobody asked for costs nothing and need not be installed.
FACTORIES: Mapping[Runtime, str] = {
    "onnx": "furniture_prompter.encoders.onnx_encoder:OnnxEncoder.load",
    "static": "furniture_prompter.encoders.prompt_encoder:StaticPromptEncoder.load",
    "hub": "furniture_prompter.encoders.hub.encoder:load_hub_encoder",
}
EXTRAS: Mapping[Runtime, str] = {"hub": "hub"}

BUILT_FROM_PACKAGES = "imagenet-ensemble"
"""The teacher that ``encoders pull`` builds, because no hub has it."""


def encoder_folder(name: str, cache: Path | None = None, kind: Kind | None = None) -> Path:
    """The folder of an encoder that ships or lies in the cache, by name, or of any, by path.

    Args:
        name: A name, or a folder.
        cache: Where pulled encoders lie; None for where the settings in the environment say.
        kind: Which encoders are named where there is no such; None for all.

    Raises:
        EncoderNotFoundError: it is in none of the three.
    """
    pulled = Settings().encoder_cache if cache is None else cache
    found = find_encoder_folder(name, pulled)
    if found is None and (Path(name) / CARD_FILE).is_file():
        found = Path(name)
    if found is not None:
        return found
    if known_teacher(name) or name == BUILT_FROM_PACKAGES:
        raise EncoderNotFoundError(
            f"{name} is not in the cache {pulled}. Run: furniture-prompter encoders pull {name}"
        )
    folders = (*_shipped_folders(), *encoder_folders(pulled))
    names = ", ".join(
        each
        for each in (*DEFAULTS, *(folder.name for folder in folders))
        if kind in (None, _kind_of(find_encoder_folder(each, pulled)))
    )
    raise EncoderNotFoundError(
        f"There is no encoder {name!r}. Name one of {names}, or a folder that holds {CARD_FILE}."
    )


def _kind_of(folder: Path | None) -> Kind | None:
    """The kind on an encoder's card; None where it has no card that can be read."""
    try:
        return None if folder is None else EncoderCard.load(folder).kind
    except EncoderError:
        return None


def find_encoder_folder(name: str, cache: Path) -> Path | None:
    """The folder of an encoder that ships or lies in the cache; None where neither has it."""
    if Path(name).name != name or name in {"", ".", ".."}:
        return None
    folders = (WEIGHTS_FOLDER / DEFAULTS.get(name, name), cache / name)
    return next((folder for folder in folders if (folder / CARD_FILE).is_file()), None)


def load_encoder(folder: Path, *, threads: int | None = None, device: str | None = None) -> Encoder:
    """Load the photo encoder in `folder` with what its card says runs it.

    Args:
        folder: Where the card lies.
        threads: Threads for one image; None takes the processors this process may use.
        device: Where a teacher runs; None for what the environment says. Others take the CPU.

    Raises:
        EncoderNotFoundError: no card there, or that of a prompt encoder.
        EncoderDamagedError: its files are not what the card says.
        EncoderError: what runs it is not installed.
    """
    card = EncoderCard.load(folder)
    if card.kind != "image":
        raise EncoderNotFoundError(
            f"{card.name} in {folder} is a {card.kind} encoder, not a photo encoder. "
            "`furniture-prompter encoders` lists both."
        )
    options = {"device": device} if card.runtime == "hub" else {}
    encoder: Encoder = _load(card, folder, threads=threads, **options)
    return encoder


def text_tower_of(encoder: Encoder) -> CrossModalEncoder:
    """A photo encoder as one that takes prompts too.

    Raises:
        EncoderNotFoundError: it has no text tower.
    """
    refuse_without_text_tower(encoder.card)
    if not isinstance(encoder, CrossModalEncoder):
        raise EncoderDamagedError(
            f"{encoder.card.name} says on its card that it encodes prompts, but what runs it "
            f"({encoder.card.runtime}) does not. Pull or export the encoder again."
        )
    return encoder


def refuse_without_text_tower(card: EncoderCard) -> None:
    """Raise :class:`EncoderNotFoundError` for an encoder that takes photos alone."""
    if not card.encodes_prompts:
        raise EncoderNotFoundError(
            f"{card.name} has no text tower. Name an encoder that encodes prompts and photos into "
            "one space; `furniture-prompter encoders` says which do."
        )


def load_prompt_encoder(folder: Path) -> PromptEncoder:
    """Load the prompt encoder in `folder`.

    Raises:
        EncoderNotFoundError: `folder` holds none, or an encoder of another kind.
        EncoderError: it cannot be used; see :func:`load_encoder`.
    """
    card = EncoderCard.load(folder)
    if card.kind != "prompt":
        raise EncoderNotFoundError(
            f"{card.name} in {folder} is an {card.kind} encoder, not a prompt encoder. "
            "`furniture-prompter encoders` lists both."
        )
    encoder: PromptEncoder = _load(card, folder)
    return encoder


def _load(card: EncoderCard, folder: Path, **options: Any) -> Any:
    extra = EXTRAS.get(card.runtime)
    if extra is None:
        return _factory(FACTORIES[card.runtime])(folder, **options)
    with needing(extra, card.name):
        return _factory(FACTORIES[card.runtime])(folder, **options)


@contextmanager
def needing(extra: str, name: str) -> Iterator[None]:
    """Turn a missing package inside ``with`` into a sentence with the line that installs it.

    Args:
        extra: The extra that brings it, or several, with commas.
        name: The encoder that is wanted.

    Raises:
        EncoderError: a package is missing.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing == "furniture_prompter":
            raise
        raise EncoderError(
            f"{name} needs {missing}, which is not installed. {install_line(extra)}"
        ) from error


def _factory(path: str) -> Callable[..., Any]:
    module, _, name = path.partition(":")
    factory: Callable[..., Any] = attrgetter(name)(importlib.import_module(module))
    return factory


def shipped_cards() -> tuple[EncoderCard, ...]:
    """Cards of the encoders that ship with the package, photo encoders first."""
    return _cards(_shipped_folders())


def cached_cards(cache: Path) -> tuple[EncoderCard, ...]:
    """Cards of the encoders in the cache, photo encoders first.

    Raises:
        EncoderDamagedError: one of them is no valid card.
    """
    return _cards(encoder_folders(cache))


def _cards(folders: list[Path]) -> tuple[EncoderCard, ...]:
    cards = [EncoderCard.load(folder) for folder in folders]
    return tuple(sorted(cards, key=lambda card: (card.kind, card.name)))


def encoder_folders(parent: Path) -> list[Path]:
    """Folders directly below `parent` that hold an encoder, by name; none when it is missing."""
    return sorted(path.parent for path in parent.glob(f"*/{CARD_FILE}"))


def _shipped_folders() -> list[Path]:
    return encoder_folders(WEIGHTS_FOLDER)
