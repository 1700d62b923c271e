"""The words of some products: which have each, and how the shop writes it."""

import pyarrow as pa

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


def test_an_empty_catalog_has_no_words() -> None:
    empty = vocabulary_of(ROWS.slice(0, 0))
    assert empty.products == 0
    assert empty.having("stool").tolist() == []


def test_columns_that_name_things_are_those_of_text() -> None:
    assert own_columns({"title": "text", "color": "number", "base_colors": "texts"}) == [
        "title",
        "base_colors",
    ]
