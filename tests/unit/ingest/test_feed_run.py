"""Reading a feed with every short cut finds what comparing every row finds."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace, TracebackType
from typing import Any, Self
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from furniture_prompter.catalog.columns import ProductRow, StoredProduct
from furniture_prompter.domain import (
    AttributeValue,
    FeedItem,
    FeedNote,
    FeedRow,
    Photo,
    Product,
    SetAside,
    Variant,
)
from furniture_prompter.ingest import feed_run, reading
from furniture_prompter.ingest.brought_by import BEFORE
from furniture_prompter.ingest.changes import changing, find_changes, fit, row_hash, settle, tally
from furniture_prompter.ingest.feed_run import FeedRun, FeedSource
from furniture_prompter.ingest.known_rows import KnownRows
from furniture_prompter.ingest.photos import PhotosOfRows
from furniture_prompter.ingest.scratch import PRESENT, Spill, StoredIndex
from furniture_prompter.settings import Settings
from tests.fakes import ListFeed

SOURCE = Path("feed.csv")
# A file that is no photo, one that changed since it was read, and two that are as they were.
FILES = ("bad", "changed", "same-1", "same-2")

values: st.SearchStrategy[AttributeValue] = st.one_of(
    st.sampled_from(["oak", "00123", "1.299", "call us"]),
    st.sampled_from([1.0, 2.5, 3.0]),
    st.booleans(),
)
products = st.builds(
    lambda number, title, attributes: Product(f"p{number}", title, attributes=attributes),
    st.integers(0, 7),
    st.sampled_from(["chair", "table"]),
    st.dictionaries(st.sampled_from(["price", "code", "brand"]), values, max_size=3),
)
feed_rows = st.tuples(products, st.lists(st.sampled_from(FILES), max_size=3))
several = st.lists(feed_rows, max_size=8, unique_by=lambda row: row[0].id)
troubles = st.lists(
    st.builds(
        lambda number, names: SetAside(SOURCE, 900 + number, "Bad.", "", names),
        st.integers(0, 9),
        st.sampled_from(["", "p1", "p7"]),
    ),
    max_size=1,
)


def as_rows(described: Sequence[tuple[Product, list[str]]]) -> list[FeedRow]:
    return [
        FeedRow(product, tuple(Path(name) for name in names), SOURCE, line)
        for line, (product, names) in enumerate(described, start=1)
    ]


def photos_of(rows: Sequence[FeedRow]) -> PhotosOfRows:
    """What reading every photo of some rows gives."""
    outcome = PhotosOfRows({}, [])
    for row in rows:
        for path in row.images:
            if path.name == "bad":
                problem = SetAside(row.source, row.line, "No photo.", "", row.product.id)
                outcome.set_aside.append(problem)
            else:
                outcome.add(row, path, path, f"id of {path.name}")
                outcome.reused += 1
    return outcome


class Seen:
    """Files that were read before, two of which are as they were."""

    def __init__(self, _: Path) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass

    def look(self, path: Path) -> tuple[None, str]:
        return None, f"id of {path.name}" if path.name.startswith("same") else ""


class Stored:
    """A catalog as an earlier feed left it."""

    def __init__(self, described: Sequence[tuple[Product, list[str]]]) -> None:
        rows = as_rows(described)
        photos = photos_of(rows).by_product
        tallies = tally(row for row in rows if row.product.id in photos)
        types = settle(tallies, {}, ())
        self.columns = {name: types.types[name] for name in tallies}
        self.rows: list[tuple[Product, str]] = []
        for row in rows:
            if row.product.id in photos:
                product = fit(row, types)[0].product
                self.rows.append((product, row_hash(product, photos[product.id])))

    def by_id(self, columns: Sequence[str]) -> dict[str, StoredProduct]:
        return {
            product.id: StoredProduct(
                number, digest, frozenset(columns) & product.attributes.keys()
            )
            for number, (product, digest) in enumerate(self.rows, start=1)
        }


def found_fast(stored: Stored, items: Sequence[FeedItem], *, sync: bool) -> dict[str, Any]:
    written: list[ProductRow] = []
    removed: list[int] = []
    retyped: dict[str, str] = {}

    async def apply(
        rows: Sequence[ProductRow], gone: Sequence[int], _: object, types: dict[str, str]
    ) -> None:
        written.extend(rows)
        removed.extend(gone)
        retyped.update(types)

    async def stored_rows(_: object) -> AsyncIterator[list[tuple[str, str, int, str, int]]]:
        yield [
            (product.id, product.id, number, digest, 1)
            for number, (product, digest) in enumerate(stored.rows, start=1)
        ]

    async def stored_values(
        _: object, columns: Sequence[str]
    ) -> AsyncIterator[list[tuple[bool, ...]]]:
        yield [tuple(name in product.attributes for name in columns) for product, _ in stored.rows]

    async def encoded_photo_ids(_: object) -> AsyncIterator[list[str]]:
        yield []

    async def encode_and_stage(
        _: object, rows: Sequence[FeedRow], *__: object
    ) -> tuple[PhotosOfRows, int]:
        return photos_of(rows), 0

    async def mark_feeds(_: object) -> None:
        pass

    async def go(folder: Path) -> FeedRun:
        writer: Any = SimpleNamespace(
            folder=folder,
            columns=stored.columns,
            next_number=len(stored.rows) + 1,
            manifest=None,
            table=lambda _: None,
            apply=apply,
            words=lambda _: "",
            feeds=(SOURCE.name,),
            mark_feeds=mark_feeds,
        )
        encoder: Any = SimpleNamespace(encode=lambda texts: np.zeros((len(texts), 1)))
        async with FeedRun.open(
            writer, Settings(), KnownRows(), FeedSource(SOURCE.name, (), ""), download=False
        ) as run:
            feed = ListFeed(tuple(items))
            await run.read(feed, feed.items(), encoder, lambda _: None, sync=sync)
            await run.write(encoder, lambda _: None)
            return run

    with (
        TemporaryDirectory() as folder,
        patch.object(feed_run, "SeenPhotos", Seen),
        patch.object(feed_run, "stored_rows", stored_rows),
        patch.object(feed_run, "stored_values", stored_values),
        patch.object(reading, "encoded_photo_ids", encoded_photo_ids),
        patch.object(reading, "encode_and_stage", encode_and_stage),
    ):
        run = asyncio.run(go(Path(folder)))
    return {
        "written": [(row.number, row.product, row.photos, row.row_hash) for row in written],
        "removed": removed,
        "retyped": retyped,
        "unchanged": run.unchanged,
        "reused": run.reused,
        "not removed": run.not_removed,
        "set aside": sorted(map(str, run.set_aside)),
        "notes": run.notes,
    }


def found_slowly(stored: Stored, items: Sequence[FeedItem], *, sync: bool) -> dict[str, Any]:
    rows = [item for item in items if isinstance(item, FeedRow)]
    set_aside = [item for item in items if isinstance(item, SetAside)]
    notes = [item.text for item in items if isinstance(item, FeedNote)]
    photos = photos_of(rows)
    set_aside += photos.set_aside
    tallies = tally(row for row in rows if photos.by_product.get(row.product.id))
    changes = find_changes(
        rows,
        photos.by_product,
        stored.by_id(changing(tallies, stored.columns)),
        stored.columns,
        len(stored.rows) + 1,
        set_aside,
        sync,
        tallies,
    )
    return {
        "written": [
            (each.number, each.product, each.photos, each.row_hash) for each in changes.written
        ],
        "removed": list(changes.removed),
        "retyped": dict(changes.retyped),
        "unchanged": changes.unchanged,
        "reused": photos.reused,
        "not removed": changes.not_removed,
        "set aside": sorted(map(str, [*set_aside, *changes.set_aside])),
        "notes": [*notes, *changes.notes],
    }


@given(several, several, troubles, st.booleans())
@settings(max_examples=60, deadline=None)
def test_short_cuts_change_nothing_of_what_is_found(
    before: list[tuple[Product, list[str]]],
    after: list[tuple[Product, list[str]]],
    trouble: list[SetAside],
    sync: bool,
) -> None:
    stored = Stored(before)
    items: list[FeedItem] = [FeedNote("Read so."), *as_rows(after), *trouble]
    assert found_fast(stored, items, sync=sync) == found_slowly(stored, items, sync=sync)


def test_a_row_that_is_as_it_was_is_not_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    described = [(Product("p1", "chair", attributes={"price": 2.0}), ["same-1", "same-2"])]
    waiting: list[object] = []
    add = Spill.add

    def noting(spill: Spill[object], item: object) -> None:
        waiting.append(item)
        add(spill, item)

    monkeypatch.setattr(Spill, "add", noting)
    found = found_fast(Stored(described), as_rows(described), sync=True)
    assert (found["unchanged"], found["reused"], found["written"]) == (1, 2, [])
    assert waiting == []
    changed = [(described[0][0], ["same-1", "changed"])]
    assert found_fast(Stored(described), as_rows(changed), sync=True)["written"]
    assert waiting


def test_of_two_ids_that_are_asked_for_alike_both_are_found() -> None:
    index = StoredIndex()
    index.fill([("a b", "a b", 1, "00" * 32, None), ("a b", "a  b", 2, "01" * 32, 5)])
    first, second = index.find("a b"), index.find("a  b")
    assert first is not None
    assert second is not None
    assert (first.number, second.number) == (1, 2)
    assert index.find("c") is None
    assert index.numbers().tolist() == [1, 2]
    assert index.feeds.tolist() == [BEFORE, 5]
    assert index.present.tolist() == [False, False]
    index.mark("a b", PRESENT)
    assert index.present.tolist() == [True, False]
    assert index.ids(~index.present, 5) == ["a  b"]
    index.close()


def test_what_waits_on_the_disk_comes_back_as_it_was(tmp_path: Path) -> None:
    variant = Variant("v1", options={"Color": "Grey"}, attributes={"price": 1.5, "new": True})
    chair = Product(
        "p1",
        "Koltuk ı\ud800",
        tags=("a", "b"),
        attributes={"m": ("oak", "iron")},
        variants=(variant,),
    )
    path = Path(os.fsdecode(b"caf\xe9.jpg"))
    rows = [
        FeedRow(chair, (path,), SOURCE, 1, {"price": "1,5"}, {path: "https://a"}, {path: "v1"}),
        *as_rows([(Product("p2", "sofa"), [])]),
    ]
    photo = Photo("id", "p1", "/a.jpg")

    def all_of(spill: Spill[tuple[FeedRow, tuple[Photo, ...]]]) -> Iterator[object]:
        for row in rows:
            spill.add((row, (photo,)))
        assert len(spill) == 2
        yield from spill

    with Spill[tuple[FeedRow, tuple[Photo, ...]]](tmp_path) as spill:
        assert list(all_of(spill)) == [(row, (photo,)) for row in rows]
    assert not list(tmp_path.iterdir())
