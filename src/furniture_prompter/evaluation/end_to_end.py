"""Whole queries: photo in, hits out."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from furniture_prompter.errors import BenchmarkError
from furniture_prompter.evaluation.record import EndToEnd

WARM_UP: Final = 5
"""Queries before the first that counts."""


def measure_end_to_end(
    key: str,
    door: str,
    search: Callable[[Path], object],
    paths: Sequence[Path],
    queries: int | None = None,
) -> EndToEnd:
    """Time whole queries, one at a time.

    Args:
        key: The encoder's.
        door: ``library`` or ``HTTP``.
        search: Answers a photo file with hits.
        paths: Photos, asked in their order, from the first again when there are too few.
        queries: How many count; None asks each photo once. A few more come first.

    Raises:
        BenchmarkError: there are no photos.
    """
    count = len(paths) if queries is None else queries
    if not paths or count < 1:
        raise BenchmarkError(
            "Whole queries need a photo to ask with. Name a catalog with photos, or set "
            "end_to_end.queries = 0 in the suite."
        )
    times: list[float] = []
    for number in range(-min(WARM_UP, count), count):
        path = paths[number % len(paths)]
        began = time.perf_counter()
        search(path)
        if number >= 0:
            times.append(1_000 * (time.perf_counter() - began))
    return EndToEnd(encoder=key, door=door, ms=tuple(times))
