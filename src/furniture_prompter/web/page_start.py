"""What a page shows that was asked nothing: kinds of products, and examples in their words."""

from collections.abc import Mapping
from typing import Any, Final
from weakref import WeakKeyDictionary

from furniture_prompter import domain
from furniture_prompter.assembly.catalogs import Catalog
from furniture_prompter.domain import Query
from furniture_prompter.web.page_words import Words

_TILES: Final = 8
_LOOKED_AT: Final = 50

# The same for everybody until the catalog changes.
_STARTS: Final[WeakKeyDictionary[Catalog, dict[str, dict[str, Any]]]] = WeakKeyDictionary()


async def first_page(catalog: Catalog, words: Words) -> dict[str, Any]:
    """What a page shows that was asked nothing: kinds of products, and examples in their words."""
    kept = _STARTS.setdefault(catalog, {})
    if words.language not in kept:
        tiles = await _tiles(catalog, words)
        named = [await _example(catalog, words, n, each) for n, each in enumerate(tiles)]
        kept[words.language] = {"tiles": tiles, "examples": [each for each in named if each][:3]}
    return kept[words.language]


async def _tiles(catalog: Catalog, words: Words) -> list[dict[str, str]]:
    """The catalog's most frequent kinds of products, each with the photo that answers it best.

    Its most frequent words where its products have no kinds.
    """
    suggested = await catalog.suggest_async("", _LOOKED_AT)
    kinds: list[dict[str, str]] = []
    others: list[dict[str, str]] = []
    for each in suggested.completions:
        for hit in (await catalog.search_async(Query(prompt=each.text, limit=1))).hits:
            is_kind = hit.product.category.casefold() == each.text.casefold()
            named = hit.product.attributes.get(f"category_{words.language}")
            text = named if is_kind and isinstance(named, str) else each.text
            tile = {
                "text": text,
                "words": each.text,
                "photo": hit.photo.id,
                "color": _own_color(hit.product, words, text is named),
            }
            (kinds if is_kind else others).append(tile)
        if len(kinds) == _TILES:
            break
    return [*kinds, *others][:_TILES]


async def _example(catalog: Catalog, words: Words, place: int, tile: Mapping[str, str]) -> str:
    """A prompt about a kind of product, in one of three forms; empty where it cannot be made.

    The page's own words stand beside the catalog's where its colour shows that both are of one
    language; else the example is the catalog's own words.
    """
    kind, color = tile["text"], tile["color"]
    is_new = bool(color) and color.casefold() not in kind.casefold()
    if not words.says(color):
        return f"{color} {kind}" if is_new else ""
    refinements = (await catalog.suggest_async(tile["words"], _LOOKED_AT)).refinements
    under = [
        each.text.removeprefix("under ").removesuffix(" cm")
        for each in refinements
        if each.column == "width_cm" and each.text.startswith("under ")
    ]
    if place % 3 == 0 and under:
        return words("example_under", words=kind, size=under[-1])
    if not is_new:
        return ""
    return words("example_not", words=kind, color=color) if place % 3 == 1 else f"{color} {kind}"


def _own_color(product: domain.Product, words: Words, is_translated: bool) -> str:
    """A product's first colour: as the feed writes it, or in the page's language as its kind is."""
    named = product.attributes.get(f"color_{words.language}")
    text = named if isinstance(named, str) and named else product.color
    first = text.partition(",")[0].strip()
    told = words.value(first.casefold()) if is_translated else first
    return told if words.says(told) or not is_translated else ""
