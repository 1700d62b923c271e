"""Memory of encoders, each in fresh processes."""

import gc
import importlib
import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter, ValidationError

from furniture_prompter.encoders.card import EncoderCard
from furniture_prompter.encoders.decoding import decode_photo, read_photo_bytes
from furniture_prompter.encoders.protocols import Encoder
from furniture_prompter.encoders.registry import EXTRAS, FACTORIES, load_encoder, needing
from furniture_prompter.errors import BenchmarkError, FurniturePrompterError
from furniture_prompter.evaluation.machine import package
from furniture_prompter.evaluation.record import Memory

PROBE: Final = "furniture_prompter.evaluation.memory"
LIMIT_S: Final = 1_800.0

_FOUND: Final[TypeAdapter[dict[str, int]]] = TypeAdapter(dict[str, int])


def measure_memory(
    key: str,
    folder: Path,
    photos: Sequence[Path],
    processes: int,
    index_bytes_a_product: float,
    *,
    limit_s: float = LIMIT_S,
) -> Memory:
    """Load an encoder in so many processes, one after the other; see :func:`memory_probe.probe`.

    Args:
        key: The encoder's.
        folder: Where its card lies.
        photos: Files that each process encodes, one by one.
        processes: How many.
        index_bytes_a_product: Of this encoder's vectors in a catalog; taken over as it is.
        limit_s: A process that takes longer is ended.

    Raises:
        BenchmarkError: a process failed, with the last line of what it said.
    """
    found = [_probed(key, folder, photos, limit_s) for _ in range(processes)]
    return Memory(
        encoder=key,
        resident_bytes=tuple(each["resident_bytes"] for each in found),
        peak_bytes=tuple(each["peak_bytes"] for each in found),
        encoder_bytes=tuple(each["encoder_bytes"] for each in found),
        index_bytes_a_product=index_bytes_a_product,
    )


def _probed(key: str, folder: Path, photos: Sequence[Path], limit_s: float) -> dict[str, int]:
    command = [sys.executable, "-m", PROBE, str(folder), *map(str, photos)]
    try:
        done = subprocess.run(  # noqa: S603 (this interpreter and a module of this package)
            command, capture_output=True, text=True, errors="replace", timeout=limit_s, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise BenchmarkError(
            f"Loading {key} for its memory took more than {limit_s:,.0f} s. Name fewer photos in "
            "the suite's [memory], or leave it out with memory.photos = 0."
        ) from error
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [_ended(done.returncode)]
        raise BenchmarkError(f"The memory of {key} cannot be measured: {lines[-1]}")
    try:
        return _FOUND.validate_json(done.stdout)
    except ValidationError as error:
        raise BenchmarkError(
            f"The memory of {key} cannot be measured: its process wrote {done.stdout[:80]!r} "
            "instead of figures. Find what else writes to standard output."
        ) from error


def _ended(code: int) -> str:
    if code < 0:
        return f"its process ended by {signal.Signals(-code).name}; there may be too little memory."
    return f"its process ended with exit code {code}. Load the encoder by itself to see why."


STATUS: Final = Path("/proc/self/status")

_PEAK: Final = re.compile(r"^VmHWM:\s+(\d+) kB", re.MULTILINE)
_KIB: Final = 1_024


def resident_bytes() -> int:
    """What this process holds now.

    Raises:
        BenchmarkError: psutil is not installed.
    """
    return int(package("psutil").Process().memory_info().rss)


def peak_bytes() -> int:
    """The most that this process ever held: VmHWM on Linux.

    Raises:
        BenchmarkError: Windows, and psutil is not installed.
    """
    if STATUS.is_file():
        # Linux's getrusage(2) would tell the peak of whoever started this process.
        told = _PEAK.search(STATUS.read_text("ascii"))
        if told:
            return int(told[1]) * _KIB
    if sys.platform == "win32":
        return int(package("psutil").Process().memory_info().peak_wset)
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
