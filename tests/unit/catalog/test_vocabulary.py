"""The words of some products: which have each, and how the shop writes it."""

import math

import pyarrow as pa
import pytest

from furniture_prompter.catalog.columns import NUMBER, WORDS
from furniture_prompter.catalog.vocabulary import Vocabulary, own_columns, vocabulary_of

ROWS = pa.table(
    {
        NUMBER: [7, 3, 9],
        WORDS: ["white stool oak white", "stool black", None],
        "title": ["White stool", "KOKEN stool", "Işıklı AYNA"],
        "category": ["Stool", "Stool", None],
        "tags": pa.array([["oak", "seat"], [], None], pa.list_(pa.string())),
    }
)


def read() -> Vocabulary:
    return vocabulary_of(ROWS)


def test_products_that_have_a_word_are_listed_once_and_rising() -> None:
    words = read()
    assert words.having("stool").tolist() == [3, 7]
    assert words.having("white").tolist() == [7]
    assert words.having("nothing").tolist() == []
    assert [words.count(word) for word in ("stool", "black", "nothing")] == [2, 1, 0]


def test_the_shops_spelling_is_kept_and_a_models_name_is_none_of_its_words() -> None:
    own = read().own
    assert own["stool"][0] == "stool"
    assert own["isikli"] == ("ışıklı", 1)
    assert "koken" not in own
    assert own["seat"] == ("seat", 1)


def test_rare_words_say_more() -> None:
    words = read()
    assert words.rarity(1) > words.rarity(2) > 0
    # BM25's: the logarithm of 1 + (N - n + 0.5) / (n + 0.5), of three products.
    assert words.rarity(0) == pytest.approx(math.log(1 + 3.5 / 0.5))
    assert words.rarity(1) == pytest.approx(math.log(1 + 2.5 / 1.5))
    assert words.rarity(3) == pytest.approx(math.log(1 + 0.5 / 3.5))


def test_an_empty_catalog_has_no_words() -> None:
    empty = vocabulary_of(ROWS.slice(0, 0))
    assert empty.products == 0
    assert empty.having("stool").tolist() == []


def test_columns_that_name_things_are_those_of_text() -> None:
    assert own_columns({"title": "text", "color": "number", "base_colors": "texts"}) == [
        "title",
        "base_colors",
    ]


def own_of(*titles: str) -> dict[str, tuple[str, int]]:
    rows = {NUMBER: list(range(len(titles))), WORDS: list(titles), "title": list(titles)}
    return dict(vocabulary_of(pa.table(rows)).own)


def test_a_word_in_capitals_among_others_is_a_word_from_three_products_on() -> None:
    assert "koken" not in own_of("KOKEN stool", "KOKEN bench")
    assert own_of("KOKEN stool", "KOKEN bench", "KOKEN bed")["koken"] == ("KOKEN", 3)
    # Where all is in capitals, nothing is told by them.
    assert own_of("OAK STOOL")["oak"] == ("OAK", 1)


def test_a_word_has_three_letters_at_least_and_no_digit() -> None:
    assert own_of("an oak bed, x9a, 120") == {"oak": ("oak", 1), "bed": ("bed", 1)}


def test_a_word_is_spelled_as_most_products_have_it() -> None:
    assert own_of("ışıklı", "isikli", "Işıklı")["isikli"] == ("ışıklı", 3)
    assert own_of("İskemle")["iskemle"] == ("iskemle", 1)
    assert own_of("Iron bed")["iron"] == ("iron", 1)
    assert own_of("McCoy bed")["mccoy"] == ("McCoy", 1)
