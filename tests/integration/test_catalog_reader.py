"""Products as a reader of a catalog gives them: from the tables once, then from memory."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from furniture_prompter.catalog import facets as facets_module
from furniture_prompter.catalog import reader as reader_module
from furniture_prompter.catalog.columns import NUMBER, VECTOR, vectors_from
from furniture_prompter.catalog.reader import CatalogReader
from furniture_prompter.catalog.rows import MemoryRows, StoredRows
from furniture_prompter.catalog.vector_index import Numbers
from furniture_prompter.errors import CatalogDamagedError
from tests.fakes import make_rows
from tests.integration.conftest import Shop

PRODUCTS = 12
NUMBERS = list(range(1, PRODUCTS + 1))


class NotingRows(StoredRows):
    """Rows, and which of them were asked for."""

    asked: list[int]

    async def fetch(self, numbers: Numbers, columns: Sequence[str]) -> pa.Table:
        self.asked += numbers.tolist()
        return await super().fetch(numbers, columns)


def read(shop: Shop, batches: Sequence[Sequence[int]]) -> list[list[int]]:
    """Read products batch by batch, all of them right; what each batch asked the tables for."""

    async def run() -> list[list[int]]:
        reader = await CatalogReader.open(shop.folder)
        rows = NotingRows(reader._products, [NUMBER], shop.folder)
        reader._product_rows = rows
        asked = []
        try:
            for batch in batches:
                rows.asked = []
                products = await reader.products(np.array(batch, np.int64))
                asked.append(sorted(rows.asked))
                assert {number: product.id for number, product in products.items()} == {
                    number: ids[number] for number in batch
                }
        finally:
            reader.close()
        return asked

    async def every_id() -> dict[int, str]:
        reader = await CatalogReader.open(shop.folder)
        try:
            numbers = np.unique((await reader.all_photos()).numbers)
            return {
                number: (await reader.products(np.array([number], np.int64)))[number].id
                for number in numbers.tolist()
            }
        finally:
            reader.close()

    ids = asyncio.run(every_id())
    assert sorted(ids) == NUMBERS
    assert len(set(ids.values())) == PRODUCTS
    return asyncio.run(run())


@pytest.fixture
def filled(shop: Shop, tmp_path: Path) -> Shop:
    shop.index(make_rows(tmp_path / "feed", PRODUCTS))
    return shop


def test_products_are_read_once(filled: Shop) -> None:
    assert read(filled, [[1, 2, 3], [3, 2], [3, 4], [1, 2, 3, 4]]) == [[1, 2, 3], [], [4], []]


def test_up_to_the_limit_all_are_kept(filled: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader_module, "KEPT_PRODUCTS", PRODUCTS)
    each = [[number] for number in NUMBERS]
    assert read(filled, [*each, NUMBERS]) == [*each, []]


def test_beyond_the_limit_those_not_asked_for_longest_go(
    filled: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader_module, "KEPT_PRODUCTS", 3)
    batches = [[1, 2, 3], [1], [4], [1, 3, 4], [2], [3, 4, 2], [1]]
    assert read(filled, batches) == [[1, 2, 3], [], [4], [], [2], [], [1]]


def test_more_at_once_than_are_kept_are_all_given(
    filled: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader_module, "KEPT_PRODUCTS", 3)
    assert read(filled, [NUMBERS, NUMBERS[:6]])[0] == NUMBERS


def test_rows_in_memory_and_stored_ones_say_the_same(filled: Shop) -> None:
    names = ["category", "color", "price", "tags", "title"]

    async def run() -> None:
        reader = await CatalogReader.open(filled.folder)
        stored = StoredRows(reader._products, [NUMBER], filled.folder)
        photos = StoredRows(reader._photos, [NUMBER, "position"], filled.folder)
        held, held_photos = reader._product_rows, reader._photo_rows
        assert isinstance(held, MemoryRows)
        try:
            for asked in ([3, 5, 11], [1], NUMBERS):
                numbers = np.array(asked, np.int64)
                told = await held.values(numbers, names)
                assert told == await stored.values(numbers, names)
                assert len(told["title"]) == len(asked)
                fetched = (await held.fetch(numbers, names)).select(names).to_pydict()
                assert fetched == told
                both = [
                    await each.fetch(numbers, ["id", "path", VECTOR])
                    for each in (held_photos, photos)
                ]
                assert both[0]["id"].to_pylist() == both[1]["id"].to_pylist()
                lists = [
                    await each.listed(numbers, ["id", "path"], VECTOR)
                    for each in (held_photos, photos)
                ]
                for of_rows, ids_and_paths, vectors in lists:
                    assert of_rows.tolist() == both[1][NUMBER].to_pylist()
                    assert ids_and_paths == both[1].select(["id", "path"]).to_pydict()
                    assert vectors is not None
                    assert np.array_equal(vectors, vectors_from(both[1][VECTOR]))
            backwards = np.array([11, 2, 5], np.int64)
            rows = await reader.photos(backwards, VECTOR)
            assert rows.vectors is not None
            main = [rows.vectors[rows.numbers.tolist().index(each)] for each in (11, 2, 5)]
            assert np.array_equal(await reader.main_vectors(backwards), np.stack(main))
            with pytest.raises(CatalogDamagedError, match="no photos"):
                await reader.main_vectors(np.array([2, 99], np.int64))
        finally:
            reader.close()

    asyncio.run(run())


COUNTED = ("category", "color", "price", "id", "tags")


def counted(reader: CatalogReader, numbers: Numbers | None, leave_out: int | None = None) -> Any:
    return reader.facets(numbers, COUNTED, leave_out)


def test_counts_are_those_of_the_rows_after_some_went_and_others_came(
    filled: Shop, tmp_path: Path
) -> None:
    rows = make_rows(tmp_path / "later", 30)
    filled.index([row for place, row in enumerate(rows) if place % 3], sync=True)

    async def run() -> None:
        reader = await CatalogReader.open(filled.folder)
        try:
            every = await reader.some_products(["__number", *COUNTED], 100)
            numbers = np.array(sorted(every["__number"]))
            assert numbers.size == 20
            assert numbers.max() > 20
            for passing, left_out in (
                (numbers, None),
                (numbers[::2], None),
                (numbers[1:9], int(numbers[3])),
                (numbers[:0], None),
            ):
                found = await counted(reader, passing, left_out)
                kept = set(passing.tolist()) - {left_out}
                inside = [number in kept for number in every["__number"]]
                for column in ("category", "color", "id"):
                    values = [v for v, here in zip(every[column], inside, strict=True) if here]
                    assert {each.value: each.count for each in found[column]} == Counter(values)
                assert sum(each.count for each in found["price"]) == len(kept)
                assert found["tags"] == ()
            assert await counted(reader, None) == await counted(reader, numbers)
            assert await counted(reader, None, 5) == await counted(reader, numbers[numbers != 5], 5)
        finally:
            reader.close()

    asyncio.run(run())


@pytest.mark.parametrize(("room", "read_again"), [(2**20, False), (10, True)])
def test_a_column_is_read_once_where_there_is_room(
    filled: Shop, monkeypatch: pytest.MonkeyPatch, room: int, read_again: bool
) -> None:
    # A column without any value takes none.
    monkeypatch.setattr(facets_module, "KEPT_BYTES", room)

    async def run() -> None:
        reader = await CatalogReader.open(filled.folder)
        try:
            first = await counted(reader, None)
            kept = reader._facets
            assert set(kept._columns) == ({"tags"} if read_again else set(COUNTED))
            reading: list[object] = []
            read = kept._read

            async def noted(columns: Mapping[str, str]) -> Any:
                reading.append(columns)
                return await read(columns)

            monkeypatch.setattr(kept, "_read", noted)
            assert await counted(reader, None) == first
            assert bool(reading) == read_again
        finally:
            reader.close()

    asyncio.run(run())


@pytest.mark.parametrize("kind", [StoredRows, MemoryRows])
def test_columns_of_a_product_that_is_not_there_are_told(
    shop: Shop, tmp_path: Path, kind: type[StoredRows]
) -> None:
    shop.index(make_rows(tmp_path / "feed", PRODUCTS))

    async def run() -> None:
        reader = await CatalogReader.open(shop.folder)
        reader._product_rows = kind(reader._products, [NUMBER], shop.folder)
        assert len((await reader.columns(np.array([1, 2]), ["price"]))["price"]) == 2
        with pytest.raises(CatalogDamagedError, match="products that are not there"):
            await reader.columns(np.array([1, 999]), ["price"])
        reader.close()

    asyncio.run(run())
