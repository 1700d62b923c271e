"""The thesaurus: what is built in, a shop's own file, and what is wrong with it."""

from pathlib import Path

import pytest

from furniture_prompter.errors import InvalidThesaurusError
from furniture_prompter.understanding.thesaurus import Thesaurus, thesaurus


def concepts(said: str, words: Thesaurus | None = None) -> list[tuple[str, ...]]:
    """Names of the concepts that folded words say."""
    found = (words or thesaurus()).find(said.split())
    return [tuple(concept.name for concept in each.concepts) for each in found]


def test_at_least_120_concepts_are_built_in_in_both_languages() -> None:
    known = thesaurus().concepts
    assert len(known) >= 120
    assert all(len([term for term in each.terms if term.same]) >= 2 for each in known.values())


@pytest.mark.parametrize(
    ("said", "concept"),
    [
        ("settee", "sofa"),
        ("nightstands", "nightstand"),
        ("komodinler", "nightstand"),
        ("l shaped sofa", "corner-sofa"),
        ("calisma masalari", "desk"),
        ("ayakkabiliklar", "shoe-cabinet"),
        ("tv unitesi", "tv-bench"),
        ("bookshelves", "bookcase"),
        ("lambaderler", "floor-lamp"),
        ("ranzalar", "bunk-bed"),
    ],
)
def test_plurals_and_suffixes_say_the_concept(said: str, concept: str) -> None:
    assert concepts(said)[0] == (concept,)


def test_the_longest_phrase_counts() -> None:
    assert concepts("white coffee table") == [("coffee-table",)]
    assert concepts("coffee and table") == [("table",)]


def test_a_word_of_several_things_says_them_all() -> None:
    assert concepts("koltuk") == [("sofa", "armchair")]


def test_what_is_shown_as_well_does_not_lead_back() -> None:
    terms = {term.text: term for term in thesaurus().concepts["curtain"].terms}
    assert not terms["blind"].same
    assert terms["blind"].weight < terms["drape"].weight
    assert concepts("blind") == [("blind",)]


def test_a_shops_own_concept_takes_the_place_of_the_built_in_one(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(
        '[concepts]\nsofa = { en = ["sofa"], de = ["Sitzmöbel"], weight = 0.5 }\n', "utf-8"
    )
    words = thesaurus(own)
    assert concepts("sitzmobel", words) == [("sofa",)]
    assert concepts("settee", words) == []
    assert words.concepts["sofa"].terms[0].weight == 0.5
    assert concepts("nightstand", words) == [("nightstand",)]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[concepts]\nsofa = { en = ["sofa" }', "line 2: "),
        ('sofa = { en = ["sofa"] }', r"line 1: Put concepts below a line \[concepts\]"),
        ("[concepts]\n\nsofa = 3", "line 3: A concept is a table of lists"),
        ('[concepts]\na = { en = ["a"] }\nsofa = { en = "x" }', "line 3: `en` is no list"),
        ('[concepts]\nsofa = { en = ["sofa"], weight = 2 }', "line 2: `weight` is 2. Give more"),
        ('[concepts]\nsofa = { en = ["sofa"], weight = "a" }', "line 2: `weight` is 'a'"),
        ('[concepts]\nsofa = { english = ["sofa"] }', "line 2: There is no key 'english'"),
        ('[concepts]\nsofa = { asked = ["sofa"] }', "line 2: The concept has no term"),
        ('[concepts]\nsofa = { en = ["!"] }', "line 2: The term '!' has no word"),
        ('[concepts]\nsofa = { en = ["s"], also = ["x"] }', "line 2: `also` of sofa names 'x'"),
    ],
)
def test_what_is_wrong_is_told_with_its_line_and_a_cure(
    tmp_path: Path, text: str, told: str
) -> None:
    own = tmp_path / "own.toml"
    own.write_text(text, "utf-8")
    with pytest.raises(InvalidThesaurusError, match=told):
        thesaurus(own)


def test_a_file_that_is_not_there_or_no_text_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidThesaurusError, match="cannot be read"):
        thesaurus(tmp_path / "nothing.toml")
    own = tmp_path / "own.toml"
    own.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidThesaurusError, match="Save it as UTF-8"):
        thesaurus(own)
    own.write_bytes(b"#" * 2_000_001)
    with pytest.raises(InvalidThesaurusError, match="larger than"):
        thesaurus(own)
