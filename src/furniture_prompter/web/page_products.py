"""Products on the shopper's page: cards, prices, sizes and facts in a shopper's words."""

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from furniture_prompter.search.outfit_answer import CompanionFields, ReasonFields
from furniture_prompter.understanding.rooms import kind_name, room_table, with_article
from furniture_prompter.web.page_words import Words

_SIZES: Final = ("diameter_cm", "length_cm", "width_cm", "depth_cm", "height_cm")
# What is said already, and what is nobody's affair in a shop's window.
_UNTOLD: Final = re.compile(
    r"id|title|description|tags|variants|category_path|base_.*|currency|family|source|.*_[a-z]{2}"
)
_MEASURED: Final = re.compile(r".*_(?:cm|kg|mm|m|l)")
_GONE: Final = ("out of stock", "discontinued")
_LATER: Final = ("preorder", "backorder")


def product_card(
    product: Mapping[str, Any], variant: Mapping[str, Any] | None, words: Words
) -> dict[str, Any]:
    """What a card says of a product, in the form that its photo shows.

    It is sold out where every form is.
    """
    shown = cheapest(product) if variant is None else variant
    told = {**product, **{name: each for name, each in (shown or {}).items() if each}}
    if variant is None and shown is not None:
        told["sale_price"] = shown.get("sale_price")
    sale, price = told.get("sale_price"), told.get("price")
    lower = isinstance(sale, float | int) and isinstance(price, float | int) and sale < price
    return {
        "id": product["id"],
        "href": "products/" + quote(product["id"], safe=""),
        "title": title_of(product, words),
        "variant": " / ".join((variant or {}).get("options", {}).values()),
        "price": words.money(sale if lower else price, product.get("currency")),
        "was": words.money(price, product.get("currency")) if lower else "",
        "from": variant is None and len(product["variants"]) > 1,
        "size": size_of(told, words),
        "swatches": list(product.get("base_colors") or ())[:6],
        "sold": is_sold_out(product),
    }


def companion_card(piece: CompanionFields, words: Words) -> dict[str, Any]:
    """What a card says of a piece that goes with another, and why."""
    return {
        **product_card(piece["product"], None, words),
        "photo": piece["photo"].rpartition("/")[2],
        "why": [reason_told(each, words) for each in piece["why"]],
    }


def reason_told(reason: ReasonFields, words: Words) -> str:
    """Why a piece goes with another, in the words' language."""
    value, language = reason["value"] or "", words.language
    if reason["reason"] == "beside":
        value = with_article(value) if language == "en" else kind_name(value, language)
    elif reason["reason"] == "room":
        value = room_table().room_names[value][language]
    return words(f"goes_{reason['reason']}", value=words.value(value), count=reason["count"])


def cheapest(product: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The variant of the lowest price, of those that can be had where any can; None without one."""

    def costs(variant: Mapping[str, Any]) -> float:
        prices = [variant.get("price"), variant.get("sale_price")]
        return min(float(each) for each in prices if isinstance(each, float | int))

    priced = [each for each in product["variants"] if isinstance(each.get("price"), float | int)]
    to_be_had = [each for each in priced if not is_sold_out(product, each)]
    return min(to_be_had or priced, key=costs, default=None)


def is_sold_out(product: Mapping[str, Any], variant: Mapping[str, Any] | None = None) -> bool:
    """Whether a variant cannot be had; without one, whether no variant of the product can."""
    if variant is None and product["variants"]:
        return all(is_sold_out(product, each) for each in product["variants"])
    told = {**product, **(variant or {})}
    availability = str(told.get("availability") or "").casefold()
    # A variant's own word counts for more than the pieces that all of them have together.
    pieces = (variant if variant and variant.get("availability") else told).get("stock")
    return availability in _GONE or (pieces == 0 and availability not in _LATER)


def title_of(product: Mapping[str, Any], words: Words) -> str:
    """What a product is called, in the page's language where the feed says it."""
    return str(product.get(f"title_{words.language}") or product["title"] or product["id"])


def size_of(product: Mapping[str, Any], words: Words) -> str:
    """Length, width, depth and height in this order, a diameter before them; those that are known.

    One or two are named: of "200 × 90 cm" nobody could tell which they are.
    """
    known = [(name, product.get(name)) for name in _SIZES]
    numbers = [(name, value) for name, value in known if isinstance(value, float | int)]
    if not numbers:
        return ""
    is_round = numbers[0][0] == _SIZES[0]
    if is_round or len(numbers) > 2:
        return (
            ("Ø " if is_round else "")
            + " × ".join(words.number(value) for _, value in numbers)
            + " cm"
        )
    return ", ".join(f"{words.column(name)} {words.number(value)} cm" for name, value in numbers)


def facts_of(product: Mapping[str, Any], words: Words) -> list[tuple[str, str]]:
    """What else the shop says of a product, by name."""
    found = []
    for name, value in product.items():
        untold = _UNTOLD.fullmatch(name) and not _MEASURED.fullmatch(name)
        if untold or value in (None, "", []):
            continue
        if name == "availability" and _some_sold_out(product):
            text = words("some_sold_out")
        elif name in ("price", "sale_price"):
            text = words.money(value, product.get("currency"))
        elif isinstance(value, list):
            text = ", ".join(words.value(each) for each in value)
        else:
            translated = product.get(f"{name}_{words.language}")
            text = translated if isinstance(translated, str) and translated else words.value(value)
            text += " cm" if name.endswith("_cm") else " kg" if name.endswith("_kg") else ""
        found.append((words.column(name), str(text)))
    if "availability" not in product and _some_sold_out(product):
        found.append((words.column("availability"), words("some_sold_out")))
    return found


def _some_sold_out(product: Mapping[str, Any]) -> bool:
    gone = [is_sold_out(product, each) for each in product["variants"]]
    return any(gone) and not all(gone)
