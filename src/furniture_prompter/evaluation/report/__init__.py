"""Benchmark reports as Markdown, HTML and SVG, with galleries of the catalog's own photos."""

import io
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from furniture_prompter.encoders.decoding import decode_photo, read_photo_bytes
from furniture_prompter.errors import InvalidPhotoError
from furniture_prompter.evaluation.comparisons import compared_with_teacher
from furniture_prompter.evaluation.filing import save
from furniture_prompter.evaluation.record import ANOTHER_VIEW, SAME_CATEGORY, Run, Task, TaskResults
from furniture_prompter.evaluation.report.content import blocks_of
from furniture_prompter.evaluation.report.rendering import (
    Figure,
    Gallery,
    GalleryRow,
    Shown,
    markdown,
    page,
)

PhotoOf = Callable[[int], Path | None]

SHOWN = 6
_FOUND = 5
_SIDE_PX = 120
_QUALITY = 80
_MARK = "✓ marks what is right."
_TASKS: tuple[tuple[Task, str], ...] = ((SAME_CATEGORY, "AP"), (ANOTHER_VIEW, "RR"))


def products_found(run: Run, photo_of: PhotoOf) -> list[Gallery]:
    """What every encoder finds for queries drawn at random, and where each does worst.

    Students are shown where they lose most against the teacher, other encoders by their own lowest
    values; with several encoders the others are left to the first of them.

    Args:
        run: What was measured.
        photo_of: From a photo's index to its file; None where there is none to show.

    Returns:
        Galleries that have a row to show; none where no task of photos was asked.
    """
    searched = [each.key for each in run.encoders if each.searches]
    galleries = [_sample(run, searched, photo_of)]
    students = compared_with_teacher(run)
    galleries += [worst_against_teacher(run, key, photo_of) for key in students]
    if searched and not students:
        galleries.append(_least_found(run, searched[0], photo_of))
    return [each for each in galleries if each is not None]


def _sample(run: Run, encoders: Sequence[str], photo_of: PhotoOf) -> Gallery | None:
    for task, measure in _TASKS:
        found = [each for key in encoders if (each := run.task_results(key, task)) and each.top]
        if not found or any(each.queries != found[0].queries for each in found):
            continue
        drawn = np.random.default_rng(0).permutation(len(found[0].queries))[:SHOWN]
        values = found[0].values[measure]
        rows = [(query, f"{measure} {values[query]:.3f}") for query in sorted(drawn.tolist())]
        if gallery := _gallery(run, found, rows, ("", " queries drawn at random"), photo_of):
            return gallery
    return None


def _least_found(run: Run, encoder: str, photo_of: PhotoOf) -> Gallery | None:
    for task, measure in _TASKS:
        found = run.task_results(encoder, task)
        if found is None or not found.top:
            continue
        values = np.asarray(found.values[measure])
        worst = np.argsort(values, kind="stable")[:SHOWN].tolist()
        rows = [(query, f"{measure} {values[query]:.3f}") for query in worst]
        those = ("the ", f" queries on which {encoder} has the lowest {measure}")
        if gallery := _gallery(run, [found], rows, those, photo_of):
            return gallery
    return None


def worst_against_teacher(run: Run, student: str, photo_of: PhotoOf) -> Gallery | None:
    """SHOWN queries by the student's value less the teacher's.

    Args:
        run: What was measured.
        student: Key of the encoder.
        photo_of: From a photo's index to its file; None where there is none to show.

    Returns:
        None where neither task was asked of both, or no photo can be shown.
    """
    for task, measure in _TASKS:
        own, other = run.task_results(student, task), run.task_results(run.teacher, task)
        if own is None or other is None or own.queries != other.queries or not own.top:
            continue
        gaps = np.subtract(own.values[measure], other.values[measure])
        worst = np.argsort(gaps, kind="stable")[:SHOWN].tolist()
        rows = [(query, f"{measure} {gaps[query]:+.3f}") for query in worst if gaps[query] < 0]
        those = ("the ", f" queries on which {student} loses most {measure} against {run.teacher}")
        if gallery := _gallery(run, [other, own], rows, those, photo_of):
            return gallery
    return None


def _gallery(
    run: Run,
    results: Sequence[TaskResults],
    told: Sequence[tuple[int, str]],
    those: tuple[str, str],
    photo_of: PhotoOf,
) -> Gallery | None:
    """The queries whose photos can be shown; the caption says what stands around their count."""
    rows = [row for query, text in told if (row := _row(run, results, query, text, photo_of))]
    if not rows:
        return None
    queries = f"{results[0].task.capitalize()}: {those[0]}{len(rows)}{those[1]}"
    return Gallery(f"{queries}; {run.data.name}. {_MARK}", rows)


def _row(
    run: Run, results: Sequence[TaskResults], query: int, told: str, photo_of: PhotoOf
) -> GalleryRow | None:
    """One query, by its index among the results' queries, with what each encoder found."""
    asked_with, task = results[0].queries[query], results[0].task

    def shown(photo: int, right: bool | None) -> Shown | None:
        jpeg = thumbnail(photo_of(photo))
        return Shown(jpeg, run.data.photo_names[photo], right) if jpeg else None

    asked = shown(asked_with, None)
    if asked is None:
        return None
    found = [
        (
            each.encoder,
            [
                photo
                for index in each.top[query][:_FOUND]
                if (photo := shown(index, _right(run, task, asked_with, index)))
            ],
        )
        for each in results
        if each.top
    ]
    category = run.data.photo_categories[asked_with]
    name = f"{run.data.photo_names[asked_with]}{f', {category}' if category else ''}"
    return GalleryRow(f"{name}: {told}", asked, found)


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


def write_report(run: Run, folder: Path, photo_of: PhotoOf) -> None:
    """Write the report of a run; the same run and photos give the same bytes.

    Args:
        run: What was measured.
        folder: Where ``report.md``, ``report.html`` and the pictures go.
        photo_of: From a photo's index to its file, None where there is none to show; asked for
            galleries alone.

    Raises:
        BenchmarkError: the folder cannot be written.
    """
    blocks = blocks_of(run, products_found(run, photo_of))
    for block in blocks:
        if isinstance(block, Figure):
            save(folder / f"{block.name}.svg", block.svg.encode())
    save(folder / "report.md", markdown(blocks).encode())
    save(folder / "report.html", page(blocks).encode())
