"""Distillation recipe: training data, student, head, training loop, export into a folder."""

import shutil
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from numpy.typing import NDArray

from furniture_prompter.distillation.augmentation import CLEAN, Batches
from furniture_prompter.distillation.initial_weights import (
    AUTO,
    IMAGENET,
    RANDOM,
    InitialWeights,
    has_package,
    load_initial,
)
from furniture_prompter.distillation.networks import architecture
from furniture_prompter.distillation.networks.student import Student
from furniture_prompter.distillation.optimisation import HeadFit, Validator, fit_head
from furniture_prompter.distillation.options import DistillationOptions
from furniture_prompter.distillation.photos import PhotoSet
from furniture_prompter.distillation.run_folder import (
    Progress,
    RunFolder,
    RunLog,
    draw_curves,
    refuse_other_folder,
)
from furniture_prompter.distillation.student_export import (
    export_student,
    put_in_place,
    training_facts,
)
from furniture_prompter.distillation.training import (
    DataSplits,
    Images,
    Training,
    encode_images,
    open_accelerator,
)
from furniture_prompter.distillation.training_data import (
    OnProgress,
    TrainingData,
    prepare,
    refuse_few,
)
from furniture_prompter.domain import IndexProgress, SetAside
from furniture_prompter.encoders.card import EmbeddingSpace, EncoderCard
from furniture_prompter.encoders.decoding import PhotoLimits
from furniture_prompter.encoders.protocols import Encoder
from furniture_prompter.errors import DistillationError

_HEAD_VIEWS = 9_000
_VALIDATED_IN_TRAINING = 256


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


def distill(
    found: PhotoSet,
    space: EmbeddingSpace,
    teacher: Encoder | None,
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
        teacher: Who teaches; None where the catalog's vectors are enough.
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
    architecture(options.student)
    if options.initial == AUTO:
        known = IMAGENET if has_package(options.student) else RANDOM
        options = replace(options, initial=known)
    refuse_other_folder(out)
    refuse_few(found)
    run = RunFolder(out, cache)
    torch.manual_seed(options.seed)
    accelerator = open_accelerator(options)
    if accelerator.is_main_process:
        run.begin(
            {
                "photos": found.fingerprint,
                "space": space.id,
                "dimension": _dimension(found, teacher),
            },
            options,
        )
    with accelerator.main_process_first():
        data = prepare(found, space, teacher, run.cache, options, limits, on_progress)
    student, first = _new_student(data.vectors.dimension, options)
    progress = _train(student, data, run, options, accelerator, on_progress)
    draw_curves(progress.records, run.curves)
    facts_of_card = training_facts(data, options, first, progress, accelerator, command)
    built = run.path / "student"
    if accelerator.is_main_process:
        export_student(
            student.cpu(), built, out, data, options, first, facts_of_card, limits, on_progress
        )
        for path in (run.curves, run.metrics):
            shutil.copy2(path, built / path.name)
        put_in_place(built, out)
        run.finish()
    accelerator.wait_for_everyone()
    return DistillationSummary(
        folder=out,
        card=EncoderCard.load(out),
        full_card=EncoderCard.load(out / "fp32"),
        run_folder=run.path,
        steps=progress.step,
        best_step=progress.best_step,
        photos=len(data.prepared.found.photos),
        set_aside=data.prepared.found.set_aside,
        seconds=time.monotonic() - began_s,
    )


def _dimension(found: PhotoSet, teacher: Encoder | None) -> int:
    if teacher is not None:
        return teacher.card.dimension
    if found.vectors is None:
        raise DistillationError("Nobody has embedded the photos: name a teacher.")
    return int(found.vectors.shape[1])


def _new_student(dimension: int, options: DistillationOptions) -> tuple[Student, InitialWeights]:
    student = Student(options.student, dimension, options.side_px)
    first = load_initial(student.backbone, options.student, options.initial)
    # torch's types leave this argument of Module.to out.
    return student.to(memory_format=torch.channels_last), first  # type: ignore[call-overload]


def _train(
    student: Student,
    data: TrainingData,
    run: RunFolder,
    options: DistillationOptions,
    accelerator: Accelerator,
    on_progress: OnProgress,
) -> Progress:
    """Fit the head, then train; the student ends with its best weights."""
    prepared = data.prepared
    batches = Batches(
        prepared.found.photos,
        data.train,
        prepared.squares,
        prepared.places,
        data.maker,
        options.seed,
        options.views,
        options.clean_share,
        min(options.batch_size, len(data.train)),
        student.side_px,
        accelerator.process_index,
        accelerator.num_processes,
    )
    student.to(accelerator.device)
    latest = run.checkpoints.latest() if options.resume else None
    clean = data.vectors.clean()
    # Their order is by content, so the first ones are a fair sample.
    asked = data.held[:_VALIDATED_IN_TRAINING]
    splits = DataSplits(
        batches,
        prepared.images,
        data.vectors,
        Validator(clean[asked], clean, asked),
        prepared.images(asked),
    )
    fitted = None
    if latest is None and not options.random_start:
        on_progress(IndexProgress("head", 0, None, "views"))
        fitted = fit_on_views(student, splits, accelerator)
    earlier: list[dict[str, Any]] = []
    if latest is not None:
        state = torch.load(latest / "state.pt", map_location="cpu", weights_only=True)
        earlier = state["progress"]["records"]
    silent = not accelerator.is_main_process
    with RunLog(run.metrics, run.board, earlier, silent=silent) as log:
        return Training(
            student,
            splits,
            options,
            accelerator,
            run.checkpoints,
            log,
            asdict(fitted) if fitted else {},
            lambda done, total: on_progress(IndexProgress("training", done, total, "steps")),
        ).run()


def fit_on_views(
    student: Student,
    splits: DataSplits,
    accelerator: Accelerator,
) -> HeadFit:
    """Ridge regression on views of as many photos as is quick.

    They are the photos as they are and mirrored, held to the teacher's vectors of the photos, and
    an augmented view where the teacher has seen it. Photos are those that indexing shows: squares
    that views are cut from have been resized once more, and a head that has seen nothing else
    misses a half per cent of the teacher's mAP (docs/experiments.md, "What a student's head
    reads").

    Args:
        student: Its head is written.
        splits: What is learned.
        accelerator: Device.

    Returns:
        The regularisation that was chosen, and how near the validation split comes with it.
    """
    batches = splits.batches
    draw = np.random.default_rng([batches.seed, 3])

    def mirrored(photos: NDArray[np.intp]) -> NDArray[np.uint8]:
        return np.ascontiguousarray(splits.indexed(photos)[:, :, ::-1])

    def augmented(photos: NDArray[np.intp]) -> NDArray[np.uint8]:
        return batches.views_of(photos, 1)

    def features(images: Images, photos: NDArray[np.intp]) -> NDArray[np.float32]:
        return encode_images(
            student, images, photos, accelerator, batch_size=batches.batch_size, features=True
        )

    kinds: list[tuple[int, Images]] = [(CLEAN, splits.indexed), (CLEAN, mirrored)]
    if batches.views:
        kinds.append((1, augmented))
    count = min(len(batches.train), _HEAD_VIEWS // len(kinds))
    chosen = np.sort(draw.choice(batches.train, count, replace=False))
    read = [features(images, chosen) for _, images in kinds]
    wanted = [splits.vectors.of(chosen, np.full(count, number, np.intp)) for number, _ in kinds]
    held = features(lambda places: splits.held[places], np.arange(len(splits.held)))
    return fit_head(student, np.concatenate(read), np.concatenate(wanted), held, splits.validator)
