"""Codes that shoppers paste: ids, model numbers in titles, variants, barcodes."""

import asyncio
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from furniture_prompter import Catalog
from furniture_prompter.catalog.filters import Filter
from furniture_prompter.catalog.reader import CatalogReader
from furniture_prompter.search.codes import named_by_codes
from tests.integration.conftest import ids, searchable

HEADER = "id,item_group_id,title,category,color,price,gtin,sku,image"
PRODUCTS = [
    "KLT-2040,,Köşe koltuk,koltuk,gri,900,8690000000012,",
    "a1,,Masa brand18q,masa,beyaz,300,8690000000029,",
    "a2,,TR.115 sehpa,sehpa,siyah,200,,",
    "a3,,Brand lamp,lamp,black,50,,",
    "a4,,Table 180x90,table,white,400,,",
    "w7033,wardrobe,Dolap beyaz,dolap,beyaz,700,,",
    "w7034,wardrobe,Dolap siyah,dolap,siyah,700,,",
    "a5,,Sofa ABCD-100,sofa,grey,800,,",
    "pr-3,,Puf,puf,mavi,60,,",
    "a6,,Rafli dolap,dolap,gri,650,,RAL7016",
    "601.128.96,,Puf,puf,gri,60,,",
    "a7,,Koltuk,koltuk,mavi,850,,250000",
]


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    folder = tmp_path_factory.mktemp("codes")
    with searchable(folder, HEADER, PRODUCTS) as opened:
        yield opened


@pytest.mark.parametrize(
    ("prompt", "found"),
    [
        ("KLT-2040", "KLT-2040"),
        ("klt 2040 var mı? kod: klt2040", "KLT-2040"),
        ("siyah masa (brand18q)", "a1"),
        ("BRAND18Q", "a1"),
        ("tr.115", "a2"),
        ("TR115 beyaz dolap", "a2"),
        ("w7034", "wardrobe"),
        ("8690000000029", "a1"),
        ("sofa abcd-100", "a5"),
        ("pr-3", "pr-3"),
        ("ral 7016", "a6"),
        ("250000", "a7"),
        ("60112896", "601.128.96"),
    ],
)
def test_a_product_is_found_by_its_code_whatever_else_is_said(
    catalog: Catalog, prompt: str, found: str
) -> None:
    result = catalog.search(prompt)
    assert ids(result)[0] == found
    assert result.hits[0].confidence == 1.0
    assert result.hits[0].matched[0] == "keyword"
    assert result.close
    assert result.did_you_mean is None


@pytest.mark.parametrize(
    "prompt", ["w9999", "brand77x", "180x90 masa", "brand 18", "8690000000099", "250000 TL"]
)
def test_what_no_product_bears_names_none(catalog: Catalog, prompt: str) -> None:
    assert all(hit.confidence != 1.0 for hit in catalog.search(prompt).hits)


def test_a_filter_holds_for_codes_too(catalog: Catalog) -> None:
    result = catalog.search("KLT-2040", where="price < 500")
    assert "KLT-2040" not in ids(result)
    assert all(hit.confidence != 1.0 for hit in result.hits)


@pytest.mark.parametrize("is_large", [False, True])
def test_the_texts_of_a_large_catalog_are_not_looked_through(*, is_large: bool) -> None:
    asked: list[str] = []

    async def passing(sql: str) -> Filter:
        asked.append(sql)
        return Filter(sql, np.zeros(0, np.int64))

    manifest = SimpleNamespace(vector_index=is_large, variants=False)
    reader: Any = SimpleNamespace(
        filter_columns={"title": "text"}, manifest=manifest, passing=passing
    )
    named = asyncio.run(named_by_codes(reader, "sofa Klt-2040"))
    assert not named.numbers.size
    assert "'KLT-2040'" in asked[0]
    assert ("regexp_like" in asked[0]) == (not is_large)


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        ("KLT-2040 olmayan koltuk", "KLT-2040 olmayan"),
        ("koltuk, not klt2040", "not klt2040"),
        ("brand18q hariç masa", "brand18q hariç"),
        ("not KLT-2040", "not KLT-2040"),
    ],
)
def test_a_product_whose_code_is_not_wanted_is_left_out(
    catalog: Catalog, prompt: str, said: str
) -> None:
    unwanted = "a1" if "brand" in prompt else "KLT-2040"
    result = catalog.search(prompt, limit=20)
    assert ids(result)
    assert unwanted not in ids(result)
    assert [part.text for part in result.understood if part.use == "without"] == [said]
    assert ids(catalog.search(prompt, lift=[said]))[0] == unwanted


@pytest.mark.parametrize(
    "prompt", ["table, not KLT-2040 or brand18q", "KLT-2040 ve brand18q olmayan masa"]
)
def test_a_second_code_that_is_not_wanted_is_left_out_too(catalog: Catalog, prompt: str) -> None:
    result = catalog.search(prompt, limit=20)
    assert ids(result)
    assert not {"KLT-2040", "a1"} & {*ids(result)}
    assert len([part for part in result.understood if part.use == "without"]) == 2


def test_the_number_of_a_model_is_no_negation(catalog: Catalog) -> None:
    assert ids(catalog.search("model no KLT-2040"))[0] == "KLT-2040"


def test_behind_what_is_named_comes_what_the_other_words_find(catalog: Catalog) -> None:
    named = ids(catalog.search("KLT-2040 dolap", limit=20))
    alone = ids(catalog.search("dolap", limit=20))
    assert named[0] == "KLT-2040" != alone[0]
    assert set(named[1:3]) == {"a6", "wardrobe"} == set(alone[:2])
    # What stands out as far as a code does must be no measure for the diversity of the rest.
    plain = [
        ids(catalog.search(prompt, limit=20, diversity=0)) for prompt in ("KLT-2040 dolap", "dolap")
    ]
    assert plain[0][1:] == [each for each in plain[1] if each != "KLT-2040"]


def test_of_very_many_codes_few_are_looked_up(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    passing = CatalogReader.passing

    async def counted(reader: CatalogReader, condition: str) -> Filter:
        asked.append(condition)
        return await passing(reader, condition)

    monkeypatch.setattr(CatalogReader, "passing", counted)
    catalog.search(" ".join(f"QB-{number:04}" for number in range(100)))
    assert 0 < sum("QB-" in each for each in asked) <= 8


def test_a_code_that_no_product_has_is_told(catalog: Catalog) -> None:
    told = "No product has the code “202.867.61”: what the other words find is shown."
    assert told in catalog.search("202.867.61").notes
    for prompt in ("KLT-2040", "lamp 2700K", "table 180x90"):
        assert not any("code" in note for note in catalog.search(prompt).notes)


@pytest.mark.parametrize("prompt", ["120.000-150.000", "100200-100220 koltuk", "masa 1200-1500"])
def test_a_range_of_numbers_is_told_as_no_code(catalog: Catalog, prompt: str) -> None:
    assert not any("has the code" in note for note in catalog.search(prompt).notes)


def test_two_numbers_of_which_the_second_is_less_are_told_as_a_code(catalog: Catalog) -> None:
    assert any("has the code" in note for note in catalog.search("koltuk 567812-1234").notes)
