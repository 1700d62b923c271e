"""The recipe: photos → teacher vectors → student → head → training → export → figures → folder."""

import hashlib
import platform
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from numpy.typing import NDArray

from furniture_prompter.distillation.augmentation import CLEAN, ViewMaker
from furniture_prompter.distillation.backgrounds import read_textures
from furniture_prompter.distillation.batches import Batches
from furniture_prompter.distillation.checkpoints import Progress
from furniture_prompter.distillation.curves import RunLog, draw_curves
from furniture_prompter.distillation.device import open_accelerator
from furniture_prompter.distillation.export import CardFields, export_encoder
from furniture_prompter.distillation.head_fit import HeadFit, fit_head
from furniture_prompter.distillation.initial_weights import InitialWeights, load_initial
from furniture_prompter.distillation.judging import Judge
from furniture_prompter.distillation.kept_rows import writing
from furniture_prompter.distillation.model_card import model_card
from furniture_prompter.distillation.networks.student import Student
from furniture_prompter.distillation.options import LEAST_PHOTOS, DistillationOptions
from furniture_prompter.distillation.photos import PhotoSet, decode, held_out_places
from furniture_prompter.distillation.run_folder import RunFolder, refuse_other_folder
from furniture_prompter.distillation.squares import keep_squares, square_side_px
from furniture_prompter.distillation.teacher_vectors import (
    TeacherVectors,
    ask_teacher,
    from_catalog,
    refuse_alike,
    space_of,
)
from furniture_prompter.distillation.training import Lesson, Training, encode_views
from furniture_prompter.domain import IndexProgress, RgbImage, SetAside
from furniture_prompter.encoders.card import EncoderCard, Preprocessing, Space
from furniture_prompter.encoders.decoding import PhotoLimits
from furniture_prompter.encoders.protocols import Encoder
from furniture_prompter.encoders.registry import load_encoder
from furniture_prompter.errors import DistillationError

OnProgress = Callable[[IndexProgress], None]

CALIBRATION_PHOTOS = 64
_HEAD_VIEWS = 6_000
_JUDGED_QUERIES = 500
_JUDGED_CATALOG = 2_000
_DIGITS = 4


@dataclass(frozen=True, slots=True)
class DistillationSummary:
    """What a training gave.

    Attributes:
        folder: The student.
        card: Its int8 encoder's card.
        full_card: Its fp32 encoder's card, in ``fp32/``.
        run_folder: Logs, curves and caches.
        steps: Steps trained.
        best_step: The step whose weights were taken.
        photos: Distinct usable photos.
        set_aside: Files that were left out.
        seconds: Wall time of this run.
    """

    folder: Path
    card: EncoderCard
    full_card: EncoderCard
    run_folder: Path
    steps: int
    best_step: int
    photos: int
    set_aside: tuple[SetAside, ...]
    seconds: float


@dataclass(frozen=True, slots=True, eq=False)
class _Material:
    """Photos and what the teacher says of them."""

    found: PhotoSet
    squares: NDArray[np.uint8]
    places: NDArray[np.intp]
    vectors: TeacherVectors
    maker: ViewMaker
    held: NDArray[np.intp]
    train: NDArray[np.intp]


def distill(
    found: PhotoSet,
    space: Space,
    load_teacher: Callable[[], Encoder] | None,
    out: Path,
    options: DistillationOptions,
    *,
    limits: PhotoLimits,
    cache: Path | None = None,
    command: str = "",
    on_progress: OnProgress = lambda _: None,
) -> DistillationSummary:
    """Train a student and put its folder in place, whole or not at all.

    Args:
        found: Photos, with the teacher's vectors where a catalog holds them.
        space: The teacher's.
        load_teacher: Gives the teacher; None where the catalog's vectors are enough.
        out: The student's folder.
        options: How to train.
        limits: What photos are refused.
        cache: Where squares and teacher vectors are kept; None: in the run folder.
        command: What was typed, for the card.
        on_progress: Told often where it stands.

    Raises:
        DistillationError: too few photos, all alike, no memory, a diverged training, a full disk,
            or an export that failed its gate; checkpoints and kept vectors stay.
        EncoderError: the teacher cannot be used.
    """
    began_s = time.monotonic()
    refuse_other_folder(out)
    _refuse_few(found)
    run = RunFolder(out, cache)
    torch.manual_seed(options.seed)
    accelerator = open_accelerator(options)
    with accelerator.main_process_first():
        material = _prepare(found, space, load_teacher, run, options, limits, on_progress)
    student, first = _new_student(material.vectors.dimension, options)
    facts = {
        "photos": material.found.fingerprint,
        "space": material.vectors.space.id,
        "dimension": material.vectors.dimension,
    }
    with accelerator.main_process_first():
        if accelerator.is_main_process or not run.checkpoints.latest():
            run.begin(facts, options)
    fitted, progress = _train(student, material, run, options, accelerator, on_progress)
    draw_curves(progress.records, run.curves)
    facts_of_card = _training_facts(
        material, options, first, fitted, progress, accelerator, command
    )
    built = run.path / "student"
    if accelerator.is_main_process:
        _export(
            student.cpu(), built, out, material, options, first, facts_of_card, limits, on_progress
        )
        for path in (run.curves, run.metrics):
            shutil.copy2(path, built / path.name)
        _put_in_place(built, out)
        run.finish()
    accelerator.wait_for_everyone()
    return DistillationSummary(
        folder=out,
        card=EncoderCard.load(out),
        full_card=EncoderCard.load(out / "fp32"),
        run_folder=run.path,
        steps=progress.step,
        best_step=progress.best_step,
        photos=len(material.found.photos),
        set_aside=material.found.set_aside,
        seconds=time.monotonic() - began_s,
    )


def _refuse_few(found: PhotoSet) -> None:
    if len(found.photos) >= LEAST_PHOTOS:
        return
    aside = f" {len(found.set_aside)} files were set aside." if found.set_aside else ""
    raise DistillationError(
        f"{len(found.photos)} distinct usable photos are too few to train on: {LEAST_PHOTOS} are "
        f"the least, thousands are better.{aside}"
    )


def _prepare(
    found: PhotoSet,
    space: Space,
    load_teacher: Callable[[], Encoder] | None,
    run: RunFolder,
    options: DistillationOptions,
    limits: PhotoLimits,
    on_progress: OnProgress,
) -> _Material:
    teacher = load_teacher() if load_teacher else None
    spec = student_preprocessing(options)
    textures = read_textures(options.backgrounds) if options.backgrounds else ()
    maker = ViewMaker(options.seed, textures)
    teacher_px = (teacher.card.input_side_px or 0) if teacher and options.views else 0
    total = len(found.photos)
    found, squares, places = keep_squares(
        found,
        spec,
        square_side_px(spec.side_px, teacher_px),
        run.cache,
        limits,
        options.workers,
        lambda done: on_progress(IndexProgress("decoding", done, total, "photos")),
    )
    _refuse_few(found)
    if teacher is None:
        vectors = from_catalog(found, space)
    else:
        vectors = ask_teacher(
            teacher,
            found,
            squares,
            places,
            maker,
            _hash_of(textures),
            options.views,
            run.cache,
            limits,
            options.workers,
            lambda done, total: on_progress(IndexProgress("teaching", done, total, "views")),
        )
        if space_of(teacher) != vectors.space:
            raise DistillationError("The teacher is another one than the space is named after.")
    clean = vectors.clean()
    refuse_alike(clean)
    held = held_out_places(found.photos, options.held_out)
    train = np.setdiff1d(np.arange(len(found.photos)), held)
    if len(held) < 4 or len(train) < 8:
        raise DistillationError(
            "The photos show too few products to hold some out. Give photos of more products."
        )
    return _Material(found, squares, places, vectors, maker, held, train)


def student_preprocessing(options: DistillationOptions) -> Preprocessing:
    """How photos become the student's images: whole, on white, as the default encoder's."""
    from furniture_prompter.distillation.networks.registry import architecture

    return Preprocessing(side_px=options.side_px or architecture(options.student).side_px)


def _new_student(dimension: int, options: DistillationOptions) -> tuple[Student, InitialWeights]:
    student = Student(options.student, dimension, options.side_px)
    first = load_initial(student.backbone, options.student, options.initial)
    return student.to(memory_format=torch.channels_last), first


def _train(
    student: Student,
    material: _Material,
    run: RunFolder,
    options: DistillationOptions,
    accelerator: Accelerator,
    on_progress: OnProgress,
) -> tuple[HeadFit | None, Progress]:
    """Fit the head, then train; the student ends with its best weights."""
    photos = material.found.photos
    batches = Batches(
        photos,
        material.train,
        material.squares,
        material.places,
        material.maker,
        options.views,
        options.clean_share,
        min(options.batch_size, len(material.train)),
        student.side_px,
        accelerator.process_index,
        accelerator.num_processes,
    )
    student.to(accelerator.device)
    latest = run.checkpoints.latest() if options.resume else None
    fitted = None
    if latest is None and not options.random_start:
        on_progress(IndexProgress("head", 0, None, "views"))
        fitted = _fit_head(student, batches, material, accelerator)
    clean = material.vectors.clean()
    judge = Judge(clean[material.held], clean, material.held)
    earlier: list[dict[str, Any]] = []
    if latest is not None:
        state = torch.load(latest / "state.pt", map_location="cpu", weights_only=True)
        earlier = state["progress"]["records"]
    silent = not accelerator.is_main_process
    with RunLog(run.metrics, run.board, earlier, silent=silent) as log:
        progress = Training(
            student,
            Lesson(batches, material.vectors, judge, material.held),
            options,
            accelerator,
            run.checkpoints,
            log,
            lambda done, total: on_progress(IndexProgress("training", done, total, "steps")),
        ).run()
    return fitted, progress


def _fit_head(
    student: Student, batches: Batches, material: _Material, accelerator: Accelerator
) -> HeadFit:
    """Ridge regression on the clean view and one augmented view of as many photos as is quick."""
    draw = np.random.default_rng([batches.maker.seed, 3])
    count = min(len(material.train), _HEAD_VIEWS // 2)
    chosen = np.sort(draw.choice(material.train, count, replace=False))
    features, wanted = [], []
    for number in (CLEAN, 1):
        features.append(encode_views(student, batches, chosen, number, accelerator, features=True))
        target = number if batches.views else CLEAN
        wanted.append(material.vectors.of(chosen, np.full(count, target, np.intp)))
    held = encode_views(student, batches, material.held, CLEAN, accelerator, features=True)
    held_wanted = material.vectors.of(material.held, np.zeros(len(material.held), np.intp))
    return fit_head(student, np.concatenate(features), np.concatenate(wanted), held, held_wanted)


def _export(
    student: Student,
    built: Path,
    out: Path,
    material: _Material,
    options: DistillationOptions,
    first: InitialWeights,
    training: dict[str, Any],
    limits: PhotoLimits,
    on_progress: OnProgress,
) -> None:
    """Both encoders with their figures and the page about them, in the folder `built`."""
    shutil.rmtree(built, ignore_errors=True)
    photos = material.found.photos
    draw = np.random.default_rng([options.seed, 4])
    spec = replace(student_preprocessing(options), side_px=student.side_px)

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
        for number, (folder, precision) in enumerate(((built, "int8"), (built / "fp32", "fp32"))):
            on_progress(IndexProgress("exporting", number, 2, "encoders"))
            export_encoder(
                student,
                folder,
                identity=identity,
                preprocessing=spec,
                precision="int8" if precision == "int8" else "fp32",
                calibration=calibration,
                held_out=held_images,
            )
            _measure(folder, material, queries, catalog, limits, precision, on_progress)
        page = model_card(EncoderCard.load(built), EncoderCard.load(built / "fp32"))
        (built / "README.md").write_text(page, "utf-8")


def _measure(
    folder: Path,
    material: _Material,
    queries: list[int],
    catalog: list[int],
    limits: PhotoLimits,
    precision: str,
    on_progress: OnProgress,
) -> None:
    """Add to the card how the exported encoder agrees with the teacher, photos decoded anew."""
    encoder = load_encoder(folder)
    side_px, step = encoder.card.input_side_px, 16
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
    }
    replace(encoder.card, figures=figures).save(folder)


def _training_facts(
    material: _Material,
    options: DistillationOptions,
    first: InitialWeights,
    fitted: HeadFit | None,
    progress: Progress,
    accelerator: Accelerator,
    command: str,
) -> dict[str, Any]:
    """JSON values of everything that made the student."""
    found = material.found
    settings = {
        name: str(value) if isinstance(value, Path) else value
        for name, value in asdict(options).items()
    }
    outcome = {
        "steps": progress.step,
        "best_step": progress.best_step,
        "held_out_overlap": round(progress.best_overlap, _DIGITS),
        "trained_s": round(progress.trained_s, 1),
    }
    if fitted is not None:
        outcome["head_cosine"] = round(fitted.held_out_cosine, _DIGITS)
        outcome["head_regularisation"] = fitted.regularisation
    return {
        "command": command,
        "teacher": {"name": material.vectors.space.name, "space": material.vectors.space.id},
        "initial": first.source,
        "data": {
            "photos": len(found.photos),
            "train": len(material.train),
            "held_out": len(material.held),
            "set_aside": len(found.set_aside),
            "sha256": found.fingerprint,
            "textures": _hash_of(material.maker.textures),
        },
        "options": settings,
        "outcome": outcome,
        "environment": {
            "python": platform.python_version(),
            "machine": platform.machine(),
            "device": str(accelerator.device),
            "precision": accelerator.mixed_precision,
            "processes": accelerator.num_processes,
            "threads": torch.get_num_threads(),
            **{part: version(part) for part in ("torch", "accelerate", "onnxruntime", "numpy")},
        },
    }


def _hash_of(textures: Sequence[RgbImage]) -> str:
    if not textures:
        return ""
    whole = hashlib.sha256()
    for texture in textures:
        whole.update(str(texture.shape).encode())
        whole.update(np.ascontiguousarray(texture).data)
    return whole.hexdigest()


def _put_in_place(built: Path, out: Path) -> None:
    """Let the student's folder appear; one that it replaces goes only when the new one is whole."""
    with writing(out.absolute().parent, "the student"):
        old = out.with_name(f".{out.name}.old")
        shutil.rmtree(old, ignore_errors=True)
        if out.exists():
            out.rename(old)
        built.rename(out)
        shutil.rmtree(old, ignore_errors=True)
