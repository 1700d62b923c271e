"""Photo retrieval tasks: index check, another view, same category, degraded photos."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.domain import IndexProgress, RgbImage
from furniture_prompter.evaluation.collection import DEGRADATIONS, Collection, degradation, fitted
from furniture_prompter.evaluation.photo_rankings import Indices, Questions, ask_and_measure, drawn
from furniture_prompter.evaluation.record import (
    ANOTHER_VIEW,
    DEGRADED,
    INDEX_CHECK,
    SAME_CATEGORY,
    Task,
    TaskResults,
)
from furniture_prompter.evaluation.suite import QualitySettings
from furniture_prompter.read_ahead import read_ahead

Vectors = NDArray[np.float32]
OnProgress = Callable[[IndexProgress], None]

MEASURES: dict[Task, tuple[str, ...]] = {
    INDEX_CHECK: ("Success@1", "Success@5"),
    ANOTHER_VIEW: ("Success@1", "Success@5", "Success@10", "RR", "R@10"),
    SAME_CATEGORY: ("AP", "Success@1", "P@5", "P@10", "nDCG@10", "R@10"),
    DEGRADED: ("Success@1", "Success@5", "RR"),
}
"""What is computed of each task, by ir-measures' names."""

PHOTOS_AT_ONCE = 32
_SPOILERS = 2
CLUTTER_PHOTOS = 24

_INDEX_CHECK_NOTE = (
    "an index check: every photo searches all photos, itself among them; the first row reads R@1 "
    "and R@5 in older reports"
)


def measure_quality(
    collection: Collection,
    key: str,
    vectors: Vectors,
    encode_images: Callable[[Sequence[RgbImage]], Vectors],
    decode: Callable[[int], RgbImage],
    settings: QualitySettings,
    seed: int = 0,
    on_progress: OnProgress = lambda _: None,
) -> list[TaskResults]:
    """Ask the photos' own questions of an encoder.

    * *index check*: a photo searches all photos; answers are itself and photos of the same bytes.
    * *another view*: a photo searches all others for those of its product; products with two
      photos or more.
    * *same category*: a product's main photo searches the main photos of all other products.
    * *degraded photo*: a spoilt photo searches all photos for those of its product, itself
      included; a variant for each way to spoil it.

    A task that the collection cannot answer is left out; :func:`unasked` says which and why.

    Args:
        collection: The photos.
        key: Of the encoder.
        vectors: Of all photos, shape (n, d), unit rows.
        encode_images: From images to unit rows.
        decode: From a photo's index to its image; give all encoders of a comparison images of one
            size, SPOILT_SIDE_PX or larger, or they are not asked with the same spoilt photos.
        settings: Tasks, most queries a task, ways to spoil.
        seed: Of the draw of queries, of the order of ties and of the spoiling.
        on_progress: Told how many queries of a task are done.

    Raises:
        BenchmarkError: a way to spoil photos is not known.
        InvalidPhotoError, EncoderError: by `decode` and `encode_images`.
    """
    found = []
    for task, questions in questions_of(collection, settings, seed):

        def tell(done: int, task: Task = task, total: int = len(questions.photos)) -> None:
            on_progress(IndexProgress(f"{key}: {task}", done, total, "queries"))

        found.append(
            ask_and_measure(
                questions,
                vectors[questions.photos],
                vectors[questions.candidates],
                MEASURES[task],
                encoder=key,
                task=task,
                note=_INDEX_CHECK_NOTE if task == INDEX_CHECK else "",
                seed=seed,
                on_query=tell,
            )
        )
    if DEGRADED in settings.tasks:
        asked = _drawn_photos(collection, settings, seed)

        def tell_photos(done: int) -> None:
            on_progress(IndexProgress(f"{key}: {DEGRADED}", done, len(asked), "photos"))

        names = _possible_degradations(collection, settings)
        spoilt = _spoilt_vectors(collection, asked, names, encode_images, decode, seed, tell_photos)
        questions = _same_product(collection, asked, leave_out_self=False)
        found += [
            ask_and_measure(
                questions,
                rows,
                vectors,
                MEASURES[DEGRADED],
                encoder=key,
                task=DEGRADED,
                variant=name,
                seed=seed,
            )
            for name, rows in spoilt.items()
        ]
    return found


def questions_of(
    collection: Collection, settings: QualitySettings, seed: int
) -> Iterator[tuple[Task, Questions]]:
    """Questions of the tasks that need no image, of those in the suite that can be asked."""
    everything = np.arange(len(collection.paths))
    if INDEX_CHECK in settings.tasks:
        _, same = np.unique(np.array(collection.ids), return_inverse=True)
        asked = _drawn_photos(collection, settings, seed)
        yield INDEX_CHECK, Questions(asked, same[asked], everything, same, leave_out_self=False)
    if ANOTHER_VIEW in settings.tasks:
        photos = np.bincount(collection.product_of)[collection.product_of]
        asked = drawn(np.flatnonzero(photos >= 2), settings.queries, seed)
        if asked.size:
            yield ANOTHER_VIEW, _same_product(collection, asked, leave_out_self=True)
    if SAME_CATEGORY in settings.tasks:
        main, codes, able = _categories(collection, settings.least_members)
        chosen = drawn(np.flatnonzero(able), settings.queries, seed)
        if chosen.size:
            yield (
                SAME_CATEGORY,
                Questions(main[chosen], codes[chosen], main, codes, leave_out_self=True),
            )


def unasked(collection: Collection, settings: QualitySettings) -> list[str]:
    """A sentence for each task of the suite that the collection cannot answer."""
    sentences = []
    if ANOTHER_VIEW in settings.tasks and np.bincount(collection.product_of).max() < 2:
        sentences.append(
            f"The task “{ANOTHER_VIEW}” was left out: no product has two photos. Index further "
            "photos of products."
        )
    if (
        SAME_CATEGORY in settings.tasks
        and not _categories(collection, settings.least_members)[2].any()
    ):
        sentences.append(
            f"The task “{SAME_CATEGORY}” was left out: no category has "
            f"{max(2, settings.least_members)} products. Give categories in the feed."
        )
    if DEGRADED in settings.tasks:
        sentences += [
            f"Photos were not spoilt by {name}: it takes images of other products, and there is "
            "one product."
            for name in settings.degradations
            if name not in _possible_degradations(collection, settings)
        ]
    return sentences


def _categories(
    collection: Collection, least_members: int
) -> tuple[Indices, Indices, NDArray[np.bool_]]:
    """Main photos, a number for each one's category, and whether enough products share it."""
    main = collection.main_photos
    categories = np.array([collection.products[p].category for p in collection.product_of[main]])
    _, codes, counts = np.unique(categories, return_inverse=True, return_counts=True)
    return main, codes, (counts[codes] >= max(2, least_members)) & (categories != "")


def _drawn_photos(collection: Collection, settings: QualitySettings, seed: int) -> Indices:
    return drawn(np.arange(len(collection.paths)), settings.queries, seed)


def _same_product(collection: Collection, asked: Indices, *, leave_out_self: bool) -> Questions:
    everything = np.arange(len(collection.paths))
    products = collection.product_of
    return Questions(asked, products[asked], everything, products, leave_out_self=leave_out_self)


def _possible_degradations(collection: Collection, settings: QualitySettings) -> list[str]:
    alone = len(collection.products) < 2
    return [name for name in settings.degradations if not (alone and name == "clutter")]


def _spoilt_vectors(
    collection: Collection,
    asked: Indices,
    names: Sequence[str],
    encode_images: Callable[[Sequence[RgbImage]], Vectors],
    decode: Callable[[int], RgbImage],
    seed: int,
    on_photo: Callable[[int], None],
) -> dict[str, Vectors]:
    """Vectors of the photos asked with, spoilt in each way: shape (q, d) by the way's name."""
    ways = {name: degradation(name) for name in names}
    numbers = {name: number for number, name in enumerate(DEGRADATIONS)}
    of_others = _clutter_images(collection, decode, seed) if "clutter" in names else []

    def spoilt(name: str, place: int, image: RgbImage) -> RgbImage:
        own = collection.product_of[place]
        others = [other for product, other in of_others if product != own]
        # By photo and way, so that neither a longer list nor another draw changes it.
        return ways[name](image, np.random.default_rng((seed, numbers[name], place)), others)

    def chosen() -> Iterator[tuple[str, int, RgbImage]]:
        for batch, images in _fitted_batches(asked, decode):
            for name in names:
                for place, image in zip(batch, images, strict=True):
                    yield name, place, image

    # The next batch is spoilt while this one is encoded: spoiling takes nearly as long.
    coming = read_ahead(
        lambda each: spoilt(*each),
        chosen(),
        workers=_SPOILERS,
        ahead=PHOTOS_AT_ONCE,
        thread_name="spoil",
    )
    rows: dict[str, list[Vectors]] = {name: [] for name in names}
    with closing(coming):
        for start in range(0, len(asked), PHOTOS_AT_ONCE):
            count = len(asked[start : start + PHOTOS_AT_ONCE])
            for name in names:
                rows[name].append(encode_images(list(itertools.islice(coming, count))))
                on_photo(sum(map(len, rows[names[-1]])))
    return {name: np.concatenate(parts) for name, parts in rows.items()}


def _fitted_batches(
    asked: Indices, decode: Callable[[int], RgbImage]
) -> Iterator[tuple[list[int], list[RgbImage]]]:
    """Photos by their indices, decoded and fitted, some at a time."""
    places = asked.tolist()
    images = read_ahead(
        fitted, map(decode, places), workers=_SPOILERS, ahead=_SPOILERS, thread_name="fit"
    )
    with closing(images):
        for start in range(0, len(places), PHOTOS_AT_ONCE):
            batch = places[start : start + PHOTOS_AT_ONCE]
            yield batch, list(itertools.islice(images, len(batch)))


def _clutter_images(
    collection: Collection, decode: Callable[[int], RgbImage], seed: int
) -> list[tuple[int, RgbImage]]:
    """Main photos of products drawn at random, with their products."""
    places = drawn(collection.main_photos, CLUTTER_PHOTOS, seed)
    return [(int(collection.product_of[place]), fitted(decode(int(place)))) for place in places]


ALIKE_COSINE = 0.999
DUPLICATE_SHARE = 0.01


def flags_of(key: str, vectors: Vectors, ids: Sequence[str] = ()) -> list[str]:
    """Sentences about vectors whose results must not be believed as they are.

    Args:
        key: Of the encoder.
        vectors: Of all photos, shape (n, d).
        ids: Content hash of each photo; given, photos of the same bytes may share a vector.

    Returns:
        A sentence each for vectors that are no numbers, that are zeros, that are all alike (mean
        cosine of two above ALIKE_COSINE), or that photos share with others (more than
        DUPLICATE_SHARE of them).
    """
    finite = np.isfinite(vectors).all(axis=1)
    sentences = []
    if not finite.all():
        sentences.append(
            f"{key}: the vectors of {int((~finite).sum()):,} of {len(vectors):,} photos hold what "
            "is no number; its results mean nothing."
        )
    rows = vectors[finite].astype(np.float64)
    lengths = np.linalg.norm(rows, axis=1)
    if (lengths == 0).any():
        sentences.append(
            f"{key}: {int((lengths == 0).sum()):,} photos have a vector of zeros, which is like "
            "nothing."
        )
    told = rows[lengths > 0] / lengths[lengths > 0, np.newaxis]
    n = len(told)
    if n < 2:
        return sentences
    # The squared length of the sum holds every pair's cosine twice, and every row's own.
    cosine = (float(np.square(told.sum(axis=0)).sum()) - n) / (n * (n - 1))
    if cosine > ALIKE_COSINE:
        sentences.append(
            f"{key}: all vectors are nearly one (mean cosine of two photos {cosine:.5f}); it "
            "tells no photos apart, and what it finds is chance."
        )
        return sentences
    chosen = np.flatnonzero(finite)[lengths > 0]
    if ids:
        chosen = chosen[np.unique(np.array(ids)[chosen], return_index=True)[1]]
    counts = np.unique(vectors[chosen], axis=0, return_inverse=True, return_counts=True)
    shared = int((counts[2][counts[1]] > 1).sum())
    if shared > DUPLICATE_SHARE * len(chosen):
        sentences.append(
            f"{key}: {shared:,} of {len(chosen):,} photos share their vector with another photo, "
            "digit by digit; it does not look at what tells them apart."
        )
    return sentences
