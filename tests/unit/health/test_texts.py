"""Checks of words: right on each defect, silent on good text in several languages."""

from collections.abc import Callable

import pytest

from furniture_prompter.domain import Finding, Product
from furniture_prompter.feeds.values.vocabulary import base_colors
from furniture_prompter.health import texts
from furniture_prompter.health.contents import CatalogContents
from tests.unit.health.conftest import MakeContents

GOOD = (
    Product("1", "Çekmeceli şifonyer, ışıklı", "şifonyer", "bej", "Sağlam ve şık. Çok kullanışlı."),
    Product("2", "GRÖNÖ Tischleuchte", "Leuchte", "weiß", "Groß & hell: 30 < 40 cm, äußerst schön"),
    Product("3", "Table basse à café", "table", "beige", "Prête à l’emploi ; être, où, naïf"),
    Product("4", "TV bench", "bench", "white", "Is it sturdy? Yes. See https://a.example/?b=c?d"),
    Product("5", "Stol EKÅ", "stol", "rød", "Æble, Øst, Århus"),
)


@pytest.mark.parametrize(
    "check",
    [texts.missing_titles, texts.missing_categories, texts.broken_letters, texts.left_html],
)
def test_good_words_of_several_languages_are_left_alone(
    contents_of: MakeContents, check: Callable[[CatalogContents], tuple[Finding, ...]]
) -> None:
    assert check(contents_of(GOOD)) == ()


@pytest.mark.parametrize(
    ("title", "told"),
    [("", "no title"), ("A-17", "the id"), ("a-17", "the id"), ("SKU-0042", "says nothing")],
)
def test_a_title_that_says_nothing_is_told(
    contents_of: MakeContents, title: str, told: str
) -> None:
    (finding,) = texts.missing_titles(contents_of([Product("A-17", title)]))
    assert told in finding.detail
    assert finding.products[0].id == "A-17"


def test_a_missing_category_is_told(contents_of: MakeContents) -> None:
    found = texts.missing_categories(contents_of([*GOOD, Product("6", "Chair")]))
    assert [each.products[0].id for each in found] == ["6"]


@pytest.mark.parametrize(
    "text",
    [
        "Tür, weiß".encode().decode("cp1252"),
        "çekmeceli şifonyer, kırmızı".encode().decode("latin-1"),
        "kırmızı".encode().decode("cp1254"),
        "yeşil dolap, ağaç".encode("cp1254").decode("cp1252"),
        "ye?il dolap",
        "ye\ufffdil dolap",
        "it’s".encode().decode("cp1252"),
    ],
)
@pytest.mark.parametrize("field", ["title", "description"])
def test_letters_of_a_wrong_encoding_are_told(
    contents_of: MakeContents, text: str, field: str
) -> None:
    words = {"title": "Dolap", "description": "", field: text}
    product = Product("1", words["title"], description=words["description"])
    (finding,) = texts.broken_letters(contents_of([product]))
    assert f"The {field} has broken letters" in finding.detail


@pytest.mark.parametrize("text", ["<p>Oak</p>", "Oak<br/>", "Oak &amp; ash", "5&nbsp;cm", "&#39;"])
def test_html_that_was_left_is_told(contents_of: MakeContents, text: str) -> None:
    (finding,) = texts.left_html(contents_of([Product("1", "Table", description=text)]))
    assert "description holds HTML" in finding.detail


def test_what_is_described_in_another_language_than_most_is_told(
    contents_of: MakeContents,
) -> None:
    english = "This table is sturdy and comes with the legs that you need for your room."
    turkish = "Bu masa çok sağlam ve hem salon hem de mutfak için uygun bir seçim olarak sunulur."
    shop = [Product(f"{n}", "Table", description=english) for n in range(10)]
    assert texts.other_languages(contents_of(shop)) == ()
    (finding,) = texts.other_languages(
        contents_of([*shop, Product("tr", "Masa", description=turkish)])
    )
    assert finding.detail == "Described in Turkish, while most are in English."


def test_a_colour_that_is_misspelt_is_told_with_what_may_be_meant(
    contents_of: MakeContents,
) -> None:
    shop = [Product(f"{n}", "Table", color="white, black") for n in range(4)]
    shop += [Product("house", "Table", color="moonstone") for _ in range(3)]
    shop += [Product("tr", "Masa", color="kırmızı")]
    found = texts.unknown_colours(
        contents_of([*shop, Product("bad", "Table", color="black, whiet")]),
        lambda text: bool(base_colors(text)),
    )
    assert [each.products[0].id for each in found] == ["bad"]
    assert found[0].detail == "The colour “whiet” is not known; “white” may be meant."


def test_a_misspelt_word_beside_a_known_one_is_told(contents_of: MakeContents) -> None:
    """The rest of a colour being known does not make the misspelt word one."""
    colours = ["white glass", "white glass", "white glass", "wihte glass", "round glass"]
    found = texts.unknown_colours(
        contents_of([Product(f"{n}", "Vase", color=colour) for n, colour in enumerate(colours)]),
        lambda text: "glass" in text or text == "white",
    )
    assert [each.products[0].id for each in found] == ["3"]
    assert found[0].detail == "The colour “wihte” is not known; “white” may be meant."
