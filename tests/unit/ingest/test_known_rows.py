"""Records that an earlier run read need no reading, and what is found is what reading finds."""

import asyncio
import hashlib
import os
import shutil
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from furniture_prompter.catalog.columns import ProductRow
from furniture_prompter.domain import FeedRow, Product, RecordFeed, UnchangedRow
from furniture_prompter.feeds.opening import open_feed
from furniture_prompter.ingest import feed_run, known_rows, reading, seen_photos
from furniture_prompter.ingest.feed_run import FeedRun, FeedSource, items_of
from furniture_prompter.ingest.known_rows import KNOWN_FILE, KnownRows
from furniture_prompter.ingest.photos import PhotosOfRows
from furniture_prompter.ingest.scratch import StoredIndex
from furniture_prompter.ingest.seen_photos import SeenPhotos
from furniture_prompter.settings import Settings

LATER_NS = 4_000_000_000 * 10**9


@dataclass
class MadeUpCatalog:
    """A catalog that keeps its products in memory, and real files beside it."""

    folder: Path
    products: dict[int, tuple[Product, str]] = field(default_factory=dict)
    columns: dict[str, str] = field(default_factory=dict)
    unread: int = 0

    async def _apply(
        self, rows: Sequence[ProductRow], gone: Sequence[int], _: object, types: dict[str, str]
    ) -> None:
        self.columns.update(types)
        for number in gone:
            del self.products[number]
        for row in rows:
            self.products[row.number] = (row.product, row.row_hash)
            for name, value in row.product.attributes.items():
                kind = {str: "text", float: "number", bool: "boolean"}.get(type(value), "texts")
                self.columns.setdefault(name, kind)

    async def _rows(self, _: object) -> AsyncIterator[list[tuple[str, str, int, str, int]]]:
        yield [
            (product.id, product.id, number, digest, 1)
            for number, (product, digest) in self.products.items()
        ]

    async def _mark_feeds(self, _: object) -> None:
        pass

    async def _values(
        self, _: object, names: Sequence[str]
    ) -> AsyncIterator[list[tuple[bool, ...]]]:
        yield [
            tuple(name in product.attributes for name in names)
            for product, _ in self.products.values()
        ]

    async def _photo_ids(self, _: object) -> AsyncIterator[list[str]]:
        yield []

    async def _encode(
        self, _: object, rows: Sequence[FeedRow], *rest: Any
    ) -> tuple[PhotosOfRows, int]:
        seen: SeenPhotos = rest[-1]
        outcome = PhotosOfRows({}, [])
        for row in rows:
            for image in row.images:
                status, photo_id = seen.look(image)
                assert status is not None
                if not photo_id:
                    photo_id = hashlib.sha256(image.read_bytes()).hexdigest()
                    seen.remember(image, status, photo_id)
                outcome.add(row, image, image, photo_id)
                outcome.reused += 1
        return outcome, 0

    def index(self, feed_path: Path, *options: str, sync: bool = True) -> dict[str, Any]:
        """Run over a feed; what was found, and what the catalog holds then."""
        return asyncio.run(self._index(feed_path, options, sync=sync))

    async def _index(
        self, feed_path: Path, options: tuple[str, ...], *, sync: bool
    ) -> dict[str, Any]:
        writer: Any = SimpleNamespace(
            folder=self.folder,
            columns=dict(self.columns),
            next_number=max(self.products, default=0) + 1,
            manifest=None,
            table=lambda _: None,
            apply=self._apply,
            words=lambda _: "",
            feeds=("feed",),
            mark_feeds=self._mark_feeds,
        )
        encoder: Any = SimpleNamespace(encode=lambda texts: np.zeros((len(texts), 1)))
        with ExitStack() as patched:
            clock = SimpleNamespace(time_ns=lambda: LATER_NS)
            for module, name, instead in (
                (feed_run, "stored_rows", self._rows),
                (feed_run, "stored_values", self._values),
                (reading, "encoded_photo_ids", self._photo_ids),
                (reading, "encode_and_stage", self._encode),
                (seen_photos, "time", clock),
            ):
                patched.enter_context(patch.object(module, name, instead))
            known = KnownRows()
            feed = open_feed(feed_path, given=options)
            async with FeedRun.open(
                writer, Settings(), known, FeedSource("feed", (), ""), download=False
            ) as run:
                items = self._counted(items_of(feed, known))
                await run.read(feed, items, encoder, lambda _: None, sync=sync)
                await run.write(encoder, lambda _: None)
        return {
            "products": dict(self.products),
            "columns": dict(self.columns),
            "counts": (run.added, run.updated, run.unchanged, len(run.removed), run.not_removed),
            "reused": run.reused,
            "set aside": sorted(map(str, run.set_aside)),
            "notes": run.notes,
        }

    def _counted(self, items: Iterator[Any]) -> Iterator[Any]:
        self.unread = 0
        for item in items:
            self.unread += isinstance(item, UnchangedRow)
            yield item

    def without_known(self, folder: Path) -> "MadeUpCatalog":
        """The same catalog in another folder, without what is known of rows."""
        shutil.copytree(self.folder, folder)
        (folder / KNOWN_FILE).unlink()
        return MadeUpCatalog(folder, dict(self.products), dict(self.columns))

    def finish_with(self, products: int) -> None:
        """What the end of a run does to what is known, for a catalog of so many products."""
        index = StoredIndex()
        with (
            SeenPhotos(self.folder) as seen,
            KnownRows().open(self.folder, index, seen, {}) as known,
        ):
            known.forget_many(products)
        index.close()


HEADERS = {
    "own": "id,title,image,price,note",
    "google": "id,title,image_link,price,item_group_id,color",
}
cells = st.sampled_from(["", "1.5", "2,5", "1.299", "call us", "00123", "oak", "true"])
lines = st.lists(
    st.tuples(
        st.sampled_from("abcde"),
        st.sampled_from(["Chair", "Sofa  bed", ""]),
        st.sampled_from(["one.png", "two.png", "./one.png", "none.png", "http://x.example/a.png"]),
        cells,
        cells,
    ),
    min_size=1,
    max_size=7,
)


def write_feed(path: Path, layout: str, rows: Sequence[tuple[str, ...]]) -> None:
    text = HEADERS[layout] + "\n"
    for row in rows:
        quoted = ",".join(f'"{cell}"' for cell in row)
        text += quoted + ("\n" if layout == "own" else ',"grey"\n')
    path.write_text(text, encoding="utf-8")


def write_photos(folder: Path, first: bytes = b"first") -> None:
    (folder / "one.png").write_bytes(first)
    (folder / "two.png").write_bytes(b"second")


@given(
    st.sampled_from(sorted(HEADERS)),
    lines,
    lines,
    st.integers(0, 7),
    st.booleans(),
    st.booleans(),
    st.sampled_from([(), ("ignore=price",)]),
)
@settings(max_examples=25, deadline=None)
def test_what_is_not_read_is_what_reading_would_find(
    layout: str,
    before: list[tuple[str, ...]],
    other: list[tuple[str, ...]],
    kept: int,
    photo_changes: bool,
    sync: bool,
    options: tuple[str, ...],
) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        write_photos(folder)
        write_feed(folder / "feed.csv", layout, before)
        catalog = MadeUpCatalog(folder / "catalog")
        catalog.folder.mkdir()
        for _ in range(2):
            catalog.index(folder / "feed.csv", sync=sync)
        if photo_changes:
            write_photos(folder, b"another one")
        write_feed(folder / "feed.csv", layout, [*before[:kept], *other])
        forgetful = catalog.without_known(folder / "other")
        expected = forgetful.index(folder / "feed.csv", *options, sync=sync)
        assert forgetful.unread == 0
        assert catalog.index(folder / "feed.csv", *options, sync=sync) == expected


def shop(folder: Path, rows: Sequence[tuple[str, ...]], layout: str = "own") -> MadeUpCatalog:
    """A catalog that has been indexed once, and the feed that it was made from."""
    write_photos(folder)
    write_feed(folder / "feed.csv", layout, rows)
    catalog = MadeUpCatalog(folder / "catalog")
    catalog.folder.mkdir()
    catalog.index(folder / "feed.csv")
    return catalog


CHAIR = ("a", "Chair", "one.png", "1.5", "oak")
SOFA = ("b", "Sofa", "two.png", "2.5", "00123")
BED = ("c", "Bed", "two.png", "3.5", "iron")


def test_rows_that_meet_nothing_new_are_not_read(tmp_path: Path) -> None:
    catalog = shop(tmp_path, [CHAIR, SOFA, BED])
    told = catalog.index(tmp_path / "feed.csv")
    # The first row says what columns there are.
    assert (catalog.unread, told["counts"]) == (2, (0, 0, 3, 0, 0))
    write_feed(tmp_path / "feed.csv", "own", [CHAIR, ("b", "Sofa", "two.png", "2.6", "00123"), BED])
    told = catalog.index(tmp_path / "feed.csv")
    assert (catalog.unread, told["counts"]) == (1, (0, 1, 2, 0, 0))


def test_variants_beside_each_other_and_apart_are_not_read(tmp_path: Path) -> None:
    rows = [
        (*CHAIR[:4], "x"),
        (*SOFA[:4], "y"),
        (*BED[:4], "z"),
        ("d", "Sofa", "one.png", "4", "y"),
    ]
    catalog = shop(tmp_path, rows, "google")
    told = catalog.index(tmp_path / "feed.csv")
    assert (catalog.unread, told["counts"]) == (3, (0, 0, 3, 0, 0))


def test_a_changed_photo_a_link_and_other_options_are_seen(tmp_path: Path) -> None:
    catalog = shop(tmp_path, [CHAIR, SOFA, BED])
    (tmp_path / "two.png").write_bytes(b"painted over")
    assert catalog.index(tmp_path / "feed.csv")["counts"][:3] == (0, 2, 1)
    assert catalog.unread == 0
    catalog.index(tmp_path / "feed.csv")
    assert catalog.unread == 2
    (tmp_path / "two.png").rename(tmp_path / "three.png")
    (tmp_path / "two.png").symlink_to("three.png")
    assert catalog.index(tmp_path / "feed.csv")["counts"][:3] == (0, 2, 1)
    assert catalog.index(tmp_path / "feed.csv", "ignore=note")["counts"][:3] == (0, 3, 0)
    assert catalog.unread == 0


def test_a_product_that_somebody_else_changed_is_written_again(tmp_path: Path) -> None:
    catalog = shop(tmp_path, [CHAIR, SOFA, BED])
    product, _ = catalog.products[3]
    catalog.products[3] = (product, "00" * 32)
    assert catalog.index(tmp_path / "feed.csv")["counts"][:3] == (0, 1, 2)
    del catalog.products[3]
    assert catalog.index(tmp_path / "feed.csv")["counts"][:3] == (1, 0, 2)


def test_what_was_set_aside_is_told_again(tmp_path: Path) -> None:
    lost = ("c", "Bed", "none.png", "3.5", "iron")
    catalog = shop(tmp_path, [CHAIR, SOFA, lost, SOFA])
    told = catalog.index(tmp_path / "feed.csv")
    assert catalog.unread == 1
    assert len(told["set aside"]) == 2


def test_a_damaged_file_is_begun_anew_and_a_lost_one_costs_a_reading(tmp_path: Path) -> None:
    catalog = shop(tmp_path, [CHAIR, SOFA, BED])
    (catalog.folder / KNOWN_FILE).write_bytes(b"no database at all, " * 500)
    assert catalog.index(tmp_path / "feed.csv")["counts"][2] == 3
    assert catalog.unread == 0
    catalog.index(tmp_path / "feed.csv")
    assert catalog.unread == 2


def test_far_too_many_rows_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_rows, "_LEAST_KEPT", 1)
    catalog = shop(tmp_path, [CHAIR, SOFA, BED])
    catalog.finish_with(products=0)
    catalog.index(tmp_path / "feed.csv")
    assert catalog.unread == 0


@pytest.mark.parametrize(
    ("least", "products", "rows", "left"),
    [
        # Four rows a product, and never fewer than the least.
        (1, 2, 8, 8),
        (1, 2, 9, 0),
        (1, 1, 5, 0),
        (5, 1, 5, 5),
        (5, 1, 6, 0),
        (5, 0, 5, 5),
    ],
)
def test_rows_are_forgotten_beyond_four_for_each_product(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    least: int,
    products: int,
    rows: int,
    left: int,
) -> None:
    monkeypatch.setattr(known_rows, "_LEAST_KEPT", least)
    index = StoredIndex()
    with SeenPhotos(tmp_path) as seen, KnownRows() as known:
        known.forget_many(products)  # before it is open there is nothing to forget
        database = known.open(tmp_path, index, seen, {})._database
        assert database is not None
        database.executemany(
            "INSERT INTO known (digest, shape) VALUES (?, 0)", [(bytes([n]),) for n in range(rows)]
        )
        database.execute("INSERT INTO shapes VALUES (0, '[]')")
        known.forget_many(products)
        counts = [
            database.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0]  # noqa: S608 - ours
            for table in ("known", "shapes")
        ]
    index.close()
    assert counts == [left, 1 if left else 0]


def test_the_feed_tells_how_many_of_its_rows_were_read(tmp_path: Path) -> None:
    catalog = shop(tmp_path, [CHAIR, SOFA, BED])
    feed = open_feed(tmp_path / "feed.csv")
    assert isinstance(feed, RecordFeed)
    index = StoredIndex()
    with SeenPhotos(catalog.folder) as seen, KnownRows() as known:
        known.open(catalog.folder, index, seen, {})
        told = [feed.rows_read for _ in feed.items_but(known)]
    index.close()
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_photos_of_other_products_of_the_catalog_are_theirs(tmp_path: Path) -> None:
    for name in ("AB.png", "AB-1.png", "AB-2.png"):
        (tmp_path / name).write_bytes(b"pixels")
    (tmp_path / "list.csv").write_text("id,title\nAB,Chair\n", encoding="utf-8")
    index = StoredIndex()
    with SeenPhotos(tmp_path) as seen, KnownRows() as known:
        items = items_of(open_feed(tmp_path / "list.csv"), known)
        next(items)  # as a run does before it opens the catalog
        index.fill([("AB-1", "AB-1", 1, "00", 1)])
        known.open(tmp_path, index, seen, {})
        (row,) = [item for item in items if isinstance(item, FeedRow)]
    index.close()
    assert [path.name for path in row.images] == ["AB.png"]


def test_a_folder_is_looked_at_once_as_far_as_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, asked = os.path.realpath, []

    def noted(path: bytes) -> bytes:
        asked.append(path)
        return real(path)

    first, second, link = (os.fsencode(tmp_path.resolve() / name) for name in ("a", "b", "c"))
    Path(os.fsdecode(link)).symlink_to(os.fsdecode(first))
    monkeypatch.setattr(os.path, "realpath", noted)
    monkeypatch.setattr(known_rows, "_KNOWN_FOLDERS", 1)
    known = KnownRows()
    assert all(known._is_real(folder) for folder in (first, second, first, second))
    assert asked == [first, second, second]
    assert not known._is_real(link)
