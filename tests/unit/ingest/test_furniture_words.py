"""The dictionary says English words of furniture in Turkish and the other way."""

import pytest

from furniture_prompter.ingest.furniture_words import english, other_language, pairs, turkish


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("white chair", "beyaz sandalye"),
        ("Armchair, Dark Grey", "koltuk koyu gri"),
        ("chest of 3 drawers, oak", "şifonyer meşe 3"),
        ("curtains, light blue", "perde açık mavi"),
        ("beyaz sandalye", "white chair"),
        ("YEMEK MASASI, ceviz kaplama", "dining table walnut"),
        ("kırmızı halı", "red rug"),
        ("kirmizi hali", "red rug"),
        ("mutfak dolabı", "kitchen cabinet"),
        ("sandalyeler", "chair"),
        ("siyah deri koltuk", "black leather armchair"),
    ],
)
def test_what_is_known_is_said_in_the_other_language(text: str, said: str) -> None:
    assert other_language(text) == said


@pytest.mark.parametrize("text", ["", "   ", "NORDVALLA", "80x200 cm", "🛋️", "12"])
def test_what_is_not_known_is_not_said(text: str) -> None:
    assert other_language(text) == ""


def test_words_beside_known_ones_are_left_out() -> None:
    assert other_language("NORDVALLA chair, Zwolle") == "sandalye"


def test_a_long_text_is_read_up_to_a_limit() -> None:
    assert other_language("chair " * 100_000).split() == ["sandalye"] * 166


def test_every_line_of_the_dictionary_has_both_sides_and_is_found() -> None:
    for english_side, turkish_side in pairs():
        assert all(english_side), turkish_side
        assert all(turkish_side), english_side
    assert len(english().meanings) > 900
    assert len(turkish().meanings) > 700


def test_the_first_spelling_of_a_line_is_what_the_other_side_is_given() -> None:
    assert english().meanings[("settee",)] == "kanepe"
    assert turkish().meanings[("antrasit",)] == "anthracite"
