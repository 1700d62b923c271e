"""The dictionary says English words of furniture in Turkish and the other way."""

import pytest

from furniture_prompter.domain import Product
from furniture_prompter.ingest.furniture_words import (
    _ENGLISH_ENDINGS,
    _TURKISH_ENDINGS,
    _stems,
    english,
    most_spoken,
    other_language,
    pairs,
    turkish,
)


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


GERMAN = "Das Sofa ist mit einem Bezug aus Leinen und nicht für den Garten."


@pytest.mark.parametrize(
    ("titles", "description", "language"),
    [
        (["Işıklı Ayna", "Üçlü Koltuk", "Berjer"], "", "turkish"),
        (["SANDALYE", "Yemek masasi", "Koltuk takimi"], "", "turkish"),
        (["Oak chair", "Dark grey sofa", "Wardrobe"], "", "english"),
        (["Oak chair", "Yıldız sofa", "Grey armchair", "Bookcase"], "", "english"),
        (["Malm 1", "Malm 2"], "Bir odada hem şık hem sağlam, çok rahat.", "turkish"),
        (["Aalto", "Alvar"], GERMAN, "german"),
        (["product 1", "product 2", "p3"], "", None),
        (["Koltuk", *(f"KLT-{number}" for number in range(9))], "", None),
        ([], "", None),
    ],
)
def test_the_language_that_most_products_are_told_in(
    titles: list[str], description: str, language: str | None
) -> None:
    products = [Product(title, title, description=description) for title in titles]
    assert most_spoken(products) == language


def test_a_few_german_descriptions_choose_nothing() -> None:
    bare = [Product(f"p{number}", f"Alvar {number}") for number in range(4)]
    assert most_spoken([Product("p9", "Aalto", description=GERMAN), *bare]) is None


@pytest.mark.parametrize(
    ("spelling", "meaning"),
    [("okaliptüs ağacı", "eucalyptus"), ("sünger", "foam"), ("ipek", "silk"), ("lila", "lilac")],
)
def test_materials_and_colours_of_feeds_are_known_wherever_they_stand(
    spelling: str, meaning: str
) -> None:
    assert other_language(spelling) == meaning


def test_what_feeds_know_to_be_no_colour_is_no_word_here() -> None:
    meanings = {meaning for meaning, _ in ((en[0], tr) for en, tr in pairs())}
    assert "none" not in meanings
    assert {"black", "white", "wood", "foam"} <= meanings


def test_a_language_needs_a_fifth_of_all_products_and_most_of_those_that_tell() -> None:
    told = Product("t", "Koltuk")
    silent = [Product(f"s{number}", f"KLT-{number}") for number in range(4)]
    assert most_spoken([told, *silent]) == "turkish"
    assert most_spoken([told, *silent, Product("s9", "KLT-9")]) is None
    assert most_spoken([told, Product("e", "Oak chair")]) is None


def test_a_language_without_a_dictionary_needs_seven_tenths() -> None:
    german = [Product(f"g{number}", "Aalto", description=GERMAN) for number in range(7)]
    silent = [Product(f"s{number}", f"KLT-{number}") for number in range(3)]
    assert most_spoken([*german, *silent]) == "german"
    assert most_spoken([*german[1:], *silent]) is None


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("çam masa", "pine table"),
        ("ÇAM MASA", "pine table"),
        ("c\u0327am masa", "pine table"),
        ("2 çam masa", "pine table 2"),
        ("cam masa", "glass table"),
        ("CAM MASA", "glass table"),
        ("çam ağacı", "christmas tree"),
        ("füme koltuk", "charcoal armchair"),
    ],
)
def test_a_word_that_is_another_without_its_accents_is_told_by_them(
    text: str, meaning: str
) -> None:
    assert other_language(text) == meaning


@pytest.mark.parametrize(
    ("word", "stems"),
    [
        ("masasi", ["masa", "masas"]),
        ("sandalyeler", ["sandalye"]),
        ("lambalari", ["lamba", "lambalar"]),
        ("dolabi", ["dolab", "dolap"]),
        ("kitapligi", ["kitaplig", "kitaplik"]),
        ("kanadi", ["kanad", "kanat"]),
        ("cami", ["cam"]),
        # Two letters are left, of which nothing can be told.
        ("evi", []),
        ("masa", []),
    ],
)
def test_a_turkish_word_is_tried_without_its_endings(word: str, stems: list[str]) -> None:
    assert _stems(word, _TURKISH_ENDINGS) == stems


@pytest.mark.parametrize(
    ("word", "stems"),
    [("boxes", ["box", "boxe"]), ("beds", ["bed", "bet"]), ("gas", []), ("oak", [])],
)
def test_an_english_word_is_tried_without_its_endings(word: str, stems: list[str]) -> None:
    assert _stems(word, _ENGLISH_ENDINGS) == stems
