"""Eight bits or seven for the default encoder's weights? What ships against earlier builds."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.datasets import (
    IKEA_DEV,
    BenchmarkSet,
    bundled,
    encode_files,
    ikea_dev,
    load_products,
)
from benchmarks.default_student import SPEED_PHOTOS, SPEED_ROUNDS, rounds_ms
from benchmarks.photo_to_type import LEAST_MEMBERS
from benchmarks.provenance import ROOT, add_output_option, write_result
from furniture_prompter.bundled import HELD_OUT_EVERY, held_out_families
from furniture_prompter.domain.rankings import SameLabelRetrieval, same_label_retrieval
from furniture_prompter.encoders.onnx_encoder import OnnxEncoder
from furniture_prompter.encoders.registry import encoder_folder
from furniture_prompter.evaluation.comparisons import interval, ratio
from furniture_prompter.evaluation.machine import instruction_sets

SHOP2_DEV = ROOT.parent / "shared" / "data" / "shop2-dev"
VNNI = ("avx_vnni", "avx512_vnni")

Values = NDArray[np.float64]
Measure = Callable[[SameLabelRetrieval], Values]

METHOD = f"""
The same network, calibration and projection; builds differ in the bits of their weights alone, or
in what is left in float. Every build encodes the same photos on one machine, {{vnni}} VNNI, and
answers the same queries by an exact scan, each query's own photo left out; no text is asked. Same
type and same category: every product of a kind with at least {LEAST_MEMBERS} products asks, and any
other of its kind is right. Same model: the same piece in another colour or size. Another view:
every photo of a product with several asks, among all photos of the bundled renders; "held out" are
those of every {HELD_OUT_EVERY}th model, which nothing that ships was fitted to. Differences are
build less the first of each table, paired query by query, with 95 % percentile bootstrap intervals
over queries; "noise" where the interval holds 0. With this many intervals one in twenty is beyond
noise by chance. Cosines compare a build's vectors with the first's, photo by photo. Times are of
{SPEED_PHOTOS} photos one by one, from file to vector, builds taking turns: median of
{SPEED_ROUNDS} rounds, and the ratio to the first round by round, above 1 where the build is faster.
"""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a set's photos.

    Attributes:
        name: For the table.
        labels: What a photo must share with the query's to be right.
        least: Photos that must share a label for them to ask.
        measures: What is counted of each query's ranking.
        asking: Which photos ask, shape (n,); None for all.
    """

    name: str
    labels: list[str]
    least: int
    measures: dict[str, Measure]
    asking: NDArray[np.bool_] | None = None


def precision_at_5(found: SameLabelRetrieval) -> Values:
    """Share of the first five that are right; one value a query."""
    hits = np.take_along_axis(found.relevant, found.rankings[:, :5], axis=1)
    shares: Values = hits.mean(axis=1, dtype=np.float64)
    return shares


FIRST: dict[str, Measure] = {"R@1": lambda found: found.recall_at_1}
ALL: dict[str, Measure] = {
    **FIRST,
    "P@5": precision_at_5,
    "mAP": lambda found: found.average_precision,
}


def questions_of_types(photos: BenchmarkSet) -> list[Question]:
    """Of real photos, one a product: same type."""
    labels = [each.category for each in photos.products]
    return [Question("same type", labels, LEAST_MEMBERS, ALL)]


def questions_of_models(photos: BenchmarkSet) -> list[Question]:
    """Of a shop that sells a piece in several finishes: same category, same model."""
    kinds = [each.category for each in photos.products]
    models = [each.family for each in photos.products]
    return [
        Question("same category", kinds, LEAST_MEMBERS, ALL),
        Question("same model", models, 2, FIRST),
    ]


def questions_of_views(renders: BenchmarkSet) -> list[Question]:
    """Of renders, several a product: another view, of all and of models held out."""
    apart = held_out_families(each.family for each in renders.products)
    owners = [each.id for each in renders.products for _ in each.images]
    asking = np.array([each.family in apart for each in renders.products for _ in each.images])
    return [
        Question("another view", owners, 2, FIRST),
        Question("another view, held out", owners, 2, FIRST, asking),
    ]


def answers(vectors: NDArray[np.float32], question: Question) -> dict[str, Values]:
    """Measure → one value a query; of equal length and order for every build."""
    found = same_label_retrieval(vectors, vectors, question.labels, question.least)
    asked = slice(None) if question.asking is None else question.asking[found.places]
    return {name: measure(found)[asked] for name, measure in question.measures.items()}


def compared(
    vectors: dict[str, NDArray[np.float32]], question: Question, data: str
) -> list[dict[str, object]]:
    """One row for each build and measure; the first build is what the others are compared with."""
    found = {build: answers(rows, question) for build, rows in vectors.items()}
    first = next(iter(found.values()))
    table: list[dict[str, object]] = []
    for measure in question.measures:
        for build, values in found.items():
            row: dict[str, object] = {"data": data, "asked": question.name, "measure": measure}
            row |= {"build": build, "value": round(float(values[measure].mean()), 4)}
            if values is not first:
                moved = interval((values[measure] - first[measure]).tolist())
                row |= {"difference": round(moved.mean, 4), "95 % low": round(moved.low, 4)}
                row |= {"95 % high": round(moved.high, 4), "noise": moved.is_noise}
            table.append(row | {"queries": len(values[measure])})
    return table


def nearness(vectors: dict[str, NDArray[np.float32]], data: str) -> list[dict[str, object]]:
    """Cosines of each build's vectors to the first's."""
    first, *others = vectors
    table: list[dict[str, object]] = []
    for build in others:
        cosines = np.einsum("ij,ij->i", vectors[first], vectors[build])
        mean, least = round(float(cosines.mean()), 4), round(float(cosines.min()), 4)
        table.append({"data": data, "build": build, "of": first, "mean": mean, "least": least})
    return table


def costs(encoders: dict[str, OnnxEncoder], files: list[Path]) -> list[dict[str, object]]:
    """Size and time of each build, builds taking turns."""
    times = dict(zip(encoders, rounds_ms(list(encoders.values()), files), strict=True))
    first = next(iter(times.values()))
    table: list[dict[str, object]] = []
    for build, encoder in encoders.items():
        row: dict[str, object] = {"build": build, "weights, bytes": encoder.card.weights_bytes}
        row["ms an image"] = round(float(np.median(times[build])), 2)
        if times[build] is not first:
            faster = ratio(first, times[build])
            row |= {"times as fast": round(faster.median, 3), "least": round(faster.least, 3)}
            row["most"] = round(faster.most, 3)
        table.append(row)
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("earlier", type=Path, help="folder of the build in eight bits")
    parser.add_argument(
        "others", nargs="*", type=Path, help="folders of further builds, named after them"
    )
    parser.add_argument("--data", type=Path, default=IKEA_DEV, help="folder of the measuring set")
    parser.add_argument("--shop", type=Path, default=SHOP2_DEV, help="folder of the second shop")
    add_output_option(parser, "default_bits")
    arguments = parser.parse_args()
    folders = {"eight bits": arguments.earlier, "seven bits, ships": encoder_folder("default")}
    folders |= {folder.name: folder for folder in arguments.others}
    encoders = {build: OnnxEncoder.load(folder) for build, folder in folders.items()}
    types, renders = ikea_dev(arguments.data), bundled()
    models = load_products(arguments.shop / "products.jsonl", "shop2-dev")
    asked = [
        (types, questions_of_types(types)),
        (models, questions_of_models(models)),
        (renders, questions_of_views(renders)),
    ]
    rows, cosines = [], []
    for data, questions in asked:
        files = [image for product in data.products for image in product.images]
        vectors = {build: encode_files(encoder, files) for build, encoder in encoders.items()}
        cosines += nearness(vectors, data.source.name)
        for question in questions:
            rows += compared(vectors, question, data.source.name)
            print(*rows[-len(question.measures) * len(encoders) :], sep="\n", flush=True)
    every = len(types.products) // SPEED_PHOTOS
    sample = [product.images[0] for product in types.products[::every][:SPEED_PHOTOS]]
    spent = costs(encoders, sample)
    print(*cosines, *spent, sep="\n")
    known = set(instruction_sets())
    write_result(
        arguments.out,
        title="The default encoder in seven bits",
        data=[data.source for data, _ in asked],
        method=METHOD.format(vnni="with" if known & set(VNNI) else "without"),
        figures={"rows": rows, "cosines": cosines, "costs": spent},
        encoders={build: encoder.card.weights_sha256 for build, encoder in encoders.items()},
    )


if __name__ == "__main__":
    main()
