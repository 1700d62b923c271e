"""Photo → product type: is the nearest other product of the same kind?"""

import argparse
from collections import Counter
from pathlib import Path

import numpy as np

from benchmarks.datasets import IKEA_DEV, BenchmarkSet, encode_files, ikea_dev, ranked_others
from benchmarks.provenance import add_output_option, write_result
from furniture_prompter.encoders.card import EncoderCard
from furniture_prompter.encoders.onnx_encoder import OnnxEncoder
from furniture_prompter.encoders.registry import encoder_folder
from furniture_prompter.evaluation.metrics import (
    bootstrap_interval,
    per_query,
    success_by_chance,
)

LEAST_MEMBERS = 5
MEASURES = {"R@1": "Success@1", "P@5": "P@5", "MAP": "AP"}
BUILT_FIGURES = {
    "R@1": "float_ikea_dev_same_type_r_at_1",
    "P@5": "float_ikea_dev_same_type_p_at_5",
}
TARGETS = {"R@1": "≥ 0.64", "P@5": "≥ 0.48", "MAP": None}

METHOD = f"""
Leave-one-out. Each product whose category has at least {LEAST_MEMBERS} products is a query by its
photo; every other product of the set is a candidate, its own photo left out of the ranking. R@1 is
the share of queries whose nearest product is of the same category, P@5 the mean share among the
nearest five, MAP the mean average precision over the whole ranking. Intervals are 95 % percentile
bootstrap over queries. A category of five has only four others, so P@5 cannot reach 1. Categories
are the shop's own words, so a chair shown for a folding chair counts as wrong. Chance is what a
random order gives. The float network is not shipped: its figures are those that the build tool
measured in the same way and wrote on the encoder's card; --fp32 measures a folder that holds it.
"""


def measure(data: BenchmarkSet, encoder: OnnxEncoder) -> list[dict[str, object]]:
    """One row for each measure."""
    products = data.products
    counts = Counter(product.category for product in products)
    vectors = encode_files(encoder, [product.images[0] for product in products])
    ids = [product.id for product in products]
    rankings, relevant = {}, {}
    for row, product in enumerate(products):
        if counts[product.category] < LEAST_MEMBERS:
            continue
        rankings[product.id] = ranked_others(vectors, ids, row, len(ids) - 1)
        relevant[product.id] = {
            other.id
            for other in products
            if other.category == product.category and other.id != product.id
        }
    values = per_query(rankings, relevant, list(MEASURES.values()))
    others = len(products) - 1
    sizes = [len(members) for members in relevant.values()]
    chances = {
        "R@1": float(np.mean([success_by_chance(others, size, 1) for size in sizes])),
        "P@5": float(np.mean(sizes)) / others,
        "MAP": None,
    }
    rows: list[dict[str, object]] = []
    for name, measure_name in MEASURES.items():
        each = list(values[measure_name].values())
        low, high = bootstrap_interval(each)
        chance = chances[name]
        rows.append(
            {
                "encoder": encoder.card.name,
                "measure": name,
                "value": round(float(np.mean(each)), 4),
                "target": TARGETS[name],
                "95 % low": round(low, 4),
                "95 % high": round(high, 4),
                "chance": None if chance is None else round(chance, 4),
                "queries": len(each),
            }
        )
    return rows


def as_built(card: EncoderCard) -> list[dict[str, object]]:
    """What the build tool measured of the same network before quantisation, from the card."""
    rows: list[dict[str, object]] = []
    for name, figure in BUILT_FIGURES.items():
        if figure in card.figures:
            measured = {"encoder": f"{card.name}, float, by its build tool", "measure": name}
            rows.append(measured | {"value": card.figures[figure], "target": TARGETS[name]})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=IKEA_DEV, help="folder of the measuring set")
    parser.add_argument("--encoder", default="default", help="name or folder")
    parser.add_argument("--fp32", type=Path, help="folder of the same encoder before quantisation")
    add_output_option(parser, "photo_to_type")
    arguments = parser.parse_args()
    data = ikea_dev(arguments.data)
    folders = [encoder_folder(arguments.encoder)]
    if arguments.fp32:
        folders.append(encoder_folder(str(arguments.fp32)))
    rows: list[dict[str, object]] = []
    encoders = {}
    for folder in folders:
        encoder = OnnxEncoder.load(folder)
        encoders[encoder.card.name] = encoder.card.weights_sha256
        rows += measure(data, encoder)
        rows += as_built(encoder.card)
    for row in rows:
        print(row)
    write_result(
        arguments.out,
        title="Photo to product type",
        data=[data.source],
        method=METHOD,
        figures={"rows": rows},
        encoders=encoders,
    )


if __name__ == "__main__":
    main()
