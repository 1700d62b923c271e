"""The alignment that ships: fitted on the bundled renders' text, for catalogs without text.

It holds for the photo encoder and the prompt encoder that it was fitted with, by their weights.
"""

import hashlib
import json
from importlib.resources import as_file, files
from typing import Final

from furniture_prompter.encoders.alignment import Alignment
from furniture_prompter.encoders.card import EncoderCard
from furniture_prompter.errors import EncoderDamagedError

FOLDER: Final = "shipped_alignment"
ALIGNMENT_FILE: Final = "alignment.npz"
CARD_FILE: Final = "card.json"
STATEMENT: Final = (
    "Prompts search photos by what the bundled catalog taught, for this one has too little text to "
    "learn from."
)
"""How every statement of a catalog with this alignment begins."""


def shipped_alignment(photo: EncoderCard, prompt: EncoderCard) -> Alignment | None:
    """The alignment that ships; None where it was fitted for another encoder.

    Args:
        photo: Card of the photo encoder in use.
        prompt: Card of the prompt encoder in use.

    Raises:
        EncoderDamagedError: its file is not the one that its card names.
    """
    folder = files(__package__).joinpath(FOLDER)
    card = json.loads(folder.joinpath(CARD_FILE).read_text("utf-8"))
    in_use = {"photo_encoder": photo.weights_sha256, "prompt_encoder": prompt.weights_sha256}
    if any(card[role]["weights_sha256"] != sha256 for role, sha256 in in_use.items()):
        return None
    with as_file(folder.joinpath(ALIGNMENT_FILE)) as path:
        if hashlib.sha256(path.read_bytes()).hexdigest() != card["sha256"]:
            raise EncoderDamagedError(
                f"{path} is not the alignment that its card names. Reinstall furniture-prompter, "
                "or run `python -m tools.prompt_encoder_builder build-alignment`."
            )
        return Alignment.load(path)


def borrowed_statement(reason: str) -> str:
    """What a catalog with this alignment says of itself.

    Args:
        reason: Why none could be fitted on its own text.
    """
    # What a refusal begins with does not hold any more.
    why = reason.partition(": ")[2] or reason
    return (
        f"{STATEMENT} It finds fewer than one fitted on titles, categories or colours of its own: "
        f"give them and index again. Why not: {why}"
    )
