"""Training data: prepared photos, teacher vectors of every view, train and validation splits."""

import hashlib
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.distillation.augmentation import (
    CLEAN,
    VIEWS_VERSION,
    ViewMaker,
    read_textures,
    white_background,
)
from furniture_prompter.distillation.networks import architecture
from furniture_prompter.distillation.options import LEAST_PHOTOS, DistillationOptions
from furniture_prompter.distillation.photos import (
    KeptRows,
    PhotoSet,
    TrainingPhoto,
    decode,
    held_out_places,
    prepare_photo,
)
from furniture_prompter.domain import IndexProgress, RgbImage, SetAside
from furniture_prompter.encoders.card import EmbeddingSpace, Preprocessing, own_space
from furniture_prompter.encoders.decoding import PhotoLimits
from furniture_prompter.encoders.protocols import Encoder
from furniture_prompter.errors import DistillationError, InvalidPhotoError
from furniture_prompter.read_ahead import read_ahead
from furniture_prompter.unit_rows import unit_rows

SQUARES_VERSION: Final = 2
INDEXED_VERSION: Final = 1
"""Raise them with every change to what the kept rows of that name hold."""

_AHEAD = 16
_STEP_PX: Final = 32


def square_side_px(student_px: int, teacher_px: int) -> int:
    """Side of the kept squares: an eighth larger than the student's, never below the teacher's.

    So a crop of 89 % is still not enlarged.
    """
    return max(-(-student_px * 9 // 8 // _STEP_PX) * _STEP_PX, teacher_px)


@dataclass(frozen=True, slots=True, eq=False)
class PreparedPhotos:
    """Usable photos as every part of a training looks at them, decoded once and kept.

    Attributes:
        found: The photos.
        spec: The student's preprocessing.
        indexed: What indexing would show the student, memory-mapped, shape (n, side, side, 3).
        squares: Larger ones to cut views from, memory-mapped, shape (n, side, side, 4): colour, and
            255 where there is white background.
        places: For each photo the place of its rows in both.
    """

    found: PhotoSet
    spec: Preprocessing
    indexed: NDArray[np.uint8]
    squares: NDArray[np.uint8]
    places: NDArray[np.intp]

    def images(self, photos: NDArray[np.intp] | Sequence[int]) -> NDArray[np.uint8]:
        """Photos as indexing shows them, shape (n, side, side, 3), in memory."""
        return self.indexed[self.places[photos]]


def prepare_photos(
    found: PhotoSet,
    spec: Preprocessing,
    side_px: int,
    folder: Path,
    limits: PhotoLimits,
    workers: int,
    on_photo: Callable[[int], None] = lambda _: None,
) -> PreparedPhotos:
    """Decode every photo that is not kept yet.

    Args:
        found: The photos.
        spec: How the student's photos are fitted into a square.
        side_px: Side of the squares that views are cut from.
        folder: Where they are kept.
        limits: What is refused.
        workers: Threads that decode.
        on_photo: Called with the number of photos that are kept.

    Raises:
        DistillationError: the disk is full or cannot be written.
    """
    larger = replace(spec, side_px=side_px)
    count = len(found.photos)

    def rows(name: str, version: int, spec: Preprocessing, channels: int) -> KeptRows:
        recipe = [version, found.fingerprint, asdict(spec)]
        shape = (count, spec.side_px, spec.side_px, channels)
        return KeptRows.open(folder, name, recipe, shape, np.uint8)

    squares = rows("squares", SQUARES_VERSION, larger, 4)
    indexed = rows("indexed", INDEXED_VERSION, spec, 3)
    missing = np.union1d(squares.missing(), indexed.missing())
    problems: list[SetAside] = []

    def prepared(photo: TrainingPhoto) -> list[RgbImage] | SetAside:
        try:
            own, large = prepare_photo(photo, (spec, larger), limits)
        except InvalidPhotoError as error:
            return SetAside(photo.path, 0, str(error), "", "")
        return [own, np.dstack([large, white_background(large)])]

    photos = [found.photos[place] for place in missing]
    results = read_ahead(prepared, photos, workers=workers, ahead=_AHEAD, thread_name="decode")
    for number, (place, made) in enumerate(zip(missing, results, strict=True), 1):
        if isinstance(made, SetAside):
            problems.append(made)
        else:
            indexed.put(place, made[0])
            squares.put(place, made[1])
        on_photo(count - len(missing) + number)
    done = np.asarray(squares.done) & np.asarray(indexed.done)
    places = np.flatnonzero(done)
    usable = found.without(tuple(problems), places)
    return PreparedPhotos(usable, spec, indexed.rows, squares.rows, places)


_BATCH = 8
_AHEAD_BATCHES = 2

LEAST_SPREAD = 1e-4
"""Least mean of 1 - cosine between photos; what is closer cannot be told apart in float16."""


@dataclass(frozen=True, slots=True, eq=False)
class TeacherVectors:
    """Unit rows of every view of every photo.

    Attributes:
        space: The teacher's space.
        views: Views beside the clean one.
        rows: Shape (photos * (1 + views), dimension), float16, perhaps memory-mapped: photo by
            photo, the clean view first.
        places: For each photo the place of its clean row.
    """

    space: EmbeddingSpace
    views: int
    rows: NDArray[np.float16] | NDArray[np.float32]
    places: NDArray[np.intp]

    @property
    def dimension(self) -> int:
        """Components of a vector."""
        return int(self.rows.shape[1])

    def of(self, photos: NDArray[np.intp], numbers: NDArray[np.intp]) -> NDArray[np.float32]:
        """Unit rows (m, dimension), float32, of view `numbers[i]` of photo `photos[i]`.

        Without `views` every view has the row of the clean one.
        """
        places = self.places[photos] + (numbers if self.views else 0)
        return unit_rows(np.asarray(self.rows[places], np.float32))

    def clean(self) -> NDArray[np.float32]:
        """Unit rows (photos, dimension), float32, in memory: row *i* is photo *i* as it is."""
        return unit_rows(np.asarray(self.rows[self.places], np.float32))


def from_catalog(found: PhotoSet, space: EmbeddingSpace) -> TeacherVectors:
    """The vectors (photos, dimension) that a catalog holds of its photos; no teacher is needed.

    Raises:
        ValueError: the photos come from no catalog.
    """
    if found.vectors is None:
        raise ValueError("the photos come from no catalog.")
    return TeacherVectors(space, 0, found.vectors, np.arange(len(found.photos)))


def space_of(teacher: Encoder) -> EmbeddingSpace:
    """The space that the teacher's vectors lie in."""
    return own_space(teacher.card)


def ask_teacher(
    teacher: Encoder,
    prepared: PreparedPhotos,
    maker: ViewMaker,
    texture_hash: str,
    views: int,
    folder: Path,
    limits: PhotoLimits,
    workers: int,
    on_vector: Callable[[int, int], None] = lambda _done, _total: None,
) -> TeacherVectors:
    """Encode the clean view and `views` augmented ones of each photo, as far as not kept.

    The teacher sees what the student will see: "function matching" of Beyer et al., Knowledge
    distillation: A good teacher is patient and consistent (CVPR 2022, arXiv 2106.05237). The clean
    view is the photo as indexing shows it to the teacher, which is decoded anew only where that is
    not what it shows the student; others are made out of its kept square.

    Args:
        teacher: Whoever teaches.
        prepared: The photos; vectors that a catalog holds of them are taken as the clean view's.
        maker: Makes the views.
        texture_hash: SHA-256 over the maker's textures.
        views: Views beside the clean one.
        folder: Where the vectors are kept.
        limits: What is refused.
        workers: Threads that prepare images.
        on_vector: Called with vectors there and wanted.

    Raises:
        DistillationError: the disk is full or cannot be written, or a vector is no unit row.
        EncoderError: the teacher cannot be run.
    """
    space = space_of(teacher)
    found, squares, places = prepared.found, prepared.squares, prepared.places
    a_photo = 1 + views
    recipe: list[str | int] = [found.fingerprint, space.id, teacher.card.weights_sha256]
    if views:
        recipe += [VIEWS_VERSION, maker.seed, texture_hash, squares.shape[1]]
    shape = (len(found.photos) * a_photo, teacher.card.dimension)
    kept = KeptRows.open(folder, "teacher-vectors", recipe, shape, np.float16)
    clean_places = np.arange(len(found.photos)) * a_photo
    if found.vectors is not None and not kept.done[clean_places].all():
        kept.put(clean_places, found.vectors.astype(np.float16))
    side_px = teacher.card.input_side_px or squares.shape[1]

    def image(row: int) -> RgbImage:
        photo, number = found.photos[row // a_photo], row % a_photo
        if number == CLEAN:
            if teacher.card.preprocessing == prepared.spec:
                own: RgbImage = prepared.images([row // a_photo])[0]
                return own
            return decode(photo, teacher.card.input_side_px, limits)
        return maker.view(squares[places[row // a_photo]], photo.id, number, side_px)

    missing = kept.missing()
    done = shape[0] - len(missing)
    for rows, images in _batches(image, missing, workers):
        vectors = teacher.encode(images)
        _refuse_unusable(vectors, teacher.card.name)
        kept.put(rows, vectors.astype(np.float16))
        done += len(rows)
        on_vector(done, shape[0])
    return TeacherVectors(space, views, kept.rows, clean_places)


def refuse_alike(vectors: NDArray[np.float32]) -> None:
    """Refuse photos between which the teacher sees no difference.

    Args:
        vectors: Unit rows, shape (n, d).

    Raises:
        DistillationError: the mean of 1 - cosine over all pairs is below LEAST_SPREAD.
    """
    mean = vectors.mean(axis=0, dtype=np.float64)
    # For unit rows the mean cosine over all pairs is the squared length of the mean.
    if not 1 - float(mean @ mean) >= LEAST_SPREAD:
        raise DistillationError(
            "All photos look alike to the teacher: there is nothing to learn from them. Give "
            "photos of different products."
        )


def _batches(
    make: Callable[[int], RgbImage], rows: NDArray[np.intp], workers: int
) -> Iterator[tuple[NDArray[np.intp], Sequence[RgbImage]]]:
    """Images prepared in threads while the teacher works on the batch before."""
    ahead = _AHEAD_BATCHES * _BATCH
    images = read_ahead(make, rows.tolist(), workers=workers, ahead=ahead, thread_name="views")
    for start in range(0, len(rows), _BATCH):
        batch = rows[start : start + _BATCH]
        yield batch, list(itertools.islice(images, len(batch)))


def _refuse_unusable(vectors: NDArray[np.float32], teacher: str) -> None:
    lengths = np.linalg.norm(vectors, axis=1)
    if not (np.isfinite(lengths).all() and (np.abs(lengths - 1) < 1e-2).all()):
        raise DistillationError(
            f"{teacher} gives vectors that are not of unit length or not finite. It cannot teach "
            "at this precision; load it in float32, or take another teacher."
        )


OnProgress = Callable[[IndexProgress], None]


@dataclass(frozen=True, slots=True, eq=False)
class TrainingData:
    """Photos, the teacher's vectors of them, and the two splits.

    Attributes:
        prepared: The usable photos.
        vectors: The teacher's, of every view.
        maker: Makes the views.
        held: Places of the validation split's photos, ordered by content, shape (v,).
        train: Places of the others, shape (n - v,).
    """

    prepared: PreparedPhotos
    vectors: TeacherVectors
    maker: ViewMaker
    held: NDArray[np.intp]
    train: NDArray[np.intp]


def refuse_few(found: PhotoSet) -> None:
    """Refuse fewer than LEAST_PHOTOS.

    Raises:
        DistillationError: with how many there are.
    """
    if len(found.photos) >= LEAST_PHOTOS:
        return
    aside = f" {len(found.set_aside)} files were set aside." if found.set_aside else ""
    raise DistillationError(
        f"{len(found.photos)} distinct usable photos are too few to train on: {LEAST_PHOTOS} are "
        f"the least, thousands are better.{aside}"
    )


def prepare(
    found: PhotoSet,
    space: EmbeddingSpace,
    teacher: Encoder | None,
    cache: Path,
    options: DistillationOptions,
    limits: PhotoLimits,
    on_progress: OnProgress,
) -> TrainingData:
    """Decode, embed and divide the photos, as far as that is not kept from before.

    Args:
        found: Photos, with the teacher's vectors where a catalog holds them.
        space: The teacher's.
        teacher: Whoever teaches; None where the catalog's vectors are enough.
        cache: Where squares and teacher vectors are kept.
        options: How to train.
        limits: What photos are refused.
        on_progress: Told often where it stands.

    Raises:
        DistillationError: too few photos or products, all alike, or a full disk.
        EncoderError: the teacher cannot be used.
    """
    spec = student_preprocessing(options)
    textures = read_textures(options.backgrounds) if options.backgrounds else ()
    maker = ViewMaker(options.view_seed, textures)
    teacher_px = (teacher.card.input_side_px or 0) if teacher and options.views else 0
    total = len(found.photos)
    prepared = prepare_photos(
        found,
        spec,
        square_side_px(spec.side_px, teacher_px),
        cache,
        limits,
        options.workers,
        lambda done: on_progress(IndexProgress("decoding", done, total, "photos")),
    )
    found = prepared.found
    refuse_few(found)
    if teacher is None:
        vectors = from_catalog(found, space)
    else:
        vectors = ask_teacher(
            teacher,
            prepared,
            maker,
            hash_of(textures),
            options.views,
            cache,
            limits,
            options.workers,
            lambda done, total: on_progress(IndexProgress("teaching", done, total, "views")),
        )
    clean = vectors.clean()
    refuse_alike(clean)
    held = held_out_places(found.photos, options.held_out)
    train = np.setdiff1d(np.arange(len(found.photos)), held)
    if len(held) < 4 or len(train) < 8:
        raise DistillationError(
            "The photos show too few products to hold some out. Give photos of more products."
        )
    return TrainingData(prepared, vectors, maker, held, train)


def student_preprocessing(options: DistillationOptions) -> Preprocessing:
    """How photos become the student's images: whole, on white, as the default encoder's."""
    return Preprocessing(side_px=options.side_px or architecture(options.student).side_px)


def hash_of(textures: Sequence[RgbImage]) -> str:
    """SHA-256 over textures, shapes (height, width, 3); empty for none."""
    if not textures:
        return ""
    whole = hashlib.sha256()
    for texture in textures:
        whole.update(str(texture.shape).encode())
        whole.update(np.ascontiguousarray(texture).data)
    return whole.hexdigest()
