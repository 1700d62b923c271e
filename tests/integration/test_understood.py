"""What prompts say of sizes, prices, colours and negation, on a small fixed catalog."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from furniture_prompter import Catalog, index
from tests.fakes import make_rows
from tests.integration.conftest import ids, searchable

HEADER = "id,title,category,color,material,price,currency,sale_price,width_cm,height_cm,image"
PRODUCTS = [
    "white-chair,Chair,chair,white,wood,60,EUR,,45,80",
    "red-chair,Chair,chair,red,wood,50,EUR,,45,80",
    "armed,Sofa with arms,sofa,grey,fabric,900,EUR,,220,85",
    "beige-sofa,Sofa,sofa,beige,fabric,800,EUR,,180,85",
    "grey-sofa,Sofa,sofa,grey,fabric,850,EUR,,190,85",
    "shelf,Bookshelf,bookshelf,white,wood,90,EUR,,80,200",
    "dear-shelf,Bookshelf,bookshelf,white,wood,900,EUR,95,80,200",
    "cover,Quilt cover 100% cotton,quilt cover,white,cotton,40,EUR,,,",
    "radiator,Radiator 50 cm,radiator,white,metal,300,EUR,,50,60",
    "side,Side table,side table,oak,oak,70,EUR,,40,50",
    "wide-side,Side table,side table,oak,oak,75,EUR,,70,50",
    "table,Table,table,oak,oak,400,EUR,,150,75",
    "long-table,Table,table,oak,oak,500,EUR,,200,75",
]


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    folder = tmp_path_factory.mktemp("understood")
    with searchable(folder, HEADER, PRODUCTS) as opened:
        yield opened


def test_a_colour_that_is_not_wanted_is_left_out(catalog: Catalog) -> None:
    for prompt in ("not white chair", "beyaz olmayan chair"):
        found = ids(catalog.search(prompt))
        assert found[0] == "red-chair"
        assert "white-chair" not in found


def test_a_kind_that_is_not_wanted_is_left_out_and_the_broader_one_found(catalog: Catalog) -> None:
    for prompt in ("table, not a side table", "table, yan sehpa değil"):
        assert set(ids(catalog.search(prompt, limit=2))) == {"table", "long-table"}
        assert not {"side", "wide-side"} & {*ids(catalog.search(prompt, limit=len(PRODUCTS)))}
    # The one that is wanted bears the other's name.
    assert "side" in ids(catalog.search("side table, not a table", limit=2))


def test_a_kind_alone_that_is_not_wanted_is_not_searched_whatever_it_is_called(
    catalog: Catalog,
) -> None:
    for prompt in ("not a sofa", "anything but a couch", "no sofas", "kanepe olmasın"):
        found = ids(catalog.search(prompt, limit=len(PRODUCTS)))
        assert {"white-chair", "shelf", "table"} <= {*found}
        assert not {"beige-sofa", "grey-sofa", "armed"} & {*found}


def test_what_a_limit_says_holds_for_every_hit(catalog: Catalog) -> None:
    for prompt in ("oak side table under 50 cm", "50 cm'den küçük oak side table"):
        result = catalog.search(prompt)
        assert ids(result)[0] == "side"
        assert "radiator" not in ids(result)
        assert all(float(hit.product.attributes["width_cm"]) < 50 for hit in result.hits)  # type: ignore[arg-type]  # a number in this catalog
    assert ids(catalog.search("160 cm'den kısa oak table"))[0] == "table"


def test_a_reduced_price_counts_and_a_cheap_piece_is_no_quilt_cover(catalog: Catalog) -> None:
    result = catalog.search("cheap white bookshelf below 100")
    assert ids(result)[:2] == ["shelf", "dear-shelf"]


def test_a_colour_that_is_asked_for_comes_before_another(catalog: Catalog) -> None:
    found = ids(catalog.search("grey sofa"))
    assert found.index("grey-sofa") < found.index("beige-sofa")
    found = ids(catalog.search("gri sofa"))
    assert found.index("grey-sofa") < found.index("beige-sofa")


def test_a_colour_or_material_that_no_product_is_said_to_have_is_told(catalog: Catalog) -> None:
    for prompt, missing in [
        ("walnut table", "“walnut”"),
        ("ceviz table", "“ceviz”"),
        ("purple walnut sofa", "“purple”, “walnut”"),
        ("oak table", None),
        ("grey sofa", None),
        ("sofa", None),
        ("sofa, not purple", None),
    ]:
        told = [note for note in catalog.search(prompt).notes if note.startswith("No product is")]
        expected = f"No product is said to be {missing}: what is nearest in other ways is shown, "
        assert [note.startswith(expected) for note in told] == ([] if missing is None else [True])


def test_arms_that_are_not_wanted_push_a_sofa_down(catalog: Catalog) -> None:
    found = ids(catalog.search("sofa without arms", limit=len(PRODUCTS)))
    assert found.index("grey-sofa") < found.index("armed")


def test_a_limit_that_nothing_satisfies_becomes_a_preference_and_says_so(catalog: Catalog) -> None:
    result = catalog.search("sofa under 20 cm")
    assert ids(result)
    assert any("“under 20 cm”" in note for note in result.notes)
    (part,) = result.understood
    assert part.use == "preference"


def test_a_column_that_is_not_there_leaves_words_and_says_so(catalog: Catalog) -> None:
    result = catalog.search("table less than 40 cm deep")
    assert result.understood == ()
    assert any("depth_cm" in note for note in result.notes)


def test_a_catalog_that_knows_no_stock_takes_it_as_words(catalog: Catalog) -> None:
    result = catalog.search("red chair in stock")
    assert ids(result)[0] == "red-chair"
    assert [part.text for part in result.understood] == ["red"]
    assert any("“in stock”" in note and "availability" in note for note in result.notes)


def test_what_was_understood_is_lifted_one_by_one_or_all(catalog: Catalog) -> None:
    prompt = "oak side table under 50 cm"
    assert [part.text for part in catalog.search(prompt).understood] == ["oak", "under 50 cm"]
    lifted = catalog.search(prompt, lift=["under 50 cm"])
    assert [part.text for part in lifted.understood] == ["oak"]
    assert "wide-side" in ids(lifted)
    assert catalog.search(prompt, understand=False).understood == ()


def test_a_where_of_ones_own_always_holds(catalog: Catalog) -> None:
    result = catalog.search("chair under 20 cm", where="price < 55")
    assert ids(result)
    assert all(float(hit.product.attributes["price"]) < 55 for hit in result.hits)  # type: ignore[arg-type]  # a number in this catalog


def test_pages_of_a_prompt_with_limits_go_on(catalog: Catalog) -> None:
    first = catalog.search("table under 160 cm", limit=2)
    second = catalog.search("table under 160 cm", limit=2, cursor=first.cursor)
    assert not {*ids(first)} & {*ids(second)}


def test_a_prompt_of_limits_alone_is_answered(catalog: Catalog, tmp_path: Path) -> None:
    result = catalog.search("under 55 euros")
    assert {*ids(result)} == {"red-chair", "cover"}


def test_not_white_keeps_what_is_white_and_black_and_no_white_does_not(tmp_path: Path) -> None:
    colors = {"white": "white", "both": "white/black", "black": "black", "unknown": ""}
    rows = make_rows(tmp_path / "photos", len(colors))
    lines = ["id,title,category,color,image"]
    for row, (name, color) in zip(rows, colors.items(), strict=True):
        lines.append(f"{name},Chair,chair,{color},{row.images[0]}")
    feed = tmp_path / "products.csv"
    feed.write_text("\n".join(lines), "utf-8")
    index(feed, tmp_path / "catalog")
    with Catalog.open(tmp_path / "catalog") as opened:
        assert set(ids(opened.search("not white chair"))) == {"both", "black", "unknown"}
        assert ids(opened.search("not white chair"))[-1] == "both"
        assert set(ids(opened.search("chair without white"))) == {"black", "unknown"}
        assert set(ids(opened.search("beyaz olmayan chair"))) == {"both", "black", "unknown"}


def test_seats_of_a_sofa_bring_no_table_for_as_many(tmp_path: Path) -> None:
    titles = {
        "sofa": ("Bergama Kanepe", 3),
        "pair": ("Assos Kanepe", 2),
        "table": ("Yemek Masası 6 kişilik", 6),
        "bed": ("Çift kişilik yatak", None),
    }
    rows = make_rows(tmp_path / "photos", len(titles))
    feed = tmp_path / "products.jsonl"
    lines = [
        json.dumps({"id": id_, "title": title, "seats": seats, "image": row.images[0].as_posix()})
        for (id_, (title, seats)), row in zip(titles.items(), rows, strict=True)
    ]
    feed.write_text("\n".join(lines), "utf-8")
    index(feed, tmp_path / "catalog")
    with Catalog.open(tmp_path / "catalog") as opened:
        found = opened.search("3 kişilik kanepe")
    assert ids(found)[0] == "sofa"
    assert {hit.product.id for hit in found.hits if "keyword" in hit.matched} == {"sofa", "pair"}
