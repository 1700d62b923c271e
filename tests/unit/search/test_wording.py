"""What a prompt is searched by on a catalog of a few words."""

from collections import Counter

import numpy as np
import pytest

from furniture_prompter.catalog.vocabulary import Vocabulary, Written
from furniture_prompter.search.wording import KnownWords
from furniture_prompter.understanding.thesaurus import thesaurus

PRODUCTS = {
    "sofa": [0, 1, 2],
    "couch": [2],
    "grey": [0],
    "charcoal": [1],
    "light": [2],
    "coffee": [3],
    "table": [3, 4],
    "side": [4],
    "cabinet": [5, 6],
}


@pytest.fixture(scope="module")
def known() -> KnownWords:
    starts = np.cumsum([0, *map(len, PRODUCTS.values())])
    members = np.concatenate([np.array(each, np.int64) for each in PRODUCTS.values()])
    own = {word: (word, len(each)) for word, each in PRODUCTS.items()}
    written = Written(Counter(), Counter())
    places = {word: place for place, word in enumerate(PRODUCTS)}
    vocabulary = Vocabulary(7, own, places, starts, members, written)
    return KnownWords(vocabulary, thesaurus(), brands={"acme"})


@pytest.mark.parametrize(
    ("prompt", "embedded"),
    [
        ("füme kanepe", "charcoal sofa"),
        ("gri kanepe", "grey sofa"),
        ("açık gri kanepe", "light grey sofa"),
        ("charcoal couch", "charcoal couch"),
    ],
)
def test_a_shade_is_put_as_the_shop_says_the_same_shade(
    known: KnownWords, prompt: str, embedded: str
) -> None:
    assert known.worded(prompt).embedded == embedded


def test_a_kind_that_the_shop_lacks_is_put_as_the_more_general_one(known: KnownWords) -> None:
    asked = known.worded("grey dining table")
    assert asked.embedded == "grey table"
    # "Table" alone is in coffee tables as well, and "masası" in "çalışma masası".
    assert asked.keywords.words.split() == ["grey"]
    assert ("table", 1.0) in [(each.words, each.weight) for each in asked.keywords.beside]
    assert known.worded("grey side table").embedded == "grey side table"
    assert known.worded("grey desk").embedded == "grey desk"


@pytest.mark.parametrize(
    ("prompt", "embedded", "held_back"),
    [
        ("side table for a sofa", "side table", {"for", "a", "sofa"}),
        ("sofa yanına side table", "side table", {"sofa", "yanina"}),
        # The piece that is wanted is said twice, unless a product says both.
        ("grey sofa with a cabinet", "grey sofa with cabinet sofa", {"with", "a", "cabinet"}),
        ("table with side table", "table with side table", {"with", "side", "table"}),
        ("sofa and cabinet", "sofa cabinet", {"and"}),
        ("sofa", "sofa", set()),
    ],
)
def test_a_piece_that_is_named_for_anothers_sake_only_ranks(
    known: KnownWords, prompt: str, embedded: str, held_back: set[str]
) -> None:
    asked = known.worded(prompt)
    assert " ".join(asked.embedded.split()) == embedded
    assert set(asked.keywords.quiet.split()) == held_back


@pytest.mark.parametrize(
    ("prompt", "embedded"),
    [
        ("3 kişilik koltuk", "3 kişilik sofa"),
        ("ikili grey koltuk", "ikili grey sofa"),
        ("loveseat", "sofa"),
        ("köşe takımı", "sofa"),
        # No pouf "lounge" for a living room.
        ("salon kanepe", "salon sofa"),
    ],
)
def test_a_kind_is_known_by_its_usual_names_and_as_what_it_is_a_kind_of(
    known: KnownWords, prompt: str, embedded: str
) -> None:
    asked = known.worded(prompt)
    assert asked.embedded == embedded
    assert not {"koltuk", "takımı"} & {*asked.keywords.words.split()}


def test_a_brand_is_known_and_brings_nothing_by_itself(known: KnownWords) -> None:
    asked = known.worded("acme sofa")
    assert (asked.embedded.strip(), asked.keywords.quiet.strip(), asked.keywords.known_share) == (
        "sofa",
        "acme",
        1,
    )


def test_small_talk_counts_for_nothing(known: KnownWords) -> None:
    for prompt in ("hello, I am looking for a sofa, thanks", "merhaba sofa arıyoruz teşekkürler"):
        asked = known.worded(prompt)
        assert asked.embedded.replace(",", "").split() == ["sofa"]
        assert asked.keywords.known_share == 1
    assert known.worded("thanks").embedded == "thanks"


def test_a_shade_that_the_shop_lacks_is_put_as_its_colour(known: KnownWords) -> None:
    assert known.worded("lacivert koltuk").embedded.startswith("lacivert")
    assert [each.words for each in known.worded("gri").keywords.beside] == ["grey"]


@pytest.mark.parametrize(
    ("prompt", "share"),
    [
        ("grey sofa", 1),
        ("gri kanepe", 1),
        ("grey zorblatt", 0.5),
        ("zorblatt", 0),
        ("a sofa that is grey for two", 1),
        ("365", 1),
    ],
)
def test_keywords_count_by_the_share_of_words_that_are_known(
    known: KnownWords, prompt: str, share: float
) -> None:
    assert known.worded(prompt).keywords.known_share == share


def test_a_form_of_a_word_is_no_synonym_of_it(known: KnownWords) -> None:
    assert "cabinet" not in [each.words for each in known.worded("cabinets").keywords.beside]


def test_words_are_of_one_product_only_where_one_has_all(known: KnownWords) -> None:
    beside = [each.words for each in known.worded("orta sehpa").keywords.beside]
    assert "coffee table" in beside
    assert "light sofa" not in beside


def test_a_synonym_counts_less_where_the_shop_has_the_words(known: KnownWords) -> None:
    (own,) = (each for each in known.worded("sofa").keywords.beside if each.words == "couch")
    (other,) = (each for each in known.worded("kanepe").keywords.beside if each.words == "couch")
    assert own.weight < other.weight


def test_a_synonym_keeps_the_greatest_weight_that_anything_gives_it(known: KnownWords) -> None:
    beside = known.worded("kanepe sofa").keywords.beside
    words = [each.words for each in beside]
    assert words.count("couch") == 1
    (alone,) = (each for each in known.worded("kanepe").keywords.beside if each.words == "couch")
    (couch,) = (each for each in beside if each.words == "couch")
    assert couch.weight == alone.weight
    assert all(each.weight > 0 for each in beside)


def test_misspelled_words_stay_beside_what_was_meant_at_half_weight(known: KnownWords) -> None:
    beside = known.worded("sofa", written=["soffa", "soofa"]).keywords.beside
    assert [(each.words, each.weight) for each in beside[:2]] == [("soffa", 0.5), ("soofa", 0.5)]


@pytest.mark.parametrize(("prompt", "mended"), [("grey soffa", "grey sofa"), ("cofee tabel", None)])
def test_a_slip_is_mended_where_it_stands(
    known: KnownWords, prompt: str, mended: str | None
) -> None:
    text, meant = known.corrected(prompt)
    assert meant is not None
    assert text == meant.prompt == (mended or "coffee table")
    assert known.corrected("grey sofa") == ("grey sofa", None)
