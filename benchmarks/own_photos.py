"""A student of the very catalog that it will be asked in, as a shop distils it.

``train`` distils one student for each part of the measuring set from the photos of all other parts;
``measure`` asks every student with the photos of its own part, which it never saw.
"""

import argparse
import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.datasets import (
    IKEA_DEV,
    BenchmarkProduct,
    BenchmarkSet,
    encode_files,
    ikea_dev,
    write_feed,
)
from benchmarks.distillation import (
    CUT_OFF,
    PRECISIONS,
    SPEED_PHOTOS,
    TEACHER,
    Lesson,
    distil,
    speed_ratios,
    target,
    types_of,
)
from benchmarks.provenance import add_output_option, write_result
from furniture_prompter.domain.rankings import (
    Places,
    SameLabelRetrieval,
    Values,
    overlap_at_k,
    same_label_retrieval,
)
from furniture_prompter.encoders.onnx_encoder import OnnxEncoder
from furniture_prompter.encoders.registry import encoder_folder
from furniture_prompter.evaluation.metrics import bootstrap_interval

Figures = dict[str, Values]

PARTS = 5
STUDENT = "mobilenetv2"
OPTIONS = ("--epochs", "0", "--side", "224")
OVERLAP = f"overlap@{CUT_OFF}"

METHOD = f"""
What a shop does: it distils a student from the photos of its own catalog, and shoppers ask that
catalog with photos that nobody saw before. The products are divided into {PARTS} parts by their
photos' contents, and {PARTS} students of `{STUDENT}` are distilled by `furniture-prompter distill`,
each from the photos of {PARTS - 1} parts (`{" ".join(OPTIONS)}`; the seed is the part's number).
Every student is asked with the photos of the part that it did not learn from, among all other
photos ({{candidates}}); the {{queries}} queries of all parts together make a figure, with its 95 %
bootstrap interval. Symmetric: the student embedded the catalog, most of which it learned from.
Asymmetric: the teacher did. Right is a product of the same type. "Share" is the student's mAP by
the teacher's, with the interval of their difference, paired query by query. Speed as in "Teacher
and students". These students exist for this measurement alone: the photos may be measured with and
nothing else, and nothing that ships learned from them.
"""


def part_of(product: BenchmarkProduct) -> int:
    """The part of a product, by its first photo's content: the same photo is never in two."""
    return int(hashlib.sha256(b"part" + product.images[0].read_bytes()).hexdigest(), 16) % PARTS


def train(photos: BenchmarkSet, work: Path, options: Sequence[str]) -> None:
    """Distil whatever student is not there yet, each from all parts but one."""
    parts = [part_of(product) for product in photos.products]
    for part in range(PARTS):
        learned = [
            product for product, its in zip(photos.products, parts, strict=True) if its != part
        ]
        feed = work / f"own-{part}-feed" / "products.jsonl"
        if not feed.is_file():
            write_feed(learned, feed.parent, ("category", "color"))
        lesson = Lesson(name(part), STUDENT, (*OPTIONS, "--seed", str(part)))
        distil(feed, work, lesson, options)


def name(part: int) -> str:
    """The folder of the student that did not learn from a part."""
    return f"own-{part}"


def figures(found: SameLabelRetrieval, taught: Places) -> Figures:
    """What was found, a value for each query.

    Args:
        found: Shape (q, n - 1) ranked.
        taught: The teacher's own first places for the same queries, shape (q, CUT_OFF).
    """
    return {
        "R@1": found.recall_at_1,
        "mAP": found.average_precision,
        OVERLAP: overlap_at_k(taught, found.rankings[:, :CUT_OFF]),
    }


def joined(each: Sequence[Figures], parts: Places) -> Figures:
    """For each query what was found by the student of its part.

    Args:
        each: One for each part's student.
        parts: The part of each query, shape (q,).
    """
    everyone = np.arange(len(parts))
    return {
        figure: np.stack([found[figure] for found in each])[parts, everyone] for figure in each[0]
    }


def share(mine: Values, teachers: Values) -> str:
    """Mean of ``mine`` by the mean of the teacher's, and its 95 % interval, paired by query."""
    low, high = bootstrap_interval(mine - teachers)
    mean = float(teachers.mean())
    return _interval(float(mine.mean()) / mean, 1 + low / mean, 1 + high / mean)


def with_interval(values: Values) -> str:
    """Mean and 95 % interval."""
    return _interval(float(values.mean()), *bootstrap_interval(values))


def _interval(value: float, low: float, high: float) -> str:
    return f"{value:.3f} [{low:.3f}, {high:.3f}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("step", choices=("train", "measure"))
    parser.add_argument("work", type=Path, help="folder that holds the students")
    parser.add_argument("--data", type=Path, default=IKEA_DEV, help="folder of the measuring set")
    parser.add_argument("--option", action="append", default=[], help="passed on to distill")
    add_output_option(parser, "own_photos")
    arguments = parser.parse_args()
    photos = ikea_dev(arguments.data)
    if arguments.step == "train":
        train(photos, arguments.work, arguments.option)
        return
    tables, hashes, counts = measure(photos, arguments.work)
    write_result(
        arguments.out,
        title="A student of a shop's own photos",
        data=[photos.source],
        method=METHOD.format(**counts),
        figures=tables,
        encoders=hashes,
    )


def measure(
    photos: BenchmarkSet, work: Path
) -> tuple[dict[str, list[dict[str, object]]], dict[str, str], dict[str, int]]:
    """Tables, the hash of each encoder measured, and numbers of queries and candidates."""
    data = types_of(photos)
    teacher = OnnxEncoder.load(encoder_folder(TEACHER))
    hashes = {teacher.card.name: teacher.card.weights_sha256}
    reference = encode_files(teacher, data.files)
    best = same_label_retrieval(reference, reference, data.labels, data.least)
    taught = best.rankings[:, :CUT_OFF]
    parts = np.array([part_of(product) for product in photos.products], np.intp)[best.places]
    rows: list[dict[str, object]] = [
        {
            "encoder": TEACHER,
            "precision": "fp32",
            "symmetric R@1": with_interval(best.recall_at_1),
            "symmetric mAP": with_interval(best.average_precision),
        }
    ]
    targets: list[dict[str, object]] = []
    for precision, place in PRECISIONS.items():
        encoders = [OnnxEncoder.load(work / name(part) / place) for part in range(PARTS)]
        for part, encoder in enumerate(encoders):
            hashes[f"{name(part)} {precision}"] = encoder.card.weights_sha256
        vectors = [encode_files(encoder, data.files) for encoder in encoders]
        (ratio,) = speed_ratios(teacher, encoders[:1], data.files[:SPEED_PHOTOS])
        row: dict[str, object] = {"encoder": STUDENT, "precision": precision}
        for way in ("symmetric", "asymmetric"):
            catalogs = vectors if way == "symmetric" else [reference] * PARTS
            each = [
                figures(same_label_retrieval(own, catalog, data.labels, data.least), taught)
                for own, catalog in zip(vectors, catalogs, strict=True)
            ]
            found = joined(each, parts)
            row[f"{way} R@1"] = with_interval(found["R@1"])
            row[f"{way} mAP"] = with_interval(found["mAP"])
            row[f"{way} {OVERLAP}"] = f"{float(found[OVERLAP].mean()):.3f}"
            row[f"{way} share"] = share(found["mAP"], best.average_precision)
            part_of_teacher = float(found["mAP"].mean() / best.average_precision.mean())
            targets.append(target(f"{STUDENT}, {precision}, {way}", part_of_teacher, ratio))
        rows.append(row)
    print(rows, targets, flush=True)
    counts = {"queries": len(taught), "candidates": len(data.files) - 1}
    return {"rows": rows, "target": targets}, hashes, counts


if __name__ == "__main__":
    main()
