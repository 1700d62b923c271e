"""Encoders by name or folder.

Encoders are folders with a card; those below ``weights`` ship with the package. ``default`` and
``default-prompt`` stand for the two that docs/decisions chose.
"""

from pathlib import Path

from furniture_prompter.encoders.card import CARD_FILE, EncoderCard
from furniture_prompter.errors import EncoderNotFoundError

WEIGHTS_FOLDER = Path(__file__).parent / "weights"
DEFAULTS = {"default": "efficientnet-lite2", "default-prompt": "minilm-static-256"}


def encoder_folder(name: str) -> Path:
    """The folder of an encoder that ships, by name, or of any other, by path.

    Raises:
        EncoderNotFoundError: neither is there.
    """
    shipped = WEIGHTS_FOLDER / DEFAULTS.get(name, name)
    plain = Path(name).name == name and name not in {"", ".", ".."}
    if plain and (shipped / CARD_FILE).is_file():
        return shipped
    if (Path(name) / CARD_FILE).is_file():
        return Path(name)
    names = ", ".join([*DEFAULTS, *sorted(folder.name for folder in _shipped_folders())])
    raise EncoderNotFoundError(
        f"There is no encoder {name!r}. Name one of {names}, or a folder that holds {CARD_FILE}."
    )


def shipped_cards() -> tuple[EncoderCard, ...]:
    """Cards of the encoders that ship with the package, photo encoders first."""
    cards = [EncoderCard.load(folder) for folder in _shipped_folders()]
    return tuple(sorted(cards, key=lambda card: (card.kind, card.name)))


def _shipped_folders() -> list[Path]:
    return sorted(path.parent for path in WEIGHTS_FOLDER.glob(f"*/{CARD_FILE}"))
