"""Former versions of a catalog: listed, compared, returned to, kept and deleted."""

import asyncio
import dataclasses
import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from furniture_prompter import timing
from furniture_prompter.catalog import folding, history
from furniture_prompter.catalog.differences import chosen_versions, differences
from furniture_prompter.catalog.history import VERSIONS_FILE, catalog_versions, roll_back
from furniture_prompter.catalog.manifest import Manifest, read_manifest
from furniture_prompter.catalog.reader import CatalogReader
from furniture_prompter.catalog.upkeep import optimize_catalog, verify_catalog
from furniture_prompter.domain import (
    FeedRow,
    ProductDifference,
    Query,
    RollbackSummary,
    Upsert,
)
from furniture_prompter.errors import (
    CatalogDamagedError,
    CatalogWriteError,
    TooManyRemovedError,
    VersionNotKeptError,
)
from furniture_prompter.ingest.upserts import write_products
from furniture_prompter.settings import Settings
from tests.fakes import make_rows, with_product
from tests.integration.conftest import Shop

ROOT = Path(__file__).parents[2]
DAY_S = 86_400.0
FEW = 16
EVERYTHING = Query(prompt="chair", where="price >= 0", limit=100)


@pytest.fixture
def rows(tmp_path: Path) -> list[FeedRow]:
    return make_rows(tmp_path / "photos", FEW)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """A clock that is ahead by what a test says."""
    ahead = {"s": 0.0}
    monkeypatch.setattr(timing, "_clock", lambda: time.time() + ahead["s"])
    return ahead


def titled(row: FeedRow, title: str) -> FeedRow:
    return with_product(row, title=title)


def back(shop: Shop, version: int | None = None) -> RollbackSummary:
    chosen = shop.settings
    return asyncio.run(
        roll_back(shop.folder, version, chosen.version_grace_s, chosen.keep_versions)
    )


def compared(shop: Shop, before: int, after: int) -> list[ProductDifference]:
    async def collect() -> list[ProductDifference]:
        return [each async for each in differences(shop.folder, before, after)]

    return asyncio.run(collect())


def sound(shop: Shop) -> bool:
    return asyncio.run(verify_catalog(shop.folder)).sound


def titles(shop: Shop) -> dict[str, str]:
    return {hit.product.id: hit.product.title for hit in shop.search(EVERYTHING).hits}


def kept(shop: Shop) -> list[int]:
    return [each.version for each in catalog_versions(shop.folder) if each.kept]


def test_every_version_says_what_made_it_and_what_changed(
    shop: Shop, rows: list[FeedRow], clock: dict[str, float]
) -> None:
    shop.index(rows[:10])
    clock["s"] += DAY_S
    shop.index([titled(rows[0], "other"), *rows[1:8], rows[10]], sync=True)
    # A run that changes nothing is no version.
    shop.index([titled(rows[0], "other"), *rows[1:8], rows[10]], sync=True)
    asyncio.run(optimize_catalog(shop.folder, 100_000, 600.0, 3))
    found = catalog_versions(shop.folder)
    told = [dataclasses.asdict(each.made) for each in found if each.made]
    for each in told:
        assert each.pop("seconds") >= 0
    counts = dict.fromkeys(("added", "updated", "removed", "unchanged", "set_aside"), 0)
    assert told == [
        {**counts, "by": "index", "source": "list", "added": 10},
        {
            **counts,
            "by": "index",
            "source": "list",
            "added": 1,
            "updated": 1,
            "removed": 2,
            "unchanged": 7,
        },
        {**counts, "by": "optimize", "source": "", "unchanged": 9},
    ]
    assert [each.products for each in found] == [10, 9, 9]
    assert [each.current for each in found] == [False, False, True]
    days = [each.created[:10] for each in found]
    assert days[0] < days[1] == days[2]
    # The last has the products of the second, which nobody has to return to.
    assert kept(shop) == [1, 3]
    assert back(shop).returned_to == 1


def test_going_back_makes_the_products_of_then_current_and_forward_again(
    shop: Shop, rows: list[FeedRow], clock: dict[str, float]
) -> None:
    shop.index(rows[:10])
    first = titles(shop)
    clock["s"] += DAY_S
    shop.index([titled(rows[0], "spoilt"), *rows[4:14]], sync=True)
    second = titles(shop)
    clock["s"] += DAY_S
    # However old they are: the version before was replaced a day ago.
    summary = back(shop)
    assert (summary.version, summary.returned_to) == (3, 1)
    assert (summary.added, summary.updated, summary.removed, summary.unchanged) == (3, 1, 4, 6)
    assert titles(shop) == first
    assert sound(shop)
    clock["s"] += DAY_S
    assert back(shop, 2).version == 4
    assert titles(shop) == second
    assert sound(shop)
    # What the next run writes has numbers that no product had before.
    shop.index([*rows[4:], titled(rows[0], "spoilt")], sync=True)
    assert len(titles(shop)) == 13
    assert sound(shop)


def test_a_kept_version_is_searched_through_its_own_indexes(
    shop: Shop, rows: list[FeedRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folding, "LOOSE_ROWS", 0)
    shop.settings = Settings(stage_photos=8, vector_index_photos=256)
    shop.index(rows[:10])
    shop.index([titled(row, "unfindable") for row in rows[:10]])
    back(shop)

    async def unindexed() -> list[int]:
        reader = await CatalogReader.open(shop.folder)
        counts = []
        for table in (reader._products, reader._photos):
            for index in await table.list_indices():
                statistics = await table.index_stats(index.name)
                assert statistics is not None
                counts.append(statistics.num_unindexed_rows)
        reader.close()
        return counts

    assert asyncio.run(unindexed()) == [0, 0, 0]
    assert "p0" in shop.ids(Query(prompt="chair no 0"))


def test_as_many_versions_are_kept_as_the_setting_says_and_their_data_goes_then(
    shop: Shop, rows: list[FeedRow], clock: dict[str, float]
) -> None:
    shop.settings = Settings(stage_photos=8, keep_versions=2)
    for number in range(5):
        shop.index([titled(rows[0], f"title {number}"), *rows[1:8]])
        time.sleep(0.1)
        clock["s"] += DAY_S
    assert kept(shop) == [3, 4, 5]
    assert [each.version for each in catalog_versions(shop.folder)] == [1, 2, 3, 4, 5]
    for gone in (1, 2):
        with pytest.raises(VersionNotKeptError, match=r"was deleted.*Kept beside it: 3, 4"):
            back(shop, gone)
    with pytest.raises(VersionNotKeptError, match="never had a version 9"):
        back(shop, 9)
    with pytest.raises(VersionNotKeptError, match="current one already"):
        back(shop, 5)
    names = {path.name for path in (shop.folder / "checksums" / "kept").iterdir()}
    assert names == {each.checksums for each in read_manifest(shop.folder).kept}
    before = len(list((shop.folder / "products.lance" / "_versions").iterdir()))
    # Turned off, the next run lets all of them go.
    shop.settings = Settings(stage_photos=8, keep_versions=0)
    shop.index([titled(rows[0], "last"), *rows[1:8]])
    clock["s"] += DAY_S
    shop.index([titled(rows[0], "very last"), *rows[1:8]])
    assert len(list((shop.folder / "products.lance" / "_versions").iterdir())) < before
    assert kept(shop) == [7]
    with pytest.raises(VersionNotKeptError, match=r"no version before its .*No version before it"):
        back(shop)
    assert sound(shop)


def test_writes_over_the_api_leave_the_way_back_to_the_feed(
    shop: Shop, rows: list[FeedRow], clock: dict[str, float]
) -> None:
    def write(*numbers: int) -> None:
        for number in numbers:
            product = dataclasses.replace(rows[0].product, title=f"stock {number}")
            made = [Upsert(1, product, None)]
            encoders = shop.encoder, shop.prompt_encoder
            asyncio.run(write_products(made, shop.folder, *encoders, shop.settings))
            clock["s"] += 2 * shop.settings.version_grace_s

    shop.settings = Settings(stage_photos=8, keep_versions=2)
    shop.index(rows[:8])
    of_the_feed = titles(shop)
    write(1, 2, 3)
    on_the_disk = len(list((shop.folder / "products.lance" / "_versions").iterdir()))
    write(4, 5, 6)
    assert kept(shop) == [1, 7]
    # However many there are, they take no more room than a few.
    assert len(list((shop.folder / "products.lance" / "_versions").iterdir())) == on_the_disk
    shop.index([*rows[1:8], titled(rows[8], "of the second day")])
    assert kept(shop) == [1, 7, 8]
    assert back(shop, 1).returned_to == 1
    assert titles(shop) == of_the_feed
    assert sound(shop)


def test_a_difference_has_products_cells_and_photos(
    shop: Shop, rows: list[FeedRow], tmp_path: Path
) -> None:
    shop.index(rows[:6])
    moved = dataclasses.replace(rows[2], images=(rows[2].images[0], rows[9].images[0]))
    dearer = with_product(rows[1], attributes={"price": 99.0, "brand": "Oslo"}, tags=("new",))
    shop.index([rows[0], dearer, moved, *rows[3:5], rows[7]], sync=True)
    found = {each.id: each for each in compared(shop, 1, 2)}
    assert {name: each.change for name, each in found.items()} == {
        "p1": "changed",
        "p2": "changed",
        "p5": "removed",
        "p7": "added",
    }
    assert found["p1"].cells == {
        "tags": ([], ["new"]),
        "price": (10.0, 99.0),
        "brand": (None, "Oslo"),
    }
    assert found["p2"].cells == {}
    assert found["p2"].photos_added == (str(rows[9].images[0]),)
    assert found["p5"].title == rows[5].product.title
    backwards = {each.id: each for each in compared(shop, 2, 1)}
    assert backwards["p1"].cells["price"] == (99.0, 10.0)
    assert backwards["p2"].photos_removed == (str(rows[9].images[0]),)
    assert (backwards["p5"].change, backwards["p7"].change) == ("added", "removed")
    shop.index([dataclasses.replace(moved, images=moved.images[::-1])])
    (turned,) = compared(shop, 2, 3)
    assert turned.photos_reordered
    assert (turned.cells, turned.photos_added, turned.photos_removed) == ({}, (), ())
    assert compared(shop, 3, 3) == []
    assert chosen_versions(shop.folder, None, None) == (2, 3)
    with pytest.raises(VersionNotKeptError, match="never had a version 8"):
        chosen_versions(shop.folder, 8, None)


@pytest.mark.parametrize("function", ["flush", "record", "write_manifest"])
def test_a_rollback_that_is_stopped_leaves_the_version_before(
    shop: Shop, rows: list[FeedRow], monkeypatch: pytest.MonkeyPatch, function: str
) -> None:
    shop.index(rows[:8])
    shop.index(rows[:10])
    before = titles(shop)

    def full(*_: object) -> None:
        raise CatalogWriteError("The disk is full.")

    with monkeypatch.context() as patch:
        patch.setattr(history, function, full)
        with pytest.raises(CatalogWriteError):
            back(shop)
    assert read_manifest(shop.folder).version == 2
    assert titles(shop) == before
    assert sound(shop)
    assert back(shop).products == 8
    assert sound(shop)


def test_a_rollback_that_is_killed_before_its_commit_leaves_the_version_before(
    shop: Shop, rows: list[FeedRow]
) -> None:
    shop.index(rows[:8])
    shop.index(rows[:10])
    script = (
        "import asyncio, os, signal, sys; from pathlib import Path\n"
        "from furniture_prompter.catalog import history\n"
        "history.write_manifest = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "asyncio.run(history.roll_back(Path(sys.argv[1]), None, 600.0, 3))"
    )
    killed = subprocess.run([sys.executable, "-c", script, str(shop.folder)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert read_manifest(shop.folder).version == 2
    assert sound(shop)
    # The line of version 2 is there before it was replaced, and is not told twice.
    shop.index(rows[:12])
    assert [each.version for each in catalog_versions(shop.folder)] == [1, 2, 3]
    assert back(shop, 1).products == 8
    assert sound(shop)


DYING = (
    ("history.connect", 0, 2),
    ("AsyncTable.restore", 0, 2),
    ("AsyncTable.restore", 1, 2),
    ("history.with_checksums", 0, 2),
    ("history.record", 0, 2),
    ("history.write_manifest", 0, 2),
    ("history.prune_checksums", 0, 3),
    ("Pruner.after_commit", 0, 3),
)
"""What a rollback does not come to any more, after how many calls; the version current then."""
_DIE = """
import asyncio, os, signal, sys, time
from pathlib import Path
from lancedb import AsyncTable
from furniture_prompter import timing
from furniture_prompter.catalog import differences, history, retention
from furniture_prompter.catalog.differences import _Version
from furniture_prompter.catalog.retention import Pruner

folder, place, ahead, calls, command = sys.argv[1:]
timing._clock = lambda: time.time() + float(ahead)
owner, name = place.split(".")
original = getattr(globals()[owner], name)
left = [int(calls)]


def die(*given, **named):
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)
    left[0] -= 1
    return original(*given, **named)


setattr(globals()[owner], name, die)


async def diff():
    async for _ in differences.differences(Path(folder), 1, 2):
        pass


if command == "diff":
    asyncio.run(diff())
else:
    asyncio.run(history.roll_back(Path(folder), 1, 600.0, 3))
"""


def killed_at(shop: Shop, place: str, ahead_s: float, command: str, calls: int) -> None:
    given = (str(shop.folder), place, str(ahead_s), str(calls), command)
    ended = subprocess.run([sys.executable, "-c", _DIE, *given], check=False, cwd=ROOT)
    assert ended.returncode == -signal.SIGKILL


@pytest.mark.parametrize(("place", "calls", "current"), DYING)
def test_a_rollback_of_old_data_that_is_killed_loses_no_version(
    shop: Shop, rows: list[FeedRow], clock: dict[str, float], place: str, calls: int, current: int
) -> None:
    shop.index(rows[:8])
    first = titles(shop)
    clock["s"] += 40 * DAY_S
    shop.index([titled(rows[0], "spoilt"), *rows[4:12]], sync=True)
    second = titles(shop)
    # Everything was replaced and written long ago when the rollback dies.
    clock["s"] += 40 * DAY_S
    killed_at(shop, place, clock["s"], "rollback", calls)
    assert read_manifest(shop.folder).version == current
    assert titles(shop) == (first if current == 3 else second)
    assert sound(shop)
    clock["s"] += 40 * DAY_S
    # A run clears up after what was killed, and leaves all that is kept.
    shop.index([titled(rows[1], "later"), rows[15]])
    assert sound(shop)
    assert kept(shop)[:2] == [1, 2]
    clock["s"] += 40 * DAY_S
    back(shop, 2)
    assert titles(shop) == second
    back(shop, 1 if current == 2 else 3)
    assert titles(shop) == first
    assert sound(shop)


@pytest.mark.parametrize(
    ("place", "calls"), [("differences.connect", 1), ("_Version.hashes", 1), ("_Version.rows", 1)]
)
def test_a_comparison_that_is_killed_leaves_every_file_as_it_was(
    shop: Shop, rows: list[FeedRow], clock: dict[str, float], place: str, calls: int
) -> None:
    shop.index(rows[:8])
    clock["s"] += 40 * DAY_S
    shop.index([titled(rows[0], "spoilt"), *rows[4:12]], sync=True)
    clock["s"] += 40 * DAY_S

    def files() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in shop.folder.rglob("*") if path.is_file()}

    before = files()
    killed_at(shop, place, clock["s"], "diff", calls)
    assert files() == before
    assert {each.id for each in compared(shop, 1, 2)} == {
        f"p{number}" for number in (0, 1, 2, 3, 8, 9, 10, 11)
    }
    # Nobody waits for a lock that it held.
    assert back(shop, 1).version == 3
    assert sound(shop)


def test_a_damaged_version_is_not_returned_to(shop: Shop, rows: list[FeedRow]) -> None:
    shop.index(rows[:8])
    files = set((shop.folder / "products.lance" / "data").iterdir())
    shop.index([titled(row, "new") for row in rows[:8]])
    (gone, *_) = sorted(files)
    gone.write_bytes(bytes(gone.stat().st_size))
    with pytest.raises(CatalogDamagedError, match="Version 1 is kept, but damaged"):
        back(shop)
    assert read_manifest(shop.folder).version == 2


def test_summaries_outlive_a_torn_line_and_a_long_history(
    shop: Shop, rows: list[FeedRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.index(rows[:4])
    shop.index(rows[:5])
    path = shop.folder / VERSIONS_FILE
    path.write_bytes(path.read_bytes() + b'{"version": 2, "crea')
    shop.index(rows[:6])
    shop.index(rows[:7])
    assert [each.version for each in catalog_versions(shop.folder)] == [1, 2, 3, 4]
    monkeypatch.setattr(history, "_LIMIT_BYTES", 100)
    shop.index(rows[:8])
    # The earlier half goes; what is kept can be returned to all the same.
    assert [each.version for each in catalog_versions(shop.folder)] == [3, 4, 5]
    assert json.loads(path.read_text("utf-8").splitlines()[-1])["version"] == 4


def as_written_before(manifest: Manifest) -> str:
    """A manifest as releases wrote it that kept neither summaries nor versions."""
    return dataclasses.replace(manifest, kept=(), made=None).to_json()


def test_a_catalog_of_a_release_without_history_gets_one(shop: Shop, rows: list[FeedRow]) -> None:
    shop.index(rows[:6])
    path = shop.folder / "manifest.json"
    path.write_text(as_written_before(read_manifest(shop.folder)), "utf-8")
    assert "made" not in json.loads(path.read_text("utf-8"))
    (only,) = catalog_versions(shop.folder)
    assert (only.version, only.made, only.current) == (1, None, True)
    shop.index(rows[:8])
    assert [each.made is None for each in catalog_versions(shop.folder)] == [True, False]
    assert back(shop).products == 6
    assert sound(shop)


def test_a_run_that_would_remove_much_stops_before_it_writes(shop: Shop, tmp_path: Path) -> None:
    many = make_rows(tmp_path / "many", 40)
    shop.index(many)
    changed = [titled(many[0], "changed"), *many[1:28]]
    with pytest.raises(
        TooManyRemovedError,
        match=r"12 of the 40 products that the catalog has of this feed.*20%.*--yes",
    ):
        shop.index(changed, sync=True, remove_many=False)
    assert read_manifest(shop.folder).version == 1
    assert titles(shop)["p0"] != "changed"
    # Fewer than ten go, whatever their share, and so does what is no more than a fifth.
    shop.settings = Settings(stage_photos=8, sync_most_removed_share=0.3)
    summary = shop.index(changed, sync=True, remove_many=False)
    assert (summary.products_removed, summary.products_updated) == (12, 1)
    shop.settings = Settings(stage_photos=8)
    assert shop.index(changed[:19], sync=True, remove_many=False).products_removed == 9


def test_a_run_that_was_allowed_to_removes_much(shop: Shop, tmp_path: Path) -> None:
    many = make_rows(tmp_path / "many", 24)
    shop.index(many)
    options: dict[str, Any] = {"sync": True, "remove_many": True}
    assert shop.index(many[:4], **options).products_removed == 20
    assert back(shop).added == 20
