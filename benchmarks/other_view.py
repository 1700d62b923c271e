"""Same product, another view: does a second picture of a product find the product?"""

import argparse
from pathlib import Path

import numpy as np

from benchmarks.datasets import BenchmarkSet, bundled, encode_files, load_products
from benchmarks.provenance import add_output_option, write_result
from furniture_prompter.encoders.onnx_encoder import OnnxEncoder
from furniture_prompter.encoders.registry import encoder_folder
from furniture_prompter.evaluation.metrics import (
    bootstrap_interval,
    per_query,
    success_by_chance,
)

CUT_OFFS = (1, 5)

METHOD = """
The candidates are the first view of every product. The query is the second view of a product, which
is itself no candidate, so nothing can be found by being the same picture. R@1 and R@5 are the share
of queries whose product comes first, or among the first five. Where several finishes of one model
are in the set, "model" counts any of them as right, "product" only the same finish. Intervals are
95 % percentile bootstrap over queries. Rendered views share light and background, so real photos
will be harder.
"""


def measure(data: BenchmarkSet, encoder: OnnxEncoder) -> list[dict[str, object]]:
    """One row for each measure."""
    products = data.products
    asked = [product for product in products if len(product.images) > 1]
    first = encode_files(encoder, [product.images[0] for product in products])
    second = encode_files(encoder, [product.images[1] for product in asked])
    ids = np.array([product.id for product in products])
    order = np.argsort(-(second @ first.T), axis=1, kind="stable")
    rankings = {product.id: list(ids[row]) for product, row in zip(asked, order, strict=True)}
    targets = {
        "product": {product.id: {product.id} for product in asked},
        "model": {
            product.id: {other.id for other in products if other.family == product.family}
            for product in asked
        },
    }
    rows: list[dict[str, object]] = []
    for target, relevant in targets.items():
        values = per_query(rankings, relevant, [f"Success@{k}" for k in CUT_OFFS])
        for k in CUT_OFFS:
            each = list(values[f"Success@{k}"].values())
            low, high = bootstrap_interval(each)
            chances = [success_by_chance(len(ids), len(right), k) for right in relevant.values()]
            rows.append(
                {
                    "encoder": encoder.card.name,
                    "found": target,
                    "measure": f"R@{k}",
                    "value": round(float(np.mean(each)), 4),
                    "95 % low": round(low, 4),
                    "95 % high": round(high, 4),
                    "chance": round(float(np.mean(chances)), 4),
                    "queries": len(each),
                }
            )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="a products.jsonl; the bundled one otherwise")
    parser.add_argument("--encoder", default="default", help="name or folder")
    add_output_option(parser, "other_view")
    arguments = parser.parse_args()
    data = load_products(arguments.data, arguments.data.stem) if arguments.data else bundled()
    encoder = OnnxEncoder.load(encoder_folder(arguments.encoder))
    rows = measure(data, encoder)
    for row in rows:
        print(row)
    write_result(
        arguments.out,
        title="Same product, another view",
        data=[data.source],
        method=METHOD,
        figures={"rows": rows},
        encoders={encoder.card.name: encoder.card.weights_sha256},
    )


if __name__ == "__main__":
    main()
