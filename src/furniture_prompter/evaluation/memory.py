"""What each encoder takes of memory, measured in fresh processes of its own."""

import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter, ValidationError

from furniture_prompter.errors import BenchmarkError
from furniture_prompter.evaluation.record import Memory

PROBE: Final = "furniture_prompter.evaluation.memory_probe"
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
