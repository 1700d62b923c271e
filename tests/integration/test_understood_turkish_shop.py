"""Prompts of Turkish shoppers on a small fixed catalog with its sizes in one text."""

from collections.abc import Iterator

import pytest

from furniture_prompter import Catalog
from tests.integration.conftest import ids, searchable

HEADER = "ürün kodu;ürün adı;kategori;renk;ölçüler;stok;fiyat;görsel"
PRODUCTS = [
    "yuvarlak;Yuvarlak yemek masası;Masa;Meşe;Ø 100 cm, Y 75 cm;4;4.000 TL",
    "uzun-masa;Yemek masası;Masa;Meşe;L 180 x D 90 x Y 75 cm;2;6.000 TL",
    "dar-masa;Yemek masası;Masa;Meşe;G 140 x D 90 x Y 75 cm;2;5.000 TL",
    "buyuk-masa;Yemek masası 180;Masa;Meşe;G 240 x D 110 x Y 75 cm;2;9.000 TL",
    "kose-240;Köşe koltuk;Koltuk;Gri;G 240 x D 160 x Y 85 cm;3;20.000 TL",
    "kose-290;Köşe koltuk;Koltuk;Gri;G 290 x D 200 x Y 85 cm;3;22.000 TL",
    "chester;Chester 3 kişilik kanepe;Kanepe;Kahverengi;G 220 x D 95 x Y 80 cm;0;15.000 TL",
    "uclu;Üç kişilik kanepe;Kanepe;Bej;G 215 x D 92 x Y 82 cm;6;14.000 TL",
    "ranza;Ranza yatak, beyaz;Ranza;Beyaz;G 100 x D 206 x Y 165 cm;2;11.000 TL",
    "gardirop;Gardırop 3 kapaklı;Gardırop;Beyaz;G 135 x D 60 x Y 210 cm;2;12.000 TL",
    "komodin;Komodin;Komodin;Beyaz;G 45 x D 40 x Y 50 cm;2;1.500 TL",
]


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    folder = tmp_path_factory.mktemp("turkish-shop")
    with searchable(folder, HEADER, PRODUCTS) as opened:
        yield opened


@pytest.mark.parametrize(
    ("prompt", "in_it", "out_of_it"),
    [
        ("yuvarlak masa 120 cm altında", {"yuvarlak"}, {"dar-masa", "uzun-masa"}),
        ("160 cm'den kısa masa", {"yuvarlak", "dar-masa"}, {"uzun-masa", "buyuk-masa"}),
        ("150-200 cm arası masa", {"uzun-masa"}, {"yuvarlak", "dar-masa", "buyuk-masa"}),
        ("250 cm duvara sığan köşe koltuk", {"kose-240"}, {"kose-290"}),
    ],
)
def test_a_limit_of_width_holds_for_lengths_and_diameters(
    catalog: Catalog, prompt: str, in_it: set[str], out_of_it: set[str]
) -> None:
    found = {*ids(catalog.search(prompt, limit=len(PRODUCTS)))}
    assert in_it <= found
    assert not out_of_it & found


def test_a_size_that_is_asked_for_is_found_by_length_as_well(catalog: Catalog) -> None:
    assert ids(catalog.search("180x90 masa"))[0] == "uzun-masa"
    assert ids(catalog.search("100 cm çapında yuvarlak masa"))[0] == "yuvarlak"


def test_what_is_out_of_stock_is_no_answer_to_what_has_to_be_in_stock(catalog: Catalog) -> None:
    assert "chester" in ids(catalog.search("3 kişilik kanepe"))
    for prompt in ("3 kişilik kanepe stokta", "stokta olan kanepe", "kanepe in stock"):
        found = ids(catalog.search(prompt, limit=len(PRODUCTS)))
        assert found[0] == "uclu"
        assert "chester" not in found


def test_a_limit_that_nothing_satisfies_still_prefers_what_is_in_stock(catalog: Catalog) -> None:
    result = catalog.search("stokta 30 cm'den kısa kanepe", limit=len(PRODUCTS))
    found = ids(result)
    assert any("“stokta”" in note for note in result.notes)
    assert found.index("uclu") < found.index("chester")


def test_a_bedroom_asks_for_no_bed(catalog: Catalog) -> None:
    for prompt in ("yatak odası için beyaz dolap", "yatak odası dolabı", "beyaz dolap"):
        assert ids(catalog.search(prompt))[0] == "gardirop"
    assert ids(catalog.search("beyaz yatak"))[0] == "ranza"
