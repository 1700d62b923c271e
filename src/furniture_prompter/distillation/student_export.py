"""A trained student's folder: both encoders, what they score, and the page about them."""

import shutil
import statistics
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.distillation.export import CardFields, Precision, export_encoder
from furniture_prompter.distillation.initial_weights import InitialWeights
from furniture_prompter.distillation.judging import Judge
from furniture_prompter.distillation.kept_rows import writing
from furniture_prompter.distillation.material import Material, OnProgress, student_preprocessing
from furniture_prompter.distillation.model_card import model_card
from furniture_prompter.distillation.networks.student import Student
from furniture_prompter.distillation.options import DistillationOptions
from furniture_prompter.distillation.photos import decode
from furniture_prompter.domain import IndexProgress, RgbImage
from furniture_prompter.encoders.card import EncoderCard
from furniture_prompter.encoders.decoding import PhotoLimits
from furniture_prompter.encoders.protocols import Encoder
from furniture_prompter.encoders.registry import load_encoder

CALIBRATION_PHOTOS = 64
_JUDGED_QUERIES = 500
_JUDGED_CATALOG = 2_000
_DIGITS = 4
_BATCH = 16
_WARM_UPS, _TIMED = 3, 21


def export_student(
    student: Student,
    built: Path,
    out: Path,
    material: Material,
    options: DistillationOptions,
    first: InitialWeights,
    training: dict[str, Any],
    limits: PhotoLimits,
    on_progress: OnProgress,
) -> None:
    """Write both encoders with their figures and the page about them into a new folder.

    Args:
        student: In float32, on the processor.
        built: The folder; what is there goes.
        out: Where it will go in the end, whose name the student takes.
        material: What it learned from.
        options: How.
        first: Its first weights.
        training: For its card.
        limits: What photos are refused.
        on_progress: Told often where it stands.

    Raises:
        DistillationError: a gate of the export failed, or the disk is full.
    """
    shutil.rmtree(built, ignore_errors=True)
    photos = material.found.photos
    draw = np.random.default_rng([options.seed, 4])
    spec = student_preprocessing(options)

    def some(places: NDArray[np.intp], count: int) -> list[int]:
        return sorted(draw.choice(places, min(count, len(places)), replace=False).tolist())

    def images(places: Sequence[int]) -> list[RgbImage]:
        return [decode(photos[place], spec.side_px, limits) for place in places]

    identity = CardFields(
        name=options.name or out.name,
        licence=first.licence or "LicenseRef-unknown",
        source=f"Distilled from {material.vectors.space.name}; first weights: {first.source}",
        source_sha256=first.source_sha256,
        description=f"{student.architecture} taught by {material.vectors.space.name} on "
        f"{len(material.train):,} photos.",
        architecture=student.architecture,
        space=material.vectors.space,
        training=training,
    )
    calibration = images(some(material.train, CALIBRATION_PHOTOS))
    held_images = images(some(material.held, CALIBRATION_PHOTOS))
    queries = some(material.held, _JUDGED_QUERIES)
    rest = np.setdiff1d(np.arange(len(photos)), queries)
    catalog = [*queries, *some(rest, max(0, _JUDGED_CATALOG - len(queries)))]
    with writing(built.parent, "the student"):
        folders: dict[Precision, Path] = {"int8": built, "fp32": built / "fp32"}
        for number, (precision, folder) in enumerate(folders.items()):
            on_progress(IndexProgress("exporting", number, 2, "encoders"))
            export_encoder(
                student,
                folder,
                identity=identity,
                preprocessing=spec,
                precision=precision,
                calibration=calibration,
                held_out=held_images,
            )
            _measure(folder, material, queries, catalog, limits, precision, on_progress)
        page = model_card(EncoderCard.load(built), EncoderCard.load(built / "fp32"))
        (built / "README.md").write_text(page, "utf-8")


def _measure(
    folder: Path,
    material: Material,
    queries: list[int],
    catalog: list[int],
    limits: PhotoLimits,
    precision: Precision,
    on_progress: OnProgress,
) -> None:
    """Add to the card how the exported encoder agrees with the teacher, photos decoded anew."""
    encoder = load_encoder(folder)
    side_px, step = encoder.card.input_side_px, _BATCH
    rows = []
    for start in range(0, len(catalog), step):
        some = catalog[start : start + step]
        images = [decode(material.found.photos[place], side_px, limits) for place in some]
        rows.append(encoder.encode(images))
        on_progress(IndexProgress(f"measuring {precision}", start, len(catalog), "photos"))
    own = np.concatenate(rows)
    wanted = material.vectors.of(np.array(catalog), np.zeros(len(catalog), np.intp))
    count = len(queries)
    judge = Judge(wanted[:count], wanted, np.arange(count))
    asymmetric = judge.asymmetric(own[:count])
    symmetric = judge.symmetric(own[:count], own)
    figures = {
        **encoder.card.figures,
        f"asymmetric_overlap_at_{judge.depth}": round(asymmetric.overlap, _DIGITS),
        f"symmetric_overlap_at_{judge.depth}": round(symmetric.overlap, _DIGITS),
        "mean_cosine_to_teacher": round(asymmetric.cosine, _DIGITS),
        "encode_ms": round(_encode_ms(encoder, images[0]), 3),
    }
    replace(encoder.card, figures=figures).save(folder)


def _encode_ms(encoder: Encoder, image: RgbImage) -> float:
    """Median milliseconds to encode one decoded photo, alone, on this machine."""
    times = []
    for turn in range(_WARM_UPS + _TIMED):
        began_s = time.perf_counter()
        encoder.encode([image])
        if turn >= _WARM_UPS:
            times.append(1_000 * (time.perf_counter() - began_s))
    return statistics.median(times)


def put_in_place(built: Path, out: Path) -> None:
    """Let the student's folder appear; one that it replaces goes only when the new one is whole."""
    with writing(out.absolute().parent, "the student"):
        old = out.with_name(f".{out.name}.old")
        shutil.rmtree(old, ignore_errors=True)
        if out.exists():
            out.rename(old)
        built.rename(out)
        shutil.rmtree(old, ignore_errors=True)
