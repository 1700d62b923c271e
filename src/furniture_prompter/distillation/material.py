"""Photos and what the teacher says of them, made ready for training."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.distillation.augmentation import ViewMaker
from furniture_prompter.distillation.backgrounds import read_textures
from furniture_prompter.distillation.networks.registry import architecture
from furniture_prompter.distillation.options import LEAST_PHOTOS, DistillationOptions
from furniture_prompter.distillation.photos import PhotoSet, held_out_places
from furniture_prompter.distillation.squares import keep_squares, square_side_px
from furniture_prompter.distillation.teacher_vectors import (
    TeacherVectors,
    ask_teacher,
    from_catalog,
    refuse_alike,
)
from furniture_prompter.domain import IndexProgress, RgbImage
from furniture_prompter.encoders.card import Preprocessing, Space
from furniture_prompter.encoders.decoding import PhotoLimits
from furniture_prompter.encoders.protocols import Encoder
from furniture_prompter.errors import DistillationError

OnProgress = Callable[[IndexProgress], None]


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """What a training learns from.

    Attributes:
        found: The usable photos.
        squares: Kept squares, memory-mapped, shape (n, side, side, 4).
        places: For each photo the place of its square.
        vectors: The teacher's, of every view.
        maker: Makes the views.
        held: Places of photos held out, ordered by content.
        train: Places of the others.
    """

    found: PhotoSet
    squares: NDArray[np.uint8]
    places: NDArray[np.intp]
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
    space: Space,
    teacher: Encoder | None,
    cache: Path,
    options: DistillationOptions,
    limits: PhotoLimits,
    on_progress: OnProgress,
) -> Material:
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
    found, squares, places = keep_squares(
        found,
        spec,
        square_side_px(spec.side_px, teacher_px),
        cache,
        limits,
        options.workers,
        lambda done: on_progress(IndexProgress("decoding", done, total, "photos")),
    )
    refuse_few(found)
    if teacher is None:
        vectors = from_catalog(found, space)
    else:
        vectors = ask_teacher(
            teacher,
            found,
            squares,
            places,
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
    return Material(found, squares, places, vectors, maker, held, train)


def student_preprocessing(options: DistillationOptions) -> Preprocessing:
    """How photos become the student's images: whole, on white, as the default encoder's."""
    return Preprocessing(side_px=options.side_px or architecture(options.student).side_px)


def hash_of(textures: Sequence[RgbImage]) -> str:
    """SHA-256 over textures; empty for none."""
    if not textures:
        return ""
    whole = hashlib.sha256()
    for texture in textures:
        whole.update(str(texture.shape).encode())
        whole.update(np.ascontiguousarray(texture).data)
    return whole.hexdigest()
