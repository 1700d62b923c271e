"""Photos decoded once: squares a little larger than the student's, with their white background.

Decoding and shrinking a photo costs more than a small student's step, so it is done once. Each
pixel keeps a fourth value beside its colour: how far it is background, 0 or 255.
"""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.distillation.backgrounds import white_background
from furniture_prompter.distillation.kept_rows import KeptRows
from furniture_prompter.distillation.photos import PhotoSet, TrainingPhoto, as_indexed
from furniture_prompter.domain import SetAside
from furniture_prompter.encoders.card import Preprocessing
from furniture_prompter.encoders.decoding import PhotoLimits
from furniture_prompter.errors import InvalidPhotoError

SQUARES_VERSION: Final = 2
"""Raise it with every change to what a square holds."""

_AHEAD = 16
_STEP_PX: Final = 32


def square_side_px(student_px: int, teacher_px: int) -> int:
    """Side of the kept squares: an eighth larger than the student's, never below the teacher's.

    So a crop of 89 % is still not enlarged.
    """
    return max(-(-student_px * 9 // 8 // _STEP_PX) * _STEP_PX, teacher_px)


def keep_squares(
    found: PhotoSet,
    spec: Preprocessing,
    side_px: int,
    folder: Path,
    limits: PhotoLimits,
    workers: int,
    on_photo: Callable[[int], None] = lambda _: None,
) -> tuple[PhotoSet, NDArray[np.uint8], NDArray[np.intp]]:
    """Decode every photo that is not kept yet.

    Args:
        found: The photos.
        spec: How photos are fitted into a square; its side is not used.
        side_px: Side of the squares.
        folder: Where they are kept.
        limits: What is refused.
        workers: Threads that decode.
        on_photo: Called with the number of squares that are there.

    Returns:
        The photos that can be used, all squares memory-mapped, shape (n, side, side, 4) uint8, and
        for each photo the place of its square.

    Raises:
        DistillationError: the disk is full or cannot be written.
    """
    larger = replace(spec, side_px=side_px)
    recipe = [SQUARES_VERSION, found.fingerprint, asdict(larger)]
    shape = (len(found.photos), side_px, side_px, 4)
    kept = KeptRows.open(folder, "squares", recipe, shape, np.uint8)
    missing = kept.missing()
    problems: list[SetAside] = []
    already = len(found.photos) - len(missing)

    def square(photo: TrainingPhoto) -> NDArray[np.uint8] | SetAside:
        try:
            image = as_indexed(photo, larger, limits)
        except InvalidPhotoError as error:
            return SetAside(photo.path, 0, str(error), "", "")
        return np.dstack([image, white_background(image)])

    results = _ahead(square, [found.photos[place] for place in missing], workers)
    for number, (place, made) in enumerate(zip(missing, results, strict=True), 1):
        if isinstance(made, SetAside):
            problems.append(made)
        else:
            kept.put(place, made)
        on_photo(already + number)
    places = np.flatnonzero(np.asarray(kept.done) == 1)
    return found.without(tuple(problems), places), kept.rows, places


def _ahead(
    make: Callable[[TrainingPhoto], NDArray[np.uint8] | SetAside],
    photos: list[TrainingPhoto],
    workers: int,
) -> Iterator[NDArray[np.uint8] | SetAside]:
    waiting: deque[Future[NDArray[np.uint8] | SetAside]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="decode") as pool:
        for photo in photos:
            waiting.append(pool.submit(make, photo))
            if len(waiting) >= _AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
