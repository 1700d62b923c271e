"""The multilingual table keeps English and gives words of other languages English meanings."""

import numpy as np
import pytest

from tools.prompt_encoder_builder.checks import CheckFailedError, MultilingualCheck
from tools.prompt_encoder_builder.multilingual import (
    Answers,
    MultilingualSettings,
    Table,
    anchors_among,
    multilingual_table,
)
from tools.prompt_encoder_builder.words import (
    Word,
    frequent_words,
    furniture_words,
    key_of,
    said_in_english,
)

ENGLISH = {"[UNK]": 0, "chair": 1, "table": 2, "white": 3}
ROWS = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32)
SETTINGS = MultilingualSettings(own_axes=2, own_length=0.5)
GOOD = MultilingualCheck(1.0, 1.0, 1.0, 0.6, {"tr": 1.0, "de": 0.8})


def table() -> Table:
    network = np.eye(4, dtype=np.float32)
    answers = Answers(
        ["chair", "table", "white", "stuhl"],
        np.concatenate([network[:3], network[:1] + 0.1 * network[3:]]),
    )
    return multilingual_table(
        Table(ENGLISH, ROWS),
        {"stuhl": Word("Stuhl")},
        {"komodin": [3, 2]},
        answers,
        ["chair", "table", "white"],
        SETTINGS,
    )


def test_english_pieces_keep_their_numbers_and_rows() -> None:
    made = table()
    assert list(made.vocabulary) == [*ENGLISH, "stuhl", "komodin"]
    np.testing.assert_array_equal(made.rows[:4, :3], ROWS)


def test_a_word_means_what_the_nearest_english_words_mean() -> None:
    made = table()
    row = made.rows[made.vocabulary["stuhl"], :3]
    assert np.argmax(row) == 0
    assert row[0] > 0.9 * np.linalg.norm(row)


def test_a_word_of_the_dictionary_is_the_sum_of_its_english_words() -> None:
    made = table()
    np.testing.assert_allclose(
        made.rows[made.vocabulary["komodin"]], made.rows[3] + made.rows[2], atol=1e-6
    )


def test_the_networks_part_has_the_length_that_was_asked_for() -> None:
    rows = table().rows[1:4]
    lengths = [np.sqrt(np.square(part).sum(axis=1).mean()) for part in (rows[:, :3], rows[:, 3:])]
    assert lengths[1] / lengths[0] == pytest.approx(0.5, rel=1e-5)


def test_words_are_looked_up_without_accents_and_with_one_i() -> None:
    assert [key_of(word) for word in ("Halı", "DOLABI", "Küçük", "белый", "İnci")] == [
        "hali",
        "dolabi",
        "kucuk",
        "белыи",
        "inci",
    ]


def test_frequent_words_are_whole_and_cannot_be_english() -> None:
    pieces = [("▁küche", 0.1), ("▁transformer", 0.5), ("küche", 0.9), ("▁für", 0.3), ("▁и", 0.2)]
    assert frequent_words(pieces, 10) == {"kuche": Word("küche", 0.1)}


def test_turkish_words_have_their_usual_forms() -> None:
    said = said_in_english({})
    assert said["sandalye"] == said["sandalyeler"] == said["sandalyesi"] == "chair"
    assert said["dolap"] == said["dolabi"] == "cabinet"
    assert said["kitaplik"] == said["kitapligi"] == "bookcase"
    assert "sandalye" not in said_in_english({"sandalye": 1})


def test_furniture_words_are_of_many_languages_and_none_is_short_and_plain() -> None:
    words = furniture_words()
    assert {"kleiderschrank", "krzesło", "диван", "gardirop"} <= set(words)
    assert not [key for key in words if len(key) < 4 and key.isascii()]


def test_anchors_are_whole_frequent_words_and_those_that_are_wanted() -> None:
    vocabulary = {f"word{chr(97 + at)}": at for at in range(3)}
    vocabulary |= {"alpha": 1_000, "##beta": 1_001, "gamma": 1_002, "delta": 1_003, "et": 1_004}
    assert anchors_among(vocabulary, ["delta", "worda", "missing"], 1) == ["alpha", "delta"]


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        (MultilingualCheck(0.99, 1.0, 1.0, 0.6, {"tr": 1.0}), "parity with the English encoder"),
        (MultilingualCheck(1.0, 0.5, 1.0, 0.6, {"tr": 1.0}), "cut alike"),
        (MultilingualCheck(1.0, 1.0, 0.9, 0.6, {"tr": 1.0}), "triplets"),
        (MultilingualCheck(1.0, 1.0, 1.0, 0.4, {"tr": 1.0}), "rank correlation"),
        (MultilingualCheck(1.0, 1.0, 1.0, 0.6, {"tr": 0.8}), "translations of tr"),
        (MultilingualCheck(1.0, 1.0, 1.0, 0.6, {"ru": 0.5}), "translations of ru"),
    ],
)
def test_an_export_below_a_floor_is_refused_by_name(wrong: MultilingualCheck, named: str) -> None:
    GOOD.require()
    with pytest.raises(CheckFailedError, match=named):
        wrong.require()
