"""What one encoder takes of memory, told by the process that loaded it.

Run as ``python -m furniture_prompter.evaluation.memory_probe FOLDER PHOTO...``; writes JSON.
"""

import gc
import importlib
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from furniture_prompter.encoders.card import EncoderCard
from furniture_prompter.encoders.decoding import decode_photo, read_photo_bytes
from furniture_prompter.encoders.protocols import Encoder
from furniture_prompter.encoders.registry import EXTRAS, FACTORIES, load_encoder, needing
from furniture_prompter.errors import FurniturePrompterError
from furniture_prompter.evaluation.machine import psutil_or_refuse

STATUS: Final = Path("/proc/self/status")

_KIB: Final = 1_024


def resident_bytes() -> int:
    """What this process holds now: VmRSS on Linux.

    Raises:
        BenchmarkError: a system without /proc, and psutil is not installed.
    """
    if STATUS.is_file():
        return _told("VmRSS")
    return int(psutil_or_refuse("a process's memory").Process().memory_info().rss)


def peak_bytes() -> int:
    """The most that this process ever held: VmHWM on Linux.

    Raises:
        BenchmarkError: a system without /proc, and psutil is not installed.
    """
    if STATUS.is_file():
        return _told("VmHWM")
    if sys.platform == "win32":
        return int(psutil_or_refuse("a process's memory").Process().memory_info().peak_wset)
    import resource

    # Bytes on macOS (getrusage(2)); kibibytes on the other systems that have the call.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * _KIB


def probe(
    folder: Path, photos: Sequence[Path], load: Callable[[Path], Encoder] = load_encoder
) -> dict[str, int]:
    """Load an encoder, encode photos one by one, and say what this process holds.

    What runs the encoder is imported first: the encoder's own part is what loading and encoding
    added to that.

    Args:
        folder: Where the card lies.
        photos: Files.
        load: Opens the encoder.

    Returns:
        ``resident_bytes``, ``peak_bytes`` and ``encoder_bytes``.

    Raises:
        EncoderError, InvalidPhotoError, BenchmarkError: see what they are raised by.
    """
    runtime = EncoderCard.load(folder).runtime
    with needing(EXTRAS.get(runtime, ""), folder.name):
        importlib.import_module(FACTORIES[runtime].partition(":")[0])
    gc.collect()
    before = resident_bytes()
    encoder = load(folder)
    side = encoder.card.input_side_px
    for path in photos:
        image = decode_photo(read_photo_bytes(path), name=str(path), target_side_px=side)
        encoder.encode([image])
    after = resident_bytes()
    return {
        "resident_bytes": after,
        "peak_bytes": peak_bytes(),
        "encoder_bytes": max(0, after - before),
    }


def _told(field: str) -> int:
    for line in STATUS.read_text("ascii").splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return int(value.split()[0]) * _KIB
    raise KeyError(field)


def main(arguments: Sequence[str]) -> None:
    """Probe; an error is one line on stderr."""
    folder, *photos = map(Path, arguments)
    try:
        found = probe(folder, photos)
    except FurniturePrompterError as error:
        sys.exit(str(error))
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
