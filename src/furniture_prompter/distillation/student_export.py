"""Export of a trained student: int8 and fp32 encoder folders, validation figures, model card."""

import json
import platform
import shutil
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from numpy.typing import NDArray

from furniture_prompter.distillation.export import CardFields, Precision, export_encoder
from furniture_prompter.distillation.initial_weights import InitialWeights
from furniture_prompter.distillation.networks.student import Student
from furniture_prompter.distillation.onnx_graph import write_graph
from furniture_prompter.distillation.optimisation import Validator
from furniture_prompter.distillation.options import DistillationOptions
from furniture_prompter.distillation.photos import decode, writing
from furniture_prompter.distillation.run_folder import Progress
from furniture_prompter.distillation.training_data import (
    OnProgress,
    TrainingData,
    hash_of,
    student_preprocessing,
)
from furniture_prompter.domain import IndexProgress, RgbImage
from furniture_prompter.encoders.card import EncoderCard
from furniture_prompter.encoders.decoding import PhotoLimits
from furniture_prompter.encoders.protocols import Encoder
from furniture_prompter.encoders.registry import load_encoder

_USE = """\
Its vectors lie in its teacher's space: a catalog that the teacher embedded can be asked by it, with
`--encoder` and this folder. `encoder.onnx` is int8; `fp32/` holds the same student in float32."""

_LICENCE = """\
Whether these weights may be given away depends on the licences of the photos, of the first weights
and of the teacher. This page knows only what is written above."""

_FIGURES = """\
On held-out photos of the same source: how well the student follows its teacher there, and nothing
of other photos. Overlap is the share of the teacher's nearest photos that the student finds as
well; asymmetric: the student's query, the teacher's catalog; symmetric: both the student's.
`encode_ms`: median milliseconds to encode one decoded photo on the machine named below."""

_LIMITS = """\
It can be no better than its teacher, and knows only furniture like that it saw. It was validated on
agreement with the teacher, not on what shoppers want. Measure it on photos of your own first."""


def model_card(card: EncoderCard, full: EncoderCard) -> str:
    """The page of a student.

    Args:
        card: Its int8 encoder, as it is in the student's folder.
        full: Its fp32 encoder, in ``fp32/``.
    """
    training = card.training
    teacher = training["teacher"]
    parts = [
        f"# {card.name}",
        card.description,
        "## What it is",
        _table(
            ("", ""),
            [
                ("architecture", card.architecture),
                ("teacher", teacher["name"]),
                ("vector", f"{card.dimension} components, compared by {card.metric}"),
                ("space", f"`{teacher['space']}`"),
                ("image", f"{card.input_side_px} x {card.input_side_px} px"),
                ("parameters", f"{card.parameters:,}"),
                ("size", f"{card.weights_bytes:,} bytes (int8), {full.weights_bytes:,} (fp32)"),
                ("licence of the first weights", card.licence),
                ("first weights", training["initial"]),
            ],
        ),
        _USE,
        "## Data",
        _data(training["data"]),
        _LICENCE,
        "## Figures",
        _FIGURES,
        _figures(card, full),
        "## Training",
        f"Command: `{training['command']}`",
        _code(training["options"]),
        _code(training["outcome"]),
        "## Environment",
        _table(("part", "version"), list(training["environment"].items())),
        "## Limits",
        _LIMITS,
    ]
    return "\n\n".join(parts) + "\n"


def _data(data: Mapping[str, Any]) -> str:
    return (
        f"{data['train']:,} photos to train on and {data['held_out']:,} held out, by product, of "
        f"{data['photos']:,} distinct ones; {data['set_aside']:,} files were set aside. SHA-256 "
        f"over the contents of all of them: `{data['sha256']}`."
    )


def _figures(card: EncoderCard, full: EncoderCard) -> str:
    rows = []
    for name, value in card.figures.items():
        exact = f"{full.figures[name]:.4f}" if name in full.figures else ""
        rows.append((name, f"{value:.4f}", exact))
    return _table(("figure", "int8", "fp32"), rows)


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def _code(values: Mapping[str, Any]) -> str:
    return f"```json\n{json.dumps(values, indent=2)}\n```"


CALIBRATION_PHOTOS = 64
_VALIDATION_QUERIES = 500
_VALIDATION_CATALOG = 2_000
_DIGITS = 4
_BATCH = 16
_WARM_UPS, _TIMED = 3, 21


def export_student(
    student: Student,
    built: Path,
    out: Path,
    data: TrainingData,
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
        data: What it learned from.
        options: How.
        first: Its first weights.
        training: For its card.
        limits: What photos are refused.
        on_progress: Told often where it stands.

    Raises:
        DistillationError: a gate of the export failed, or the disk is full.
    """
    shutil.rmtree(built, ignore_errors=True)
    prepared = data.prepared
    photos = prepared.found.photos
    draw = np.random.default_rng([options.seed, 4])
    spec = student_preprocessing(options)

    def some(places: NDArray[np.intp], count: int) -> list[int]:
        return sorted(draw.choice(places, min(count, len(places)), replace=False).tolist())

    identity = CardFields(
        name=options.name or out.name,
        licence=first.licence or "LicenseRef-unknown",
        source=f"Distilled from {data.vectors.space.name}; first weights: {first.source}",
        source_sha256=first.source_sha256,
        description=f"{student.architecture} taught by {data.vectors.space.name} on "
        f"{len(data.train):,} photos.",
        architecture=student.architecture,
        space=data.vectors.space,
        training=training,
    )
    calibration = list(prepared.images(some(data.train, CALIBRATION_PHOTOS)))
    held_images = list(prepared.images(some(data.held, CALIBRATION_PHOTOS)))
    queries = some(data.held, _VALIDATION_QUERIES)
    rest = np.setdiff1d(np.arange(len(photos)), queries)
    catalog = [*queries, *some(rest, max(0, _VALIDATION_CATALOG - len(queries)))]
    # Encoding is timed on a photo as decoded, whose way into the square takes its time too.
    timed = decode(photos[catalog[-1]], spec.side_px, limits)
    with writing(built.parent, "the student"):
        folders: dict[Precision, Path] = {"int8": built, "fp32": built / "fp32"}
        on_progress(IndexProgress("exporting", 0, len(folders), "encoders"))
        # PyTorch's export takes longer than all the rest here.
        graph = write_graph(student, spec.side_px)
        for number, (precision, folder) in enumerate(folders.items()):
            on_progress(IndexProgress("exporting", number, len(folders), "encoders"))
            export_encoder(
                student,
                folder,
                identity=identity,
                preprocessing=spec,
                precision=precision,
                calibration=calibration,
                held_out=held_images,
                graph=graph,
            )
            _measure(folder, data, queries, catalog, timed, precision, on_progress)
        page = model_card(EncoderCard.load(built), EncoderCard.load(built / "fp32"))
        (built / "README.md").write_text(page, "utf-8")


def _measure(
    folder: Path,
    data: TrainingData,
    queries: list[int],
    catalog: list[int],
    timed: RgbImage,
    precision: Precision,
    on_progress: OnProgress,
) -> None:
    """Add to the card how the exported encoder agrees with the teacher."""
    encoder = load_encoder(folder)
    rows = []
    for start in range(0, len(catalog), _BATCH):
        images = data.prepared.images(catalog[start : start + _BATCH])
        rows.append(encoder.encode(list(images)))
        on_progress(IndexProgress(f"measuring {precision}", start, len(catalog), "photos"))
    own = np.concatenate(rows)
    wanted = data.vectors.of(np.array(catalog), np.zeros(len(catalog), np.intp))
    count = len(queries)
    validator = Validator(wanted[:count], wanted, np.arange(count))
    asymmetric = validator.asymmetric(own[:count])
    symmetric = validator.symmetric(own[:count], own)
    figures = {
        **encoder.card.figures,
        f"asymmetric_overlap_at_{validator.depth}": round(asymmetric.overlap, _DIGITS),
        f"symmetric_overlap_at_{validator.depth}": round(symmetric.overlap, _DIGITS),
        "mean_cosine_to_teacher": round(asymmetric.cosine, _DIGITS),
        "encode_ms": round(_encode_ms(encoder, timed), 3),
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


def training_facts(
    data: TrainingData,
    options: DistillationOptions,
    first: InitialWeights,
    progress: Progress,
    accelerator: Accelerator,
    command: str,
) -> dict[str, Any]:
    """JSON values of everything that made the student."""
    found = data.prepared.found
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
    outcome |= {name: value for name, value in progress.records[0].items() if "head_" in name}
    return {
        "command": command,
        "teacher": {"name": data.vectors.space.name, "space": data.vectors.space.id},
        "initial": first.source,
        "data": {
            "photos": len(found.photos),
            "train": len(data.train),
            "held_out": len(data.held),
            "set_aside": len(found.set_aside),
            "sha256": found.fingerprint,
            "textures": hash_of(data.maker.textures),
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
