"""The second day of a shop: lists without photos change what the catalog has, and lose nothing."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from furniture_prompter.assembly import inspect_feed
from furniture_prompter.domain import IndexSummary, Query, SearchResult
from furniture_prompter.errors import InvalidFeedError
from furniture_prompter.feeds.opening import open_feed
from furniture_prompter.ingest.indexing import index_feed
from tests.fakes import LetterPromptEncoder, make_rows
from tests.integration.conftest import Shop

WHOLE = """sku;name;category;color;description;price;sale_price;stock;photo
S-1;Oslo sofa;Sofas;grey;Soft.;999 EUR;899 EUR;3;0.png
S-2;Lund chair;Chairs;oak;Hard.;199 EUR;;10;1.png
S-3;Bergen rug;Rugs;red;Wool.;99 EUR;;1;2.png
"""


@pytest.fixture
def small(tmp_path: Path) -> Shop:
    make_rows(tmp_path, 3)
    found = Shop(tmp_path / "catalog", LetterPromptEncoder())
    assert read(found, WHOLE).products == 3
    return found


def read(
    shop: Shop, text: str, *given: str, sync: bool = False, name: str = "list"
) -> IndexSummary:
    path = shop.folder.parent / "list.csv"
    path.write_text(text, "utf-8")
    return asyncio.run(
        index_feed(
            open_feed(path, given=given),
            shop.folder,
            shop.encoder,
            shop.prompt_encoder,
            shop.settings,
            language="english",
            sync=sync,
            on_progress=lambda _: None,
            remove_many=True,
            name=name,
        )
    )


def products(shop: Shop) -> dict[str, Any]:
    found: SearchResult = shop.search(Query(prompt="a", limit=10))
    return {hit.product.id: (hit.product, Path(hit.photo.path).name) for hit in found.hits}


def test_a_known_product_without_a_photo_in_its_row_keeps_those_it_has(small: Shop) -> None:
    # No cell, a file that is not there, and a product that is new.
    text = (
        "sku;name;category;price;sale_price;photo\nS-1;Oslo sofa;Sofas;899 EUR;;\n"
        "S-2;Lund chair;Chairs;189 EUR;;none.png\nS-3;Bergen rug;Rugs;99 EUR;;2.png\n"
        "S-4;Ny lamp;Lamps;9 EUR;;\n"
    )
    summary = read(small, text, sync=True)
    assert (summary.products_updated, summary.products_removed) == (3, 0)
    told = {(item.product_id, item.reason) for item in summary.set_aside}
    assert {each for each, _ in told} == {"S-2", "S-4"}
    assert any("2 products keep the photos that the catalog has" in each for each in summary.notes)
    after = products(small)
    assert {each: photo for each, (_, photo) in after.items()} == {
        "S-1": "0.png",
        "S-2": "1.png",
        "S-3": "2.png",
    }
    # A feed that names photos tells whole products.
    assert (after["S-1"][0].attributes["price"], after["S-1"][0].description) == (899.0, "")
    assert read(small, text, sync=True).products_unchanged == 3


def test_a_list_of_prices_changes_them_and_nothing_else(small: Shop) -> None:
    text = "sku;price;stock\nS-1;1099 EUR;0\nS-3;89 EUR;7\nS-9;1 EUR;1\n"
    summary = read(small, text, sync=True, name="prices")
    assert (summary.products_updated, summary.products_removed) == (2, 0)
    (item,) = summary.set_aside
    assert "The catalog has no product 'S-9'" in item.reason
    assert not any("called by their ids" in each for each in summary.notes)
    after = products(small)
    sofa = after["S-1"][0]
    assert (sofa.title, sofa.category, sofa.description) == ("Oslo sofa", "Sofas", "Soft.")
    assert sofa.attributes["base_colors"] == ("grey",)
    # What was reduced from another price is not reduced from this one.
    assert {name: sofa.attributes.get(name) for name in ("price", "sale_price", "stock")} == {
        "price": 1099.0,
        "sale_price": None,
        "stock": 0.0,
    }
    assert after["S-2"][0].attributes["price"] == 199.0
    assert read(small, text, name="prices").products_unchanged == 2
    # A list of prices brings no products, so it holds none that their own feed lets go.
    gone = read(small, WHOLE.replace("S-3;", "S-4;"), sync=True)
    assert (gone.products_removed, gone.products_added) == (1, 1)
    assert "S-3" not in products(small)


def test_a_cell_of_a_list_that_tells_nothing_takes_nothing_away(small: Shop) -> None:
    read(small, "sku;price;stock\nS-1;999 EUR;4\nS-2;abc;\nS-3;;5\n", name="prices")
    after = {each: product.attributes for each, (product, _) in products(small).items()}
    assert after["S-1"]["sale_price"] == 899.0
    assert [after[each]["price"] for each in ("S-2", "S-3")] == [199.0, 99.0]
    assert [after[each]["stock"] for each in ("S-1", "S-2", "S-3")] == [4.0, 10.0, 5.0]


def test_a_list_of_prices_under_the_feeds_own_name_removes_nothing(small: Shop) -> None:
    assert read(small, WHOLE, sync=True).products_removed == 0
    summary = read(small, "sku;price\nS-1;1099 EUR\n", sync=True)
    assert (summary.products_updated, summary.products_removed) == (1, 0)
    assert any(note.startswith("--sync removed nothing: no row") for note in summary.notes)
    assert read(small, "sku;price\nS-9;1 EUR\n", sync=True).products_removed == 0
    assert len(products(small)) == 3


def test_variants_that_a_list_of_prices_does_not_name_stay(small: Shop) -> None:
    rows = "K;K-1;Kave;red;10 EUR;0.png\nK;K-2;Kave;blue;12 EUR;1.png\n"
    read(small, f"model;sku;name;color;price;photo\n{rows}", "group=model")
    read(small, "model;sku;price\nK;K-2;9 EUR\n", "group=model")
    kave = products(small)["K"][0]
    assert [(each.id, each.color, each.attributes["price"]) for each in kave.variants] == [
        ("K-1", "red", 10.0),
        ("K-2", "blue", 9.0),
    ]
    assert (kave.attributes["price"], kave.attributes.get("sku")) == (9.0, None)


def test_what_a_list_of_some_variants_says_is_told_of_all(small: Shop) -> None:
    header = "item_group_id;id;title;color;price;sale_price;stock;image\n"
    rows = "K;K-1;Kave;black;120;101.5;1;0.png\nK;K-2;Kave;blue;140;130;2;1.png\n"
    read(small, f"{header}{rows}K;K-3;Kave;green;150;;4;2.png\n")
    kave = products(small)["K"][0].attributes
    assert (kave["price"], kave["sale_price"]) == (120, 101.5)
    read(small, "item_group_id;id;price\nK;K-2;99\n", "group=item_group_id", name="prices")
    kave = products(small)["K"][0].attributes
    assert (kave["price"], kave.get("sale_price")) == (99, None)
    read(small, "item_group_id;id;color;stock\nK;K-1;black;0\nK;K-9;white;5\n", name="stocks")
    after = products(small)["K"][0]
    assert after.color == "black, blue, green, white"
    assert after.attributes["base_colors"] == ("black", "blue", "green", "white")
    assert [each.id for each in after.variants] == ["K-1", "K-2", "K-3", "K-9"]
    assert after.attributes["stock"] == 11


def test_an_inspection_tells_what_the_catalog_has_by_its_ids(small: Shop) -> None:
    feed = small.folder.parent / "prices.csv"
    feed.write_text("sku;price\nS-1;1099 EUR\nS-9;1 EUR\n", "utf-8")
    told = inspect_feed(feed, catalog=small.folder)
    assert (told.known, told.new, [row.product.id for row in told.rows]) == (1, 0, ["S-1"])
    assert [item.product_id for item in told.set_aside] == ["S-9"]
    whole = inspect_feed(small.folder.parent / "list.csv", catalog=small.folder)
    assert (whole.known, whole.new) == (3, 0)


def test_a_list_of_prices_begins_no_catalog(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "catalog", LetterPromptEncoder())
    with pytest.raises(InvalidFeedError, match="begins none: index the whole list first"):
        read(shop, "sku;price\nS-1;1 EUR\n")
    assert not shop.folder.exists()
