"""Words that only accents tell apart, on small shops that sell one, the other or both."""

from pathlib import Path
from typing import Any

import pytest

from furniture_prompter import Catalog, index
from furniture_prompter.catalog.filters import Filter
from furniture_prompter.catalog.keyword_query import KeywordQuery
from furniture_prompter.catalog.reader import CatalogReader
from furniture_prompter.domain.query import SearchResult
from furniture_prompter.understanding.lexicon import LEXICON
from tests.fakes import table_with_photos

GLASS = [
    "glass-1;Cam masa;Masa;Cam;4.000 TL",
    "glass-2;Cam masa siyah ayaklı;Masa;Cam;4.000 TL",
    "glass-3;Camlı masa;Masa;Cam;4.000 TL",
    "glass-4;CAM SEHPA;Sehpa;Cam;4.000 TL",
    "oak;Meşe masa;Masa;Meşe;9.000 TL",
]
PINE = ["pine-1;Çam masa;Masa;Çam;4.000 TL", "pine-2;ÇAM DOLAP;Dolap;;9 TL"]


def shop(folder: Path, rows: list[str], *, with_materials: bool = True) -> Catalog:
    header = "ürün kodu;ürün adı;kategori;malzeme;fiyat;görsel"
    if not with_materials:
        header = header.replace("malzeme;", "")
        rows = [";".join((*row.split(";")[:3], row.split(";")[4])) for row in rows]
    index(table_with_photos(folder, header, rows), folder / "catalog")
    return Catalog.open(folder / "catalog")


def ids(result: SearchResult) -> list[str]:
    return [hit.product.id for hit in result.hits]


def scores(result: SearchResult) -> dict[str, float]:
    return {hit.product.id: hit.score for hit in result.hits}


def by_keywords(result: SearchResult) -> set[str]:
    return {hit.product.id for hit in result.hits if hit.strengths.get("keyword", 0) > 0}


@pytest.mark.parametrize("with_materials", [True, False])
def test_pine_is_no_glass_though_the_index_folds_both_to_one(
    tmp_path: Path, with_materials: bool
) -> None:
    with shop(tmp_path, GLASS + PINE, with_materials=with_materials) as catalog:
        for prompt in ("çam masa", "ÇAM MASA"):
            found = catalog.search(prompt, limit=7)
            assert ids(found)[0] == "pine-1", prompt
            assert by_keywords(found) == {"pine-1", "pine-2", "oak"}, prompt
            assert not any("çam" in note for note in found.notes)
        assert not {"glass-1", "glass-4"} & by_keywords(catalog.search("çamdan masa", limit=7))
        assert set(ids(catalog.search("çam"))[:2]) == {"pine-1", "pine-2"}
        for prompt in ("cam masa", "cam"):
            found = catalog.search(prompt, limit=7)
            assert ids(found)[0].startswith("glass")
            assert not {"pine-1", "pine-2"} & by_keywords(found)


def test_a_pine_table_comes_before_a_pine_desk(tmp_path: Path) -> None:
    rows = [*GLASS, "desk;Çam çalışma masası;Çalışma masası;Çam;4.000 TL", *PINE]
    with shop(tmp_path, rows) as catalog:
        for prompt in ("çam masa", "ÇAM MASA", "çamdan masa"):
            found = catalog.search(prompt, limit=8)
            assert ids(found)[0] == "pine-1", prompt
        assert ids(catalog.search("çam çalışma masası"))[0] == "desk"
        assert ids(catalog.search("cam masa"))[0].startswith("glass")


def test_a_shop_without_pine_says_so_and_glass_gains_nothing(tmp_path: Path) -> None:
    with shop(tmp_path, GLASS) as catalog:
        found = catalog.search("çam masa", limit=5)
        assert any("No product says “çam”" in note for note in found.notes)
        assert by_keywords(found) == {"oak"}
        plain = catalog.search("cam masa", limit=5)
        assert ids(plain)[0].startswith("glass")
        assert not any("another word" in note for note in plain.notes)


def test_who_has_no_turkish_keyboard_finds_what_there_is(tmp_path: Path) -> None:
    with shop(tmp_path, [*PINE, GLASS[-1]], with_materials=False) as catalog:
        assert {"pine-1", "pine-2"} <= by_keywords(catalog.search("cam", limit=5))


def test_a_shop_that_writes_no_accents_is_found_as_it_writes(tmp_path: Path) -> None:
    rows = ["a;Cam masa;Masa;;40 TL", "b;Mese masa;Masa;;40 TL", "c;Gri koltuk;Koltuk;;50 TL"]
    with shop(tmp_path, rows, with_materials=False) as catalog:
        found = catalog.search("çam", limit=3)
        assert by_keywords(found) == {"a"}
        assert not any("another word" in note for note in found.notes)


WHITE = "white;White table;Beyaz masa;table;40 TL"
CLEAR = [
    "clear-1;Clear table;Cam masa;table;40 TL",
    "clear-2;Clear table, round;Yuvarlak camlı masa;table;45 TL",
]


def translated_shop(folder: Path, rows: list[str]) -> Catalog:
    table = table_with_photos(folder, "id;title;title_tr;category;price;image", rows)
    index(table, folder / "catalog")
    return Catalog.open(folder / "catalog")


def test_words_in_another_language_are_told_apart_as_those_of_the_title(tmp_path: Path) -> None:
    pine = "pine;Plain table;Çam masa;table;40 TL"
    with translated_shop(tmp_path, [*CLEAR, pine, WHITE]) as catalog:
        for prompt in ("çam masa", "masa çam", "ÇAM masa"):
            found = catalog.search(prompt, limit=4)
            assert ids(found)[0] == "pine", prompt
            assert by_keywords(found) == {"pine", "white"}, prompt
        for prompt in ("cam masa", "masa cam", "masa, CAM"):
            found = catalog.search(prompt, limit=4)
            assert ids(found)[0].startswith("clear"), prompt
            assert by_keywords(found) == {"clear-1", "clear-2", "white"}, prompt


@pytest.mark.parametrize("prompt", ["çam masa", "masa çam"])
def test_glass_in_another_language_is_no_pine_and_a_note_says_so(
    tmp_path: Path, prompt: str
) -> None:
    with translated_shop(tmp_path, [*CLEAR, WHITE]) as catalog:
        found = catalog.search(prompt, limit=3)
        assert any("No product says “çam”" in note for note in found.notes)
        assert by_keywords(found) == {"white"}


def test_what_a_description_or_a_variant_says_counts_as_the_index_reads_it(tmp_path: Path) -> None:
    header = "id;title;description;item_group_id;price;image"
    rows = [
        "a;Masa;Üstü temperli camdan;;40 TL",
        "b;Dolap;Masif çam;;40 TL",
        "c-1;Sehpa cam;;c;40 TL",
        "c-2;Sehpa mermer;;c;40 TL",
    ]
    index(table_with_photos(tmp_path, header, rows), tmp_path / "catalog")
    with Catalog.open(tmp_path / "catalog") as catalog:
        assert by_keywords(catalog.search("çam", limit=4)) == {"b"}
        assert by_keywords(catalog.search("cam", limit=4)) == {"a", "c"}


def test_what_is_not_wanted_is_told_apart_too(tmp_path: Path) -> None:
    with translated_shop(tmp_path, [*CLEAR, WHITE]) as catalog:
        plain = scores(catalog.search("masa", limit=3))
        unwanted = catalog.search("masa", without="çam", limit=3)
        assert any("No product says “çam”" in note for note in unwanted.notes)
        # Nothing here is of pine, so nothing is pushed below what it was.
        assert ids(unwanted) == list(plain)
        glass = scores(catalog.search("masa", without="cam", limit=3))
        assert glass["clear-1"] < plain["clear-1"]


def test_an_english_word_brings_no_glass_by_way_of_its_turkish_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[KeywordQuery] = []
    matches = CatalogReader.keyword_matches

    async def seen(reader: CatalogReader, query: KeywordQuery, *further: Any) -> Any:
        asked.append(query)
        return await matches(reader, query, *further)

    monkeypatch.setattr(CatalogReader, "keyword_matches", seen)
    with translated_shop(tmp_path, [*CLEAR, WHITE]) as catalog:
        assert not by_keywords(catalog.search("pine", limit=3))
        catalog.search("table", without="pine", limit=3)
    assert [query.words for query in asked] == ["pine", "table", "pine"]
    assert not [each for query in asked for each in query.beside if "çam" in each.words]


def test_an_english_word_finds_its_turkish_name_and_not_the_other(tmp_path: Path) -> None:
    with shop(tmp_path, GLASS + PINE, with_materials=False) as catalog:
        assert by_keywords(catalog.search("pine", limit=7)) == {"pine-1", "pine-2"}
        found = by_keywords(catalog.search("glass", limit=7))
        assert {"glass-1", "glass-4"} <= found
        assert not {"pine-1", "pine-2"} & found


def test_what_a_title_says_is_not_told_as_missing(tmp_path: Path) -> None:
    oak = "oak;Oak table;Meşe masa;table;40 TL;"
    header = "id;title;title_tr;category;price;material;image"
    rows = [oak, f"{WHITE};walnut", *(f"{each};glass" for each in CLEAR)]
    index(table_with_photos(tmp_path, header, rows), tmp_path / "catalog")
    with Catalog.open(tmp_path / "catalog") as catalog:
        for prompt, missing in [
            ("oak table", 0),
            ("meşe masa", 0),
            ("pine table", 1),
            ("çam masa", 1),
            ("beech table", 1),
        ]:
            told = [note for note in catalog.search(prompt).notes if note.startswith("No product ")]
            assert len(told) == missing, (prompt, told)


def test_they_are_looked_for_once_in_a_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    passing = CatalogReader.passing

    async def counted(reader: CatalogReader, sql: str) -> Filter:
        if "regexp_like" in sql:
            asked.append(sql)
        return await passing(reader, sql)

    monkeypatch.setattr(CatalogReader, "passing", counted)
    with shop(tmp_path, GLASS + PINE) as catalog:
        first = ids(catalog.search("çam masa"))
        once = len(asked)
        assert once > 0
        assert ids(catalog.search("çam masa")) == first
        catalog.search("cam masa", without="çam")
        assert len(asked) == once


def test_words_that_say_the_same_are_not_told_apart() -> None:
    assert set(LEXICON.homographs) == {"çam", "cam"}
    assert LEXICON.homographs["çam"] == ("pine base_materials", ("cam",))
