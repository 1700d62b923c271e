"""What was asked for comes first: a kind with colours, materials, styles that it has or has not."""

import argparse
import itertools
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.datasets import card_hashes, real_shop, write_feed
from benchmarks.provenance import add_output_option, write_result
from furniture_prompter.assembly import Catalog, index
from furniture_prompter.settings import Settings

HITS: Final = 5
Kinds = Sequence[tuple[str, str]]

SAID_OF_IT: Final[Mapping[str, Sequence[str]]] = {
    "en": (
        *("red", "navy", "pink", "yellow", "turquoise", "walnut", "oak", "leather", "gold"),
        *("glass", "modern", "rustic", "cheap", "extraordinary"),
    ),
    "tr": (
        *("kırmızı", "lacivert", "pembe", "turkuaz", "ceviz", "meşe", "deri", "altın"),
        *("cam", "modern", "şık", "ucuz"),
    ),
}
"""Colours, materials, styles, and words that few or no products have."""
KINDS: Final[Mapping[str, Mapping[str, Kinds]]] = {
    "ikea-dev": {
        "en": (
            ("wardrobe", r"wardrobe.*"),
            ("desk", r"(?:standing |children's )?desk(?: with.*)?"),
            ("sofa", r".*-seat sofa.*"),
            ("armchair", r".*(?:armchair|easy chair|wing chair)"),
            ("rug", r"rug"),
            ("table lamp", r"table lamp.*|.*work lamp.*"),
            ("chest of drawers", r"(?:mini )?chest (?:of|with) .*"),
            ("pendant lamp", r"pendant .*"),
        ),
        "tr": (
            ("gardırop", r"wardrobe.*"),
            ("kitaplık", r"bookcase.*"),
            ("kanepe", r".*-seat sofa.*"),
            ("sandalye", r"(?!.*cushion).*chair(?!s).*"),
            ("halı", r"rug"),
            ("şifonyer", r"(?:mini )?chest (?:of|with) .*"),
        ),
    },
    "shop2-dev": {
        "en": (
            ("sofa", r"sofa.*"),
            ("armchair", r"accent chair"),
            ("ottoman", r"ottoman"),
            ("coffee table", r"coffee table"),
            ("tv stand", r"tv stand"),
            ("recliner", r"recliner"),
            ("bookcase", r"bookcase"),
        ),
        "tr": (
            ("kanepe", r"sofa.*"),
            ("puf", r"ottoman"),
            ("orta sehpa", r"coffee table"),
            ("yan sehpa", r"end table"),
            ("tv sehpası", r"tv stand"),
            ("dresuar", r"console table"),
        ),
    },
}
"""Kinds by shop and language, each with the categories that are of it."""
FEEDS: Final[Mapping[str, Sequence[str]]] = {
    "with category and colour": ("category", "color"),
    "with titles alone": (),
}
METHOD: Final = f"""
Each kind is asked for in every colour, material, style and word of its language, whether the shop
has such pieces or not ("turquoise desk", "ceviz puf"), through Catalog.search; the catalog is
English. "first of another kind" counts prompts whose first hit is in no category of the kind,
"fewer than 3 of {HITS}" those with so few of it among the first {HITS}. Without the gate the
setting weight_kind is 0.
"""


def prompts(shop: str) -> Iterator[tuple[str, str, str]]:
    """Language, prompt, and the categories that answer it."""
    for language, kinds in KINDS[shop].items():
        for (kind, categories), said in itertools.product(kinds, SAID_OF_IT[language]):
            yield language, f"{said} {kind}", categories


def measured(folder: Path, shop: str, settings: Settings) -> list[dict[str, Any]]:
    """A row for each language.

    Args:
        folder: The shop's catalog.
        shop: Its name.
        settings: Of the searches.
    """
    of_category = {each.id: each.category for each in real_shop(shop).products}
    rows: dict[str, dict[str, Any]] = {}
    with Catalog.open(folder, settings=settings) as catalog:
        for language, prompt, categories in prompts(shop):
            hits = catalog.search(prompt, limit=HITS).hits
            right = [bool(re.fullmatch(categories, of_category[hit.product.id])) for hit in hits]
            row = rows.setdefault(
                language,
                {"prompts": 0, "first of another kind": 0, f"fewer than 3 of {HITS}": 0, "of": []},
            )
            row["prompts"] += 1
            if not right or not right[0]:
                row["first of another kind"] += 1
                row["of"].append(prompt)
            row[f"fewer than 3 of {HITS}"] += sum(right) < 3
    return [{"data": shop, "language": name, **row} for name, row in rows.items()]


def main() -> None:
    """Measure both shops, with categories and without, and file the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, help="keeps the shops' catalogs for another run")
    add_output_option(parser, "kind_first")
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        work = options.work or Path(temporary)
        for shop, (feed, fields) in itertools.product(KINDS, FEEDS.items()):
            catalog = work / f"{shop}-{len(fields)}"
            if not catalog.exists():
                products = real_shop(shop).products
                written = write_feed(products, work / f"feed-{catalog.name}", fields)
                index(written, catalog)
            for gate, settings in (("no", Settings(weight_kind=0)), ("yes", Settings())):
                rows += [
                    {"feed": feed, "gate": gate, **row} for row in measured(catalog, shop, settings)
                ]
                print(rows[-2:])
    data = [real_shop(shop).source for shop in KINDS]
    write_result(
        options.out,
        title="What was asked for comes first: kinds with what they have and have not",
        data=data,
        method=METHOD,
        figures={"rows": rows},
        encoders=card_hashes("default", "default-prompt"),
    )


if __name__ == "__main__":
    main()
