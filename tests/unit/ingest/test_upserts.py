"""Writes of a request: which count, what is said of each, and what is not told of the server."""

from pathlib import Path
from typing import Any

import pytest

from furniture_prompter.domain import FeedRow, Product, Removal, SetAside, Upsert, WriteResult
from furniture_prompter.ingest import upserts
from furniture_prompter.ingest.upserts import REQUEST, product_id_of


def upsert(line: int, product_id: str) -> Upsert:
    return Upsert(line=line, product=Product(product_id, "Oak"), photos=None)


def test_a_removal_is_of_the_id_as_the_catalog_keeps_it() -> None:
    assert product_id_of(Removal(line=1, product_id=" a\n b ")) == "a b"
    assert product_id_of(upsert(1, "a")) == "a"


def test_the_first_write_of_an_id_counts_and_others_are_refused() -> None:
    results: dict[int, WriteResult] = {}
    first, second, other = upsert(1, "a"), Removal(line=2, product_id="a"), upsert(3, "b")
    assert upserts._first_of_each_id([first, second, other], results) == [first, other]
    assert results == {
        2: WriteResult(
            *(2, "a", "refused"),
            "The id 'a' is already in line 1.",
            "Write each product once in a batch.",
        )
    }


@pytest.mark.parametrize(
    ("write", "outcome"),
    [
        (Removal(line=4, product_id="stored"), "deleted"),
        (Removal(line=4, product_id="x"), "missing"),
        (upsert(4, "new"), "created"),
        (upsert(4, "old"), "updated"),
        (upsert(4, "stored"), "unchanged"),
    ],
)
def test_each_write_says_what_became_of_it(write: Any, outcome: Any) -> None:
    stored: Any = {"stored": None, "old": None}
    left_out = () if isinstance(write, Removal) else ("No number.",)
    told = upserts._done(write, {"new": True, "old": False}, stored, ["No number."])
    assert told == WriteResult(4, product_id_of(write), outcome, left_out=left_out)


def test_a_photo_that_cannot_be_used_is_told_by_its_number_and_not_by_its_place() -> None:
    images = (Path("/srv/u/a.jpg"), Path("/srv/u/b.jpg"))
    rows = [FeedRow(Product("p", "P"), images, REQUEST, 7)]
    problems = [
        SetAside(REQUEST, 7, f"The photo {images[1]} is like {images[0]}.", "Mend it.", "p"),
        SetAside(REQUEST, 7, f"The photo {images[0]} is broken.", "Mend it.", "p"),
    ]
    spoilt = upserts._spoilt(rows, problems)
    assert spoilt == {7: WriteResult(7, "p", "refused", "Photo 2 is like 1.", of_photo=True)}


def test_what_is_refused_says_why_and_what_helps() -> None:
    item = SetAside(REQUEST, 7, "No id.", "Give one.", "p")
    assert upserts._refused(item) == WriteResult(7, "p", "refused", "No id.", "Give one.")
