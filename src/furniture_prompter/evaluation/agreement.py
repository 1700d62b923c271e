"""What a student gives up: its own search and search in its teacher's catalog, measured.

Three pairings of the same items answer the same questions: *teacher* (the teacher's vectors ask the
teacher's), *student* (the student's ask the student's) and *asymmetric* (the student's ask the
teacher's, as its query does in a catalog that the teacher embedded). Every item asks for the others
of its label, itself left out, by an exact scan.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.domain.rankings import nearest, overlap_at_k, same_label_retrieval

CUT_OFF = 10

Vectors = NDArray[np.float32]
Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PairingFigures:
    """How one pairing of encoders searches; one value a query, means by :meth:`means`.

    Attributes:
        recall_at_1: Whether the first item has the label; shape (q,).
        average_precision: Over the ranking of all other items; shape (q,).
        ndcg_at_10: With gains of 0 and 1; shape (q,).
        overlap_at_10: Share of the first ten that the teacher's own search has too; shape (n,):
            items whose label nobody shares ask as well. 1 for the teacher itself.
    """

    recall_at_1: Values
    average_precision: Values
    ndcg_at_10: Values
    overlap_at_10: Values

    def means(self) -> dict[str, float]:
        """Mean over queries: ``r_at_1``, ``map``, ``ndcg_at_10``, ``overlap_at_10``."""
        return {
            "r_at_1": float(self.recall_at_1.mean()),
            "map": float(self.average_precision.mean()),
            "ndcg_at_10": float(self.ndcg_at_10.mean()),
            "overlap_at_10": float(self.overlap_at_10.mean()),
        }


@dataclass(frozen=True, slots=True)
class Agreement:
    """A student beside its teacher.

    Attributes:
        queries: Items that asked for their label.
        candidates: Items that each of them searched.
        chance_overlap_at_10: Overlap of two random orders.
        teacher: The teacher asks the teacher's vectors.
        student: The student asks the student's.
        asymmetric: The student asks the teacher's.
    """

    queries: int
    candidates: int
    chance_overlap_at_10: float
    teacher: PairingFigures
    student: PairingFigures
    asymmetric: PairingFigures

    def gap(self) -> dict[str, float]:
        """What asking the teacher's vectors by the student costs: asymmetric less teacher.

        Differences of :meth:`PairingFigures.means`; below 0 the student is worse.
        """
        before = self.teacher.means()
        return {name: value - before[name] for name, value in self.asymmetric.means().items()}

    def sentence(self) -> str:
        """The gap for a person."""
        teacher, asked = self.teacher.means(), self.asymmetric.means()
        return (
            f"Asked by the student, the teacher's vectors give R@1 {asked['r_at_1']:.3f} (by the "
            f"teacher {teacher['r_at_1']:.3f}), mAP {asked['map']:.3f} ({teacher['map']:.3f}), "
            f"nDCG@10 {asked['ndcg_at_10']:.3f} ({teacher['ndcg_at_10']:.3f}); "
            f"{asked['overlap_at_10']:.0%} of the first ten are the teacher's (by chance "
            f"{self.chance_overlap_at_10:.0%})."
        )


def measure_agreement(
    teacher: Vectors, student: Vectors, labels: Sequence[str], least: int = 2
) -> Agreement:
    """Compare a student with its teacher on the same items.

    Args:
        teacher: Unit rows of the items by the teacher, shape (n, d), n > 10.
        student: Unit rows of the same items by the student, shape (n, d).
        labels: Label of each item, such as its category.
        least: Items that must share a label for them to ask for it.

    Raises:
        ValueError: shapes or lengths differ, there are too few items, or no label is shared.
    """
    if teacher.shape != student.shape:
        raise ValueError(f"teacher {teacher.shape} and student {student.shape} must be alike.")
    own = np.arange(len(teacher))
    first_of_teacher = nearest(teacher, teacher, CUT_OFF, own)

    def pairing(queries: Vectors, candidates: Vectors) -> PairingFigures:
        asked = same_label_retrieval(queries, candidates, labels, least)
        first = nearest(queries, candidates, CUT_OFF, own)
        return PairingFigures(
            asked.recall_at_1,
            asked.average_precision,
            asked.ndcg_at_k(CUT_OFF),
            overlap_at_k(first_of_teacher, first),
        )

    by_teacher = pairing(teacher, teacher)
    return Agreement(
        queries=len(by_teacher.recall_at_1),
        candidates=len(teacher) - 1,
        chance_overlap_at_10=CUT_OFF / (len(teacher) - 1),
        teacher=by_teacher,
        student=pairing(student, student),
        asymmetric=pairing(student, teacher),
    )
