"""Photos put into words, and words that find photos where a catalog has no text.

``describe`` is asked for photos that the catalog does not hold; the alignment that ships is asked
for photos of a catalog from which all text was withheld.
"""

import argparse
import dataclasses
import itertools
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.datasets import (
    IKEA_DEV,
    BenchmarkProduct,
    card_hashes,
    real_shop,
    turkish_words,
    write_feed,
)
from benchmarks.provenance import add_output_option, write_result
from furniture_prompter.assembly import Catalog, index
from furniture_prompter.feeds.values.vocabulary import base_colors

SHOPS: Final = ("ikea-dev", "shop2-dev")
BINS: Final = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
FOUND_IN: Final = 10
SEED: Final = 20

METHOD: Final = f"""
"described": models are dealt into two halves by a fixed seed, so that no model is in both; one half
is indexed with title, category and colour, and describe is asked for each photo of the other, and
the other way round. Right is the first word said where it is the product's own category, or one of
its colours after both were put into the catalog's vocabulary of base colours; products whose
category or colour the other half does not have cannot be right and count. Confidence is the mean of
the first words' own; a bin's are compared with the share of them that is right. "no text": the
catalog holds photos, and titles that are numbers; prompts "category, color" find their product's
photo in {FOUND_IN} or do not, by the alignment that ships alone; others that fit the words as well
count as wrong. Chance is {FOUND_IN} of all products.
"""


def halves(products: Sequence[BenchmarkProduct]) -> tuple[list[BenchmarkProduct], ...]:
    """Products in two halves, all of a family in one of them."""
    families = sorted({each.family for each in products})
    first = set(np.random.default_rng(SEED).permutation(families)[: len(families) // 2].tolist())
    return (
        [each for each in products if each.family in first],
        [each for each in products if each.family not in first],
    )


def described(products: Sequence[BenchmarkProduct], work: Path) -> list[tuple[str, float, bool]]:
    """For each photo and kind of word: the kind, how sure the first word is, and whether right."""
    said: list[tuple[str, float, bool]] = []
    for turn, (kept, asked) in enumerate((halves(products), halves(products)[::-1])):
        catalog = work / f"half-{turn}"
        index(write_feed(kept, work / f"feed-{turn}", ("category", "color")), catalog)
        with Catalog.open(catalog) as opened:
            for product in asked:
                told = opened.describe(product.images[0])
                colors = set(base_colors(product.color))
                if product.category and told.categories:
                    first = told.categories[0]
                    said.append(("category", first.confidence, first.text == product.category))
                if colors and told.colors:
                    first = told.colors[0]
                    said.append(("color", first.confidence, first.text in colors))
    return said


def reliability(shop: str, said: Sequence[tuple[str, float, bool]]) -> list[dict[str, Any]]:
    """Rows of a shop: all words of a kind, and those of each bin of confidence."""
    rows = []
    for kind in ("category", "color"):
        of_kind = [(sure, right) for each, sure, right in said if each == kind]
        for low, high in ((0.0, 1.0), *itertools.pairwise(BINS)):
            kept = [
                (sure, right)
                for sure, right in of_kind
                if low <= sure < high or (high == BINS[-1] and sure >= high)
            ]
            if kept:
                rows.append(
                    {
                        "data": shop,
                        "word": kind,
                        "confidence": f"{low:.1f} to {high:.1f}",
                        "photos": len(kept),
                        "mean confidence": round(float(np.mean([sure for sure, _ in kept])), 3),
                        "right": round(float(np.mean([right for _, right in kept])), 3),
                    }
                )
    return rows


def without_text(shop: str, products: Sequence[BenchmarkProduct], work: Path) -> dict[str, Any]:
    """R@10 of English and Turkish prompts where the catalog has no words."""
    numbered = [
        dataclasses.replace(each, title=f"{number:05}") for number, each in enumerate(products)
    ]
    catalog = work / "no-text"
    index(write_feed(numbered, work / "no-text-feed", ()), catalog)
    turkish = turkish_words(shop)
    prompts = {
        "English": {each.id: f"{each.category}, {each.color}".strip(", ") for each in products},
        "Turkish": turkish,
    }
    row: dict[str, Any] = {"data": shop, "products": len(products)}
    with Catalog.open(catalog) as opened:
        for language, asked in prompts.items():
            found = [
                any(hit.product.id == wanted for hit in opened.search(prompt, limit=FOUND_IN).hits)
                for wanted, prompt in asked.items()
                if prompt
            ]
            row[f"{language} prompts"] = len(found)
            row[f"{language}, R@{FOUND_IN}"] = round(float(np.mean(found)), 3)
    row["chance"] = round(FOUND_IN / len(products), 3)
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=IKEA_DEV.parent, help="folder of the shops")
    add_output_option(parser, "words_and_photos")
    options = parser.parse_args()
    words, blank, sources = [], [], []
    for shop in SHOPS:
        found = real_shop(shop, options.data)
        sources.append(found.source)
        with tempfile.TemporaryDirectory() as folder:
            work = Path(folder)
            words += reliability(shop, described(found.products, work))
            blank.append(without_text(shop, found.products, work))
        print(words, blank, flush=True)
    write_result(
        options.out,
        title="Photos in words, and words for photos without text",
        data=sources,
        method=METHOD,
        figures={"described": words, "no text": blank},
        encoders=card_hashes("default", "default-prompt"),
    )


if __name__ == "__main__":
    main()
