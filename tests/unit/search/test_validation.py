"""Queries that are refused, each with its cure."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from furniture_prompter.catalog.retention import UPLOADS_FOLDER
from furniture_prompter.domain import Photo, Product, Query
from furniture_prompter.domain.query import Crop
from furniture_prompter.errors import InvalidQueryError, PhotoNotFoundError, ProductNotFoundError
from furniture_prompter.search.validation import (
    find_photo,
    find_product,
    number_of_product,
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
        ({"heat": True}, ("heat",)),
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


CHAIR = Product("chair", "Chair")
PHOTO_ID = "0123456789abcdef" * 4


class Reader:
    """A catalog version of one product, whose second photo is a variant's."""

    def __init__(self, folder: Path, path: str) -> None:
        self.folder = folder
        self.asked: list[str] = []
        self._path = path

    async def number_of(self, product_id: str) -> int | None:
        return 7 if product_id == "chair" else None

    async def products(self, numbers: Any) -> dict[int, Product]:
        assert (numbers.tolist(), numbers.dtype) == ([7], np.int64)
        return {7: CHAIR}

    async def photos(self, numbers: Any, column: str | None) -> Any:
        assert (numbers.tolist(), column) == ([7], None)
        return SimpleNamespace(ids=["a", "b"], photo=lambda row, owner: (row, owner))

    async def photo(self, photo_id: str) -> Photo | None:
        self.asked.append(photo_id)
        return Photo(photo_id, "chair", self._path) if photo_id == PHOTO_ID else None


def test_a_product_is_found_with_all_of_its_photos(tmp_path: Path) -> None:
    reader: Any = Reader(tmp_path, "")
    assert asyncio.run(number_of_product(reader, "chair")) == 7
    found: Any = asyncio.run(find_product(reader, "chair"))
    assert found == (CHAIR, ((0, "chair"), (1, "chair")))
    told = f"^The catalog has no product '{'x' * 100}'\\. Check the id; every hit has one\\.$"
    with pytest.raises(ProductNotFoundError, match=told):
        asyncio.run(number_of_product(reader, "x" * 101))
    with pytest.raises(ProductNotFoundError, match=told):
        asyncio.run(find_product(reader, "x" * 101))


def test_a_photo_is_found_by_the_hash_of_its_bytes_alone(tmp_path: Path) -> None:
    file = tmp_path / "a.jpg"
    file.write_bytes(b"x")
    reader: Any = Reader(tmp_path, str(file))
    assert asyncio.run(find_photo(reader, PHOTO_ID)) == file
    for other in (PHOTO_ID[:-1], f"{PHOTO_ID}0", PHOTO_ID.upper(), f"{PHOTO_ID[:-1]}g", "../a.jpg"):
        with pytest.raises(PhotoNotFoundError, match=r"has no such photo\. Take the address"):
            asyncio.run(find_photo(reader, other))
    assert reader.asked == [PHOTO_ID]
    with pytest.raises(PhotoNotFoundError, match="has no such photo"):
        asyncio.run(find_photo(reader, "f" * 64))


def test_a_photo_whose_file_was_moved_is_looked_for_among_the_catalogs_own(tmp_path: Path) -> None:
    reader: Any = Reader(tmp_path, "/elsewhere/a.jpg")
    with pytest.raises(PhotoNotFoundError, match=r"gone from where it was indexed\. Put it back"):
        asyncio.run(find_photo(reader, PHOTO_ID))
    uploads = tmp_path / UPLOADS_FOLDER
    uploads.mkdir()
    (uploads / f"{PHOTO_ID}.jpg").write_bytes(b"x")
    assert asyncio.run(find_photo(reader, PHOTO_ID)) == uploads / f"{PHOTO_ID}.jpg"
    (uploads / "a.jpg").write_bytes(b"x")
    assert asyncio.run(find_photo(reader, PHOTO_ID)) == uploads / "a.jpg"


@pytest.mark.parametrize(
    ("crop", "is_inside"),
    [
        (Crop(0, 0, 1, 1), True),
        (Crop(0.5, 0.25, 0.5, 0.75), True),
        # A rounding beyond the edge.
        (Crop(0.5, 0, 0.5 + 9e-7, 1), True),
        (Crop(0, 0.5, 1, 0.5 + 9e-7), True),
        (Crop(0.5, 0, 0.5 + 2e-6, 1), False),
        (Crop(0, 0.5, 1, 0.5 + 2e-6), False),
        (Crop(-1e-9, 0, 0.5, 1), False),
        (Crop(0, -1e-9, 0.5, 1), False),
        (Crop(1, 0, 1e-9, 1), False),
        (Crop(0, 1, 1, 1e-9), False),
        (Crop(0, 0, 0, 1), False),
        (Crop(0, 0, 1, 0), False),
        (Crop(0, 0, float("nan"), 1), False),
    ],
)
def test_a_crop_lies_within_its_photo_but_for_a_rounding(crop: Crop, *, is_inside: bool) -> None:
    query = Query(photo=PHOTO, crop=crop)
    if is_inside:
        refuse_unanswerable(query, Settings())
    else:
        with pytest.raises(InvalidQueryError, match="The crop does not lie within the photo"):
            refuse_unanswerable(query, Settings())


@pytest.mark.parametrize("name", ["prompt", "without"])
def test_words_have_as_many_characters_as_the_settings_allow(name: str) -> None:
    settings = Settings(limit_prompt_characters=20)
    asked: dict[str, Any] = {"prompt": "a"}
    refuse_unanswerable(Query(**{**asked, name: "x" * 20}), settings)
    with pytest.raises(InvalidQueryError, match=f"^The {name} has 21 characters. Use at most 20;"):
        refuse_unanswerable(Query(**{**asked, name: "x" * 21}), settings)
