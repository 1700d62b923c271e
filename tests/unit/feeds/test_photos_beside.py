"""Tables without a column of images, whose photos beside them are called as the products are."""

import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from furniture_prompter.domain import FeedNote, KnownItem, RecordFeed, UnchangedRow
from furniture_prompter.errors import InvalidFeedError
from furniture_prompter.feeds.opening import open_feed
from tests.unit.feeds.conftest import rows_of, set_aside_of

TABLE = "Stok Kodu;Ürün Adı;Fiyat\nSKU-1;Koltuk;9,90\nSKU 2;Masa;4,90\n3/A;Lamba;1,00\nX;Raf;2,00\n"


def place(folder: Path, names: Iterable[str]) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"pixels")


def photos_of(items: Sequence[KnownItem]) -> dict[str, list[str]]:
    return {
        row.product.id: [path.relative_to(row.source.parent).as_posix() for path in row.images]
        for row in rows_of(items)
    }


def test_photos_are_taken_by_their_names_or_their_folders(tmp_path: Path) -> None:
    place(
        tmp_path,
        [
            *(f"SKU-1_{number}.jpg" for number in (10, *range(2, 10))),
            "sku_1.PNG",
            "photos/SKU 2/SKU-1.jpg",
            "photos/SKU 2/9.jpg",
        ],
    )
    place(tmp_path, ["3-a.webp", "logo.png", "@eaDir/X.jpg", "1/2/3/4/5/X.jpg", "notes.txt"])
    (tmp_path / "urunler.csv").write_text(TABLE, "utf-8")
    items = list(open_feed(tmp_path / "urunler.csv").items())
    assert photos_of(items) == {
        "SKU-1": [*(f"SKU-1_{number}.jpg" for number in range(2, 11)), "sku_1.PNG"],
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
        "Photos beside the feed that are called as 'Stok Kodu' says: 13, such as '3-a.webp'. By a "
        "number behind it: 9, such as 'SKU-1_2.jpg'."
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

        has_catalog = True

        def has_product(self, product_id: str) -> bool:
            return product_id == "12-2"

    place(tmp_path, ["12.jpg", "12-1.jpg", "12 (2).jpg", "12-2.jpg"])
    (tmp_path / "list.csv").write_text("sku,name\n12,Sofa\n", "utf-8")
    feed = open_feed(tmp_path / "list.csv")
    assert isinstance(feed, RecordFeed)
    items = [item for item in feed.items_but(Nobody()) if not isinstance(item, UnchangedRow)]
    # The catalog's other products have photos there as well.
    assert photos_of(items) == {"12": ["12-1.jpg", "12.jpg"]}
    assert any(
        "2 whose name is the id of another product, which the catalog has" in item.text
        for item in items
        if isinstance(item, FeedNote)
    )


def read(
    folder: Path, ids: Iterable[str], photos: Iterable[str]
) -> tuple[dict[str, list[str]], str]:
    """Photos by the products of a table of ids, and what is said of those that are nobody's."""
    place(folder, photos)
    table = "id;title\n" + "".join(f"{name};Sofa\n" for name in ids)
    (folder / "list.csv").write_text(table, "utf-8")
    items = list(open_feed(folder / "list.csv").items())
    notes = [item.text for item in items if isinstance(item, FeedNote)]
    return photos_of(items), next((note for note in notes if "not taken" in note), "")


def test_numbers_behind_a_name_count_from_its_first_on_without_a_gap(tmp_path: Path) -> None:
    sizes = ["OSLO-99.jpg", "OSLO-100.jpg", "OSLO-140.jpg"]
    photos, left = read(
        tmp_path, ["OSLO", "MOSS"], ["OSLO.jpg", "OSLO-1.jpg", "OSLO (2).jpg", *sizes]
    )
    assert photos == {"OSLO": ["OSLO (2).jpg", "OSLO-1.jpg", "OSLO.jpg"]}
    assert "1 whose name ends in a number that continues none from 0, 1 or 2 on" in left
    assert "'OSLO-99.jpg'" in left


def test_what_has_numbers_of_its_own_is_no_number(tmp_path: Path) -> None:
    beside = ["12.jpg", "12-1.jpg", "12-2.jpg", "12-2-1.jpg"]
    photos, left = read(tmp_path, ["12"], beside)
    assert photos == {"12": ["12-1.jpg", "12.jpg"]}
    assert "1 whose name has numbered ones of its own, such as '12-2.jpg'" in left


def test_a_name_in_several_folders_is_nobodys_but_in_the_products(tmp_path: Path) -> None:
    beside = ["a/140.jpg", "b/140.jpg", "c/160/140.jpg", "d/180.jpg"]
    photos, left = read(tmp_path, ["140", "160", "180"], beside)
    assert photos == {"160": ["c/160/140.jpg"], "180": ["d/180.jpg"]}
    assert "2 whose name lies in several folders, such as 'a/140.jpg'" in left


def test_ids_of_one_or_two_digits_need_the_feeds_folder_or_their_own(tmp_path: Path) -> None:
    beside = [
        "1.jpg",
        "Sofa 1/2.jpg",
        "Sofa 2/2.jpg",
        "p/3/9.jpg",
        "Sofa 1/4/a.jpg",
        "Sofa 2/4/a.jpg",
    ]
    photos, left = read(tmp_path, ["1", "2", "3", "4"], beside)
    assert photos == {"1": ["1.jpg"], "3": ["p/3/9.jpg"]}
    assert "2 whose name has one or two digits for the product" in left
    assert "2 whose name lies in several folders, such as 'Sofa 1/4/a.jpg'" in left


def test_an_exact_name_goes_before_one_in_other_letters(tmp_path: Path) -> None:
    ids = ["KLT/20", "KLT 20", "KLT-20", "A.B", "a.b", "ışık-1", "IŞIK-2", "İNCİ"]
    beside = ["KLT/20.jpg", "KLT 20.jpg", "klt-20.jpg", "KLT_20.jpg", "A.B.jpg", "a_b.jpg"]
    photos, left = read(tmp_path, ids, [*beside, "IŞIK-1.jpg", "ışık-2.jpg", "inci.jpg"])
    assert photos == {
        "KLT/20": ["KLT/20.jpg"],
        "KLT 20": ["KLT 20.jpg"],
        "KLT-20": ["klt-20.jpg"],
        "A.B": ["A.B.jpg"],
        "ışık-1": ["IŞIK-1.jpg"],
        "IŞIK-2": ["ışık-2.jpg"],
        "İNCİ": ["inci.jpg"],
    }
    assert "2 whose name could be of two products, such as 'a_b.jpg'" in left


def test_an_id_with_a_slash_is_a_folder_in_a_folder(tmp_path: Path) -> None:
    photos, _ = read(tmp_path, ["A/12", "A/13"], ["A/12/1.jpg", "p/A/13.jpg", "p/A/14.jpg"])
    assert photos == {"A/12": ["A/12/1.jpg"], "A/13": ["p/A/13.jpg"]}


def test_where_all_are_doubtful_the_refusal_says_why(tmp_path: Path) -> None:
    with pytest.raises(InvalidFeedError, match=r"holds images.*not taken: 2 whose name"):
        read(tmp_path, ["1"], ["Sofa 1/1.jpg", "Sofa 2/1.jpg"])


@pytest.mark.parametrize("photos", [[], ["other.jpg"]])
def test_without_any_the_feed_is_refused_with_both_cures(tmp_path: Path, photos: list[str]) -> None:
    place(tmp_path, photos)
    (tmp_path / "list.csv").write_text("sku,name\n1,Sofa\n", "utf-8")
    with pytest.raises(InvalidFeedError, match=r"--map image=COLUMN.*ID\.jpg, ID-2\.jpg or ID/1"):
        list(open_feed(tmp_path / "list.csv").items())


@pytest.mark.parametrize(
    "table",
    [
        "id,price,stock\n1,80,3\n",
        "id;Stok Adedi;Fiyat\n1;3;80\n",
        'id,price,{"odd"}\n1,80,3\n',
    ],
)
def test_a_list_of_stock_is_refused_whatever_lies_beside_it(tmp_path: Path, table: str) -> None:
    place(tmp_path, ["1.jpg"])
    (tmp_path / "stock.csv").write_text(table, "utf-8")
    with pytest.raises(InvalidFeedError, match="holds images or titles") as caught:
        list(open_feed(tmp_path / "stock.csv").items())
    assert "index the whole list" in str(caught.value)
    assert "photos beside" not in str(caught.value)


def test_of_photos_and_their_thumbnails_the_larger_are_taken(tmp_path: Path) -> None:
    place(tmp_path, ["images/K-1.jpg", "images/K-2.jpg", "images/large/K-1.jpg", "b/K-3.jpg"])
    (tmp_path / "images/large/K-1.jpg").write_bytes(b"pixels" * 9)
    (tmp_path / "images/K-3.jpg").write_bytes(b"pixels")
    (tmp_path / "list.csv").write_text("sku,name\nK-1,Sofa\nK-2,Chair\nK-3,Rug\n", "utf-8")
    items = list(open_feed(tmp_path / "list.csv").items())
    # Of files as large as each other those of the folder that has more.
    assert photos_of(items) == {
        "K-1": ["images/large/K-1.jpg"],
        "K-2": ["images/K-2.jpg"],
        "K-3": ["images/K-3.jpg"],
    }
    told = " ".join(item.text for item in items if isinstance(item, FeedNote))
    assert "2 passed over, such as 'b/K-3.jpg' for that in 'images'" in told
