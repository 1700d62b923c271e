"""What diversity costs and what it gains: right hits, and distinct models among the first ten."""

import argparse
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.datasets import IKEA_DEV, BenchmarkProduct, card_hashes, real_shop, write_feed
from benchmarks.prompt_families import by_kind_and_color
from benchmarks.provenance import DataSet, add_output_option, write_result
from furniture_prompter.assembly import Catalog, index
from furniture_prompter.domain import SearchResult
from furniture_prompter.domain.query import Crop
from furniture_prompter.evaluation.metrics import bootstrap_interval
from furniture_prompter.search.paging import WINDOW

SHOPS: Final = ("ikea-dev", "shop2-dev")
DIVERSITIES: Final = (0.0, 0.1, 0.2, 0.3, 0.4, 0.6, 1.0)
FIRST: Final = 10
PHOTO_EVERY: Final = 4
CROP: Final = Crop(0.1, 0.1, 0.75, 0.75)
METHOD: Final = f"""
Whole queries through the library, best {WINDOW} hits (the window that is reordered; behind it
nothing changes places with what is in it), each query with every diversity in turn. "kind and
colour" asks "wall shelf, white", all products of both answer; "kind" asks for each kind of five
products or more; "model by name" asks for the name that several products share (the title in
ikea-dev, the model in shop2-dev), all of them answer; "photo" asks with a part (75 % of each side)
of every {PHOTO_EVERY}th product's own photo, that product answers; "more like it" asks for what is
like a product, its model in other finishes answers, for two products a model at the most. R@10 is
the share of the right products among the first ten, of ten at the most; MRR the mean of one over
the rank of the first right one, 0 beyond {WINDOW}. R@1 cannot change: the first hit stays. "models"
are the distinct models among the first ten hits. Intervals are 95 % percentile bootstrap over
queries of the difference to no diversity. "ms" is the median of the whole search.
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """A query, but for its diversity, and the ids that answer it."""

    family: str
    search: Callable[..., SearchResult]
    relevant: frozenset[str]


def asked_of(
    catalog: Catalog, products: Sequence[BenchmarkProduct], models: Mapping[str, str]
) -> list[Asked]:
    """All queries of a shop."""
    kinds: dict[str, set[str]] = defaultdict(set)
    members: dict[str, list[str]] = defaultdict(list)
    for each in products:
        kinds[each.category].add(each.id)
        members[models[each.id]].append(each.id)
    several = {model: ids for model, ids in members.items() if len(ids) > 1}
    search = catalog.search
    found = [
        Asked("kind and colour", partial(search, each.prompt), each.relevant)
        for each in by_kind_and_color(products)
    ]
    found += [
        Asked("kind", partial(search, kind), frozenset(ids))
        for kind, ids in kinds.items()
        if kind and len(ids) >= 5
    ]
    found += [
        Asked("model by name", partial(search, model), frozenset(ids))
        for model, ids in several.items()
    ]
    found += [
        Asked("photo", partial(search, photo=each.images[0], crop=CROP), frozenset([each.id]))
        for each in products[::PHOTO_EVERY]
    ]
    found += [
        Asked("more like it", partial(catalog.similar, one), frozenset(ids) - {one})
        for ids in several.values()
        for one in ids[:2]
    ]
    return found


def judged(ids: Sequence[str], relevant: Collection[str], models: Mapping[str, str]) -> list[float]:
    """R@1, R@10, MRR and distinct models of one ranking."""
    right = [each in relevant for each in ids]
    rank = next((place for place, each in enumerate(right, 1) if each), 0)
    return [
        float(bool(right and right[0])),
        sum(right[:FIRST]) / min(FIRST, len(relevant)),
        1 / rank if rank else 0.0,
        float(len({models[each] for each in ids[:FIRST]})),
    ]


def measured(shop: str, products: Sequence[BenchmarkProduct], work: Path) -> list[dict[str, Any]]:
    """A row for each family of queries and diversity."""
    models = {each.id: each.title if shop == "ikea-dev" else each.family for each in products}
    index(write_feed(products, work / "feed", ("category", "color", "description")), work / "c")
    values: dict[tuple[str, float], list[list[float]]] = defaultdict(list)
    took: dict[tuple[str, float], list[float]] = defaultdict(list)
    with Catalog.open(work / "c") as catalog:
        for asked in asked_of(catalog, products, models):
            for diversity in DIVERSITIES:
                result = asked.search(limit=WINDOW, diversity=diversity)
                key = asked.family, diversity
                ids = [hit.product.id for hit in result.hits]
                values[key].append(judged(ids, asked.relevant, models))
                took[key].append(result.timings_ms["total"])
    rows = []
    for (family, diversity), each in values.items():
        table = np.array(each)
        plain = np.array(values[family, 0.0])
        row: dict[str, Any] = {
            "data": shop,
            "queries": family,
            "diversity": diversity,
            "asked": len(table),
        }
        for column, name in enumerate(("R@1", "R@10", "MRR", "models")):
            row[name] = round(float(table[:, column].mean()), 4)
        for column, name in ((1, "R@10"), (2, "MRR")):
            low, high = bootstrap_interval(table[:, column] - plain[:, column])
            row[f"{name} gained"] = f"{low:+.4f} to {high:+.4f}"
        row["ms"] = round(statistics.median(took[family, diversity]), 1)
        rows.append(row)
    return rows


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=IKEA_DEV.parent, help="folder of the shops")
    add_output_option(parser, "diversity")
    given = parser.parse_args(arguments)
    rows: list[dict[str, Any]] = []
    sources: list[DataSet] = []
    for shop in SHOPS:
        found = real_shop(shop, given.data)
        sources.append(found.source)
        with tempfile.TemporaryDirectory() as folder:
            rows += measured(shop, found.products, Path(folder))
        print(*rows, sep="\n", flush=True)
    write_result(
        given.out,
        title="Diversity: distinct models among the first ten, and what they cost",
        data=sources,
        method=METHOD,
        figures={"rows": rows},
        encoders=card_hashes("default", "default-prompt"),
    )


if __name__ == "__main__":
    main()
