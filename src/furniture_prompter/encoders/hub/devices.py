"""Where a network runs: CUDA, Apple's MPS or the CPU, and in which precision."""

import torch

from furniture_prompter.errors import EncoderError

_BATCH_IMAGES = {"cuda": 64, "mps": 16, "cpu": 8}
"""Images in one run: a GPU wants many to be busy, a CPU gains next to nothing past a few."""


def choose_device(name: str | None) -> torch.device:
    """The device of that name; for None or "auto" the best that is there.

    Raises:
        EncoderError: there is no such device on this machine.
    """
    if name is None or name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise EncoderError(
            f"There is no device {name!r}. Name auto, cpu, cuda, cuda:0 or mps."
        ) from error
    there = {
        "cpu": True,
        "cuda": torch.cuda.is_available() and (device.index or 0) < torch.cuda.device_count(),
        "mps": torch.backends.mps.is_available(),
    }
    if not there.get(device.type, False):
        raise EncoderError(
            f"This machine, or this build of torch {torch.__version__}, has no device {name!r}. "
            "Set FURNITURE_PROMPTER_ENCODER_DEVICE to auto or cpu."
        )
    return device


def batch_images(device: torch.device) -> int:
    """Images to run at once on ``device``."""
    return _BATCH_IMAGES[device.type]


def half_precision(device: torch.device) -> torch.dtype | None:
    """The half precision worth trying on ``device``; None where float32 is the better choice.

    On a CPU float16 is emulated, and Apple's MPS is left at float32 because nobody has measured it
    here. Whether it is safe for a given network is found out by running it.
    """
    return torch.float16 if device.type == "cuda" else None
