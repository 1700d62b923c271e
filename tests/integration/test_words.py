"""What shoppers write, on a small fixed catalog: slips, synonyms, digits, completions."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from furniture_prompter import Catalog, index
from furniture_prompter.domain.query import SearchResult
from furniture_prompter.errors import InvalidQueryError, InvalidThesaurusError
from furniture_prompter.settings import Settings
from tests.fakes import make_rows

ENGLISH = [
    ("sofa", "Grey three-seat sofa", "sofa", "grey"),
    ("corner", "Corner sofa with storage", "corner sofa", "beige"),
    ("bedside", "Oak bedside table", "bedside table", "oak"),
    ("coffee", "Round coffee table", "coffee table", "white"),
    ("rug", "Wool rug", "rug", "red"),
    ("wardrobe", "Wardrobe with three doors", "wardrobe", "white"),
    ("black-wardrobe", "Tall wardrobe", "wardrobe", "black"),
    ("radiator", "Radiator 50 cm", "radiator", "white"),
    ("bowl", "KOKEN 365 bowl", "bowl", "white"),
    ("lamp", "Floor lamp", "floor lamp", "black"),
    ("chair", "Chair", "chair", "white"),
    ("mirror", "Mirror 50x70", "mirror", "gold"),
]
TURKISH = [
    ("kanepe", "Üçlü kanepe", "kanepe", "gri"),
    ("komodin", "Çekmeceli komodin", "komodin", "beyaz"),
    ("hali", "Yün halı", "halı", "kırmızı"),
    ("dolap", "Beyaz dolap", "dolap", "beyaz"),
    ("siyah-dolap", "Siyah dolap", "dolap", "siyah"),
    ("lambader", "Metal lambader", "lambader", "siyah"),
    ("masa", "Çalışma masası", "çalışma masası", "meşe"),
    ("kose", "Köşe koltuk takımı", "köşe koltuk", "bej"),
    ("radyator", "Radyatör 50 cm", "radyatör", "beyaz"),
    ("ayna", "Yuvarlak ayna", "ayna", "altın"),
]


def shop_of(folder: Path, products: list[tuple[str, str, str, str]], language: str) -> Path:
    """A catalog of some products, whose photos say nothing."""
    rows = make_rows(folder / "photos", len(products))
    feed = folder / "products.csv"
    lines = ["id,title,category,color,image"]
    for row, (name, title, category, color) in zip(rows, products, strict=True):
        lines.append(f"{name},{title},{category},{color},{row.images[0]}")
    feed.write_text("\n".join(lines), "utf-8")
    index(feed, folder / "catalog", language=language)
    return folder / "catalog"


@pytest.fixture(scope="module")
def english(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    with Catalog.open(shop_of(tmp_path_factory.mktemp("english"), ENGLISH, "english")) as opened:
        yield opened


@pytest.fixture(scope="module")
def turkish(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    with Catalog.open(shop_of(tmp_path_factory.mktemp("turkish"), TURKISH, "turkish")) as opened:
        yield opened


def by_keyword(result: SearchResult) -> list[str]:
    """Ids of the products that words brought, best first."""
    return [hit.product.id for hit in result.hits if hit.contributions.get("keyword", 0) > 0]


@pytest.mark.parametrize(
    ("prompt", "first"),
    [
        ("settee", "sofa"),
        ("couches", "sofa"),
        ("nightstand", "bedside"),
        ("halı", "rug"),
        ("HALILAR", "rug"),
        ("komodin", "bedside"),
        ("L shaped sofa", "corner"),
        ("köşe koltuk", "corner"),
        ("lambader", "lamp"),
        ("orta sehpa", "coffee"),
        ("siyah gardırop", "black-wardrobe"),
        ("white armoire", "wardrobe"),
    ],
)
def test_other_words_for_furniture_find_the_kind_in_an_english_catalog(
    english: Catalog, prompt: str, first: str
) -> None:
    found = english.search(prompt)
    assert by_keyword(found)[0] == first
    assert found.hits[0].product.id == first
    assert found.did_you_mean is None


@pytest.mark.parametrize(
    ("prompt", "first"),
    [
        ("sofa", "kanepe"),
        ("couch", "kanepe"),
        ("nightstand", "komodin"),
        ("rug", "hali"),
        ("black cupboard", "siyah-dolap"),
        ("desk", "masa"),
        ("L shaped sofa", "kose"),
        ("mirror", "ayna"),
    ],
)
def test_english_words_find_the_kind_in_a_turkish_catalog(
    turkish: Catalog, prompt: str, first: str
) -> None:
    assert turkish.search(prompt).hits[0].product.id == first


@pytest.mark.parametrize(
    ("prompt", "meant", "first"),
    [
        ("wardorbe", "wardrobe", "wardrobe"),
        ("sofaa", "sofa", "sofa"),
        ("kanpe", "kanepe", "sofa"),
        ("blakc wardorbe", "black wardrobe", "black-wardrobe"),
    ],
)
def test_slips_are_mended_by_the_shops_own_words(
    english: Catalog, prompt: str, meant: str, first: str
) -> None:
    found = english.search(prompt)
    assert found.did_you_mean is not None
    assert found.did_you_mean.prompt == meant
    assert found.query.prompt == prompt
    assert first in by_keyword(found)[:2]


def test_a_colour_with_a_slip_counts_as_the_colour(turkish: Catalog) -> None:
    found = turkish.search("beyza dolap")
    assert found.did_you_mean is not None
    assert found.did_you_mean.words == (("beyza", "beyaz"),)
    assert found.hits[0].product.id == "dolap"


@pytest.mark.parametrize(
    "prompt", ["365", "KOKEN", "50x70", "2000s style", "cosy wardrobe", "xqzt", "3 kişilik"]
)
def test_digits_models_and_words_that_are_right_stay(english: Catalog, prompt: str) -> None:
    assert english.search(prompt).did_you_mean is None


def test_literal_searches_what_was_written(english: Catalog) -> None:
    found = english.search("wardorbe", understand=False)
    assert found.did_you_mean is None
    assert by_keyword(found) == []
    assert by_keyword(english.search("settee", understand=False)) == []


def test_exact_words_come_before_synonyms(english: Catalog) -> None:
    assert by_keyword(english.search("sofa"))[0] == "sofa"
    assert by_keyword(english.search("wardrobe"))[:2] != ["lamp"]


@pytest.mark.parametrize("prompt", ["side lamp under 50 cm", "lamp 50", "lamp 50 cm"])
def test_digits_and_units_bring_no_product_by_themselves(english: Catalog, prompt: str) -> None:
    found = by_keyword(english.search(prompt, understand=prompt != "lamp 50"))
    assert "lamp" in found
    if "under" in prompt or prompt == "lamp 50":
        assert "radiator" not in found


def test_digits_alone_still_match(english: Catalog) -> None:
    assert by_keyword(english.search("365")) == ["bowl"]


def test_digits_rank_what_words_bring(english: Catalog) -> None:
    assert by_keyword(english.search("radiator 50"))[0] == "radiator"


def test_digits_bring_nothing_in_turkish_either(turkish: Catalog) -> None:
    assert by_keyword(turkish.search("ayna 50")) == ["ayna"]


def test_a_shop_adds_words_of_its_own(english: Catalog, tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text('[concepts]\nkoken = { en = ["bowl", "zarf"] }\n', "utf-8")
    settings = replace_settings(own)
    with Catalog.open(english._reader.folder, settings=settings) as opened:
        assert by_keyword(opened.search("zarf")) == ["bowl"]
    assert by_keyword(english.search("zarf")) == []


def test_a_broken_thesaurus_is_refused_when_the_catalog_is_opened(
    english: Catalog, tmp_path: Path
) -> None:
    own = tmp_path / "own.toml"
    own.write_text("[concepts]\nsofa = { en = 3 }\n", "utf-8")
    with pytest.raises(InvalidThesaurusError, match="line 2: `en` is no list"):
        Catalog.open(english._reader.folder, settings=replace_settings(own))


def replace_settings(own: Path) -> Settings:
    return Settings(thesaurus=own)


@pytest.mark.parametrize(
    ("typed", "first"),
    [("war", "wardrobe"), ("bla", "black"), ("black wa", "black wardrobe"), ("rad", "radiator")],
)
def test_what_is_typed_is_completed_in_the_catalogs_words(
    english: Catalog, typed: str, first: str
) -> None:
    assert first in [each.text for each in english.suggest(typed).completions][:2]


def test_counts_of_completions_are_products(english: Catalog) -> None:
    counted = {each.text: each.count for each in english.suggest("wardrobe").completions}
    assert counted["wardrobe"] == 2
    assert counted["white wardrobe"] == 1


def test_turkish_letters_are_folded_while_typing(turkish: Catalog) -> None:
    texts = [each.text for each in turkish.suggest("cal").completions]
    assert "çalışma masası" in texts
    assert "beyaz dolap" in [each.text for each in turkish.suggest("bey").completions]


def test_refinements_are_filters_that_leave_as_many_products_as_they_say(
    english: Catalog,
) -> None:
    refinements = english.suggest("wardrobe").refinements
    assert {(each.text, each.count) for each in refinements} >= {("white", 1), ("black", 1)}
    for each in refinements:
        found = english.search("wardrobe", where=each.where)
        assert sum("wardrobe" in hit.product.category for hit in found.hits) == each.count


def test_nothing_is_suggested_beyond_the_limits(english: Catalog) -> None:
    assert len(english.suggest("", limit=3).completions) == 3
    assert english.suggest("zzz").completions == ()
    with pytest.raises(InvalidQueryError, match="Ask for 1 to 50"):
        english.suggest("a", limit=51)
    with pytest.raises(InvalidQueryError, match="characters"):
        english.suggest("a" * 2_001)


def test_a_photo_is_described_in_the_catalogs_words(english: Catalog) -> None:
    photo = asyncio.run(english.product("rug"))[1][0]
    told = english.describe(Path(photo.path))
    assert told.categories[0].text == "rug"
    assert told.colors[0].text == "red"
    assert told.materials == ()
    assert all(0 <= each.confidence <= 1 for each in (*told.categories, *told.colors))
    assert told.prompt.endswith("rug")
