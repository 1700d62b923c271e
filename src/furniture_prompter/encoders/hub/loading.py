"""From a pulled folder to an encoder, without a network."""

from pathlib import Path

import torch

from furniture_prompter.encoders.card import EncoderCard
from furniture_prompter.encoders.hub.architecture import read_architecture
from furniture_prompter.encoders.hub.devices import choose_device
from furniture_prompter.encoders.hub.encoder import HubEncoder
from furniture_prompter.encoders.hub.preprocessor import read_preprocessor
from furniture_prompter.encoders.processors import available_cpus
from furniture_prompter.errors import EncoderDamagedError
from furniture_prompter.settings import Settings


def load_hub_encoder(
    folder: Path, *, threads: int | None = None, device: str | None = None, verify: bool = True
) -> HubEncoder:
    """Open the teacher in ``folder``: ``card.json`` and the checkpoint it names.

    Args:
        folder: Where the card lies.
        threads: Threads of PyTorch in the whole process; None takes the processors it may use.
        device: "auto", "cpu", "cuda", "cuda:1" or "mps"; None takes the setting.
        verify: Compare every file with the card's sha256 first (about a second a gigabyte).

    Raises:
        EncoderNotFoundError: no card there.
        EncoderDamagedError: card, configuration and files do not fit together.
        EncoderError: there is no such device.
    """
    card = EncoderCard.load(folder)
    if card.preprocessing is None or card.runtime != "hub":
        raise EncoderDamagedError(
            f"The card in {folder} is that of a {card.kind} encoder run by {card.runtime}, not of "
            "a teacher. Load it by its name; `furniture-prompter encoders` lists all."
        )
    if verify:
        card.verify_files(folder)
    architecture = read_architecture(folder)
    preprocessing, normalisation = read_preprocessor(folder)
    if architecture.dimension != card.dimension or preprocessing != card.preprocessing:
        raise EncoderDamagedError(
            f"The card in {folder} says {card.dimension} dimensions and {card.preprocessing}, but "
            f"the checkpoint gives {architecture.dimension} and {preprocessing}. Pull it again."
        )
    torch.set_num_threads(threads or available_cpus())
    return HubEncoder(
        card,
        folder,
        architecture,
        (preprocessing, normalisation),
        choose_device(device or Settings().encoder_device),
    )
