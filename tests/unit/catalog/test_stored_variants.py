"""Variants as tables keep them, and hashes of rows with and without any."""

import pytest

from furniture_prompter.catalog.columns import attribute_type, variants_from, variants_text
from furniture_prompter.domain import Photo, Product, Variant
from furniture_prompter.ingest.changes import row_hash

VARIANTS = (
    Variant(
        "a", "Sofa, gri", {"Renk": "Açık gri", "Size": "3"}, "gri", {"price": 0.0, "new": True}
    ),
    Variant("b", attributes={"price": 12.5, "base_colors": ("grey", "oak"), "label": "x"}),
)
PHOTO = Photo("ab" * 32, "s-1", "/shop/s-1.jpg")
PLAIN = Product(
    *("s-1", "Tabure, ışıklı", "stool", "white", "", ("seat",)),
    {"price": 89.0, "on_sale": True, "maker": "Ş"},
)


def test_variants_read_back_equal_and_none_are_nothing() -> None:
    assert variants_from(variants_text(VARIANTS)) == VARIANTS
    assert variants_text(()) is None
    assert variants_from(None) == ()


def test_the_order_of_attributes_is_no_difference_and_that_of_options_is() -> None:
    turned = Variant("a", attributes={"b": 1.0, "a": 2.0})
    assert variants_text((turned,)) == variants_text(
        (Variant("a", attributes={"a": 2.0, "b": 1.0}),)
    )
    sizes = (Variant("a", options={"x": "1", "y": "2"}), Variant("a", options={"y": "2", "x": "1"}))
    assert variants_text(sizes[:1]) != variants_text(sizes[1:])


@pytest.mark.parametrize("text", ["", "{", "3", "[1]", '[{"title": "x"}]', "[[]]", '["a"]'])
def test_what_was_never_written_is_no_variants(text: str) -> None:
    with pytest.raises(ValueError, match=r"variants|Expecting"):
        variants_from(text)


def test_a_product_without_variants_has_the_hash_that_it_always_had() -> None:
    assert row_hash(PLAIN, [PHOTO]) == (
        "85154301de5f9ac9204042dd4632f0b5e4c7fd7fef360ee488363c287fabcd72"
    )


def test_variants_and_what_their_photos_show_are_in_the_hash() -> None:
    product = Product("s-1", "x", variants=VARIANTS)
    hashes = {
        row_hash(Product("s-1", "x"), [PHOTO]),
        row_hash(product, [PHOTO]),
        row_hash(product, [Photo(PHOTO.id, "s-1", PHOTO.path, "a")]),
        row_hash(Product("s-1", "x", variants=VARIANTS[::-1]), [PHOTO]),
    }
    assert len(hashes) == 4


def test_types_of_values() -> None:
    values = ("a", 1.0, True, ("a",))
    assert [attribute_type(each) for each in values] == ["text", "number", "boolean", "texts"]
