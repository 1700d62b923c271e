"""Same product, another view: does a second picture of a product find the product?"""

import argparse
from collections import Counter, defaultdict
from collections.abc import Set
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.datasets import (
    BenchmarkSet,
    bundled,
    encode_files,
    load_products,
    ranked_others,
)
from benchmarks.provenance import add_output_option, write_result
from furniture_prompter.bundled import HELD_OUT_EVERY, held_out_families
from furniture_prompter.encoders.onnx_encoder import OnnxEncoder
from furniture_prompter.encoders.registry import encoder_folder
from furniture_prompter.evaluation.metrics import (
    bootstrap_interval,
    per_query,
    success_by_chance,
)

CUT_OFFS = (1, 5)

METHOD = f"""
Only products of every {HELD_OUT_EVERY}th model ask, which nothing that ships was fitted to; all are
candidates. Two ways to ask. "all photos": every photo of a product with several is a query; all
other photos are candidates, only the query's own is taken out, and products are ranked by their
nearest photo, as in a real catalog. Other products seen from the query's own angle compete, so this
is the harder one. "first views": candidates are the first view of every product and queries the
second views, so that all candidates share one angle and all queries another. Nothing can be found
by being the same picture in either. R@1 and R@5 are the share of queries whose product comes first,
or among the first five. Where several finishes of one model are in the set, "model" counts any of
them as right, "product" only the same finish. Intervals are 95 % percentile bootstrap over
queries. Rendered views share light and background, so real photos will be harder.
"""

Rankings = dict[str, list[str]]


def among_all_photos(vectors: NDArray[np.float32], owners: list[str], asking: Set[str]) -> Rankings:
    """Query → product ids by their nearest photo, without the query's own photo.

    Args:
        vectors: One row a photo, shape (n, dimension).
        owners: Product id of each photo.
        asking: Products whose photos are queries.
    """
    counts = Counter(owners)
    rankings = {}
    for query, owner in enumerate(owners):
        if counts[owner] > 1 and owner in asking:
            ranked = ranked_others(vectors, owners, query, len(owners) - 1)
            rankings[f"{owner} {query}"] = list(dict.fromkeys(ranked))
    return rankings


def among_first_views(
    first: NDArray[np.float32], second: NDArray[np.float32], ids: list[str], asked: list[str]
) -> Rankings:
    """Query → product ids; `first` has a row for each of `ids`, `second` for each of `asked`."""
    order = np.argsort(-(second @ first.T), axis=1, kind="stable")
    return {
        f"{owner} 1": [ids[row] for row in rows] for owner, rows in zip(asked, order, strict=True)
    }


def measure(data: BenchmarkSet, encoder: OnnxEncoder) -> list[dict[str, object]]:
    """One row for each way to ask, each meaning of right, and each cut-off."""
    products = data.products
    files = [image for product in products for image in product.images]
    owners = [product.id for product in products for _ in product.images]
    views = [view for product in products for view in range(len(product.images))]
    vectors = encode_files(encoder, files)
    first = [row for row, view in enumerate(views) if view == 0]
    apart = held_out_families(product.family for product in products)
    asking = {product.id for product in products if product.family in apart}
    second = [row for row, view in enumerate(views) if view == 1 and owners[row] in asking]
    ways = {
        "all photos": among_all_photos(vectors, owners, asking),
        "first views": among_first_views(
            vectors[first],
            vectors[second],
            [owners[row] for row in first],
            [owners[row] for row in second],
        ),
    }
    families: dict[str, set[str]] = defaultdict(set)
    for product in products:
        families[product.family].add(product.id)
    right = {
        "product": {product.id: {product.id} for product in products},
        "model": {product.id: families[product.family] for product in products},
    }
    rows: list[dict[str, object]] = []
    for way, rankings in ways.items():
        for target, answers in right.items():
            relevant = {query: answers[query.rsplit(" ", 1)[0]] for query in rankings}
            values = per_query(rankings, relevant, [f"Success@{k}" for k in CUT_OFFS])
            for k in CUT_OFFS:
                each = list(values[f"Success@{k}"].values())
                low, high = bootstrap_interval(each)
                chances = [
                    success_by_chance(len(products), len(ids), k) for ids in relevant.values()
                ]
                rows.append(
                    {
                        "encoder": encoder.card.name,
                        "candidates": way,
                        "right": target,
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
