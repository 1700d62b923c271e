"""Prompt-to-photo retrieval on held-out products, and agreement of students with a teacher."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.domain.rankings import overlap_at_k
from furniture_prompter.encoders.alignment import (
    AlignmentRefusal,
    AlignmentSettings,
    fit_alignment,
    photo_scale,
)
from furniture_prompter.encoders.protocols import CrossModalEncoder, Encoder, PromptEncoder
from furniture_prompter.evaluation.collection import Collection
from furniture_prompter.evaluation.photo_rankings import (
    TOP,
    Indices,
    Questions,
    ask_and_measure,
    drawn,
    rankings,
)
from furniture_prompter.evaluation.quality import MEASURES, questions_of
from furniture_prompter.evaluation.record import (
    AGREEMENT,
    ANOTHER_VIEW,
    ASYMMETRIC,
    PROMPT_TO_PHOTO,
    SAME_CATEGORY,
    TaskResults,
)
from furniture_prompter.evaluation.suite import QualitySettings

Vectors = NDArray[np.float32]

PROMPT_MEASURES = ("R@10", "Success@1", "Success@10", "RR")

_LEAST_TEXTS = 10
_LEAST_CANDIDATES = 20


def measure_prompts(
    collection: Collection,
    key: str,
    vectors: Vectors,
    encoder: Encoder,
    prompt_encoder: PromptEncoder,
    settings: QualitySettings,
    seed: int = 0,
) -> TaskResults | str:
    """Ask for products by the words that say how they look (:attr:`Product.look`).

    Products are split in two random halves. A text tower asks for each half among its own main
    photos; without one, the alignment is fitted on the other half, as an index run fits it, and
    asks. Either way each half is asked for among its own photos alone, so that both kinds of
    encoder choose from the same. Each distinct text of a half is one query, and every product of
    the half that bears it answers. Other products that would fit the words count as wrong, so
    values are lower than a person would judge.

    Args:
        collection: The photos.
        key: Of the encoder.
        vectors: Of all photos, shape (n, d), unit rows.
        encoder: Asked by its own text tower if its card says it has one.
        prompt_encoder: What prompts go through otherwise.
        settings: Most queries, half of them from each half.
        seed: Of the halves, the draw of queries and the order of ties.

    Returns:
        The answers, or a sentence on why nothing could be asked.

    Raises:
        EncoderError: the text tower cannot be run.
    """
    main = collection.main_photos
    looks = np.array([collection.products[p].look for p in collection.product_of[main]], object)
    texts = sorted({look for look in looks.tolist() if look.strip()})
    tower = encoder.card.encodes_prompts and isinstance(encoder, CrossModalEncoder)
    least = 2 * (_LEAST_CANDIDATES if tower else AlignmentSettings().least_products)
    if len(texts) < _LEAST_TEXTS or len(main) < least:
        return (
            f"{key}: prompts were not asked: {len(main):,} products have {len(texts):,} distinct "
            f"texts, where {least} and {_LEAST_TEXTS} are the least. Give more products a title, "
            "category or colour."
        )
    code_of = {text: code for code, text in enumerate(texts)}
    codes = np.array([code_of.get(look, -1) for look in looks.tolist()])
    if tower and isinstance(encoder, CrossModalEncoder):
        text_vectors = encoder.encode_prompts(texts)
        note = "prompts go through the encoder's own text tower"
    else:
        text_vectors = prompt_encoder.encode(texts)
        note = "prompts reach the photos by an alignment fitted on the other half of the products"
    order = np.random.default_rng(seed).permutation(len(main))
    halves = order[: len(order) // 2], order[len(order) // 2 :]
    parts = []
    for fitted_on, asked in (halves, halves[::-1]):
        prompts, photos = text_vectors, vectors[main]
        if not tower:
            with_text = fitted_on[codes[fitted_on] >= 0]
            fit = fit_alignment(
                text_vectors[codes[with_text]],
                photos[with_text],
                [str(p) for p in with_text],
                photo_scale=photo_scale(encoder.card.colour_part, photos.shape[1]),
            )
            if isinstance(fit, AlignmentRefusal):
                return (
                    f"{key}: prompts were not asked. An alignment is fitted on one half of the "
                    f"products here, {len(with_text):,} with text. {fit.reason}"
                )
            prompts, photos = fit.align_prompts(text_vectors), fit.align_photos(photos)
        half = np.sort(asked)
        queries = _first_of_each(codes, half)
        chosen = drawn(queries, -(-settings.queries // 2), seed)
        questions = Questions(
            main[chosen], codes[chosen], main[half], codes[half], leave_out_self=False
        )
        parts.append(
            ask_and_measure(
                questions,
                prompts[codes[chosen]],
                photos[half],
                PROMPT_MEASURES,
                encoder=key,
                task=PROMPT_TO_PHOTO,
                note=note,
                seed=seed,
            )
        )
    return _together(parts)


def _first_of_each(codes: Indices, half: Indices) -> Indices:
    """The first product of the half for each text; products without text ask nothing."""
    told = half[codes[half] >= 0]
    first: Indices = np.sort(told[np.unique(codes[told], return_index=True)[1]])
    return first


def _together(parts: Sequence[TaskResults]) -> TaskResults:
    """Both halves' answers as one; means weigh every query alike."""
    counts = [len(part.queries) for part in parts]
    return TaskResults(
        encoder=parts[0].encoder,
        task=parts[0].task,
        queries=tuple(place for part in parts for place in part.queries),
        candidates=float(np.average([part.candidates for part in parts], weights=counts)),
        values={
            measure: tuple(value for part in parts for value in part.values[measure])
            for measure in PROMPT_MEASURES
        },
        chance={
            measure: float(np.average([part.chance[measure] for part in parts], weights=counts))
            for measure in PROMPT_MEASURES
        },
        top=tuple(found for part in parts for found in part.top),
        note=parts[0].note,
    )


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
) -> list[TaskResults]:
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
            ask_and_measure(
                questions,
                student[questions.photos],
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
) -> TaskResults:
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
    return TaskResults(
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
