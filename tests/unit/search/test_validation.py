"""Queries that are refused, each with its cure."""

from typing import Any

import numpy as np
import pytest

from furniture_prompter.domain import Query
from furniture_prompter.domain.query import Crop
from furniture_prompter.errors import InvalidQueryError
from furniture_prompter.search.validation import (
    refuse_unanswerable,
    refuse_unknown_facets,
    unused_options,
)
from furniture_prompter.settings import Settings

PHOTO = np.zeros((32, 32, 3), np.uint8)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        (Query(), "Give a prompt, a photo, or both"),
        (Query(prompt=""), "has no words"),
        (Query(prompt=" \t\n"), "has no words"),
        (Query(prompt="🛋️ 🪑"), "has no words"),
        (Query(prompt="x" * 10_000), "10000 characters"),
        (Query(prompt="chair", without="…"), "without has no words"),
        (Query(prompt="chair", limit=0), "Ask for 1 to"),
        (Query(prompt="chair", limit=100_000), "Ask for 1 to"),
        (Query(prompt="chair", photo=PHOTO, photo_weight=1.5), "number from 0"),
        (Query(prompt="chair", diversity=-0.1), "diversity is -0.1. Give a number from 0"),
        (Query(photo=PHOTO, similar_to="p1"), "Leave one of them out"),
        (Query(prompt="chair", crop=Crop(0, 0, 1, 1)), "crop and no photo"),
        (Query(similar_to="p1", crop=Crop(0, 0, 1, 1)), "crop and no photo"),
        (Query(photo=PHOTO, crop=Crop(0, 0, 1.1, 1)), "within the photo"),
        (Query(photo=PHOTO, crop=Crop(0.5, 0, 0.6, 1)), "within the photo"),
        (Query(photo=PHOTO, crop=Crop(0, 0, 0, 1)), "within the photo"),
        (Query(photo=PHOTO, crop=Crop(-0.1, 0, 0.5, 1)), "within the photo"),
        (Query(photo=PHOTO, crop=Crop(0, float("nan"), 0.5, 1)), "within the photo"),
        (Query(prompt="chair", piece=1), "piece and no photo. Give the photo"),
        (Query(photo=PHOTO, crop=Crop(1, 0, 0.5, 1)), "within the photo"),
        (Query(photo=PHOTO, crop=Crop(0, 1, 1, 0.5)), "within the photo"),
        (Query(photo=PHOTO, crop=Crop(0, -0.1, 1, 0.5)), "within the photo"),
        (Query(photo=PHOTO, crop=Crop(0, 0, 1, 1.1)), "within the photo"),
        (Query(photo=PHOTO, crop=Crop(0, 0.5, 1, 0.6)), "within the photo"),
        (Query(photo=PHOTO, crop=Crop(0, 0, 1, 0)), "within the photo"),
        (Query(photo=PHOTO, crop=Crop(0, 0, 1, -0.1)), "within the photo"),
        (Query(photo=PHOTO, crop=Crop(1, 0, 1e-7, 1)), "within the photo"),
        (Query(photo=PHOTO, crop=Crop(0.2, 0.2, 0.8 + 1e-5, 0.5)), "within the photo"),
        (Query(photo=PHOTO, crop=Crop(0.2, 0.2, 0.5, 0.8 + 1e-5)), "within the photo"),
        (Query(prompt="x" * 2_001), "2001 characters"),
        (Query(prompt="chair", without="x" * 2_001), "without has 2001 characters"),
        (Query(prompt="chair", limit=-1), "Ask for 1 to"),
        (Query(prompt="chair", photo=PHOTO, photo_weight=-0.01), "number from 0"),
        (Query(prompt="chair", photo=PHOTO, photo_weight=1.01), "number from 0"),
        (Query(prompt="chair", facets=("color",) * 11), "at most 10"),
        (Query(prompt="chair", photo=PHOTO, photo_weight=float("nan")), "number from 0"),
    ],
)
def test_an_unanswerable_query_is_refused_with_the_cure(query: Query, words: str) -> None:
    with pytest.raises(InvalidQueryError, match=words):
        refuse_unanswerable(query, Settings())


@pytest.mark.parametrize(
    "query",
    [
        Query(prompt="oak side table 🪵"),
        Query(prompt="masa"),
        Query(prompt="椅子"),
        Query(photo=PHOTO),
        Query(prompt="x" * 2_000, photo=PHOTO, photo_weight=0.0),
        Query(prompt="chair", photo=PHOTO, photo_weight=1.0, limit=1),
        Query(prompt="chair", facets=("color",) * 10),
        Query(photo=PHOTO, crop=Crop(0, 0, 1, 1)),
        Query(photo=PHOTO, crop=Crop(0.999, 0.999, 0.001, 0.001)),
        Query(photo=PHOTO, crop=Crop(0.2, 0.3, 0.8 + 1e-7, 0.7 + 1e-7)),
        Query(similar_to="p1"),
    ],
)
def test_an_answerable_query_passes(query: Query) -> None:
    refuse_unanswerable(query, Settings())


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({}, ()),
        ({"photo_weight": 0.5, "whole": False, "colour_weight": None}, ()),
        ({"photo_weight": 0.7}, ("photo_weight",)),
        ({"photo_weight": 0.0, "colour_weight": 0.0}, ("photo_weight", "colour_weight")),
        ({"whole": True}, ("whole",)),
    ],
)
def test_what_weighs_or_treats_a_photo_is_told_where_there_is_none(
    options: dict[str, Any], named: tuple[str, ...]
) -> None:
    query, settings = Query(prompt="chair", **options), Settings()
    refuse_unanswerable(query, settings)
    told = unused_options(query, settings, has_photo=False)
    assert len(told) == bool(named)
    assert all(f"`{name}`" in told[0] and "Give a photo" in told[0] for name in named)
    assert unused_options(query, settings, has_photo=True) == ()


def test_a_default_of_the_settings_is_nothing_to_be_told_of() -> None:
    settings = Settings(photo_weight=0.7)
    chosen = Query(prompt="chair").with_options({}, settings)
    assert unused_options(chosen, settings, has_photo=False) == ()
    even = Query(prompt="chair").with_options({"photo_weight": 0.5}, settings)
    assert unused_options(even, settings, has_photo=False)


def test_a_photo_that_comes_as_a_vector_is_a_photo() -> None:
    refuse_unanswerable(Query(), Settings(), photo_is_encoded=True)
    refuse_unanswerable(Query(crop=Crop(0, 0, 1, 0.5)), Settings(), photo_is_encoded=True)
    with pytest.raises(InvalidQueryError, match="Leave one of them out"):
        refuse_unanswerable(Query(similar_to="p1"), Settings(), photo_is_encoded=True)


def test_an_unknown_facet_is_refused_with_the_nearest_column_there_is() -> None:
    refuse_unknown_facets(["color", "width_cm"], {"color", "width_cm"})
    with pytest.raises(
        InvalidQueryError, match=r"no column `colour`.* mean `color`\?.*color, title"
    ):
        refuse_unknown_facets(["color", "colour"], {"title", "color"})
    with pytest.raises(InvalidQueryError, match=r"no column `zz` to count\. Ask for one of them"):
        refuse_unknown_facets(["zz"], {"title", "color"})
