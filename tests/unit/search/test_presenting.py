"""A ranked page as hits: which photo, what matched, and what a person should read."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from furniture_prompter.catalog.columns import VECTOR
from furniture_prompter.catalog.reader import PhotoRows
from furniture_prompter.domain import Hit, Product, Query, Variant
from furniture_prompter.domain.query import Crop, LookedAt, Understood
from furniture_prompter.encoders.card import EmbeddingSpace, Preprocessing, identity_of
from furniture_prompter.search.attributes import Wish
from furniture_prompter.search.paging import OVERLAP_FIGURE, asymmetry_note, notes, present
from furniture_prompter.search.query_vectors import NoRoute
from furniture_prompter.search.retrievers import Fused, RetrieverGroup
from tests.fakes import colour_card

NOBODY = NoRoute("Prompts reach no photos.")
VARIED = Product("p7", "Sofa", variants=(Variant("v1", "Navy"), Variant("v2", "Red")))


class Shelf:
    """A catalog of two products with five photos."""

    async def products(self, numbers: Sequence[int]) -> dict[int, Product]:
        return {3: Product("p3", "Bed"), 7: VARIED}

    async def photos(self, numbers: Sequence[int], column: str | None) -> PhotoRows:
        assert column in {VECTOR, None}
        vectors = [[0, 1, 0], [0.6, 0.8, 0], [1, 0, 0], [0.8, 0.6, 0], [1, 0, 0]]
        return PhotoRows(
            np.array([7, 7, 7, 3, 3]),
            ["a", "b", "c", "d", "e"],
            ["a.png", "b.png", "c.png", "d.png", "e.png"],
            ["v1", "v1", "v2", "", ""],
            None if column is None else np.array(vectors, np.float32),
        )


def retriever(name: str, weight: float) -> Any:
    return SimpleNamespace(name=name, weight=weight)


GROUPS = [
    RetrieverGroup(0.5, (retriever("photo", 1.0),)),
    RetrieverGroup(0.5, (retriever("keyword", 1.0), retriever("prompt-text", 3.0))),
    RetrieverGroup(-0.5, (retriever("keyword", 1.0),)),
]
RANKED = Fused(
    np.array([7, 3]),
    np.array([2.0, 1.0], np.float32),
    {
        "photo": np.array([0.5, 0.25], np.float32),
        "keyword": np.array([0.125, 0.0], np.float32),
        "prompt-text": np.array([0.75, 0.3], np.float32),
    },
    exhausted=True,
)


def hits(photo: list[float] | None, looks: Sequence[Wish] = (), ranked: Fused = RANKED) -> Any:
    query: Any = SimpleNamespace(
        photo=None if photo is None else np.array(photo, np.float32), prompt=None, covered=None
    )
    shelf: Any = Shelf()
    return asyncio.run(present(ranked, 20, GROUPS, query, shelf, NOBODY, looks))


def shown(found: Sequence[Hit]) -> list[str]:
    return [hit.photo.id for hit in found]


def test_hits_are_numbered_on_from_the_pages_before() -> None:
    found = hits([0.0, 1.0])
    assert [(hit.rank, hit.score, hit.product.id) for hit in found] == [
        (21, 2.0, "p7"),
        (22, 1.0, "p3"),
    ]
    nothing = Fused(np.zeros(0, np.int64), np.zeros(0, np.float32), {}, exhausted=True)
    assert hits([0.0, 1.0], ranked=nothing) == ()


def test_the_photo_nearest_to_the_query_is_shown_and_the_first_without_one() -> None:
    assert shown(hits([0.0, 1.0])) == ["a", "d"]
    assert shown(hits([0.6, 0.8])) == ["b", "d"]
    assert shown(hits([1.0, 0.0])) == ["c", "e"]
    assert shown(hits(None)) == ["a", "d"]


def test_of_variants_those_that_are_most_of_what_was_asked_for_are_shown() -> None:
    red = Understood("red", "base_colors", "contains", "red", "preference")
    found = hits([0.0, 1.0], [Wish(red, ("base_colors",), "texts")])
    assert shown(found) == ["c", "d"]
    assert found[0].variant == VARIED.variants[1]
    assert found[1].variant is None
    # Where all variants are equally much of it, the nearest is.
    oak = Understood("oak", "base_materials", "contains", "oak", "preference")
    assert shown(hits([0.6, 0.8], [Wish(oak, ("base_materials",), "texts")])) == ["b", "d"]


def test_what_puts_a_product_a_deviation_above_others_matched() -> None:
    first, second = hits([0.0, 1.0])
    # Strengths are in deviations: of a share of a half, the keywords' own eighth.
    assert first.strengths == {"prompt-text": 2.0, "photo": 1.0, "keyword": 1.0}
    assert list(first.contributions) == ["prompt-text", "photo", "keyword"]
    assert first.matched == ("prompt-text", "photo", "keyword")
    assert second.strengths == pytest.approx({"prompt-text": 0.8, "photo": 0.5, "keyword": 0.0})
    # Nothing did: the strongest is named.
    assert second.matched == ("prompt-text",)


def told(query: Query, route: Any = NOBODY, version: int = 4, **encoded: Any) -> tuple[str, ...]:
    asked: Any = SimpleNamespace(query=query, **{"prompt": None, **encoded})
    manifest: Any = SimpleNamespace(version=4)
    cursor: Any = SimpleNamespace(version=version)
    return notes(asked, manifest, None, route, cursor)


def test_notes_say_what_was_looked_at_and_what_changed() -> None:
    assert told(Query()) == ()
    assert told(Query(), prompt=object()) == ("Prompts reach no photos.",)
    (note,) = told(Query(), version=3)
    assert note.startswith("The catalog went from version 3 to 4 since the page before")
    looked_at = LookedAt(Crop(0.1, 0.25, 0.5, 0.3333), 90)
    assert told(Query(looked_at=looked_at)) == (
        "Searched the picture within the photo (crop 0.1,0.25,0.5,0.333), not all of it.",
        "The photo was turned by 90 degrees clockwise to be upright.",
    )
    assert told(Query(looked_at=LookedAt(None, 0))) == ()


TEACHER = colour_card("teacher", "1")
SPACE = EmbeddingSpace("teacher", identity_of(TEACHER).space_id)
STUDENT = colour_card("student", "2", space=SPACE, figures={OVERLAP_FIGURE: 0.5})


def test_one_encoder_on_both_sides_needs_no_words() -> None:
    assert asymmetry_note(identity_of(TEACHER), TEACHER) is None
    assert asymmetry_note(identity_of(STUDENT), STUDENT) is None
    assert asymmetry_note(identity_of(TEACHER), replace(TEACHER, name="renamed")) is None


def test_the_same_weights_that_look_at_photos_otherwise_are_another_encoder() -> None:
    squashing = replace(TEACHER, name="squashing", space=SPACE, preprocessing=Preprocessing(32))
    note = asymmetry_note(identity_of(TEACHER), squashing)
    assert note == "Photos were embedded by teacher; this query by squashing, its export."


def test_the_agreement_is_told_only_where_it_was_measured_and_means_this_pair() -> None:
    note = asymmetry_note(identity_of(TEACHER), STUDENT)
    assert note is not None
    assert note.endswith("its student: agreement with the teacher 0.50 overlap@10 (card).")
    silent = replace(STUDENT, figures={})
    assert asymmetry_note(identity_of(TEACHER), silent) == (
        "Photos were embedded by teacher; this query by student, its student."
    )
    sibling = colour_card("sibling", "3", space=SPACE)
    assert asymmetry_note(identity_of(sibling), STUDENT) == (
        "Photos were embedded by sibling; this query by student, of the same space."
    )


def test_a_teacher_whose_space_has_a_name_of_its_own_is_still_the_teacher() -> None:
    # An ensemble names its space after its parts, so that a rebuilt one stays comparable.
    teacher = replace(TEACHER, space=EmbeddingSpace("teacher", "9" * 64))
    student = replace(STUDENT, space=EmbeddingSpace("teacher", "9" * 64))
    note = asymmetry_note(identity_of(teacher), student)
    assert note is not None
    assert "its student: agreement with the teacher 0.50" in note


def test_an_export_and_another_build_are_called_what_they_are() -> None:
    export = replace(STUDENT, name="export", training={})
    note = asymmetry_note(identity_of(TEACHER), export)
    assert note == "Photos were embedded by teacher; this query by export, its export."
    build = replace(STUDENT, name="teacher")
    note = asymmetry_note(identity_of(TEACHER), build)
    assert note == "Photos were embedded by teacher; this query by teacher, another build of it."


def test_a_teacher_that_asks_its_students_catalog_is_called_one() -> None:
    assert asymmetry_note(identity_of(STUDENT), TEACHER) == (
        "Photos were embedded by student; this query by teacher, its teacher."
    )
