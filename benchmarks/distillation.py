"""What students learn of a teacher: trained by the command, measured on sets they never saw.

``train`` runs ``furniture-prompter distill`` once for each student and seed; ``measure`` compares
the folders with the teacher and files the figures.
"""

import argparse
import statistics
import subprocess
import sys
import time
from collections import Counter
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
    load_products,
    write_feed,
)
from benchmarks.provenance import DataSet, add_output_option, write_result
from furniture_prompter.bundled import HELD_OUT_EVERY, held_out_families
from furniture_prompter.domain.rankings import nearest, overlap_at_k, same_label_retrieval
from furniture_prompter.encoders.card import EncoderCard
from furniture_prompter.encoders.onnx_encoder import OnnxEncoder
from furniture_prompter.encoders.registry import encoder_folder

Vectors = NDArray[np.float32]

TEACHER = "imagenet-ensemble"
SEEDS = (0, 1, 2)
LEAST_MEMBERS = 5
CUT_OFF = 10
PRECISIONS = {"fp32": "fp32", "int8": "."}
"""Folder of each within a student's."""
SPEED_PHOTOS = 64
SPEED_ROUNDS = 5
# The target of the pair that the project names: share of the teacher's mAP, and times its speed.
NAMED_STUDENT, LEAST_SHARE, LEAST_SPEED = "mobilenetv2", 0.98, 4

METHOD = f"""
Students were trained by `furniture-prompter distill` on renders alone, without the products of
every {HELD_OUT_EVERY}th model, with seeds {", ".join(map(str, SEEDS))}; a figure is the mean over
the seeds and ± their standard deviation (n - 1). How, by their cards: {{lessons}}. Without a pass a
student is its first weights and a head in closed form; the teacher saw the augmented views too.
Symmetric: query and catalog by the same encoder.
Asymmetric: the catalog by the teacher, the query by the student. Product type: real photos,
leave-one-out as in "Photo to product type" (queries: {{queries}}, candidates {{candidates}}; nDCG
with gain 1, unjudged products count as wrong). Overlap@{CUT_OFF} is the share of the teacher's own
first {CUT_OFF} candidates among the student's. Another view: renders of the held-out models,
{{views}} images; right is another image of the same product. "Share" is the student's mAP by the
teacher's. Speed is decoding, preprocessing and encoding of {SPEED_PHOTOS} photos one by one, in
turns, median of {SPEED_ROUNDS} rounds' ratios, the teacher in float32 as it embeds a catalog.
"""


@dataclass(frozen=True, slots=True)
class Pair:
    """A student, where its first weights come from, its passes over the photos and its pixels."""

    student: str
    initial: str
    epochs: float
    side_px: int

    def lesson(self, seed: int) -> "Lesson":
        """Its training with one seed."""
        name = f"{self.student}-{seed}"
        options = {
            "--initial": self.initial,
            "--epochs": self.epochs,
            "--side": self.side_px,
            "--seed": seed,
        }
        flat = tuple(str(part) for pair in options.items() for part in pair)
        return Lesson(name, self.student, flat)


@dataclass(frozen=True, slots=True)
class Lesson:
    """One training: the folder's name, the architecture and further options of ``distill``."""

    name: str
    student: str
    options: tuple[str, ...] = ()


PAIRS = (
    Pair("mobilenetv2", "imagenet", 0, 224),
    Pair("efficientnet-lite0", "imagenet", 0, 224),
    Pair("resnet18", "random", 0.5, 224),
)


def split(data: BenchmarkSet) -> tuple[BenchmarkSet, BenchmarkSet]:
    """Products to learn from, and those of every HELD_OUT_EVERY-th model, by the model's name."""
    kept_apart = held_out_families(product.family for product in data.products)

    def part(products: tuple[BenchmarkProduct, ...], name: str) -> BenchmarkSet:
        photos = sum(len(product.images) for product in products)
        note = f"{len(products):,} products, {photos:,} photos"
        return BenchmarkSet(products, DataSet(name, data.source.fingerprint, note))

    learned = tuple(p for p in data.products if p.family not in kept_apart)
    held_out = tuple(p for p in data.products if p.family in kept_apart)
    return part(learned, "renders learned from"), part(held_out, "renders held out")


def train(feed: Path, work: Path, lessons: Sequence[Lesson], options: Sequence[str]) -> None:
    """Train whatever is not there yet, on the products learned from."""
    learned, _ = split(load_products(feed, "renders"))
    training_feed = work / "training" / "products.jsonl"
    if not training_feed.is_file():
        write_feed(learned.products, training_feed.parent, ("category", "color"))
    for lesson in lessons:
        distil(training_feed, work, lesson, options)


def distil(feed: Path, work: Path, lesson: Lesson, options: Sequence[str]) -> None:
    """Run the command for one lesson, unless its student is there."""
    out = work / lesson.name
    if (out / "card.json").is_file():
        return
    program = Path(sys.executable).with_name("furniture-prompter")
    arguments = ["distill", feed, "--teacher", TEACHER, "--student", lesson.student]
    arguments += [*lesson.options, "--out", out, *options]
    began = time.perf_counter()
    subprocess.run([program, *map(str, arguments)], check=True)
    print(f"{out.name}: {time.perf_counter() - began:,.0f} s", flush=True)


@dataclass(frozen=True, slots=True)
class MeasuringSet:
    """Images and a label each: product type for photos, the product for renders."""

    files: list[Path]
    labels: list[str]
    least: int


def types_of(photos: BenchmarkSet) -> MeasuringSet:
    """Real photos, one a product, labelled by product type."""
    products = photos.products
    files, labels = [each.images[0] for each in products], [each.category for each in products]
    return MeasuringSet(files, labels, LEAST_MEMBERS)


def views_of(held_out: BenchmarkSet) -> MeasuringSet:
    """Every render of products held out, labelled by product."""
    shown = [(image, product.id) for product in held_out.products for image in product.images]
    return MeasuringSet([image for image, _ in shown], [label for _, label in shown], 2)


def judged(
    types: tuple[MeasuringSet, Vectors, Vectors],
    views: tuple[MeasuringSet, Vectors, Vectors],
) -> dict[str, float]:
    """Every figure of one encoder.

    Args:
        types: Photos, their vectors by the encoder and by the teacher.
        views: The same of the renders held out.
    """
    figures: dict[str, float] = {}
    data, own, reference = types
    everyone = np.arange(len(own))
    taught = nearest(reference, reference, CUT_OFF, everyone)
    for way, catalog in {"symmetric": own, "asymmetric": reference}.items():
        found = same_label_retrieval(own, catalog, data.labels, data.least)
        figures[f"{way} R@1"] = float(found.recall_at_1.mean())
        figures[f"{way} mAP"] = float(found.average_precision.mean())
        figures[f"{way} nDCG@10"] = float(found.ndcg_at_k(CUT_OFF).mean())
        mine = nearest(own, catalog, CUT_OFF, everyone)
        figures[f"{way} overlap@10"] = float(overlap_at_k(taught, mine).mean())
        another = same_label_retrieval(
            views[1], views[1] if way == "symmetric" else views[2], views[0].labels, views[0].least
        )
        figures[f"{way} other view R@1"] = float(another.recall_at_1.mean())
    figures["cosine to teacher"] = float((own * reference).sum(axis=1).mean())
    return figures


def speed_ratios(
    teacher: OnnxEncoder, others: Sequence[OnnxEncoder], files: list[Path]
) -> list[float]:
    """How many times as fast as the teacher each encoder is, end to end."""
    times: list[list[float]] = [[] for _ in range(len(others) + 1)]
    for turn in range(SPEED_ROUNDS + 1):
        for place, encoder in enumerate([teacher, *others]):
            began = time.perf_counter()
            encode_files(encoder, files)
            if turn:
                times[place].append(time.perf_counter() - began)
    return [
        statistics.median(reference / mine for reference, mine in zip(times[0], each, strict=True))
        for each in times[1:]
    ]


def summary(runs: Sequence[dict[str, float]]) -> dict[str, object]:
    """Mean ± standard deviation of each figure, as text."""
    out: dict[str, object] = {}
    for name in runs[0]:
        each = [run[name] for run in runs]
        spread = f" ± {statistics.stdev(each):.3f}" if len(each) > 1 else ""
        out[name] = f"{statistics.mean(each):.3f}{spread}"
    return out


def target(student: str, share: float, ratio: float) -> dict[str, object]:
    """Whether a student has what the project asks of ``NAMED_STUDENT``.

    Args:
        student: What to call it.
        share: Of the teacher's mAP.
        ratio: Times the teacher's speed.
    """
    return {
        "student": student,
        "share of the teacher's mAP": round(share, 4),
        "target, share": f"≥ {LEAST_SHARE}",
        "times the teacher's speed": round(ratio, 2),
        "target, speed": f"≥ {LEAST_SPEED}",
        "both met": share >= LEAST_SHARE and ratio >= LEAST_SPEED,
    }


def measure(
    types: MeasuringSet, views: MeasuringSet, work: Path
) -> tuple[dict[str, list[dict[str, object]]], dict[str, str]]:
    """Tables, and the hash of each encoder measured."""
    teacher = OnnxEncoder.load(encoder_folder(TEACHER))
    hashes = {teacher.card.name: teacher.card.weights_sha256}
    taught = (encode_files(teacher, types.files), encode_files(teacher, views.files))
    teacher_figures = judged((types, taught[0], taught[0]), (views, taught[1], taught[1]))
    teacher_figures = {
        name: value for name, value in teacher_figures.items() if name.startswith("symmetric")
    }
    rows: list[dict[str, object]] = [
        {"encoder": TEACHER, "precision": "fp32", **summary([teacher_figures])}
    ]
    each_run: list[dict[str, object]] = []
    targets: list[dict[str, object]] = []
    for pair in PAIRS:
        for precision, place in PRECISIONS.items():
            runs = []
            encoders = []
            for seed in SEEDS:
                encoder = OnnxEncoder.load(work / f"{pair.student}-{seed}" / place)
                encoders.append(encoder)
                hashes[f"{pair.student}-{seed} {precision}"] = encoder.card.weights_sha256
                found = judged(
                    (types, encode_files(encoder, types.files), taught[0]),
                    (views, encode_files(encoder, views.files), taught[1]),
                )
                found["share"] = found["symmetric mAP"] / teacher_figures["symmetric mAP"]
                runs.append(found)
                named = {"encoder": pair.student, "precision": precision, "seed": seed}
                each_run.append(named | {name: round(value, 4) for name, value in found.items()})
                print(each_run[-1], flush=True)
            (ratio,) = speed_ratios(teacher, encoders[:1], types.files[:SPEED_PHOTOS])
            named = {"encoder": pair.student, "precision": precision, "first weights": pair.initial}
            rows.append(named | summary(runs) | {"times the teacher's speed": round(ratio, 2)})
            if pair.student == NAMED_STUDENT:
                share = statistics.mean(run["share"] for run in runs)
                targets.append(target(f"{pair.student}, {precision}", share, ratio))
    return {"rows": rows, "target": targets, "each seed": each_run}, hashes


def told(student: Path) -> str:
    """How a student was trained, by its card."""
    card = EncoderCard.load(student)
    options = card.training["options"]
    textures = ", textures behind white" if card.training["data"]["textures"] else ""
    return (
        f"{card.architecture}, {options['epochs']:g} passes, {options['views']} augmented views"
        f"{textures}, {card.input_side_px} px"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("step", choices=("train", "measure"))
    parser.add_argument("feed", type=Path, help="products.jsonl of the builder's full set")
    parser.add_argument("work", type=Path, help="folder that holds the students")
    parser.add_argument("--data", type=Path, default=IKEA_DEV, help="folder of the measuring set")
    parser.add_argument("--option", action="append", default=[], help="passed on to distill")
    add_output_option(parser, "distillation")
    arguments = parser.parse_args()
    if arguments.step == "train":
        lessons = [pair.lesson(seed) for pair in PAIRS for seed in SEEDS]
        train(arguments.feed, arguments.work, lessons, arguments.option)
        return
    learned, held_out = split(load_products(arguments.feed, "renders"))
    photos = ikea_dev(arguments.data)
    counts = Counter(product.category for product in photos.products)
    types, views = types_of(photos), views_of(held_out)
    figures, hashes = measure(types, views, arguments.work)
    write_result(
        arguments.out,
        title="Teacher and students",
        data=[photos.source, learned.source, held_out.source],
        method=METHOD.format(
            queries=sum(count for count in counts.values() if count >= LEAST_MEMBERS),
            candidates=len(types.files) - 1,
            views=len(views.files),
            lessons="; ".join(told(arguments.work / f"{pair.student}-0") for pair in PAIRS),
        ),
        figures=figures,
        encoders=hashes,
    )


if __name__ == "__main__":
    main()
