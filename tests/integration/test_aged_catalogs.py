"""Catalogs whose versions are all older than their grace time: stopped, read and pruned.

A catalog of a few seconds hides what goes wrong here, because nothing of it may be deleted yet.
"""

import asyncio
import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lancedb import AsyncTable
from PIL import Image

from furniture_prompter import timing
from furniture_prompter.catalog import folding, retention, writer
from furniture_prompter.catalog.lance_files import lance_versions
from furniture_prompter.catalog.manifest import MANIFEST_FILE, Manifest, read_manifest
from furniture_prompter.catalog.reader import ALIGNMENTS_FOLDER, CatalogReader
from furniture_prompter.catalog.retention import UPLOADS_FOLDER, StagedPhotos, spool_in
from furniture_prompter.catalog.storage import files_below
from furniture_prompter.catalog.upkeep import optimize_catalog, verify_catalog
from furniture_prompter.domain import FeedRow, Product, Query, Removal, Upsert, Write
from furniture_prompter.encoders.decoding import photo_id
from furniture_prompter.errors import CatalogWriteError
from furniture_prompter.ingest.upserts import write_products
from furniture_prompter.settings import Settings
from tests.fakes import draw_product, make_rows, with_product
from tests.integration.conftest import Shop

ROOT = Path(__file__).parents[2]
SCRIPT = Path(__file__).parent / "kill_while_indexing.py"
DAY_S = 86_400.0
GRACE_S = 600.0
FEW = 16
EVERYTHING = Query(prompt="chair", where="price >= 0", limit=100)


class Clock:
    """The catalog's clock, which a test turns."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ahead_s = 0.0
        monkeypatch.setattr(timing, "_clock", lambda: time.time() + self.ahead_s)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.fixture
def shop(shop: Shop) -> Shop:
    """A catalog that keeps no version longer than its grace time."""
    shop.settings = Settings(stage_photos=8, keep_versions=0)
    return shop


@pytest.fixture
def rows(tmp_path: Path) -> list[FeedRow]:
    return make_rows(tmp_path / "photos", FEW)


def renamed(row: FeedRow, title: str) -> FeedRow:
    return with_product(row, title=title)


def as_stool(row: FeedRow) -> FeedRow:
    """The same with words for what it looks like that another alignment is fitted for."""
    return with_product(row, category="stool")


def sound(shop: Shop) -> bool:
    return asyncio.run(verify_catalog(shop.folder)).sound


def stored_versions(shop: Shop, table: str) -> int:
    return len(list((shop.folder / f"{table}.lance" / "_versions").glob("*.manifest")))


def fails(*_: object, **__: object) -> None:
    raise OSError(28, "No space left on device")


async def fails_async(*_: object, **__: object) -> None:
    fails()


def full_at_rename(monkeypatch: pytest.MonkeyPatch) -> None:
    original = Path.replace

    def replace(self: Path, target: Path) -> Path:
        if Path(target).name == MANIFEST_FILE:
            fails()
        return original(self, target)

    monkeypatch.setattr(Path, "replace", replace)


def full_after_optimize(calls: int) -> Callable[[pytest.MonkeyPatch], None]:
    def stop(monkeypatch: pytest.MonkeyPatch) -> None:
        original = AsyncTable.optimize
        done = 0

        async def optimize(self: AsyncTable, **options: object) -> object:
            nonlocal done
            result = await original(self, **options)  # type: ignore[arg-type]  # passed on
            done += 1
            if done == calls:
                fails()
            return result

        monkeypatch.setattr(AsyncTable, "optimize", optimize)

    return stop


def at_commit(patch: pytest.MonkeyPatch, stop: Callable[[pytest.MonkeyPatch], None]) -> None:
    original = writer.CatalogWriter.commit

    async def commit(self: writer.CatalogWriter, *arguments: Any) -> Manifest:
        stop(patch)
        return await original(self, *arguments)

    patch.setattr(writer.CatalogWriter, "commit", commit)


STOPS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "products folded": full_after_optimize(1),
    "photos folded": full_after_optimize(4),
    "uploads marked": lambda patch: patch.setattr(retention.Pruner, "mark_uploads", fails_async),
    "files flushed": lambda patch: patch.setattr(writer, "flush", fails),
    "manifest written": lambda patch: patch.setattr(os, "fsync", fails),
    "manifest renamed": full_at_rename,
}


def test_a_stop_at_any_step_of_a_commit_leaves_an_aged_catalog_whole(
    shop: Shop, rows: list[FeedRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Every change is folded.
    monkeypatch.setattr(folding, "LOOSE_ROWS", 0)
    shop.settings = Settings(stage_photos=8, version_grace_s=0, keep_versions=0)
    shop.index(rows[:10])
    shop.index([renamed(rows[0], "replaced once")])
    before = shop.ids(EVERYTHING)
    # Every version is older than the least grace time, a second, from here on.
    time.sleep(1.1)
    for number, (step, stop) in enumerate(STOPS.items()):
        with monkeypatch.context() as patch:
            at_commit(patch, stop)
            with pytest.raises(CatalogWriteError, match="previous version"):
                shop.index([renamed(rows[0], f"stopped {number}"), *rows[1:]])
        assert read_manifest(shop.folder).version == 2, step
        assert shop.ids(EVERYTHING) == before, step
        assert sound(shop), step
    assert shop.index(rows).products == FEW
    assert sound(shop)


KILLS = [
    ("writer.flush", 2),
    ("writer.write_manifest", 2),
    ("retention.flush_one", 3),
    ("retention.prune_table", 2),
    ("retention.prune_uploads", 3),
]


@pytest.mark.parametrize(("function", "version"), KILLS)
def test_a_kill_around_the_commit_of_an_aged_catalog_loses_nothing(
    shop: Shop, rows: list[FeedRow], tmp_path: Path, function: str, version: int
) -> None:
    shop.settings = Settings(stage_photos=8, version_grace_s=0, keep_versions=0)
    shop.index(rows[:8])
    shop.index([renamed(rows[0], "replaced once")])
    time.sleep(1.1)
    command = [sys.executable, str(SCRIPT), str(shop.folder), str(tmp_path / "photos"), str(FEW)]
    environment = {
        "PYTHONPATH": str(ROOT),
        "PATH": "",
        "FURNITURE_PROMPTER_VERSION_GRACE_S": "0",
        "FURNITURE_PROMPTER_KEEP_VERSIONS": "0",
    }
    killed = subprocess.run([*command, "call", function], cwd=ROOT, env=environment, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert read_manifest(shop.folder).version == version
    assert sound(shop)
    assert len(shop.ids(EVERYTHING)) == (FEW if version == 3 else 8)
    assert shop.index(rows).products == FEW
    assert sound(shop)
    assert not list(shop.folder.glob(f".{MANIFEST_FILE}.*"))


def test_replaced_versions_answer_until_the_grace_time_after_their_replacement(
    shop: Shop, rows: list[FeedRow], clock: Clock
) -> None:
    async def matching(reader: CatalogReader) -> int:
        # A filter reads the table, so that nothing in memory answers for it.
        return len(
            (await reader.filter_products(f"price >= 0 and title != '{time.time()}'")).numbers
        )

    async def run() -> None:
        readers = []
        for number, (ahead_s, count) in enumerate([(0, 8), (DAY_S, 12), (GRACE_S / 2, FEW)]):
            clock.ahead_s += ahead_s
            await asyncio.to_thread(shop.index, [renamed(rows[0], str(number)), *rows[1:count]])
            readers.append(await CatalogReader.open(shop.folder))
            await asyncio.sleep(0.1)
            # Every replaced version was made a day ago, and replaced within the grace time.
            assert [await matching(each) for each in readers] == [8, 12, FEW][: number + 1]

    asyncio.run(run())
    kept = {name: stored_versions(shop, name) for name in ("products", "photos")}
    clock.ahead_s += GRACE_S
    # A run that changes nothing clears up as well.
    shop.index([renamed(rows[0], "2"), *rows[1:]])
    for name, count in kept.items():
        assert stored_versions(shop, name) < count
    assert sound(shop)


def test_what_cannot_be_deleted_is_told_and_the_commit_stands(
    shop: Shop, rows: list[FeedRow], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.index(rows[:8])
    shop.index(rows[:10])
    clock.ahead_s += DAY_S
    with monkeypatch.context() as patch:
        for name in ("prune_table", "prune_uploads", "flush_one"):
            patch.setattr(retention, name, fails)
        patch.setattr(StagedPhotos, "discard", lambda self: fails() if self.table else None)
        summary = shop.index(rows[:12])
    assert (summary.version, summary.products) == (3, 12)
    told = " ".join(summary.notes)
    for what in ("products", "photos", "Staged", "Uploaded", "no space left", "next run"):
        assert what in told
    time.sleep(0.1)
    before = stored_versions(shop, "photos")
    clock.ahead_s += DAY_S
    summary = shop.index(rows)
    assert summary.version == 4
    assert not any("could not" in note for note in summary.notes)
    assert stored_versions(shop, "photos") < before


def test_optimize_tells_what_it_could_not_delete(
    shop: Shop, rows: list[FeedRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.index(rows)
    monkeypatch.setattr(retention, "prune_table", fails)
    summary = asyncio.run(optimize_catalog(shop.folder, 100_000, GRACE_S, 0))
    assert summary.version == 2
    assert any("products" in note for note in summary.notes)


def test_a_clock_that_was_set_back_delays_deleting_and_stops_no_run(
    shop: Shop, rows: list[FeedRow], clock: Clock
) -> None:
    shop.index(rows[:8])
    shop.index(rows[:10])
    before = stored_versions(shop, "photos")
    clock.ahead_s = -3_600.0
    summary = asyncio.run(optimize_catalog(shop.folder, 100_000, GRACE_S, 0))
    assert (summary.version, summary.notes) == (3, ())
    assert stored_versions(shop, "photos") >= before
    clock.ahead_s += GRACE_S + 1
    assert shop.index(rows).products == FEW
    assert sound(shop)
    replaced = read_manifest(shop.folder).tables["photos"]
    clock.ahead_s = DAY_S
    summary = asyncio.run(optimize_catalog(shop.folder, 100_000, GRACE_S, 0))
    assert summary.notes == ()
    assert min(number for number, _ in lance_versions(shop.folder, "photos")) == replaced


def test_an_alignment_stays_until_the_grace_time_after_its_replacement(
    shop: Shop, tmp_path: Path, clock: Clock
) -> None:
    rows = make_rows(tmp_path / "photos")

    def files() -> set[str]:
        return {path.name for path in (shop.folder / ALIGNMENTS_FOLDER).iterdir()}

    shop.index(rows)
    first = read_manifest(shop.folder).alignment.file
    assert first is not None
    (shop.folder / ALIGNMENTS_FOLDER / f".{first}-half").write_bytes(b"what a killed run left")
    os.utime(shop.folder / ALIGNMENTS_FOLDER / first, (0, 0))
    clock.ahead_s += DAY_S
    # More than a tenth has changed, so another alignment is fitted.
    shop.index([as_stool(row) for row in rows[:20]])
    second = read_manifest(shop.folder).alignment.file
    assert second not in (None, first)
    assert files() == {first, second}
    clock.ahead_s += GRACE_S - 10
    shop.index([renamed(rows[0], "once more")])
    assert files() == {first, second}
    clock.ahead_s += 20
    shop.index([renamed(rows[0], "and again")])
    assert files() == {second}
    assert sound(shop)


def test_small_changes_add_up_to_another_alignment(shop: Shop, tmp_path: Path) -> None:
    rows = make_rows(tmp_path / "photos")
    shop.index(rows)
    first = read_manifest(shop.folder).alignment
    assert first.fitted_on == 48
    for number in range(4):
        shop.index([as_stool(rows[number])])
        now = read_manifest(shop.folder).alignment
        assert (now.file, now.changed_since) == (first.file, number + 1)
    # The fifth of 48 is more than a tenth.
    shop.index([as_stool(rows[4])])
    now = read_manifest(shop.folder).alignment
    assert now.changed_since == 0
    assert now.file != first.file


def upload(shop: Shop, *writes: Write) -> None:
    with spool_in(shop.folder) as spool:
        taken = [
            Upsert(
                each.line,
                each.product,
                tuple(spool.add(f"{photo_id(data)}.png", data) for data in PHOTOS[each.product.id]),
            )
            if isinstance(each, Upsert)
            else each
            for each in writes
        ]
        asyncio.run(
            write_products(taken, shop.folder, shop.encoder, shop.prompt_encoder, shop.settings)
        )


def drawn(seed: int) -> bytes:
    buffer = io.BytesIO()
    draw_product("green", "sofa", seed).save(buffer, "PNG")
    return buffer.getvalue()


PHOTOS = {"new": [drawn(9_000)], "other": [drawn(9_001)]}
NEW = Upsert(1, Product(id="new", title="new sofa"), ())
OTHER = Upsert(1, Product(id="other", title="other sofa"), ())


@pytest.mark.parametrize("how", ["deleted", "deleted by a run that is stopped", "synchronised"])
def test_an_upload_stays_until_the_grace_time_after_it_was_last_shown(
    shop: Shop, rows: list[FeedRow], clock: Clock, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    # What a feed had before it was written over the API is that feed's to take away.
    of_feed = with_product(rows[0], id="new")
    shop.index([*rows, of_feed] if how == "synchronised" else rows)
    upload(shop, NEW)
    (path,) = (shop.folder / UPLOADS_FOLDER).iterdir()
    clock.ahead_s += DAY_S
    if how == "synchronised":
        shop.index(rows, sync=True)
    elif how == "deleted":
        upload(shop, Removal(1, "new"))
    else:
        with monkeypatch.context() as patch:
            # Right after its commit, before it has cleared up.
            patch.setattr(retention, "flush_one", stopped)
            with pytest.raises(Stopped):
                upload(shop, Removal(1, "new"))
    asked = np.asarray(Image.open(io.BytesIO(PHOTOS["new"][0])).convert("RGB"))
    assert "new" not in shop.ids(Query(photo=asked))
    assert path.exists()
    clock.ahead_s += GRACE_S - 10
    upload(shop, OTHER)
    assert path.exists()
    clock.ahead_s += 20
    upload(shop, Removal(1, "other"))
    assert not path.exists()
    assert sound(shop)


class Stopped(BaseException):
    """What no clearing up may catch."""


def stopped(_: Path) -> None:
    raise Stopped


def test_everything_is_on_the_disk_before_the_manifest_and_its_name_after(
    shop: Shop, rows: list[FeedRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: set[Path] = set()
    at_rename: set[Path] = set()
    fsync, rename = os.fsync, Path.replace

    def recording(descriptor: int) -> None:
        flushed.add(Path(f"/proc/self/fd/{descriptor}").readlink())
        fsync(descriptor)

    def renaming(self: Path, target: Path) -> Path:
        if Path(target).name == MANIFEST_FILE:
            at_rename.update(flushed)
            flushed.clear()
        return rename(self, target)

    for run in (rows[:8], rows):
        shop.index(run)
        before = files_below(shop.folder)
        monkeypatch.setattr(os, "fsync", recording)
        monkeypatch.setattr(Path, "replace", renaming)
        shop.index([renamed(rows[0], "changed"), *run[1:]])
        monkeypatch.undo()
    new = {path for path in files_below(shop.folder) - before if path.name != MANIFEST_FILE}
    assert len(new) > 4
    assert new | {path.parent for path in new} <= at_rename
    assert shop.folder in flushed


def test_lance_deletes_nothing_by_itself(shop: Shop, rows: list[FeedRow]) -> None:
    shop.index(rows)
    manifests = [*shop.folder.glob("*.lance/_versions/*.manifest")]
    assert manifests
    # Where Lance cleans up by itself, a table's manifest says after how many versions.
    assert not any(b"auto_cleanup" in path.read_bytes() for path in manifests)


def test_a_half_written_manifest_is_removed_by_the_next_writer(
    shop: Shop, rows: list[FeedRow]
) -> None:
    shop.index(rows)
    half = shop.folder / f".{MANIFEST_FILE}.a1b2c3"
    half.write_text('{"version": 2')
    assert shop.index(rows).version == 1
    assert not half.exists()
