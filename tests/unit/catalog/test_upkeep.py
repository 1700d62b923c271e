"""What reading every row of a catalog finds wrong, one thing at a time."""

import asyncio
import hashlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import lancedb
import numpy as np
import pyarrow as pa
import pytest

from furniture_prompter.catalog import upkeep
from furniture_prompter.catalog.columns import (
    ALIGNED,
    NUMBER,
    PHOTOS,
    PRODUCTS,
    TEXT_VECTOR,
    VARIANTS,
    VECTOR,
    WORDS,
    vector_array,
)
from furniture_prompter.catalog.retention import UPLOADS_FOLDER


def checked(folder: Path, **given: Any) -> tuple[dict[str, str | None], list[str]]:
    """What is found of two products with three photos, but for what a test gives."""
    values: dict[str, Any] = {
        "products": [1, 2],
        "photos": [1, 1, 2],
        "counts": (2, 3),
        "dimension": 3,
        "numbers": [1.0, 1.0, 1.0],
        "variants": [None, '[{"id":"v1"}]'],
        "paths": [__file__] * 3,
        **given,
    }

    async def found() -> tuple[dict[str, str | None], list[str]]:
        products, photos = values["products"], values["photos"]
        vectors = np.array([[number, 0, 0] for number in values["numbers"]], np.float32)
        database = await lancedb.connect_async(folder / "tables")
        tables = {
            "products": await database.create_table(
                "products",
                pa.table(
                    {
                        NUMBER: pa.array(products, pa.int64()),
                        VARIANTS: pa.array(values["variants"][: len(products)], pa.string()),
                        TEXT_VECTOR: vector_array(np.zeros((len(products), 3), np.float32)),
                    }
                ),
            ),
            "photos": await database.create_table(
                "photos",
                pa.table(
                    {
                        NUMBER: pa.array(photos, pa.int64()),
                        "id": ["a" * 64] * len(photos),
                        "path": [str(path) for path in values["paths"]][: len(photos)],
                        VECTOR: vector_array(vectors[: len(photos)]),
                        ALIGNED: vector_array(vectors[: len(photos)]),
                    }
                ),
            ),
        }
        manifest: Any = SimpleNamespace(
            products=values["counts"][0],
            photos=values["counts"][1],
            encoder=SimpleNamespace(dimension=values["dimension"]),
        )
        seen = upkeep._Found()
        await upkeep._check_rows(folder, manifest, tables, seen)
        return {name: told for name, told in seen.checks.items() if told}, seen.notes

    return asyncio.run(found())


def test_a_sound_catalog_has_nothing_to_tell(tmp_path: Path) -> None:
    assert checked(tmp_path) == ({}, [])
    # Vectors are stored in multiples of eight.
    assert checked(tmp_path / "b", dimension=8) == ({}, [])


@pytest.mark.parametrize(
    ("given", "check", "told"),
    [
        ({"counts": (2, 4)}, "counts", "(2, 3) products and photos are stored, (2, 4) are"),
        ({"counts": (1, 3)}, "counts", "(1, 3) are recorded"),
        ({"products": [2, 2], "photos": [2, 2, 2]}, "products are unique", "1 products are"),
        ({"photos": [1, 2, 7]}, "photos have products", "1 photos have no product"),
        ({"photos": [1, 1, 1]}, "products have photos", "1 products have no photo"),
        ({"dimension": 9}, "dimension", "Vectors have 8 components, 9 are recorded"),
        ({"variants": ["[", '{"id": 1}']}, "variants", "2 products have variants that cannot"),
        ({"numbers": [1.0, -np.inf, np.inf]}, "numbers", "4 components of vectors are no numbers"),
    ],
)
def test_each_thing_that_is_wrong_is_told_by_its_own_check(
    tmp_path: Path, given: dict[str, Any], check: str, told: str
) -> None:
    found, notes = checked(tmp_path, **given)
    assert found.keys() == {check}
    assert told in (found[check] or "")
    assert notes == []


def test_photos_that_are_gone_are_a_note_and_spoilt_uploads_a_fault(tmp_path: Path) -> None:
    uploads = tmp_path / UPLOADS_FOLDER
    uploads.mkdir()
    spoilt = uploads / f"{'a' * 64}.jpg"
    spoilt.write_bytes(b"other content")
    gone = tmp_path / "gone.png"
    found, notes = checked(tmp_path, paths=[gone, gone, spoilt])
    assert found.keys() == {upkeep.UPLOADS}
    (note,) = notes
    assert note.startswith("1 photos are no longer where they were indexed from.")
    whole = hashlib.sha256(b"other content").hexdigest()
    assert whole not in (found[upkeep.UPLOADS] or "")


def test_words_are_found_by_any_of_them_and_none_need_not_be(tmp_path: Path) -> None:
    async def told(words: list[str], *, indexed: bool) -> bool:
        database = await lancedb.connect_async(tmp_path / f"{len(words)}{indexed}")
        table = await database.create_table("products", pa.table({WORDS: words}))
        if indexed:
            await table.create_index(WORDS, config=lancedb.index.FTS())
        return await upkeep._words_are_found(table)

    assert asyncio.run(told(["oak table", "sofa"], indexed=True))
    assert asyncio.run(told(["", "  ", ""], indexed=False))


def manifest_with(vector_index: str | None, alignment: str | None) -> Any:
    return SimpleNamespace(vector_index=vector_index, alignment=SimpleNamespace(file=alignment))


def test_the_indexes_of_a_version_are_those_that_it_says_to_have() -> None:
    few = {(PRODUCTS, WORDS): "keyword", (PRODUCTS, NUMBER): "number", (PHOTOS, NUMBER): "number"}
    vectors = {(PHOTOS, VECTOR): "vector", (PRODUCTS, TEXT_VECTOR): "vector"}
    assert upkeep.expected_indexes(manifest_with(None, None)) == few
    assert upkeep.expected_indexes(manifest_with(None, "a.npz")) == few
    assert upkeep.expected_indexes(manifest_with("IVF_PQ", None)) == few | vectors
    aligned = {(PHOTOS, ALIGNED): "vector"}
    assert upkeep.expected_indexes(manifest_with("IVF_PQ", "a.npz")) == few | vectors | aligned


@pytest.mark.parametrize(("rows", "found"), [(0, 0), (1, 1), (9, 9), (10, 10), (11, 10)])
def test_the_first_vector_finds_up_to_ten(tmp_path: Path, rows: int, found: int) -> None:
    async def nearest() -> int:
        database = await lancedb.connect_async(tmp_path)
        vectors = np.eye(max(rows, 1), 16, dtype=np.float32)[:rows]
        table = await database.create_table("photos", pa.table({VECTOR: vector_array(vectors)}))
        return await upkeep._nearest(table, VECTOR)

    assert asyncio.run(nearest()) == found


def index_problem(folder: Path, indexed: set[str], manifest: Any, rows: int = 3) -> str | None:
    """What is said of a catalog whose tables have these indexes, by table and column."""

    async def told() -> str | None:
        database = await lancedb.connect_async(folder)
        numbers = pa.array(range(1, rows + 1), pa.int64())
        vectors = vector_array(np.eye(max(rows, 1), 8, dtype=np.float32)[:rows])
        products = {NUMBER: numbers, WORDS: ["oak table"] * rows, TEXT_VECTOR: vectors}
        photos = {NUMBER: numbers, VECTOR: vectors}
        tables = {
            PRODUCTS: await database.create_table(PRODUCTS, pa.table(products)),
            PHOTOS: await database.create_table(PHOTOS, pa.table(photos)),
        }
        for name, table in tables.items():
            if f"{name}.{NUMBER}" in indexed:
                await table.create_index(NUMBER, config=lancedb.index.BTree())
        if f"{PRODUCTS}.{WORDS}" in indexed:
            await tables[PRODUCTS].create_index(WORDS, config=lancedb.index.FTS())
        return await upkeep._index_problem(tables, manifest)

    return asyncio.run(told())


def test_indexes_that_are_missing_are_named_each(tmp_path: Path) -> None:
    every = {f"{PRODUCTS}.{WORDS}", f"{PRODUCTS}.{NUMBER}", f"{PHOTOS}.{NUMBER}"}
    exact = manifest_with(None, None)
    assert index_problem(tmp_path / "a", every, exact) is None
    assert index_problem(tmp_path / "b", every - {f"{PHOTOS}.{NUMBER}"}, exact) == (
        f"photos has no number index on {NUMBER}."
    )
    assert index_problem(tmp_path / "c", set(), manifest_with("IVF_PQ", None)) == (
        f"products has no keyword index on {WORDS}; products has no number index on {NUMBER}; "
        f"photos has no number index on {NUMBER}; photos has no vector index on {VECTOR}; "
        f"products has no vector index on {TEXT_VECTOR}."
    )


def test_an_index_that_finds_fewer_rows_than_there_are_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(_: object) -> bool:
        return False

    monkeypatch.setattr(upkeep, "_words_are_found", nothing)
    every = {f"{PRODUCTS}.{WORDS}", f"{PRODUCTS}.{NUMBER}", f"{PHOTOS}.{NUMBER}"}
    assert index_problem(tmp_path, every, manifest_with(None, None)) == (
        f"the keyword index on {WORDS} of products does not find its rows."
    )
