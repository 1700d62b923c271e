import asyncio
import unicodedata

import lancedb
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from lancedb.index import FTS

from furniture_prompter.catalog.keywords import (
    PREFIX_FOLDING,
    SUPPORTED_LANGUAGES,
    fold,
    keyword_index_settings,
    keyword_text,
)
from furniture_prompter.errors import InvalidFeedError


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("IŞIKLI AYNA", "isikli ayna"),
        ("ışıklı ayna", "isikli ayna"),
        ("isikli ayna", "isikli ayna"),
        ("İSKEMLE", "iskemle"),
        ("iskemle", "iskemle"),
        ("WHITE DINING CHAIR", "white dining chair"),
        ("çekmece öğütücü şifonyer", "cekmece ogutucu sifonyer"),
        ("Fauteuil crème, style Régence", "fauteuil creme style regence"),
        ("Straße Smørrebrød Łódź Encyclopædia", "strasse smorrebrod lodz encyclopaedia"),
        ("side-table_2.0/oak!", "side table 2 0 oak"),
        ("children's CHILDREN’S chairs'", "children children chairs"),
        ("l'armoire 'sofa'", "l armoire sofa"),
        ("ﬁne ½ ①", "fine 1 2 1"),
        ("καρέκλα ΚΑΡΈΚΛΑ", "καρεκλα καρεκλα"),
        ("стул новый", "стул новый"),
        ("कुर्सी", "कुर्सी"),
        ("  \t\n🪑  ", ""),
        ("e\u0301tage\u0300re", "etagere"),
    ],
)
def test_spellings_of_one_word_fold_alike(text: str, folded: str) -> None:
    assert fold(text) == folded


@given(st.text(max_size=60))
@example("İI ıi ſ K ẞ")
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(st.text(st.characters(codec="ascii")))
@example("Children's chairs'S 's _x_ 12.5")
def test_letters_of_ascii_alone_fold_as_they_do_beside_others(text: str) -> None:
    assert fold(text) == fold(f"{text} é").removesuffix("e").removesuffix(" ")


@given(st.text(max_size=60))
def test_folded_text_is_words_with_single_spaces(text: str) -> None:
    folded = fold(text)
    assert folded == " ".join(folded.split())
    assert all(
        character == " " or character.isalnum() or unicodedata.category(character)[0] == "M"
        for character in folded
    )


@given(st.text("abcçdefgğhıijklmnoöprsştuüvyzwqx ABCÇDEFGĞHIİJKLMNOÖPRSŞTUÜVYZ", max_size=40))
def test_letter_case_makes_no_difference_in_either_language(text: str) -> None:
    turkish_capitals = text.replace("i", "İ").replace("ı", "I").upper()
    assert fold(text) == fold(turkish_capitals)
    assert keyword_text(text.replace("I", "ı"), "turkish") == keyword_text(
        turkish_capitals, "turkish"
    )
    assert fold(text.upper()) == fold(text)


def test_a_language_but_turkish_is_indexed_as_folded_text() -> None:
    assert keyword_text("Çocuk Chairs", "english") == "cocuk chairs"


def test_stems_stand_beside_turkish_words() -> None:
    assert keyword_text("KİTAPLIK, children's masası", "turkish") == (
        "kitaplik children masasi masa masas"
    )


def test_a_catalog_of_the_first_folding_keeps_its_letters_and_five_of_long_words() -> None:
    assert keyword_text("KİTAPLIK, children's masası", "turkish", PREFIX_FOLDING) == (
        "kitaplık children masası kitap child masas"
    )
    assert keyword_index_settings("turkish", PREFIX_FOLDING)["stem"]
    assert keyword_text("Çocuk", "english", PREFIX_FOLDING) == keyword_text("Çocuk", "english")


async def found(language: str, titles: list[str], prompt: str, folder: str) -> list[str]:
    """Titles in order of rank, by a real index made as the settings say."""
    database = await lancedb.connect_async(folder)
    rows = {"title": titles, "words": [keyword_text(title, language) for title in titles]}
    table = await database.create_table("products", pa.table(rows), mode="overwrite")
    await table.create_index("words", config=FTS(**keyword_index_settings(language)))
    query = table.query().nearest_to_text(keyword_text(prompt, language), columns="words")
    answer = await query.select(["title", "_score"]).limit(10).to_list()
    return [row["title"] for row in answer]


TURKISH_TITLES = ["Işıklı ayna", "Kitap dolabı", "Yemek masası", "Ahşap iskemle", "Çocuk yatağı"]


@pytest.mark.parametrize(
    ("prompt", "title"),
    [
        ("IŞIKLI AYNA", "Işıklı ayna"),
        ("ışıklı aynalar", "Işıklı ayna"),
        ("isikli ayna", "Işıklı ayna"),
        ("dolabı", "Kitap dolabı"),
        ("kitaplar", "Kitap dolabı"),
        ("masasi", "Yemek masası"),
        ("MASASI", "Yemek masası"),
        ("İSKEMLELER", "Ahşap iskemle"),
        ("iskemlesi", "Ahşap iskemle"),
        ("yatağın", "Çocuk yatağı"),
        ("COCUK", "Çocuk yatağı"),
        ("masa", "Yemek masası"),
        ("MASALARIN", "Yemek masası"),
        ("dolaplarda", "Kitap dolabı"),
    ],
)
def test_a_turkish_catalog_is_found_in_any_spelling(
    prompt: str, title: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = str(tmp_path_factory.mktemp("keywords"))
    assert asyncio.run(found("turkish", TURKISH_TITLES, prompt, folder)) == [title]


@pytest.mark.parametrize("language", SUPPORTED_LANGUAGES)
def test_lancedb_indexes_every_language_that_is_offered(
    language: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = str(tmp_path_factory.mktemp("keywords"))
    titles = ["IŞIKLI AYNA 42", "sandalye 43"]
    assert asyncio.run(found(language, titles, "ayna", folder)) == titles[:1]


def test_english_forms_meet_in_an_english_catalog(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = str(tmp_path_factory.mktemp("keywords"))
    titles = ["Folding chairs", "Children’s table", "Wooden shelf"]
    assert asyncio.run(found("english", titles, "chair that FOLDS", folder)) == titles[:1]
    assert asyncio.run(found("english", titles, "childrens tables", folder)) == titles[1:2]


@pytest.mark.parametrize("use", [keyword_index_settings, lambda name: keyword_text("a", name)])
def test_an_unknown_language_is_refused_with_the_nearest(use: object) -> None:
    assert callable(use)
    with pytest.raises(InvalidFeedError, match=r"'turkce'\. Did you mean turkish\? Name one of"):
        use("turkce")


def test_a_language_that_begins_as_none_does_has_no_nearest() -> None:
    with pytest.raises(InvalidFeedError, match=r"'klingonish'\. Name one of"):
        keyword_index_settings("klingonish")


def test_the_language_may_be_written_in_any_case() -> None:
    assert keyword_index_settings(" Turkish ") == keyword_index_settings("turkish")
    assert keyword_index_settings("TURKISH")["language"] == "Turkish"
