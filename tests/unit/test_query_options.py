"""Query options: each is declared as a field and as a keyword, and every interface has it."""

from typing import get_type_hints

import pytest

from furniture_prompter.client import Client
from furniture_prompter.domain import Query
from furniture_prompter.query_options import (
    OPTIONS,
    QueryOptions,
    SearchOptions,
    SimilarOptions,
    given,
)
from furniture_prompter.settings import Settings


def test_keywords_are_the_fields_and_may_be_none() -> None:
    fields = get_type_hints(QueryOptions)
    keywords = get_type_hints(SearchOptions)
    assert keywords.keys() == fields.keys() == OPTIONS.keys()
    for name, kind in fields.items():
        assert keywords[name] == kind | None
    assert get_type_hints(SimilarOptions).keys() == {
        name for name, option in OPTIONS.items() if option.about.of_similar
    }


def test_what_is_left_out_has_the_default_of_its_setting() -> None:
    settings = Settings(photo_weight=0.25)
    query = Query(prompt="oak")
    left_out = query.with_options({"limit": 3, "photo_weight": None}, settings)
    assert (left_out.limit, left_out.photo_weight, left_out.prompt) == (3, 0.25, "oak")
    assert query.with_options({"photo_weight": 0.75}, settings).photo_weight == 0.75


def test_an_option_that_is_none_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(TypeError, match="no option 'colour' here"):
        given({"limit": 3, "colour": "red"})
    with Client("http://127.0.0.1:9") as client, pytest.raises(TypeError, match="'colour'"):
        client.search("stool", colour="red")  # type: ignore[call-arg]  # what is tested


def test_an_option_of_searches_alone_is_refused_where_a_product_is_asked_for() -> None:
    with pytest.raises(TypeError, match="'without' here; there are colour_weight, where"):
        given({"without": "red"}, similar=True)
    with Client("http://127.0.0.1:9") as client, pytest.raises(TypeError, match="'photo_weight'"):
        client.similar("p1", photo_weight=0.1)  # type: ignore[call-arg]  # what is tested


def test_a_query_keeps_lists_that_nobody_can_change() -> None:
    named = ["color"]
    query = Query(prompt="oak").with_options({"facets": named}, Settings())
    named.append("price")
    assert query.facets == ("color",)
    assert Query().with_options({"facets": iter(["color"])}, Settings()).facets == ("color",)
