"""Photo-to-photo retrieval with random tie-breaking.

Equal scores are the catch: the views of a product lie side by side in a catalog, so an encoder that
gives every photo one vector would look perfect if ties kept the catalog's order. Here candidates
whose scores agree to a millionth are ordered by a random permutation of the query's own, drawn from
the seed and the query's index: the same for every encoder, and worth what chance is worth.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.domain import RgbImage
from furniture_prompter.encoders.decoding import PhotoLimits, decode_photo, read_photo_bytes
from furniture_prompter.encoders.protocols import Encoder
from furniture_prompter.errors import InvalidPhotoError
from furniture_prompter.evaluation.metrics import by_chance, per_query
from furniture_prompter.evaluation.record import Task, TaskResults
from furniture_prompter.read_ahead import read_ahead

Vectors = NDArray[np.float32]
Indices = NDArray[np.intp]

SCORE_DIGITS = 6
"""Decimals of a cosine that count: float32 sums of one pair differ by less between blocks."""

TOP = 5
_BLOCK_QUERIES = 128


@dataclass(frozen=True, slots=True, eq=False)
class Questions:
    """Queries, what each may find, and what answers it: the candidates of its label.

    Attributes:
        photos: Index of each query's photo in the collection, shape (q,).
        labels: What each query asks for, shape (q,).
        candidates: Indices of the photos that are searched, shape (n,).
        candidate_labels: What each of them answers, shape (n,).
        leave_out_self: Whether a query must not find the photo that asks.
    """

    photos: Indices
    labels: Indices
    candidates: Indices
    candidate_labels: Indices
    leave_out_self: bool

    @property
    def available(self) -> int:
        """Candidates of each query, as every query's photo is a candidate or none is."""
        return len(self.candidates) - self.leave_out_self

    def relevant(self, query: int) -> NDArray[np.bool_]:
        """Which candidates answer a query, shape (n,)."""
        answers: NDArray[np.bool_] = self.candidate_labels == self.labels[query]
        if self.leave_out_self:
            answers &= self.candidates != self.photos[query]
        return answers


def rankings(
    queries: Vectors,
    candidates: Vectors,
    questions: Questions,
    seed: int,
) -> Iterator[Indices]:
    """For each query the candidates it may find, best first, as indices into `candidates`.

    Args:
        queries: Shape (q, d), unit rows.
        candidates: Shape (n, d), unit rows.
        questions: Of the same queries and candidates.
        seed: Of the permutations that order ties.
    """
    for start in range(0, len(queries), _BLOCK_QUERIES):
        with np.errstate(invalid="ignore", over="ignore"):
            scores = np.round(queries[start : start + _BLOCK_QUERIES] @ candidates.T, SCORE_DIGITS)
        # What is no number sorts last, as a search that compares scores would leave it.
        scores[~np.isfinite(scores)] = -2.0
        for row, place in enumerate(questions.photos[start : start + _BLOCK_QUERIES].tolist()):
            order = np.random.default_rng((seed, place)).permutation(len(candidates))
            ranked = order[np.argsort(-scores[row][order], kind="stable")]
            if questions.leave_out_self:
                ranked = ranked[questions.candidates[ranked] != place]
            yield ranked


def ask_and_measure(
    questions: Questions,
    query_vectors: Vectors,
    candidate_vectors: Vectors,
    measures: Sequence[str],
    *,
    encoder: str,
    task: Task,
    variant: str = "",
    note: str = "",
    seed: int = 0,
    on_query: Callable[[int], None] = lambda _: None,
) -> TaskResults:
    """Ask all questions and judge the answers.

    Args:
        questions: What is asked; every query must have an answer among its candidates.
        query_vectors: Shape (q, d), unit rows.
        candidate_vectors: Shape (n, d), unit rows.
        measures: By ir-measures' names.
        encoder: Its key.
        task: Of the record.
        variant: Of the record.
        note: Of the record.
        seed: Of the order of ties.
        on_query: Called with the number of queries done.

    Raises:
        ValueError: a query has no answer among its candidates.
    """
    names = [str(place) for place in range(len(questions.candidates))]
    values: dict[str, list[float]] = {measure: [] for measure in measures}
    relevant_counts: list[int] = []
    top: list[tuple[int, ...]] = []
    ranked: dict[str, list[str]] = {}
    judged: dict[str, list[str]] = {}

    def judge() -> None:
        found = per_query(ranked, judged, measures)
        for measure in measures:
            values[measure] += [found[measure][query] for query in ranked]
        ranked.clear()
        judged.clear()

    for query, order in enumerate(rankings(query_vectors, candidate_vectors, questions, seed)):
        relevant = questions.relevant(query)
        relevant_counts.append(int(relevant.sum()))
        cut = _depth(relevant[order], measures)
        ranked[str(query)] = [names[place] for place in order[:cut].tolist()]
        judged[str(query)] = [names[place] for place in np.flatnonzero(relevant).tolist()]
        top.append(tuple(questions.candidates[order[:TOP]].tolist()))
        if len(ranked) == _BLOCK_QUERIES:
            judge()
            on_query(query + 1)
    if ranked:
        judge()
        on_query(len(questions.photos))
    return TaskResults(
        encoder=encoder,
        task=task,
        variant=variant,
        queries=tuple(questions.photos.tolist()),
        candidates=float(questions.available),
        values={measure: tuple(each) for measure, each in values.items()},
        chance={
            measure: float(
                np.mean([by_chance(measure, questions.available, r) for r in relevant_counts])
            )
            for measure in measures
        },
        top=tuple(top),
        note=note,
    )


def drawn(places: Indices, limit: int, seed: int) -> Indices:
    """At most `limit` of the indices, shape (m,), in their order, drawn at random; 0 takes all."""
    if not limit or len(places) <= limit:
        return places
    chosen = np.random.default_rng(seed).choice(len(places), limit, replace=False)
    return places[np.sort(chosen)]


def _depth(hits: NDArray[np.bool_], measures: Sequence[str]) -> int:
    """Ranks that a measure looks at: its cut-off, the first hit for RR, the last for AP.

    What stands behind adds nothing to any of them, and ir-measures need not be given it.
    """
    found = np.flatnonzero(hits)
    if not found.size:
        return len(hits)
    depth = max((int(m.partition("@")[2]) for m in measures if "@" in m), default=1)
    if "RR" in measures:
        depth = max(depth, int(found[0]) + 1)
    if "AP" in measures:
        depth = max(depth, int(found[-1]) + 1)
    return min(depth, len(hits))


_BATCH = 8
_AHEAD_BATCHES = 4
_DECODERS = 2


def decoded(path: Path, side_px: int | None, limits: PhotoLimits) -> RgbImage:
    """A photo as indexing and searching decode it, shape (height, width, 3).

    Raises:
        InvalidPhotoError: the file is gone or no usable photo.
    """
    try:
        data = read_photo_bytes(path, limits)
    except OSError as error:
        raise InvalidPhotoError(f"Cannot read {path}: {error.strerror}.") from error
    return decode_photo(data, name=str(path), target_side_px=side_px, limits=limits)


def photo_vectors(
    encoder: Encoder,
    paths: tuple[Path, ...],
    limits: PhotoLimits,
    on_photo: Callable[[int], None],
) -> NDArray[np.float32]:
    """Vectors of photos, decoded in threads while the encoder works.

    Args:
        encoder: Whose vectors.
        paths: The photos.
        limits: What is refused.
        on_photo: Told how many are done.

    Returns:
        Unit rows, shape (n, d), with zeros where a photo cannot be used.
    """
    vectors = np.zeros((len(paths), encoder.card.dimension), np.float32)
    done = 0
    for places, images in _batches(paths, encoder.card.input_side_px, limits):
        usable = [place for place, image in zip(places, images, strict=True) if image is not None]
        if usable:
            vectors[usable] = encoder.encode([image for image in images if image is not None])
        done += len(places)
        on_photo(done)
    return vectors


def _batches(
    paths: tuple[Path, ...], side_px: int | None, limits: PhotoLimits
) -> Iterator[tuple[range, list[RgbImage | None]]]:
    def image(path: Path) -> RgbImage | None:
        try:
            return decoded(path, side_px, limits)
        except InvalidPhotoError:
            return None

    images = read_ahead(
        image, paths, workers=_DECODERS, ahead=_AHEAD_BATCHES * _BATCH, thread_name="decode"
    )
    for start in range(0, len(paths), _BATCH):
        places = range(start, min(start + _BATCH, len(paths)))
        yield places, list(itertools.islice(images, len(places)))
