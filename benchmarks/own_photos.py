"""A student of the very catalog that it will be asked in, as a shop distils it.

``train`` distils one student for each part of the measuring set from the photos of all other parts;
``measure`` asks every student with the photos of its own part, which it never saw.
"""

import argparse
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

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
    TEACHER,
    Lesson,
    MeasuringSet,
    distil,
    types_of,
)
from benchmarks.provenance import add_output_option, write_result
from furniture_prompter.domain.rankings import nearest, overlap_at_k, same_label_retrieval
from furniture_prompter.encoders.onnx_encoder import OnnxEncoder
from furniture_prompter.encoders.registry import encoder_folder
from furniture_prompter.evaluation.metrics import bootstrap_interval

Vectors = NDArray[np.float32]
Values = NDArray[np.float64]

PARTS = 5
STUDENT = "mobilenetv2"
OPTIONS = ("--epochs", "7", "--views", "2")

METHOD = f"""
What a shop does: it distils a student from the photos of its own catalog, and shoppers ask that
catalog with photos that nobody saw before. The products are divided into {PARTS} parts by their
photos' contents, and {PARTS} students of `{STUDENT}` are distilled by `furniture-prompter distill`,
each from the photos of {PARTS - 1} parts (`{" ".join(OPTIONS)}`; the seed is the part's number).
Every student is asked with the photos of the part that it did not learn from, among all other
photos ({{candidates}}); the {{queries}} queries of all parts together make a figure, with its 95 %
bootstrap interval. Symmetric: the student embedded the catalog, most of which it learned from.
Asymmetric: the teacher did. Right is a product of the same type. "Share" is the student's mAP by
the teacher's, with the interval of their difference, paired query by query. All in float32; how
fast such a student is stands in "Teacher and students". These students exist for this measurement
alone: the photos may be measured with and nothing else, and nothing that ships learned from them.
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


@dataclass(frozen=True, slots=True)
class Found:
    """One value a query of what was found, in one order whoever was asked."""

    recall_at_1: Values
    average_precision: Values
    overlap: Values


def asked(data: MeasuringSet, own: Vectors, catalog: Vectors, reference: Vectors) -> Found:
    """Every photo asked with its row of ``own`` among the others' rows of ``catalog``."""
    found = same_label_retrieval(own, catalog, data.labels, data.least)
    everyone = np.arange(len(own))
    taught = nearest(reference, reference, CUT_OFF, everyone)[found.places]
    mine = nearest(own, catalog, CUT_OFF, everyone)[found.places]
    return Found(found.recall_at_1, found.average_precision, overlap_at_k(taught, mine))


def joined(each: Sequence[Found], parts: Values) -> Found:
    """For each query what was found by the student of its part."""

    def chosen(field: str) -> Values:
        rows = np.stack([getattr(found, field) for found in each])
        values: Values = rows[parts.astype(np.intp), np.arange(rows.shape[1])]
        return values

    return Found(chosen("recall_at_1"), chosen("average_precision"), chosen("overlap"))


def share(mine: Values, teachers: Values) -> tuple[float, float, float]:
    """Mean of ``mine`` by the mean of the teacher's, and its 95 % interval, paired by query."""
    low, high = bootstrap_interval(mine - teachers)
    mean = float(teachers.mean())
    return float(mine.mean()) / mean, 1 + low / mean, 1 + high / mean


def with_interval(values: Values) -> str:
    """Mean and 95 % interval."""
    low, high = bootstrap_interval(values)
    return f"{float(values.mean()):.3f} [{low:.3f}, {high:.3f}]"


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
    figures, hashes, counts = measure(photos, arguments.work)
    write_result(
        arguments.out,
        title="A student of a shop's own photos",
        data=[photos.source],
        method=METHOD.format(**counts),
        figures=figures,
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
    best = asked(data, reference, reference, reference)
    places = same_label_retrieval(reference, reference, data.labels, data.least).places
    parts = np.array([part_of(product) for product in photos.products])[places]
    rows: list[dict[str, object]] = [
        {
            "encoder": TEACHER,
            "symmetric R@1": with_interval(best.recall_at_1),
            "symmetric mAP": with_interval(best.average_precision),
        }
    ]
    encoders = [OnnxEncoder.load(work / name(part) / "fp32") for part in range(PARTS)]
    for part, encoder in enumerate(encoders):
        hashes[name(part)] = encoder.card.weights_sha256
    vectors = [encode_files(encoder, data.files) for encoder in encoders]
    row: dict[str, object] = {"encoder": STUDENT}
    for way in ("symmetric", "asymmetric"):
        each = [
            asked(data, own, own if way == "symmetric" else reference, reference) for own in vectors
        ]
        found = joined(each, parts)
        row[f"{way} R@1"] = with_interval(found.recall_at_1)
        row[f"{way} mAP"] = with_interval(found.average_precision)
        row[f"{way} overlap@{CUT_OFF}"] = f"{float(found.overlap.mean()):.3f}"
        of_teacher, low, high = share(found.average_precision, best.average_precision)
        row[f"{way} share"] = f"{of_teacher:.3f} [{low:.3f}, {high:.3f}]"
    rows.append(row)
    print(rows, flush=True)
    counts = {"queries": len(places), "candidates": len(data.files) - 1}
    return {"rows": rows}, hashes, counts


if __name__ == "__main__":
    main()
