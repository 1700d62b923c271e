"""A student beside its teacher: the same neighbours in the same order, and its vectors as queries.

The teacher need not be right: agreement says how far a student can stand in for it.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.domain.rankings import overlap_at_k
from furniture_prompter.evaluation.collection import Collection
from furniture_prompter.evaluation.photo_rankings import (
    TOP,
    Questions,
    answered,
    drawn,
    rankings,
)
from furniture_prompter.evaluation.quality import MEASURES, questions_of
from furniture_prompter.evaluation.record import (
    AGREEMENT,
    ANOTHER_VIEW,
    ASYMMETRIC,
    SAME_CATEGORY,
    Answers,
)
from furniture_prompter.evaluation.suite import QualitySettings

Vectors = NDArray[np.float32]

OVERLAP_AT: Final = 10
COMPARED: Final = 100
"""The teacher's first candidates whose order is compared."""


def measure_against_teacher(
    collection: Collection,
    key: str,
    student: Vectors,
    teacher: Vectors,
    *,
    same_space: bool,
    settings: QualitySettings,
    seed: int = 0,
) -> list[Answers]:
    """Agreement with the teacher; and search in its catalog where the two share a space.

    Args:
        collection: The photos.
        key: Of the student.
        student: Its vectors of all photos, shape (n, d), unit rows.
        teacher: The teacher's vectors of the same photos, shape (n, e), unit rows.
        same_space: Whether vectors of the two can be compared: equal space ids.
        settings: Tasks, and most queries a task.
        seed: Of the draw of queries and of the order of ties.

    Raises:
        ValueError: the vectors are of different photos.
    """
    if len(student) != len(teacher):
        raise ValueError(f"{len(student)} vectors of the student, {len(teacher)} of the teacher.")
    found = []
    if AGREEMENT in settings.tasks:
        found.append(_agreement(collection, key, student, teacher, settings, seed))
    if ASYMMETRIC in settings.tasks and same_space:
        repeated = QualitySettings(
            queries=settings.queries,
            tasks=(ANOTHER_VIEW, SAME_CATEGORY),
            least_members=settings.least_members,
        )
        found += [
            answered(
                questions,
                student[questions.places],
                teacher[questions.candidates],
                MEASURES[task],
                encoder=key,
                task=ASYMMETRIC,
                variant=task,
                seed=seed,
            )
            for task, questions in questions_of(collection, repeated, seed)
        ]
    return found


def _agreement(
    collection: Collection,
    key: str,
    student: Vectors,
    teacher: Vectors,
    settings: QualitySettings,
    seed: int,
) -> Answers:
    everything = np.arange(len(collection.paths))
    asked = drawn(everything, settings.queries, seed)
    # Nothing is relevant here: only the order of all other photos counts.
    questions = Questions(asked, asked, everything, everything, leave_out_self=True)
    by_teacher = rankings(teacher[asked], teacher, questions, seed)
    by_student = rankings(student[asked], student, questions, seed)
    overlaps, correlations, top = [], [], []
    for place, wanted, got in zip(asked, by_teacher, by_student, strict=True):
        k = min(OVERLAP_AT, len(wanted))
        overlaps.append(float(overlap_at_k(wanted[None, :k], got[None, :k])[0]))
        first = wanted[:COMPARED]
        correlations.append(
            spearman(teacher[first] @ teacher[place], student[first] @ student[place])
        )
        top.append(tuple(got[:TOP].tolist()))
    return Answers(
        encoder=key,
        task=AGREEMENT,
        queries=tuple(asked.tolist()),
        candidates=float(questions.available),
        values={f"overlap@{OVERLAP_AT}": tuple(overlaps), "Spearman": tuple(correlations)},
        chance={
            f"overlap@{OVERLAP_AT}": min(1.0, OVERLAP_AT / questions.available),
            "Spearman": 0.0,
        },
        top=tuple(top),
    )


def spearman(left: Vectors, right: Vectors) -> float:
    """Spearman's rank correlation, Pearson's of the ranks; equal values share the mean rank.

    Args:
        left: Shape (n,).
        right: Shape (n,).

    Returns:
        -1 to 1; 0 where either side has one value only, which orders nothing.
    """
    a, b = _ranks(left), _ranks(right)
    a, b = a - a.mean(), b - b.mean()
    norm = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / norm if norm else 0.0


def _ranks(values: Vectors) -> NDArray[np.float64]:
    _, places, counts = np.unique(np.round(values, 6), return_inverse=True, return_counts=True)
    mean: NDArray[np.float64] = np.cumsum(counts) - (counts - 1) / 2
    return mean[places]
