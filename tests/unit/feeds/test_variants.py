"""Variants as JSON gives them."""

from typing import Any

import pytest

from furniture_prompter.domain import Variant
from furniture_prompter.feeds.cells import UnusableValueError
from furniture_prompter.feeds.variants import LIMIT_VARIANTS, read_variants, refuse_excess


def test_a_variant_is_cleaned_as_a_product_is() -> None:
    value = [
        {
            "id": 4711,
            "title": " Grey\u0000  sofa ",
            "options": {"Renk ": " Açık  gri", "Size": 180, "none": None, "blank": " "},
            "colour": "gri",
            "price": 599,
            "in_stock": True,
            "base_colors": ["grey", " grey", ""],
        },
        {"id": "b"},
    ]
    first, second = read_variants(value)
    assert first == Variant(
        "4711",
        "Grey sofa",
        {"Renk": "Açık gri", "Size": "180"},
        "gri",
        {"price": 599.0, "in_stock": True, "base_colors": ("grey",)},
    )
    assert second == Variant("b")
    assert read_variants([{"id": "x", "title": "x"}])[0].title == "x"
    assert read_variants(None) == read_variants([]) == ()


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("grey", "variants is no list"),
        ([1], "Variant 1 is no object"),
        ([{"id": "a"}, {"title": "x"}], "Variant 2 has no id"),
        ([{"id": "a"}, {"id": " a"}], "Variants 1 and 2 have the same id, 'a'"),
        ([{"id": "a", "category": "sofa"}], "Variant 1 has category"),
        ([{"id": "a", "options": ["Grey"]}], "options of variant 1"),
        ([{"id": "a", "options": {"Color": True}}], "The option 'Color' of variant 1"),
        ([{"id": "a", "options": {"Color": "x" * 501}}], "too long"),
        ([{"id": "a", "options": {f"o{i}": "x" for i in range(21)}}], "has 21 options"),
        ([{"id": "a", "price": {"amount": 3}}], "Variant 1: price is an object"),
        ([{"id": "a", "note": "x" * 4_001}], "Variant 1: note has 4,001 characters"),
        ([{"id": str(i)} for i in range(LIMIT_VARIANTS + 1)], "has 501 variants"),
        ([{"id": str(i), "note": "x" * 3_000} for i in range(100)], "characters together"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_cannot_be_used_is_refused_with_its_place_and_a_cure(value: Any, told: str) -> None:
    with pytest.raises(UnusableValueError) as refused:
        read_variants(value)
    assert told in refused.value.reason
    assert refused.value.cure


def test_as_many_as_are_allowed_are_taken() -> None:
    variants = read_variants([{"id": str(number), "price": 3} for number in range(LIMIT_VARIANTS)])
    assert len(variants) == LIMIT_VARIANTS
    refuse_excess(variants)
