"""Kinds that a prompt does not want, and which categories and titles are of them."""

import re

import pytest

from furniture_prompter.domain.query import Understood
from furniture_prompter.search.unwanted_kinds import left_out
from furniture_prompter.understanding.prompts import KIND

COLUMNS = {"category": "text", "title": "text"}


def is_left_out(unwanted: str, wanted: str, category: str, title: str) -> bool:
    """As the conditions' own expressions tell it, which are of a form that Python reads alike."""
    part = Understood("", KIND, "contains", unwanted, "without")
    told = dict(zip(COLUMNS, left_out(part, wanted, COLUMNS), strict=True))
    texts = {"category": category, "title": title}
    return any(
        re.search(condition.split("'")[1], texts[column], re.IGNORECASE)
        for column, condition in told.items()
    )


@pytest.mark.parametrize(
    ("unwanted", "wanted", "title"),
    [
        ("kanepe", "koltuk", "Three-seat sofa"),
        ("kanepe", "koltuk", "Three-seat sofa-bed"),
        ("sofa", "", "Gri Köşe Takımı"),
        ("recliners", "", "Recliner, grey"),
        ("chair", "", "Rocking-chair"),
        ("gardırop", "dolap", "Wardrobe with 2 doors"),
        ("sarkıt lamba", "lamba", "Pendant lamp"),
        ("koltuk", "", "Armchair"),
        ("wardrobe", "", "GARDIROP"),
    ],
)
def test_all_names_of_a_kind_and_of_its_sorts_are_left_out(
    unwanted: str, wanted: str, title: str
) -> None:
    assert is_left_out(unwanted, wanted, "", title)


@pytest.mark.parametrize(
    ("unwanted", "wanted", "title"),
    [
        ("kanepe", "koltuk", "Armchair"),
        ("chair", "armchair", "High-back armchair"),
        ("sofa bed", "sofa", "Three-seat sofa"),
        ("koltuk", "kanepe", "Three-seat sofa"),
        ("kanepe", "köşe koltuk", "Köşe Kanepe"),
        ("bed", "", "Bedside table"),
        ("children's chair", "armchair", "Armchair"),
    ],
)
def test_what_is_wanted_stays(unwanted: str, wanted: str, title: str) -> None:
    assert not is_left_out(unwanted, wanted, "", title)


def test_a_category_is_told_by_its_last_words_in_the_plural_too() -> None:
    assert is_left_out("sofa", "", "Mobilya > Kanepeler", "Oslo")
    assert is_left_out("sofa", "", "Living room > Sofas", "Oslo")
    assert not is_left_out("sofa", "", "Sofas > Cushions", "Oslo")
