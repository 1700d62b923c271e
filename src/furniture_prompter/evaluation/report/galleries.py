"""The queries on which a student is worst against its teacher, side by side."""

import io
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from furniture_prompter.encoders.decoding import decode_photo, read_photo_bytes
from furniture_prompter.errors import InvalidPhotoError
from furniture_prompter.evaluation.record import ANOTHER_VIEW, SAME_CATEGORY, Answers, Run, Task
from furniture_prompter.evaluation.report.rendering import Gallery, GalleryRow, Shown

PhotoOf = Callable[[int], Path | None]

WORST = 6
_FOUND = 5
_SIDE_PX = 120
_QUALITY = 80
_TASKS: tuple[tuple[Task, str], ...] = ((SAME_CATEGORY, "AP"), (ANOTHER_VIEW, "RR"))


def worst_against_teacher(run: Run, student: str, photo_of: PhotoOf) -> Gallery | None:
    """WORST queries by the student's value less the teacher's.

    Args:
        run: What was measured.
        student: Key of the encoder.
        photo_of: From a photo's place to its file; None where there is none to show.

    Returns:
        None where neither task was asked of both, or no photo can be shown.
    """
    for task, measure in _TASKS:
        own, other = run.answered(student, task), run.answered(run.teacher, task)
        if own is None or other is None or own.queries != other.queries or not own.top:
            continue
        gaps = np.subtract(own.values[measure], other.values[measure])
        rows = [
            row
            for place in np.argsort(gaps, kind="stable")[:WORST].tolist()
            if gaps[place] < 0
            and (row := _row(run, own, other, place, float(gaps[place]), measure, photo_of))
        ]
        if rows:
            caption = (
                f"{task.capitalize()}: the {len(rows)} queries on which {student} loses most "
                f"{measure} against {run.teacher}; {run.data.name}. ✓ marks what is right."
            )
            return Gallery(caption, rows)
    return None


def _row(
    run: Run,
    own: Answers,
    other: Answers,
    place: int,
    gap: float,
    measure: str,
    photo_of: PhotoOf,
) -> GalleryRow | None:
    query = own.queries[place]

    def shown(photo: int, right: bool | None) -> Shown | None:
        jpeg = thumbnail(photo_of(photo))
        return Shown(jpeg, run.data.photo_names[photo], right) if jpeg else None

    asked = shown(query, None)
    if asked is None:
        return None
    found = [
        (
            answers.encoder,
            [
                each
                for photo in answers.top[place][:_FOUND]
                if (each := shown(photo, _right(run, own.task, query, photo)))
            ],
        )
        for answers in (other, own)
        if answers.top
    ]
    name = run.data.photo_names[query]
    category = run.data.photo_categories[query]
    title = f"{name}{f', {category}' if category else ''}: {measure} {gap:+.3f}"
    return GalleryRow(title, asked, found)


def _right(run: Run, task: Task, query: int, photo: int) -> bool:
    if task == SAME_CATEGORY:
        return run.data.photo_categories[query] == run.data.photo_categories[photo]
    names: Sequence[str] = run.data.photo_names
    return names[query].rpartition("/")[0] == names[photo].rpartition("/")[0]


def thumbnail(path: Path | None) -> bytes | None:
    """A small JPEG of a photo file; None where there is none, or it cannot be decoded."""
    from PIL import Image

    if path is None:
        return None
    try:
        image = decode_photo(read_photo_bytes(path), name=str(path), target_side_px=_SIDE_PX)
    except (InvalidPhotoError, OSError):
        return None
    small = Image.fromarray(image)
    small.thumbnail((_SIDE_PX, _SIDE_PX))
    file = io.BytesIO()
    small.save(file, "JPEG", quality=_QUALITY)
    return file.getvalue()
