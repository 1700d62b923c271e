"""Slips of the finger, mended by a shop's words; what is right stays."""

import pytest

from furniture_prompter.understanding.spelling import Speller
from furniture_prompter.understanding.thesaurus import thesaurus

OWN = {
    "wardrobe": ("wardrobe", 12),
    "sofa": ("sofa", 30),
    "veneer": ("veneer", 4),
    "kallax": ("KALLAX", 9),
    "gardirop": ("gardırop", 5),
}


@pytest.fixture(scope="module")
def speller() -> Speller:
    return Speller(OWN, ["worktop"], thesaurus())


@pytest.mark.parametrize(
    ("prompt", "meant"),
    [
        ("wardorbe", "wardrobe"),
        ("white Wardrob", "wardrobe"),
        ("sofaa", "sofa"),
        ("kanpe", "kanepe"),
        ("beyza", "beyaz"),
        ("gardirob", "gardırop"),
        ("kalax", "KALLAX"),
        ("mirorr", "mirror"),
        ("çalşma masası", "çalışma"),
        ("nighstand", "nightstand"),
        ("vardrobe", "wardrobe"),
        ("🪑 black", "chair"),
        ("🛋️ gri", "sofa"),
    ],
)
def test_slips_are_mended(speller: Speller, prompt: str, meant: str) -> None:
    assert [slip.meant for slip in speller.slips(prompt)] == [meant]


@pytest.mark.parametrize(
    "prompt",
    [
        "sofas",
        # A tale and no table, and so on.
        "masal",
        "fable",
        "worktop",
        "wardrobe",
        "gardıroplar",
        "settee",
        "KALLAX 4x4",
        "IKEA 365",
        "sofa2",
        "160 cm'den kısa",
        "children's",
        "kolsuz",
        "cosy",
        "rahat",
        "turkuaz",
        "vlna",
        "w" * 40,
        "",
    ],
)
def test_what_is_right_or_unlike_anything_stays(speller: Speller, prompt: str) -> None:
    assert speller.slips(prompt) == ()


def test_a_slip_names_its_place(speller: Speller) -> None:
    (slip,) = speller.slips("a wardorbe, white")
    assert (slip.start, slip.end, slip.written) == (2, 10, "wardorbe")


def test_the_shops_word_comes_before_one_that_it_lacks(speller: Speller) -> None:
    own = Speller({"lampe": ("Lampe", 1)}, [], thesaurus())
    assert [slip.meant for slip in own.slips("lampp")] == ["Lampe"]


def test_a_word_of_the_language_is_no_slip() -> None:
    asked: list[str] = []

    def is_word(word: str) -> bool:
        asked.append(word)
        return word == "while"

    own = Speller({"white": ("white", 9)}, [], thesaurus(), is_word)
    assert [slip.written for slip in own.slips("white while whitte")] == ["whitte"]
    assert asked == ["while", "whitte"]
