"""A photo and a colour in words: is the same model in that colour the first hit?"""

import argparse
import itertools
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from benchmarks.datasets import BenchmarkProduct, card_hashes, real_shop, write_feed
from benchmarks.provenance import add_output_option, write_result
from furniture_prompter.assembly import Catalog, index
from furniture_prompter.feeds.values.vocabulary import base_colors
from furniture_prompter.query_options import SearchOptions

SHOPS: Final = ("shop2-dev", "ikea-dev")
PAIRS: Final = 400
WEIGHTS: Final = (0.0, 0.05, 0.2, 0.45)
BALANCES: Final = (0.2, 0.35, 0.5, 0.65, 0.8)

METHOD: Final = f"""
A pair is two products of one model whose colours differ, the target's one base colour being no
other's of the model; every pair both ways, at most {PAIRS} a shop, at even distances in the shop's
order. The photo of the first is asked with "in COLOUR", the target's colour in the shop's words.
"text" catalogs hold title, category and colour; "photos only" hold photos and titles that are
numbers, and words go through the alignment that ships. R@1 and R@5 of the target; "less itself"
takes the product whose photo is asked with out of the ranking, which a shopper's own photo is not
in. colour_weight and photo_weight as given; "default" leaves both out.
"""


@dataclass(frozen=True, slots=True)
class Pair:
    """A photo, and the product of its model that is wanted, by its colour's words."""

    photo: BenchmarkProduct
    wanted: BenchmarkProduct
    words: str


def pairs(products: Sequence[BenchmarkProduct]) -> Iterator[Pair]:
    """Every pair of a model whose target is the only one of its base colour."""
    models: dict[str, list[BenchmarkProduct]] = defaultdict(list)
    for product in products:
        models[product.family].append(product)
    for family in models.values():
        for photo, wanted in itertools.permutations(family, 2):
            colours = set(base_colors(wanted.color))
            others = [set(base_colors(each.color)) for each in family if each is not wanted]
            if len(colours) == 1 and all(colours.isdisjoint(each) for each in others):
                yield Pair(photo, wanted, wanted.color)


def family_of_title(product: BenchmarkProduct) -> BenchmarkProduct:
    """A product whose set names no models: its title's first word and its category name one."""
    if product.family != product.id:
        return product
    return replace(product, family=f"{product.title.split()[0]} {product.category}")


def asked(catalog: Path, chosen: Sequence[Pair], options: SearchOptions) -> dict[str, float]:
    """R@1 and R@5 of the targets."""
    ranks, ranks_less = [], []
    with Catalog.open(catalog) as opened:
        for pair in chosen:
            found = opened.search(f"in {pair.words}", photo=pair.photo.images[0], **options)
            ids = [hit.product.id for hit in found.hits]
            less = [each for each in ids if each != pair.photo.id]
            ranks.append(ids.index(pair.wanted.id) if pair.wanted.id in ids else 99)
            ranks_less.append(less.index(pair.wanted.id) if pair.wanted.id in less else 99)
    return {
        f"{name}{told}": round(sum(rank < at for rank in every) / len(every), 3)
        for told, every in (("", ranks), (", less itself", ranks_less))
        for name, at in (("R@1", 1), ("R@5", 5))
    }


def measure(shop: str, work: Path) -> list[dict[str, Any]]:
    """Rows of a shop."""
    products = [family_of_title(each) for each in real_shop(shop).products]
    every = list(pairs(products))
    step = max(1, len(every) // PAIRS)
    chosen = every[::step][:PAIRS]
    bare = [
        replace(each, title=f"{number:05}", category="", color="", description="")
        for number, each in enumerate(products)
    ]
    rows: list[dict[str, Any]] = []
    for kind, listed in (("text", products), ("photos only", bare)):
        name = kind.replace(" ", "-")
        catalog = work / f"{shop}-{name}"
        index(write_feed(listed, work / f"feed-{shop}-{name}", ("category", "color")), catalog)
        settings = {"default": SearchOptions(limit=6)}
        for weight in WEIGHTS:
            settings[f"colour_weight {weight}"] = SearchOptions(limit=6, colour_weight=weight)
        for balance in BALANCES:
            settings[f"photo_weight {balance}"] = SearchOptions(limit=6, photo_weight=balance)
        for said, setting in settings.items():
            row = {"shop": shop, "catalog": kind, "pairs": len(chosen), "asked": said}
            rows.append(row | asked(catalog, chosen, setting))
            print(rows[-1], flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shops", nargs="+", choices=SHOPS, default=SHOPS)
    add_output_option(parser, "photo_and_colour")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        rows = [row for shop in options.shops for row in measure(shop, Path(work))]
    write_result(
        options.out,
        title="A photo, and a colour in words",
        data=[real_shop(shop).source for shop in options.shops],
        method=METHOD,
        figures={"rows": rows},
        encoders=card_hashes("default", "default-prompt"),
    )


if __name__ == "__main__":
    main()
