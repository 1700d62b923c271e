"""Products and photos that can still be read of damaged tables."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import lancedb
import numpy as np
import pyarrow as pa
import pytest

from furniture_prompter.catalog import integrity
from furniture_prompter.catalog.columns import (
    FEEDS,
    NUMBER,
    ROW_HASH,
    VARIANT_ID,
    VARIANTS,
    VECTOR,
    vector_array,
)
from furniture_prompter.catalog.integrity import Salvage, SalvagedPhoto, SalvagedProduct
from furniture_prompter.domain import Photo, Product, Variant

# Number, position, id, path, variant, length of the vector.
ROWS = [
    (2, 1, "b" * 64, "/two/b.png", None, 1.0),
    (None, 0, "c" * 64, "/lost.png", None, 1.0),
    (2, 0, "d" * 64, "/two/d.png", "red", 1.0),
    (3, 0, "", "/lost.png", None, 1.0),
    (3, 0, "e" * 64, None, None, 1.0),
    (3, 0, None, "/lost.png", None, 1.0),
    (1, 4, "f" * 64, "/one/f.png", "", 0.5),
    (1, None, "a" * 64, "/one/a.png", None, 1.0),
]


def salvaged(folder: Path, suspect: Sequence[range], *, variants: bool) -> list[SalvagedPhoto]:
    async def read() -> tuple[SalvagedPhoto, ...]:
        numbers, positions, ids, paths, shown, lengths = map(list, zip(*ROWS, strict=True))
        vectors = np.array([[length, 0, 0] for length in lengths], np.float32)
        rows = pa.table(
            {
                NUMBER: pa.array(numbers, pa.int64()),
                "position": pa.array(positions, pa.int32()),
                "id": pa.array(ids, pa.string()),
                "path": pa.array(paths, pa.string()),
                VARIANT_ID: pa.array(shown, pa.string()),
                VECTOR: vector_array(vectors),
            }
        )
        database = await lancedb.connect_async(folder)
        manifest: Any = SimpleNamespace(variants=variants, encoder=SimpleNamespace(dimension=3))
        return await integrity._photos(
            await database.create_table("photos", rows), manifest, suspect
        )

    return list(asyncio.run(read()))


def test_photos_that_say_whose_and_what_they_are_come_by_product_and_position(
    tmp_path: Path,
) -> None:
    found = salvaged(tmp_path, [range(7, 8)], variants=True)
    assert [(each.number, each.photo) for each in found] == [
        (1, Photo("a" * 64, "", "/one/a.png", "")),
        (1, Photo("f" * 64, "", "/one/f.png", "")),
        (2, Photo("d" * 64, "", "/two/d.png", "red")),
        (2, Photo("b" * 64, "", "/two/b.png", "")),
    ]
    # What is no unit vector is none that was written; one in a damaged file may be another's.
    assert [each.vector is None for each in found] == [False, True, False, False]
    assert [each.trusted for each in found] == [False, False, True, True]
    assert found[0].vector is not None
    assert found[0].vector.tolist() == [1.0, 0.0, 0.0]


def test_photos_of_a_catalog_without_variants_show_none(tmp_path: Path) -> None:
    found = salvaged(tmp_path, [], variants=False)
    assert [each.photo.variant_id for each in found] == [""] * 4
    assert [each.trusted for each in found] == [True, False, True, True]


def salvaged_products(folder: Path, rows: Sequence[dict[str, Any]], *, variants: bool) -> Salvage:
    """What is read of rows that have, beside what a test gives, no value at all."""
    texts = ["id", "title", "category", "color", "description", "wood", ROW_HASH, VARIANTS]
    types = dict.fromkeys((NUMBER, FEEDS), pa.int64()) | dict.fromkeys(texts, pa.string())
    types["tags"] = pa.list_(pa.string())

    async def read() -> Salvage:
        columns = {
            name: pa.array([row.get(name) for row in rows], kind) for name, kind in types.items()
        }
        database = await lancedb.connect_async(folder)
        table = await database.create_table("products", pa.table(columns))
        manifest: Any = SimpleNamespace(
            variants=variants, columns={"wood": "text"}, feeds=("a.csv",)
        )
        return await integrity._products(table, manifest, ())

    return asyncio.run(read())


def test_products_that_have_a_number_and_an_id_of_their_own_are_kept(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {
            NUMBER: 7,
            "id": "a",
            "title": "Table",
            "tags": ["new"],
            "wood": "oak",
            ROW_HASH: "aa",
            FEEDS: 5,
        },
        # Without a number, without an id, and with one that is there already: lost.
        {"id": "b"},
        {NUMBER: 8},
        {NUMBER: 8, "id": ""},
        {NUMBER: 7, "id": "c"},
        {NUMBER: 9, "id": "a"},
        {NUMBER: 9, "id": "d"},
    ]
    found = salvaged_products(tmp_path, rows, variants=False)
    oak = Product("a", "Table", tags=("new",), attributes={"wood": "oak"})
    bare = Product("d", "")
    assert found.products == (SalvagedProduct(7, oak, "aa", 5), SalvagedProduct(9, bare, "", None))
    assert found.lost == 5
    assert found.lost_ids == ("b", "c", "a")


def test_a_product_whose_variants_cannot_be_read_is_kept_without_them(tmp_path: Path) -> None:
    told = ['[{"id": "v"}]', "[", '{"id": "v"}', None]
    rows: list[dict[str, Any]] = [
        {NUMBER: n, "id": f"p{n}", VARIANTS: text} for n, text in enumerate(told)
    ]
    found = salvaged_products(tmp_path, rows, variants=True)
    assert [each.product.variants for each in found.products] == [(Variant("v"),), (), (), ()]
    assert (found.lost, found.lost_ids) == (0, ())
    assert found.photos == ()


class Broken:
    """A table of numbers, some of which cannot be read."""

    def __init__(self, bad: Sequence[int]) -> None:
        self._bad = {*bad}
        self._asked: list[int] = []
        self.reads = 0

    def take_offsets(self, offsets: list[int]) -> Self:
        self._asked = offsets
        return self

    def select(self, names: list[str]) -> Self:
        assert names == ["n"]
        return self

    async def to_arrow(self) -> pa.Table:
        self.reads += 1
        if self._bad.intersection(self._asked):
            raise OSError("LanceError(IO): no such page")
        return pa.table({"n": self._asked})


def values(table: Any, count: int) -> list[Any]:
    return asyncio.run(integrity._column(table, "n", count, lambda column: column.to_pylist()))


@pytest.mark.parametrize("bad", [[], [0], [9], [4, 5], [0, 3, 9, 10], range(11)])
def test_what_cannot_be_read_costs_nothing_beside_it(
    bad: Sequence[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(integrity, "_CHUNK_ROWS", 4)
    assert values(Broken(bad), 11) == [None if at in bad else at for at in range(11)]


def test_a_table_that_is_all_broken_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(integrity, "_MOST_FAILURES", 3)
    table = Broken(range(64))
    assert values(table, 64) == [None] * 64
    # The whole, a half of it, a quarter; then what waits is tried as it is.
    assert table.reads == 5
