"""Completions and refinements, from a catalog of a few words."""

import asyncio
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from furniture_prompter.catalog.columns import NUMBER, WORDS
from furniture_prompter.catalog.vocabulary import vocabulary_of
from furniture_prompter.domain.query import (
    DescribedWord,
    Facet,
    FacetRange,
    FacetValue,
    Refinement,
    Suggestions,
)
from furniture_prompter.errors import InvalidQueryError
from furniture_prompter.search.suggesting import (
    Suggester,
    _by_last_word,
    _head,
    _of_facet,
    _Phrases,
    _prompt,
    joined,
    products_of,
    shares,
    softmax,
)
from furniture_prompter.search.wording import KnownWords
from furniture_prompter.understanding.thesaurus import thesaurus

ROWS: dict[str, list[Any]] = {
    "title": ["Oak table", "Oak bench, low", "KALLAX Shelving unit, white", "Pine table", "Sofa"],
    "category": ["Tables", "Benches", "Shelving units", "tables", "Sofas"],
    "color": ["Oak", "oak, brown", "White", "", None],
}


@pytest.fixture(scope="module")
def known() -> KnownWords:
    words = [
        " ".join(part.lower().replace(",", " ") for part in parts if part)
        for parts in zip(*ROWS.values(), strict=True)
    ]
    return KnownWords(
        vocabulary_of(pa.table({NUMBER: list(range(1, 6)), WORDS: words, **ROWS})), thesaurus()
    )


def completions(known: KnownWords, begun: str, limit: int = 50) -> list[tuple[str, int]]:
    found = _Phrases.of(ROWS, known).beginning(begun, limit)
    return [(each.text, each.count) for each in found]


def test_phrases_begin_with_what_was_typed_or_have_a_word_that_does(known: KnownWords) -> None:
    # Those that begin so come first, then those of most products, then short ones.
    assert completions(known, "oak") == [
        ("oak", 2),
        ("oak bench", 1),
        ("oak table", 1),
        ("oak tables", 1),
        ("oak benches", 1),
    ]
    assert completions(known, "ben") == [("benches", 1), ("oak bench", 1), ("oak benches", 1)]
    assert completions(known, "oak b") == [("oak bench", 1), ("oak benches", 1)]
    assert completions(known, "zz") == []


def test_a_phrase_is_counted_over_its_spellings_and_at_most_so_many_are_given(
    known: KnownWords,
) -> None:
    assert completions(known, "table")[:1] == [("tables", 2)]
    assert completions(known, "oak", 2) == [("oak", 2), ("oak bench", 1)]


def test_a_title_names_its_piece_without_the_models_name(known: KnownWords) -> None:
    assert _head("KALLAX Shelving unit, white", known) == "Shelving unit"
    assert _head("OAK TABLE", known) == "OAK TABLE"
    assert _head("TV Table", known) == "TV Table"
    assert _head("Malm Nordli", known) == ""
    assert _head("Table 120", known) == ""
    assert _head("", known) == ""


def test_the_last_word_is_completed_by_words_that_the_others_products_have(
    known: KnownWords,
) -> None:
    def completed(begun: str) -> list[tuple[str, int]]:
        return [(each.text, each.count) for each in _by_last_word(known, begun)]

    assert completed("oak t") == [("oak table", 1), ("oak tables", 1)]
    assert completed("t") == [("table", 2), ("tables", 2)]
    assert completed("oak ") == [
        ("oak bench", 1),
        ("oak benches", 1),
        ("oak brown", 1),
        ("oak low", 1),
        ("oak table", 1),
        ("oak tables", 1),
    ]
    assert completed("") == completed("zorblatt t") == completed("oak z") == []


@pytest.mark.parametrize(
    ("words", "numbers"),
    [
        (["oak"], [1, 2]),
        (["oak", "table"], [1]),
        (["tables"], [1, 4]),
        (["couch"], [5]),
        (["zorblatt"], []),
        (["zorblatt", "oak"], [1, 2]),
        (["oak", "sofa"], []),
        ([], []),
    ],
)
def test_products_have_every_word_that_any_has(
    known: KnownWords, words: Sequence[str], numbers: list[int]
) -> None:
    found = products_of(known, words)
    assert found.tolist() == numbers
    assert found.dtype == np.int64


def test_ranges_refine_from_below_and_the_last_one_not_at_all() -> None:
    facet = (FacetRange(10, 80, 3), FacetRange(80, 120.5, 2), FacetRange(120.5, 300, 4))
    assert list(_of_facet("width_cm", "number", facet)) == [
        Refinement("under 80 cm", "width_cm", "width_cm < 80", 3),
        Refinement("under 120.5 cm", "width_cm", "width_cm < 120.5", 5),
    ]
    assert next(_of_facet("price", "number", facet)).text == "under 80"


def test_values_refine_by_their_columns_own_comparison() -> None:
    facet = (FacetValue("King's oak", 3), FacetValue(True, 2))  # noqa: FBT003  # it is the value
    assert list(_of_facet("base_colors", "texts", facet)) == [
        Refinement("King's oak", "base_colors", "base_colors contains 'King''s oak'", 3)
    ]
    (only,) = _of_facet("room", "text", facet)
    assert only.where == "room = 'King''s oak'"


class Shelf:
    """A catalog of the rows above, whose facets a test gives."""

    filter_columns: ClassVar = {
        "category": "text",
        "color": "text",
        "base_colors": "texts",
        "base_materials": "text",
        "price": "number",
        "title": "text",
    }

    def __init__(self) -> None:
        self.read = 0
        self.counted: list[tuple[list[int], list[str]]] = []

    async def some_products(self, names: Sequence[str], limit: int) -> dict[str, list[Any]]:
        assert limit == 100_000
        self.read += 1
        return {name: ROWS[name] for name in names}

    async def facets(self, numbers: NDArray[np.int64], columns: list[str]) -> dict[str, Facet]:
        self.counted.append((numbers.tolist(), columns))
        told: dict[str, Facet] = {
            "category": (FacetValue("Oak", 1), FacetValue("Tables", 1), FacetValue("Benches", 1)),
            "base_colors": (
                FacetValue("brown", 2),
                *(FacetValue(f"colour {letter}", 1) for letter in "abcde"),
            ),
            "price": (FacetRange(1, 10, 1), FacetRange(10, 20, 1)),
        }
        return {name: told[name] for name in columns}


def suggested(known: KnownWords, typed: str, limit: int = 20) -> tuple[Suggestions, Shelf]:
    class Words:
        async def known(self) -> KnownWords:
            return known

    async def ask() -> Suggestions:
        suggester = Suggester(reader, words)
        first = await suggester.suggest(typed, limit)
        assert await suggester.suggest(typed, limit) == first
        return first

    shelf = Shelf()
    reader: Any = shelf
    words: Any = Words()
    found = asyncio.run(ask())
    assert shelf.read == 1
    return found, shelf


def test_phrases_come_before_single_words_and_nothing_twice(known: KnownWords) -> None:
    found, _ = suggested(known, "Oak ")
    assert found.typed == "Oak "
    assert [each.text for each in found.completions] == [
        "oak bench",
        "oak table",
        "oak tables",
        "oak benches",
        "oak brown",
        "oak low",
    ]
    for limit in (1, 4, 5, 6):
        fewer, _ = suggested(known, "oak ", limit)
        assert fewer.completions == found.completions[:limit]


def test_products_of_the_words_are_refined_by_each_column_in_turn(known: KnownWords) -> None:
    found, shelf = suggested(known, "oak")
    # A colour stands in base_colors, and a column of another type refines nothing.
    assert shelf.counted[0] == ([1, 2], ["category", "base_colors", "price"])
    assert [each.text for each in found.refinements] == [
        "Tables",
        "colour a",
        "under 10",
        "Benches",
        "colour b",
        "colour c",
        "colour d",
    ]
    fewer, _ = suggested(known, "oak", 2)
    assert [each.text for each in fewer.refinements] == ["Tables", "colour a"]


@pytest.mark.parametrize("typed", ["sofa", "zorblatt", ""])
def test_fewer_than_two_products_are_not_refined(known: KnownWords, typed: str) -> None:
    found, shelf = suggested(known, typed)
    assert found.refinements == ()
    assert shelf.counted == []


@pytest.mark.parametrize("limit", [0, -1, 51])
def test_suggestions_are_from_1_to_50(known: KnownWords, limit: int) -> None:
    with pytest.raises(InvalidQueryError, match=f"{limit} suggestions .* Ask for 1 to 50"):
        suggested(known, "oak", limit)
    for fine in (1, 50):
        assert suggested(known, "oak", fine)[0].completions


def test_shares_fall_by_e_for_each_temperature_and_add_up_to_one() -> None:
    found = softmax(np.array([0.9, 0.85, 0.8], np.float32), 0.05)
    weights = np.exp([0, -1, -2])
    assert found.tolist() == pytest.approx((weights / weights.sum()).tolist(), abs=1e-6)
    assert found.sum() == pytest.approx(1)


def test_a_products_vote_is_given_whole_to_each_of_its_words() -> None:
    votes = np.array([0.5, 0.3, 0.2])
    assert shares([["red", "blue", "red"], ["blue"], []], votes) == pytest.approx(
        {"red": 0.5 / 0.8, "blue": 1.0}
    )
    assert shares(["red, blue ", " ,", None], votes, ",") == {"red": 1.0, "blue": 1.0}
    assert shares(["oak, pine", "ash", "ash"], votes) == pytest.approx(
        {"oak, pine": 0.5, "ash": 0.5}
    )
    assert shares([None, "", []], votes) == {}


def test_votes_and_likeness_are_joined_six_to_four() -> None:
    voted = np.array([0.6, 0.2])
    found = joined(voted, np.array([0.1, 0.2]))
    near = np.exp([-1, 0]) / np.exp([-1, 0]).sum() * 0.8
    assert found.tolist() == pytest.approx((0.6 * voted + 0.4 * near).tolist())


def words(*told: tuple[str, float]) -> tuple[DescribedWord, ...]:
    return tuple(DescribedWord(text, confidence) for text, confidence in told)


def test_sure_words_make_a_prompt_and_the_kind_is_always_said() -> None:
    ranked = {
        "category": words(("sofa", 0.1), ("bed", 0.05)),
        "colors": words(("grey", 0.35), ("red", 0.3)),
        "materials": words(("linen", 0.349)),
    }
    assert _prompt(ranked) == "grey sofa"
    assert _prompt({**ranked, "materials": words(("oak", 0.9))}) == "grey oak sofa"
    assert _prompt({"category": (), "colors": (), "materials": ()}) == ""
