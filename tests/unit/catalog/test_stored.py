"""What a run that compares reads of the current version, of a table of a few rows."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from furniture_prompter.catalog import stored
from furniture_prompter.catalog.columns import (
    ALIGNED,
    NUMBER,
    PHOTOS,
    PRODUCTS,
    ROW_HASH,
    TEXT_VECTOR,
    VECTOR,
    WORDS,
    vector_array,
)
from furniture_prompter.catalog.storage import connect

Asked = Callable[[Any], Coroutine[Any, Any, Any]]
EYE = np.eye(8, dtype=np.float32)

# Products as they lie in the table, and whose photos are first.
NUMBERS = [5, 2, 9]
SHOWN = [9, 2, 9, 5]


def products(numbers: list[int] | None = None) -> pa.Table:
    numbers = NUMBERS if numbers is None else numbers
    told = [f"{number}" for number in numbers]
    return pa.table(
        {
            "id": [f"p{number}" for number in told],
            NUMBER: pa.array(numbers, pa.int64()),
            ROW_HASH: [f"hash {number}" for number in told],
            "title": [f"title {number}" for number in told],
            "category": pa.array([None if number == 5 else "chair" for number in numbers]),
            "color": pa.array(["red" if number == 2 else None for number in numbers]),
            WORDS: [f"word {number}" for number in told],
            TEXT_VECTOR: vector_array(np.array([EYE[n % 8] for n in numbers]).reshape(-1, 8)),
        }
    )


def photos(shown: list[int] | None = None) -> pa.Table:
    shown = SHOWN if shown is None else shown
    vectors = np.array([EYE[place % 8] for place in range(len(shown))]).reshape(-1, 8)
    return pa.table(
        {
            "id": [f"photo {place}" for place in range(len(shown))],
            NUMBER: pa.array(shown, pa.int64()),
            VECTOR: vector_array(vectors),
            ALIGNED: vector_array(vectors[:, ::-1]),
        }
    )


def asked(folder: Path, asking: Asked, **tables: pa.Table | None) -> Any:
    async def answer() -> Any:
        database = await connect(folder)
        made = {
            name: await database.create_table(name, rows)
            for name, rows in tables.items()
            if rows is not None
        }
        encoded = [made[PHOTOS]] if PHOTOS in made else []
        return await asking(
            SimpleNamespace(folder=folder, table=made.get, encoded_tables=encoded, feeds=())
        )

    return asyncio.run(answer())


async def vectors_of(writer: Any) -> Any:
    return await stored.stored_vectors(writer, 100)


async def looks_of(writer: Any) -> Any:
    return await stored.stored_looks(writer, 100)


@pytest.mark.parametrize(
    "tables",
    [
        {},
        {PRODUCTS: products()},
        {PHOTOS: photos()},
        {PRODUCTS: products(), PHOTOS: photos([])},
    ],
    ids=["nothing", "products alone", "photos alone", "no photo"],
)
def test_there_is_nothing_without_photos_and_products(
    tmp_path: Path, tables: dict[str, pa.Table]
) -> None:
    assert asked(tmp_path / "a", vectors_of, **tables) is None
    looks, vectors, shown = asked(tmp_path / "b", looks_of, **tables)
    assert (looks, vectors.shape, shown.tolist()) == ([], (0, 0), [])


def test_products_come_by_number_and_photos_by_product(tmp_path: Path) -> None:
    found = asked(tmp_path, vectors_of, products=products(), photos=photos())
    assert found.titles == ["title 2", "title 5", "title 9"]
    assert found.categories == ["chair", "", "chair"]
    assert found.colors == ["red", "", ""]
    assert found.words == ["word 2", "word 5", "word 9"]
    assert found.texts.argmax(axis=1).tolist() == [2, 5, 1]
    # Photos of one product stay in their order.
    assert found.shown.tolist() == [0, 1, 2, 2]
    assert found.photos.argmax(axis=1).tolist() == [1, 3, 0, 2]
    assert found.aligned.argmax(axis=1).tolist() == [6, 4, 7, 5]
    assert {found.texts.dtype, found.photos.dtype, found.aligned.dtype} == {np.dtype(np.float16)}
    assert found.shown.dtype == np.int64


def test_products_that_no_photo_shows_are_left_out(tmp_path: Path) -> None:
    found = asked(tmp_path, vectors_of, products=products(), photos=photos([9, 9]))
    assert (found.titles, found.shown.tolist()) == (["title 9"], [0, 0])
    assert found.texts.argmax(axis=1).tolist() == [1]


def test_looks_are_of_the_photos_in_their_own_order(tmp_path: Path) -> None:
    looks, vectors, shown = asked(tmp_path, looks_of, products=products(), photos=photos())
    assert looks == ["chair, red", "title 5", "title 9, chair"]
    assert shown.tolist() == [2, 0, 2, 1]
    assert vectors.argmax(axis=1).tolist() == [0, 1, 2, 3]


def test_a_photo_without_its_product_shows_nothing(tmp_path: Path) -> None:
    tables = {PRODUCTS: products(), PHOTOS: photos([7, 9])}
    found = asked(tmp_path / "a", vectors_of, **tables)
    assert (found.titles, found.words) == (["", "title 9"], ["", "word 9"])
    assert found.texts[0].tolist() == [0] * 8
    assert asked(tmp_path / "b", looks_of, **tables)[0] == ["", "title 9, chair"]


def test_photos_without_any_product_are_nothing(tmp_path: Path) -> None:
    assert asked(tmp_path, vectors_of, products=products([]), photos=photos()) is None


@pytest.mark.parametrize(
    ("limit", "sampled"),
    [
        (1, [0]),
        (2, [0, 5]),
        (3, [0, 4, 8]),
        (5, [0, 2, 4, 6, 8]),
        (9, [0, 2, 4, 6, 8]),
        (10, [*range(10)]),
        (11, [*range(10)]),
    ],
)
def test_too_many_photos_are_sampled_evenly(tmp_path: Path, limit: int, sampled: list[int]) -> None:
    async def sample(writer: Any) -> list[int]:
        told = await stored._photos(writer, limit, [])
        assert told is not None
        numbers: list[int] = told[NUMBER].to_pylist()
        return numbers

    tables = {PRODUCTS: products(), PHOTOS: photos([*range(10)])}
    assert asked(tmp_path, sample, **tables) == sampled


def test_rows_values_and_photos_are_told_in_the_order_of_the_tables(tmp_path: Path) -> None:
    async def told(writer: Any) -> Any:
        rows = [row async for some in stored.stored_rows(writer) for row in some]
        values = [
            row
            async for some in stored.stored_values(writer, ["category", "color"])
            for row in some
        ]
        return rows, values, await stored.encoded_photos(writer)

    rows, values, ids = asked(tmp_path / "a", told, products=products(), photos=photos())
    assert rows == [(f"p{n}", f"p{n}", n, f"hash {n}", None) for n in NUMBERS]
    assert values == [(False, False), (True, True), (True, False)]
    assert ids == {f"photo {place}" for place in range(4)}
    assert asked(tmp_path / "b", told) == ([], [], set())


def test_an_id_of_several_lines_is_told_as_new_ones_are_written(tmp_path: Path) -> None:
    table = products([2]).set_column(0, "id", pa.array(["a\n b"]))

    async def told(writer: Any) -> Any:
        return [row async for some in stored.stored_rows(writer) for row in some]

    assert asked(tmp_path, told, products=table) == [("a b", "a\n b", 2, "hash 2", None)]
