"""When small writes are folded into a table, and which of its files go."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path

import lancedb
import pyarrow as pa
import pytest
from lancedb import AsyncTable
from lancedb.index import BTree

from furniture_prompter.catalog.columns import NUMBER
from furniture_prompter.catalog.folding import (
    LOOSE_FRAGMENTS,
    LOOSE_ROWS,
    fold,
    fold_if_due,
    prune_table,
)
from furniture_prompter.catalog.lance_files import fragments_of, lance_versions, table_files
from furniture_prompter.catalog.manifest import Kept, Manifest, Replaced
from tests.unit.catalog.test_manifest import MANIFEST

BASE = 1_000


def rows(*numbers: int) -> pa.Table:
    return pa.table({NUMBER: list(numbers), "text": [f"row {each}" for each in numbers]})


async def made(folder: Path, count: int = BASE) -> AsyncTable:
    database = await lancedb.connect_async(folder)
    table = await database.create_table("photos", rows(*range(count)))
    await table.create_index(NUMBER, config=BTree())
    return table


async def fragments(folder: Path, table: AsyncTable) -> list[tuple[int, int]]:
    """Rows of each fragment, and how many of it are deleted."""
    found = fragments_of(folder, table.name, await table.version())
    return [(each.rows, each.deleted_rows) for each in found]


async def data(folder: Path, table: AsyncTable) -> set[str]:
    files = table_files(folder, table.name, await table.version())
    return {name for name in files if "/data/" in name}


async def unindexed(table: AsyncTable) -> int:
    statistics = await table.index_stats(f"{NUMBER}_idx")
    assert statistics is not None
    return statistics.num_unindexed_rows


def run(scenario: Callable[[], Coroutine[None, None, None]]) -> None:
    asyncio.run(scenario())


def test_few_rows_stay_beside_the_indexes_and_what_was_there_is_not_written_again(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        table = await made(tmp_path)
        before = await data(tmp_path, table)
        for number in range(LOOSE_FRAGMENTS - 1):
            await table.delete(f"{NUMBER} = {number}")
            await table.add(rows(number))
            await fold_if_due(tmp_path, table)
        deleted = LOOSE_FRAGMENTS - 1
        expected = [(BASE - deleted, deleted), *[(1, 0)] * deleted]
        assert await fragments(tmp_path, table) == expected
        assert before <= await data(tmp_path, table)
        assert await table.count_rows(f"{NUMBER} >= 0") == BASE

    run(scenario)


def test_many_small_fragments_become_one_and_the_large_one_stays(tmp_path: Path) -> None:
    async def scenario() -> None:
        table = await made(tmp_path)
        before = await data(tmp_path, table)
        most = 0
        for number in range(100):
            await table.delete(f"{NUMBER} = {number}")
            await table.add(rows(number))
            await fold_if_due(tmp_path, table)
            most = max(most, len(await fragments(tmp_path, table)))
        assert most == LOOSE_FRAGMENTS + 1
        assert before <= await data(tmp_path, table)
        found = await table.query().select([NUMBER]).to_arrow()
        assert sorted(found[NUMBER].to_pylist()) == list(range(BASE))
        assert await table.count_rows(f"{NUMBER} IN (0, 99, 500)") == 3

    run(scenario)


@pytest.mark.parametrize("added", [0, LOOSE_ROWS + 1])
def test_what_has_gathered_is_folded_whether_added_or_deleted(tmp_path: Path, added: int) -> None:
    async def scenario() -> None:
        table = await made(tmp_path)
        await table.delete(f"{NUMBER} < {LOOSE_ROWS - added}")
        if added:
            await table.add(rows(*range(BASE, BASE + added)))
        await fold_if_due(tmp_path, table)
        before = await fragments(tmp_path, table)
        await table.delete(f"{NUMBER} = {BASE - 1}")
        await fold_if_due(tmp_path, table)
        if not added:
            assert before == [(BASE - LOOSE_ROWS, LOOSE_ROWS)]
            assert await fragments(tmp_path, table) == [(BASE - LOOSE_ROWS - 1, 0)]
        else:
            assert before == [(BASE + added, 0)]
        assert await unindexed(table) == 0

    run(scenario)


def test_a_table_of_nothing_but_small_fragments_is_folded_whole(tmp_path: Path) -> None:
    async def scenario() -> None:
        table = await made(tmp_path, 20)
        for number in range(LOOSE_FRAGMENTS):
            await table.add(rows(100 + number))
            await fold_if_due(tmp_path, table)
        assert await fragments(tmp_path, table) == [(20 + LOOSE_FRAGMENTS, 0)]
        assert await unindexed(table) == 0

    run(scenario)


def test_a_table_that_no_index_covers_is_folded_when_it_is_more_than_a_few_rows(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        database = await lancedb.connect_async(tmp_path)
        table = await database.create_table("photos", rows(*range(LOOSE_ROWS)))
        await table.add(rows(LOOSE_ROWS))
        await fold_if_due(tmp_path, table)
        assert await fragments(tmp_path, table) == [(LOOSE_ROWS + 1, 0)]

    run(scenario)


def of(version: int, kept: tuple[int, ...] = ()) -> Manifest:
    old = tuple(Kept(each, {"photos": each}, None, f"{each}-a.json") for each in kept)
    return replace(MANIFEST, tables={"products": 1, "photos": version}, kept=old)


def test_versions_go_with_what_only_they_name_and_what_killed_runs_left(tmp_path: Path) -> None:
    async def scenario() -> None:
        table = await made(tmp_path)
        place = tmp_path / "photos.lance"
        await table.delete(f"{NUMBER} < 5")
        await table.add(rows(*range(5)))
        read = await table.version()
        kept_files = table_files(tmp_path, "photos", read)
        await fold(table)
        current = await table.version()
        left = place / "data" / "left.lance"
        left.write_bytes(b"of a killed run")
        await prune_table(tmp_path, table, of(current, kept=(read,)), ())
        assert min(number for number, _ in lance_versions(tmp_path, "photos")) == read
        assert all((tmp_path / name).is_file() for name in kept_files)
        assert not left.exists()
        still = Replaced("2026-01-01T00:00:00+00:00", {"photos": read}, ())
        await prune_table(tmp_path, table, of(current), (still,))
        assert all((tmp_path / name).is_file() for name in kept_files)

        await prune_table(tmp_path, table, of(current), ())
        assert [number for number, _ in lance_versions(tmp_path, "photos")] == [current]
        there = {
            path.relative_to(tmp_path).as_posix() for path in place.rglob("*") if path.is_file()
        }
        # Where Lance begins to look for its newest version; it finds that without as well.
        there.remove("photos.lance/_versions/latest_version_hint.json")
        assert there == table_files(tmp_path, "photos", current)
        assert all(any(path.iterdir()) for path in (place / "_indices").iterdir())
        assert await table.count_rows(f"{NUMBER} >= 0") == BASE

    run(scenario)


def test_nothing_goes_while_a_table_has_what_no_manifest_names(tmp_path: Path) -> None:
    async def scenario() -> None:
        table = await made(tmp_path)
        committed = await table.version()
        await table.add(rows(BASE))
        before = len(lance_versions(tmp_path, "photos"))
        await prune_table(tmp_path, table, of(committed), ())
        assert len(lance_versions(tmp_path, "photos")) == before

    run(scenario)
