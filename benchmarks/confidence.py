"""How sure an answer is: reliability, coverage of what is sold, and what is not sold."""

import argparse
import asyncio
import itertools
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.datasets import (
    IKEA_DEV,
    BenchmarkProduct,
    card_hashes,
    real_shop,
    turkish_words,
    write_feed,
)
from benchmarks.provenance import add_output_option, write_result
from benchmarks.words_and_photos import halves
from furniture_prompter import event_loop
from furniture_prompter.assembly import Catalog, index
from furniture_prompter.catalog.reader import CatalogReader
from furniture_prompter.domain import Query, RgbImage, SearchResult
from furniture_prompter.understanding.thesaurus import folded_words

SHOPS: Final = ("ikea-dev", "shop2-dev")
BINS: Final = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
HITS: Final = 5
REMOVALS: Final = 2
REMOVED: Final = 0.15
MOST_REMOVED: Final = 0.5
SEED: Final = 22
SIDE_PX: Final = 300

NONSENSE: Final = ("hello", "asdf", "dishwasher", "bulaşık makinesi")

METHOD: Final = f"""
Models are dealt into two halves by a fixed seed, so that no model is in both. One half is indexed
with title, category and colour, which calibrates on that half alone; each product of the other half
is asked for by its photo, by prompts ("category, color"; its title; Turkish words by hand) and by
its photo with "category, color". Right is a hit of the product's own category. "reliability":
confidence of the first {HITS} hits against the share of them that is right; products whose category
the indexed half does not have cannot be right and count; ece is the mean distance of both over the
bins, by hits. "not sold": whole categories, {REMOVED:.0%} of the products, {REMOVALS} draws, are
taken from the indexed half ("alone"), or with all categories that share a word with one of them
("with words shared"); AUROC tells the asked half's products of these from those of categories that
are left, by the margin of the whole answer, draws pooled. "sold, close" is the share of those left
that are `close`, "not sold, close" of those removed. "nonsense": answers of the whole shop.
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """One query and what came of it.

    Attributes:
        way: ``photo``, ``prompt`` or ``both``, with the sort of prompt behind.
        sold: Whether the product's category is left.
        close: As answered.
        margin: Of the answer.
        hits: Confidence of each hit, and whether it is right.
    """

    way: str
    sold: bool
    close: bool
    margin: float
    hits: tuple[tuple[float, bool], ...]


class Shop:
    """A measuring set with its photos' vectors, and one catalog that holds parts of it in turn."""

    def __init__(self, name: str, products: Sequence[BenchmarkProduct], work: Path) -> None:
        """Index the whole shop, for the vectors."""
        self.name = name
        self.products = products
        self._work = work
        self._turkish = turkish_words(name)
        self._turn = itertools.count()
        self.catalog = work / "catalog"
        self.keep(products)
        self._vectors = asyncio.run(self._read_vectors())

    async def _read_vectors(self) -> dict[str, NDArray[np.float32]]:
        reader = await CatalogReader.open(self.catalog)
        rows = await reader.all_photos()
        products = await reader.products(np.unique(rows.numbers))
        reader.close()
        assert rows.vectors is not None  # noqa: S101  # all_photos gives them
        return {
            products[number].id: vector
            for number, vector in zip(rows.numbers.tolist(), rows.vectors, strict=True)
        }

    def keep(self, products: Iterable[BenchmarkProduct]) -> None:
        """Let the catalog hold these products alone."""
        fields = ("category", "color")
        feed = write_feed(products, self._work / f"feed-{next(self._turn)}", fields)
        index(feed, self.catalog, sync=True, remove_many=True)

    def ask(self, asked: Sequence[BenchmarkProduct], left: set[str]) -> Iterator[Asked]:
        """Ask for products in every way."""
        with Catalog.open(self.catalog) as opened:
            for product in asked:
                named = f"{product.category}, {product.color}".strip(", ")
                prompts = {"by category": named, "by title": product.title}
                turkish = self._turkish.get(product.id)
                if turkish:
                    prompts["in Turkish"] = turkish
                ways: list[tuple[str, str | None, bool]] = [("photo", None, True)]
                ways += [(f"prompt {how}", prompt, False) for how, prompt in prompts.items()]
                ways.append(("both", named, True))
                for way, prompt, with_photo in ways:
                    if prompt is not None and not prompt:
                        continue
                    vector = self._vectors[product.id] if with_photo else None
                    query = Query(prompt=prompt, limit=HITS)
                    answer = event_loop.run(opened.search_async(query, photo_vector=vector))
                    told = judged(way, answer, product, left)
                    if told is not None:
                        yield told


def judged(
    way: str, answer: SearchResult, product: BenchmarkProduct, left: set[str]
) -> Asked | None:
    """An answer against what was asked for; None where it does not say how sure it is."""
    if answer.close is None or answer.margin is None:
        return None
    hits = tuple(
        (hit.confidence, hit.product.category == product.category)
        for hit in answer.hits
        if hit.confidence is not None
    )
    return Asked(way, product.category in left, answer.close, answer.margin, hits)


def auroc(positives: Sequence[float], negatives: Sequence[float]) -> float:
    """Share of pairs in which the positive has more; ties count half."""
    more, less = np.array(positives)[:, np.newaxis], np.array(negatives)
    return float((more > less).mean() + (more == less).mean() / 2)


def reliability(shop: str, told: Sequence[Asked]) -> list[dict[str, Any]]:
    """Rows of a shop: confidence against what is right, by way of asking and bin."""
    rows = []
    for way in ("photo", "prompt", "both"):
        hits = [hit for each in told if each.way.startswith(way) for hit in each.hits]
        sure, right = (np.array(column, float) for column in zip(*hits, strict=True))
        bins = np.minimum(np.digitize(sure, BINS) - 1, len(BINS) - 2)
        row: dict[str, Any] = {"data": shop, "asked by": way, "hits": len(hits)}
        distance = 0.0
        for place, (low, high) in enumerate(itertools.pairwise(BINS)):
            kept = bins == place
            if kept.any():
                distance += abs(sure[kept].mean() - right[kept].mean()) * kept.mean()
                row[f"{low:.1f} to {high:.1f}: hits"] = int(kept.sum())
                row[f"{low:.1f} to {high:.1f}: mean confidence"] = round(
                    float(sure[kept].mean()), 3
                )
                row[f"{low:.1f} to {high:.1f}: right"] = round(float(right[kept].mean()), 3)
        rows.append({**row, "ece": round(float(distance), 3)})
    return rows


def separated(shop: str, how: str, told: Sequence[Asked]) -> list[dict[str, Any]]:
    """Rows of a shop: what is sold against what is not, by way of asking."""
    ways = ["photo", "prompt", *sorted({each.way for each in told if " " in each.way}), "both"]
    rows = []
    for way in ways:
        own = [each for each in told if each.way.startswith(way)]
        sold = [each for each in own if each.sold]
        unsold = [each for each in own if not each.sold]
        rows.append(
            {
                "data": shop,
                "removed": how,
                "asked by": way,
                "sold": len(sold),
                "not sold": len(unsold),
                "AUROC": round(
                    auroc([each.margin for each in sold], [each.margin for each in unsold]), 3
                ),
                "sold, close": round(float(np.mean([each.close for each in sold])), 3),
                "not sold, close": round(float(np.mean([each.close for each in unsold])), 3),
            }
        )
    return rows


def taken_away(products: Sequence[BenchmarkProduct], seed: int, *, shared: bool) -> set[str]:
    """Categories of REMOVED of the products, and those that share a word with one of them."""
    names = sorted({each.category for each in products if each.category})
    sizes = {name: sum(each.category == name for each in products) for name in names}
    words = {name: {word for word in folded_words(name) if len(word) > 2} for name in names}
    chosen: set[str] = set()
    gone: set[str] = set()
    for name in np.random.default_rng(seed).permutation(names).tolist():
        also = {other for other in names if words[other] & words[name]} if shared else {name}
        if sum(sizes[each] for each in gone | also) > MOST_REMOVED * len(products):
            continue
        chosen.add(name)
        gone |= also
        if sum(sizes[each] for each in chosen) >= REMOVED * len(products):
            break
    return gone | chosen


def odd_photos() -> dict[str, RgbImage]:
    """Pictures that show nothing."""
    rng = np.random.default_rng(SEED)
    ramp = np.linspace(0, 255, SIDE_PX)[:, np.newaxis, np.newaxis]
    stripes = np.where(np.arange(SIDE_PX) // 15 % 2, 230, 40)[np.newaxis, :, np.newaxis]
    pictures = {
        "noise": rng.uniform(0, 255, (SIDE_PX, SIDE_PX, 3)),
        "grey noise": rng.normal(128, 40, (SIDE_PX, SIDE_PX, 1)),
        "gradient": ramp,
        "coloured gradient": ramp * np.array([1.0, 0.6, 0.2]),
        "stripes": stripes,
        "white": np.array(255.0),
        "black": np.array(0.0),
    }
    return {
        name: np.ascontiguousarray(
            np.broadcast_to(picture.clip(0, 255), (SIDE_PX, SIDE_PX, 3)).astype(np.uint8)
        )
        for name, picture in pictures.items()
    }


def nonsense(shop: Shop) -> list[dict[str, Any]]:
    """What the whole shop answers to nonsense."""
    rows = []
    with Catalog.open(shop.catalog) as opened:
        answers = [(prompt, opened.search(prompt)) for prompt in NONSENSE]
        answers += [(name, opened.search(photo=each)) for name, each in odd_photos().items()]
    for asked, answer in answers:
        best = max((hit.confidence or 0.0 for hit in answer.hits), default=0.0)
        row = {"data": shop.name, "asked": asked, "close": str(answer.close).lower()}
        rows.append({**row, "best confidence": round(best, 3)})
    return rows


def measured(shop: Shop) -> tuple[list[dict[str, Any]], ...]:
    """All rows of a shop: reliability, what is not sold, nonsense."""
    odd = nonsense(shop)
    first, second = halves(shop.products)
    draws: dict[str, list[Asked]] = {"alone": [], "with words shared": []}
    told: list[Asked] = []
    for kept, asked in ((first, second), (second, first)):
        shop.keep(kept)
        told += shop.ask(asked, {each.category for each in kept})
        if kept is first:
            for (how, found), draw in itertools.product(draws.items(), range(REMOVALS)):
                gone = taken_away(kept, SEED + draw, shared=how != "alone")
                left = [each for each in kept if each.category not in gone]
                shop.keep(left)
                here = {each.category for each in left}
                found += shop.ask([each for each in asked if each.category in gone | here], here)
    removed = [row for how, found in draws.items() for row in separated(shop.name, how, found)]
    return reliability(shop.name, told), removed, odd


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=IKEA_DEV.parent, help="folder of the shops")
    add_output_option(parser, "confidence")
    options = parser.parse_args()
    tables: list[list[dict[str, Any]]] = [[], [], []]
    sources = []
    for name in SHOPS:
        found = real_shop(name, options.data)
        sources.append(found.source)
        with tempfile.TemporaryDirectory() as folder:
            for table, rows in zip(
                tables, measured(Shop(name, found.products, Path(folder))), strict=True
            ):
                table += rows
                print(*rows, sep="\n", flush=True)
    write_result(
        options.out,
        title="How sure an answer is",
        data=sources,
        method=METHOD,
        figures=dict(zip(("reliability", "not sold", "nonsense"), tables, strict=True)),
        encoders=card_hashes("default", "default-prompt"),
    )


if __name__ == "__main__":
    main()
