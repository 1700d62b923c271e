"""Tables without a column of images, whose photos beside them are called as the products are."""

import zipfile
from collections.abc import Iterable
from pathlib import Path

import pytest

from furniture_prompter.domain import FeedItem, FeedNote, RecordFeed
from furniture_prompter.errors import InvalidFeedError
from furniture_prompter.feeds.opening import open_feed
from tests.unit.feeds.conftest import rows_of, set_aside_of

TABLE = "Stok Kodu;Ürün Adı;Fiyat\nSKU-1;Koltuk;9,90\nSKU 2;Masa;4,90\n3/A;Lamba;1,00\nX;Raf;2,00\n"


def place(folder: Path, names: Iterable[str]) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"pixels")


def photos_of(items: list[FeedItem]) -> dict[str, list[str]]:
    return {
        row.product.id: [path.relative_to(row.source.parent).as_posix() for path in row.images]
        for row in rows_of(items)
    }


def test_photos_are_taken_by_their_names_or_their_folders(tmp_path: Path) -> None:
    place(
        tmp_path,
        [
            "SKU-1_10.jpg",
            "sku_1.PNG",
            "SKU-1_2.jpg",
            "photos/SKU 2/SKU-1.jpg",
            "photos/SKU 2/9.jpg",
        ],
    )
    place(tmp_path, ["3-a.webp", "logo.png", "@eaDir/X.jpg", "1/2/3/4/5/X.jpg", "notes.txt"])
    (tmp_path / "urunler.csv").write_text(TABLE, "utf-8")
    items = list(open_feed(tmp_path / "urunler.csv").items())
    assert photos_of(items) == {
        "SKU-1": ["SKU-1_2.jpg", "SKU-1_10.jpg", "sku_1.PNG"],
        "SKU 2": ["photos/SKU 2/9.jpg", "photos/SKU 2/SKU-1.jpg"],
        "3/A": ["3-a.webp"],
    }
    (missing,) = set_aside_of(items)
    assert (missing.product_id, missing.line) == ("X", 5)
    assert (missing.reason, missing.cure) == (
        "No photo beside the feed is called as the product is.",
        "Put one there, such as X.jpg, or into a folder X.",
    )
    notes = [item.text for item in items if isinstance(item, FeedNote)]
    assert (
        "No column holds images, so photos beside the feed are taken that are called as 'Stok "
        "Kodu' says: 6, such as '3-a.webp'."
    ) in notes


def test_an_archive_has_them_beside_the_feed_in_it(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "shop.zip", "w") as archive:
        archive.writestr("list/products.csv", "sku,gtin,name\n1,869,Sofa\n2,870,Chair\n")
        for name in ("list/869/1.jpg", "list/869/2.jpg", "list/870/1.jpg"):
            archive.writestr(name, b"pixels")
    rows = rows_of(open_feed(tmp_path / "shop.zip", unpack_into=tmp_path / "in").items())
    # More photos are named by the GTIN than, by chance, by the number.
    assert [(row.product.id, len(row.images)) for row in rows] == [("1", 2), ("2", 1)]


def test_what_lies_there_is_looked_at_in_every_run(tmp_path: Path) -> None:
    class Nobody:
        def find(self, _: bytes) -> None:
            raise AssertionError

    place(tmp_path, ["1.jpg"])
    (tmp_path / "list.csv").write_text("sku,name\n1,Sofa\n", "utf-8")
    feed = open_feed(tmp_path / "list.csv")
    assert isinstance(feed, RecordFeed)
    assert len(rows_of(item for item in feed.items_but(Nobody()))) == 1  # type: ignore[misc]


@pytest.mark.parametrize("photos", [[], ["other.jpg"]])
def test_without_any_the_feed_is_refused_with_both_cures(tmp_path: Path, photos: list[str]) -> None:
    place(tmp_path, photos)
    (tmp_path / "list.csv").write_text("sku,name\n1,Sofa\n", "utf-8")
    with pytest.raises(InvalidFeedError, match=r"--map image=COLUMN.*ID\.jpg, ID-2\.jpg or ID/1"):
        list(open_feed(tmp_path / "list.csv").items())


@pytest.mark.parametrize("table", ["id,price,stock\n1,80,3\n", "id;Stok Adedi;Fiyat\n1;3;80\n"])
def test_a_list_of_stock_is_refused_whatever_lies_beside_it(tmp_path: Path, table: str) -> None:
    place(tmp_path, ["1.jpg"])
    (tmp_path / "stock.csv").write_text(table, "utf-8")
    with pytest.raises(InvalidFeedError, match="holds images or titles") as caught:
        list(open_feed(tmp_path / "stock.csv").items())
    assert "index the whole list" in str(caught.value)
    assert "photos beside" not in str(caught.value)
