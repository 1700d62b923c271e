"""Several feeds of one catalog: each syncs by itself, and nothing of another is lost."""

import asyncio
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import lancedb
import pytest

from furniture_prompter.catalog.history import roll_back
from furniture_prompter.catalog.manifest import read_manifest
from furniture_prompter.catalog.upkeep import optimize_catalog, verify_catalog
from furniture_prompter.domain import FeedRow, Query, Removal, SetAside, Upsert
from furniture_prompter.errors import InvalidFeedError, TooManyRemovedError
from furniture_prompter.ingest.brought_by import is_only_source
from furniture_prompter.ingest.upserts import write_products
from tests.fakes import LetterPromptEncoder, make_rows, with_product
from tests.integration.conftest import Shop
from tests.integration.test_variants import GREY, frozen_products, repair

FROZEN = Path(__file__).parent / "frozen" / "format-2.zip"


@pytest.fixture
def small(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "catalog", LetterPromptEncoder())


@pytest.fixture
def rows(tmp_path: Path) -> list[FeedRow]:
    return make_rows(tmp_path / "photos", 12)


def ids(shop: Shop) -> set[str]:
    async def read() -> set[str]:
        database = await lancedb.connect_async(shop.folder)
        table = await database.open_table("products")
        await table.checkout(read_manifest(shop.folder).tables["products"])
        return set((await table.query().select(["id"]).to_arrow())["id"].to_pylist())

    return asyncio.run(read())


def sound(shop: Shop) -> bool:
    return asyncio.run(verify_catalog(shop.folder)).sound


def put(shop: Shop, *writes: Upsert | Removal) -> None:
    asyncio.run(
        write_products(writes, shop.folder, shop.encoder, shop.prompt_encoder, shop.settings)
    )


def named(first: int, last: int) -> set[str]:
    return {f"p{number}" for number in range(first, last)}


def test_two_feeds_sync_each_by_itself(small: Shop, rows: list[FeedRow]) -> None:
    small.index(rows[:6], name="a", sync=True)
    small.index(rows[6:], name="b", sync=True)
    assert ids(small) == named(0, 12)
    summary = small.index(rows[6:10], name="b", sync=True)
    assert (summary.products_removed, ids(small)) == (2, named(0, 10))
    assert small.index(rows[2:6], name="a", sync=True).products_removed == 2
    assert ids(small) == named(2, 10)
    assert read_manifest(small.folder).feeds == ("a", "b")
    assert sound(small)


def test_a_second_run_over_unchanged_feeds_writes_nothing(small: Shop, rows: list[FeedRow]) -> None:
    # Two feeds that share products do not take these from each other.
    for _ in range(2):
        small.index(rows[:8], name="a", sync=True)
        version = small.index(rows[4:], name="b", sync=True).version
    assert version == 2
    assert small.index(rows[:8], name="a", sync=True).version == version


def test_a_product_that_moves_to_another_feed_is_not_lost(small: Shop, rows: list[FeedRow]) -> None:
    small.index(rows[:6], name="a", sync=True)
    small.index(rows[6:], name="b", sync=True)
    small.encoder.encoded = 0
    # It is in the other feed before it goes from its own, as it is and changed.
    changed = with_product(rows[1], title="another title")
    small.index([rows[0], changed, *rows[6:]], name="b", sync=True)
    summary = small.index(rows[2:6], name="a", sync=True)
    assert summary.products_removed == 0
    assert any(note.startswith("2 products that the feed no longer") for note in summary.notes)
    assert ids(small) == named(0, 12)
    # It goes from its own first, and comes by the other then.
    small.index([*rows[3:6]], name="a", sync=True)
    assert ids(small) == named(0, 12) - {"p2"}
    small.index([*rows[:3], *rows[6:]], name="b", sync=True)
    assert ids(small) == named(0, 12)
    assert small.encoder.encoded <= 1
    assert sound(small)


def test_without_sync_a_feed_still_has_what_it_left_out(small: Shop, rows: list[FeedRow]) -> None:
    small.index(rows[:6], name="a")
    small.index(rows[:4], name="a")
    small.index(rows[3:6], name="b")
    assert small.index(rows[4:6], name="b", sync=True).products_removed == 0
    assert small.index(rows[:4], name="a", sync=True).products_removed == 0
    assert ids(small) == named(0, 6)


def test_a_row_that_was_set_aside_is_still_of_its_feed(small: Shop, rows: list[FeedRow]) -> None:
    small.index(rows[:6], name="a")
    bad = SetAside(Path("b"), 1, "bad", "mend", product_id="p0")
    small.index([bad, rows[7]], name="b")
    small.index(rows[1:6], name="a", sync=True)
    assert "p0" in ids(small)


def test_products_of_the_api_stay_and_those_of_a_feed_remain_its_own(
    small: Shop, rows: list[FeedRow]
) -> None:
    small.index(rows[:4], name="a")
    uploads = small.folder / "uploads"
    uploads.mkdir(exist_ok=True)
    photo = uploads / f"{'0' * 64}.png"
    photo.write_bytes(rows[4].images[0].read_bytes())
    put(small, Upsert(1, rows[4].product, (photo,)))
    put(small, Upsert(1, replace(rows[0].product, title="dearer"), None))
    summary = small.index(rows[1:4], name="a", sync=True)
    assert summary.products_removed == 1
    assert ids(small) == {"p1", "p2", "p3", "p4"}
    put(small, Removal(1, "p4"))
    assert ids(small) == {"p1", "p2", "p3"}


def test_the_brake_counts_what_the_feed_itself_brought(tmp_path: Path, small: Shop) -> None:
    rows = make_rows(tmp_path / "many", 60)
    small.index(rows[:20], name="a")
    small.index(rows[20:], name="b")
    brake: dict[str, Any] = {"sync": True, "remove_many": False}
    # Eleven of the catalog's sixty are less than a fifth, eleven of the feed's twenty are not.
    with pytest.raises(TooManyRemovedError, match=r"remove 11 of the 20 products.* of this feed"):
        small.index(rows[:9], name="a", **brake)
    assert ids(small) == named(0, 60)


def test_a_renamed_feed_takes_what_it_brought_along(small: Shop, rows: list[FeedRow]) -> None:
    small.index(rows[:6], name="day-1.csv", sync=True)
    first = small.index(rows[1:7], name="day-2.csv", sync=True)
    assert first.products_removed == 0
    assert any("--was day-1.csv" in note for note in first.notes)
    last = small.index(rows[2:7], name="daily", was=["day-1.csv", "day-2.csv"], sync=True)
    assert (last.products_removed, ids(small)) == (2, named(2, 7))
    assert read_manifest(small.folder).feeds == ("daily", "")
    with pytest.raises(InvalidFeedError, match="It remembers: daily"):
        small.index(rows[2:7], name="daily", was=["day-1.csv"])


def test_a_feed_is_renamed_though_nothing_else_changes(small: Shop, rows: list[FeedRow]) -> None:
    before = small.index(rows[:6], name="day-1.csv").version
    renamed = small.index(rows[:6], name="daily", was=["day-1.csv"])
    assert renamed.version == before + 1
    assert "6 products of day-1.csv count as daily's now (--was)." in renamed.notes
    assert read_manifest(small.folder).feeds == ("daily",)
    assert small.index(rows[:6], name="daily").version == renamed.version
    assert sound(small)


def test_a_new_catalog_remembers_no_former_name(small: Shop, rows: list[FeedRow]) -> None:
    with pytest.raises(InvalidFeedError, match="It remembers: none"):
        small.index(rows[:6], name="a", was=["b"])


def test_feeds_outlive_rollback_optimize_and_repair(small: Shop, rows: list[FeedRow]) -> None:
    small.index(rows[:6], name="a")
    small.index(rows[6:], name="b")
    small.index(rows[7:], name="b", sync=True)
    asyncio.run(roll_back(small.folder, None, 3600, 5))
    asyncio.run(optimize_catalog(small.folder, 1_000_000, 3600, 5))
    vectors = max(
        (small.folder / "photos.lance" / "data").iterdir(), key=lambda f: f.stat().st_size
    )
    data = bytearray(vectors.read_bytes())
    data[40] ^= 0xFF
    vectors.write_bytes(data)
    assert not sound(small)
    assert repair(small) == ()
    assert small.index(rows[1:6], name="a", sync=True).products_removed == 1
    assert small.index(rows[7:], name="b", sync=True).products_removed == 1
    assert ids(small) == named(1, 6) | named(7, 12)
    assert sound(small)


@pytest.fixture
def frozen(tmp_path: Path) -> tuple[Shop, list[FeedRow]]:
    """A catalog that a release before feeds were remembered wrote, and its rows of today.

    It ran over the feed ``list`` twice, with p4 among it the second time, which has a variant; p5
    was written over the API.
    """
    with zipfile.ZipFile(FROZEN) as archive:
        archive.extractall(tmp_path)
    shop = Shop(tmp_path / "catalog", LetterPromptEncoder())
    rows = [
        FeedRow(
            replace(product, variants=(GREY,) if number == 4 else ()),
            (tmp_path / "photos" / f"{number}.png",),
            tmp_path / "feed",
            number + 1,
            variant_of={tmp_path / "photos" / "4.png": GREY.id} if number == 4 else {},
        )
        for number, product in enumerate(frozen_products())
    ]
    return shop, rows


def test_a_catalog_of_format_2_is_opened_searched_verified_and_written(
    frozen: tuple[Shop, list[FeedRow]],
) -> None:
    shop, rows = frozen
    assert read_manifest(shop.folder).format_version == 2
    assert sound(shop)
    assert set(shop.ids(Query(prompt="chair", where="price < 60"))) == named(0, 6)
    summary = shop.index(rows)
    assert (summary.products_updated, summary.photos_encoded) == (6, 0)
    assert read_manifest(shop.folder).format_version == 3
    assert sound(shop)
    assert shop.index(rows).version == summary.version
    asyncio.run(roll_back(shop.folder, summary.version - 1, 3600, 5))
    assert read_manifest(shop.folder).format_version == 2
    assert shop.index(rows[:5], sync=True).products_removed == 0


def test_products_from_before_stay_where_history_tells_of_more_than_their_feed(
    frozen: tuple[Shop, list[FeedRow]],
) -> None:
    # p5 came over the API, so what no feed has today may be its like.
    shop, rows = frozen
    summary = shop.index(rows[1:5], sync=True)
    assert summary.products_removed == 0
    (note,) = (note for note in summary.notes if "from before" in note)
    assert note.startswith("2 products that the feed does not have stayed")
    assert ids(shop) == named(0, 6)
    assert shop.index(rows[1:5], sync=True, was=["unknown"]).products_removed == 2
    assert ids(shop) == named(1, 5)
    assert sound(shop)


def test_products_from_before_are_the_feeds_where_history_tells_of_no_other(
    frozen: tuple[Shop, list[FeedRow]],
) -> None:
    shop, rows = frozen
    asyncio.run(roll_back(shop.folder, 1, 3600, 5))
    path = shop.folder / "versions.jsonl"
    source = str(shop.folder.parent / "list.csv")
    lines = path.read_text().replace('"source":"list"', f'"source":"{source}"').splitlines()
    # A version of which nothing is told may have been anything.
    path.write_text("\n".join(line for line in lines if '"write"' not in line) + "\n")
    assert not is_only_source(shop.folder, source)
    path.write_text("\n".join(lines).replace('"made":{"by":"index"', '"made":null,"x":{"by":""'))
    assert not is_only_source(shop.folder, source)
    # A write that added nothing brought no product.
    told = [line.replace('"added":1', '"added":0') if '"write"' in line else line for line in lines]
    path.write_text("\n".join(told) + "\n")
    assert not is_only_source(shop.folder, f"{source}.old")
    assert is_only_source(shop.folder, source)
    assert shop.index(rows[1:4], sync=True, source=source).products_removed == 1
    assert ids(shop) == named(1, 4)


@pytest.mark.parametrize("source", ["list", "./list", "https://shop.example/export"])
def test_products_from_before_stay_where_two_feeds_may_have_been_told_alike(
    frozen: tuple[Shop, list[FeedRow]], source: str
) -> None:
    # The files of two folders, or two queries of one address.
    shop, rows = frozen
    asyncio.run(roll_back(shop.folder, 1, 3600, 5))
    path = shop.folder / "versions.jsonl"
    told = path.read_text().replace('"source":"list"', f'"source":"{source}"')
    path.write_text(told.replace('"added":1', '"added":0'))
    summary = shop.index(rows[1:4], sync=True, source=source)
    assert summary.products_removed == 0
    (note,) = (note for note in summary.notes if "from before" in note)
    assert note.startswith("1 product that the feed does not have stayed")
    assert "--sync --was unknown" in note
