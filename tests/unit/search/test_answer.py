"""The JSON promise, against the document that makes it."""

import json
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from furniture_prompter.domain import (
    CatalogReference,
    Hit,
    Photo,
    Product,
    Query,
    SearchResult,
    Variant,
)
from furniture_prompter.domain.query import Crop, FacetRange, FacetValue, LookedAt, Understood
from furniture_prompter.errors import (
    CatalogNotFoundError,
    FurniturePrompterError,
    InvalidFilterError,
    InvalidPhotoError,
)
from furniture_prompter.search.answer import (
    answer,
    error_answer,
    product_answer,
    product_page_answer,
    understood_answer,
)

DOCUMENT = Path(__file__).parents[3] / "docs" / "json.md"

WHITE = Variant("s-1-w", "", {"Color": "Beyaz"}, "beyaz", {"price": 89.0})

RESULT = SearchResult(
    query=Query(
        prompt="beyaz tabure",
        photo_name="chair.jpg",
        without="metal",
        where="price < 300",
        limit=2,
        colour_weight=0.05,
        crop=Crop(0.25, 0.0, 0.5, 1.0),
        looked_at=LookedAt(None, 90),
    ),
    catalog=CatalogReference("my-catalog", 4, "efficientnet-lite2"),
    hits=(
        Hit(
            rank=1,
            score=2.12345678,
            product=Product(
                id="s-1",
                title="Tabure, ışıklı",
                category="stool",
                color="white",
                description="",
                tags=("seat",),
                attributes={
                    "width_cm": 40.5,
                    "price": 89.0,
                    "on_sale": True,
                    "base_colors": ("white",),
                },
                variants=(WHITE,),
            ),
            photo=Photo("ab", "s-1", "/shop/s-1.jpg"),
            matched=("keyword", "prompt-photo"),
            variant=WHITE,
            confidence=0.87654,
        ),
    ),
    timings_ms={"encode": 1.23456, "total": 3.0},
    notes=("A note.",),
    facets={
        "color": (FacetValue("white", 7), FacetValue("oak", 2)),
        "price": (FacetRange(10.0, 60.0, 4), FacetRange(60.0, 89.5, 5)),
    },
    cursor="WzEwLDIwMF0",
    understood=(Understood("white", "base_colors", "contains", "white", "preference"),),
    close=True,
)


def test_an_answer_holds_what_was_promised_in_the_promised_order() -> None:
    answered = answer(RESULT)
    assert list(answered) == [
        *("query", "catalog", "hits", "timings_ms", "notes"),
        *("facets", "cursor", "understood", "did_you_mean", "close", "pieces"),
    ]
    assert answered["query"] == {
        "prompt": "beyaz tabure",
        "photo": "chair.jpg",
        "photo_weight": 0.5,
        "colour_weight": 0.05,
        "without": "metal",
        "where": "price < 300",
        "limit": 2,
        "crop": {"x": 0.25, "y": 0.0, "width": 0.5, "height": 1.0},
        "looked_at": {"crop": None, "turned": 90},
        "diversity": 0.3,
        "understand": True,
        "lift": [],
        "least_confidence": None,
        "whole": False,
        "piece": None,
        "heat": False,
        "similar_to": None,
    }
    assert answered["catalog"] == {
        "path": "my-catalog",
        "version": 4,
        "encoder": "efficientnet-lite2",
    }
    (first,) = answered["hits"]
    assert list(first) == [
        *("rank", "score", "product", "photo", "matched", "variant", "confidence", "heat"),
    ]
    assert (first["confidence"], first["heat"]) == (0.877, None)
    hot = replace(RESULT.hits[0], heat=((0.0, 1 / 3), (1.0, 0.5)))
    assert answer(replace(RESULT, hits=(hot,)))["hits"][0]["heat"] == [[0.0, 0.333], [1.0, 0.5]]
    assert answered["close"] is True
    assert first["score"] == 2.123457
    assert first["photo"] == "/shop/s-1.jpg"
    assert first["matched"] == ["keyword", "prompt-photo"]
    assert first["variant"] == {
        "id": "s-1-w",
        "title": "",
        "options": {"Color": "Beyaz"},
        "color": "beyaz",
        "price": 89.0,
    }
    assert first["product"]["variants"] == [first["variant"]]
    assert first["product"]["base_colors"] == ["white"]
    assert answered["timings_ms"] == {"encode": 1.235, "total": 3.0}
    assert answered["notes"] == ["A note."]
    assert answered["facets"] == {
        "color": [{"value": "white", "count": 7}, {"value": "oak", "count": 2}],
        "price": [
            {"from": 10.0, "to": 60.0, "count": 4},
            {"from": 60.0, "to": 89.5, "count": 5},
        ],
    }
    assert answered["cursor"] == "WzEwLDIwMF0"
    assert answered["understood"] == [
        {
            "text": "white",
            "column": "base_colors",
            "op": "contains",
            "value": "white",
            "currency": None,
            "as": "preference",
        }
    ]


def test_a_range_that_was_understood_has_both_ends() -> None:
    part = Understood("100-200 €", "price", "between", 100.0, "filter", 200.0, "EUR")
    answered = understood_answer(part)
    assert (answered["value"], answered["currency"]) == ([100.0, 200.0], "EUR")


def test_a_product_has_its_known_fields_first_and_its_own_columns_by_name_after() -> None:
    assert list(answer(RESULT)["hits"][0]["product"]) == [
        *("id", "title", "category", "color", "description", "tags", "variants", "base_colors"),
        *("on_sale", "price", "width_cm"),
    ]


def test_a_hit_without_a_variant_says_null_and_its_product_has_none() -> None:
    plain = replace(RESULT.hits[0], product=Product("a", "A"), variant=None)
    answered = answer(replace(RESULT, hits=(plain,)))["hits"][0]
    assert answered["variant"] is None
    assert answered["product"]["variants"] == []


def test_a_product_page_says_which_photos_show_one_variant() -> None:
    product = RESULT.hits[0].product
    photos = [Photo(name, "s-1", f"/{name}", shown) for name, shown in (("a", ""), ("b", "s-1-w"))]
    page = product_page_answer(product, photos)
    assert page["photos"] == ["/a", "/b"]
    assert page["variant_photos"] == {"s-1-w": ["/b"]}


def test_a_feed_column_cannot_take_the_place_of_a_known_field() -> None:
    product = Product("real", "Chair", attributes={"id": "forged", "price": 1.0})
    answered = product_answer(product)
    assert answered["id"] == "real"
    assert answered["price"] == 1.0


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_json_does_not_have_becomes_null(value: float) -> None:
    answered = product_answer(Product("a", "A", attributes={"price": value}))
    assert json.loads(json.dumps(answered, allow_nan=False))["price"] is None


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InvalidFilterError("x"), "invalid_filter"),
        (InvalidPhotoError("x"), "invalid_photo"),
        (CatalogNotFoundError("x"), "catalog_not_found"),
        (FurniturePrompterError("x"), "furniture_prompter"),
    ],
)
def test_an_error_is_named_by_its_class(error: FurniturePrompterError, code: str) -> None:
    assert error_answer(error) == {"code": code, "message": "x"}


def _shape(value: Any) -> Any:
    """Keys and JSON types; objects of free keys and lists by what they hold."""
    if isinstance(value, dict):
        return {key: _shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_shape(item) for item in value[:1]]
    return type(value).__name__


def test_the_example_in_the_document_has_the_shape_of_a_real_answer() -> None:
    page = DOCUMENT.read_text("utf-8")
    example = re.search(r"<!-- answer -->\n```json\n(.*?)```", page, re.DOTALL)
    assert example is not None
    documented = json.loads(example[1])
    shape = _shape(documented)
    assert list(documented) == list(answer(RESULT))
    assert {**shape, "timings_ms": None} == {**_shape(answer(RESULT)), "timings_ms": None}


def test_every_error_code_is_documented() -> None:
    page = DOCUMENT.read_text("utf-8")

    def tree(kind: type[FurniturePrompterError]) -> list[type[FurniturePrompterError]]:
        return [kind, *(deeper for child in kind.__subclasses__() for deeper in tree(child))]

    for kind in tree(FurniturePrompterError):
        if kind.__module__ == "furniture_prompter.errors":
            assert f"`{error_answer(kind(''))['code']}`" in page
