"""Variants of a product as JSON gives them: a list of objects, checked and cleaned cell by cell.

    [{"id": "sofa-grey", "options": {"Color": "Grey"}, "color": "grey", "price": 599}]

``id`` is required, ``title``, ``options`` and ``color`` have a meaning of their own, and every
other name is an attribute, as of a product. Whoever groups rows of a feed into products keeps to
the same limits by :func:`refuse_excess`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from furniture_prompter.domain import Product, SetAside, Variant
from furniture_prompter.feeds.cells import UnusableValueError, one_line, shown
from furniture_prompter.feeds.rows import LIMIT_WORDS, read_product

LIMIT_PHOTOS: Final = 500
"""Photos of one product, its variants' included; 64 may be its own, and 64 each variant's."""
LIMIT_VARIANTS: Final = 500
"""Variants of one product."""

LIMIT_OPTIONS: Final = 20
"""Options of one variant."""

LIMIT_VARIANT_CHARACTERS: Final = 200_000
"""Characters of all variants of a product together: every hit's answer has them."""

LIMIT_OPTION_NAME: Final = 64

# What a variant has in common with the others of its product.
_OF_THE_PRODUCT: Final = ("category", "description", "tags", "variants")
_NOWHERE: Final = Path()


def read_variants(value: object) -> tuple[Variant, ...]:
    """The variants of a product.

    Args:
        value: A list of objects; None for no variants.

    Raises:
        UnusableValueError: one of them cannot be used; the reason names it by its place, from 1.
    """
    if value is None:
        return ()
    if not isinstance(value, list):
        raise UnusableValueError(
            "variants is no list of objects.",
            'Write [{"id": …, "options": {"Color": …}, "price": …}], or leave it out.',
        )
    if len(value) > LIMIT_VARIANTS:
        raise _too_many(len(value))
    variants = tuple(_variant(each, place) for place, each in enumerate(value, start=1))
    refuse_excess(variants)
    return variants


def refuse_excess(variants: Sequence[Variant]) -> None:
    """Refuse more variants, options or text than a product may have, and an id that comes twice.

    Raises:
        UnusableValueError: there is more.
    """
    if len(variants) > LIMIT_VARIANTS:
        raise _too_many(len(variants))
    places: dict[str, int] = {}
    for place, variant in enumerate(variants, start=1):
        first = places.setdefault(variant.id, place)
        if first != place:
            raise UnusableValueError(
                f"Variants {first} and {place} have the same id, {shown(variant.id)}.",
                "Give each variant an id of its own, such as its SKU.",
            )
        if len(variant.options) > LIMIT_OPTIONS:
            raise UnusableValueError(
                f"Variant {shown(variant.id)} has {len(variant.options)} options, more than "
                f"{LIMIT_OPTIONS}.",
                "Keep those that tell it from the others.",
            )
    characters = sum(map(characters_of, variants))
    if characters > LIMIT_VARIANT_CHARACTERS:
        raise UnusableValueError(
            f"The variants have {characters:,} characters together, more than "
            f"{LIMIT_VARIANT_CHARACTERS:,}.",
            "Leave out of them what the product says already.",
        )


def characters_of(variant: Variant) -> int:
    """Characters of all texts of a variant, names included."""
    texts = [variant.id, variant.title, variant.color, *variant.options, *variant.options.values()]
    for name, value in variant.attributes.items():
        texts += [name, *(value if isinstance(value, tuple) else (str(value),))]
    return sum(map(len, texts))


def _too_many(count: int) -> UnusableValueError:
    return UnusableValueError(
        f"The product has {count:,} variants, more than {LIMIT_VARIANTS}.",
        "Leave out those that differ from another in nothing that is searched.",
    )


def _variant(value: object, place: int) -> Variant:
    if not isinstance(value, Mapping):
        raise UnusableValueError(f"Variant {place} is no object.", 'Write {"id": …, "options": …}.')
    fields = {str(name): each for name, each in value.items()}
    if fields.get("id") in (None, ""):
        raise UnusableValueError(
            f"Variant {place} has no id.", "Give each variant an id of its own, such as its SKU."
        )
    for name in _OF_THE_PRODUCT:
        if fields.pop(name, None) not in (None, "", []):
            raise UnusableValueError(
                f"Variant {place} has {name}, which all variants of a product share.",
                f"Give {name} to the product.",
            )
    options = _options(fields.pop("options", None), place)
    read = read_product(fields, _NOWHERE, place)
    if isinstance(read, SetAside):
        raise UnusableValueError(f"Variant {place}: {read.reason}", read.cure)
    return Variant(read.id, _title(read, fields), options, read.color, read.attributes)


def _title(read: Product, fields: Mapping[str, object]) -> str:
    # A product without a title is called by its id; a variant is told by its options.
    given = next((value for name, value in fields.items() if name.lower() == "title"), None)
    return read.title if isinstance(given, str) and one_line(given) else ""


def _options(value: object, place: int) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise UnusableValueError(
            f"The options of variant {place} are no object.", 'Write {"Color": "Grey"}.'
        )
    options: dict[str, str] = {}
    for name, each in value.items():
        if isinstance(each, bool) or not isinstance(each, str | int | float | None):
            raise UnusableValueError(
                f"The option {shown(name)} of variant {place} is no text.",
                'Write each option as a text, such as "Grey".',
            )
        words = one_line(each if isinstance(each, str) else "" if each is None else f"{each:.15g}")
        called = one_line(str(name))
        if len(called) > LIMIT_OPTION_NAME or len(words) > LIMIT_WORDS:
            raise UnusableValueError(
                f"The option {shown(called)} of variant {place} is too long.",
                f"A name has at most {LIMIT_OPTION_NAME} characters, a value {LIMIT_WORDS}.",
            )
        if called and words:
            options[called] = words
    return options
