"""Vectors of photos, found by id among what a killed run saved and what is committed."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import lancedb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from furniture_prompter.catalog.columns import VECTOR, vector_array
from furniture_prompter.catalog.writer import CatalogWriter


def vectors(numbers: range, value: float) -> NDArray[np.float32]:
    """Vectors that say their own number, but for what half floats lose."""
    return np.array([[number // 100, number % 100, value] for number in numbers], np.float32)


def test_vectors_of_any_number_of_photos_are_found_those_of_a_killed_run_first(
    tmp_path: Path,
) -> None:
    async def found(wanted: list[str]) -> dict[str, NDArray[np.float32]]:
        database = await lancedb.connect_async(tmp_path)
        tables = []
        for name, numbers, value in (("staged", range(50), 1.0), ("photos", range(2_150), 2.0)):
            ids = [f"{number:064x}" for number in numbers]
            rows = pa.table({"id": ids, VECTOR: vector_array(vectors(numbers, value))})
            tables.append(await database.create_table(name, rows))
        writer: Any = SimpleNamespace(
            encoded_tables=tables, folder=tmp_path, _encoder=SimpleNamespace(dimension=3)
        )
        return await CatalogWriter.photo_vectors(writer, wanted)

    ids = [f"{number:064x}" for number in range(2_150)]
    got = asyncio.run(found([*ids, ids[7], "f" * 64]))
    assert sorted(got) == ids
    for number in (0, 49, 50, 1_049, 1_050, 2_049, 2_050, 2_149):
        own = [number // 100, number % 100, 1.0 if number < 50 else 2.0]
        assert got[ids[number]].tolist() == own
