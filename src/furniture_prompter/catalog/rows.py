"""Rows of a catalog version by product, in memory or stored, and what two versions share."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from lancedb import AsyncTable
from numpy.typing import NDArray

from furniture_prompter.catalog.columns import NUMBER, half_vectors_from, places_array
from furniture_prompter.catalog.lance_files import fragments_of
from furniture_prompter.catalog.row_ids import RowIds, places_within
from furniture_prompter.catalog.storage import reading
from furniture_prompter.catalog.vector_index import Numbers, Stored, places_of, rising


class StoredRows:
    """One table of a catalog version, of which every fetch is a query.

    Attributes:
        table: The table, pinned to the version.
        folder: The catalog.
    """

    def __init__(self, table: AsyncTable, order: Sequence[str], folder: Path) -> None:
        """Take a pinned table and the columns that order its rows, product number first."""
        self.table = table
        self._order = list(order)
        self.folder = folder
        self._ids: RowIds | None = None
        self._ids_lock = asyncio.Lock()

    async def row_ids(self) -> RowIds:
        """Where all rows lie, read at the first call.

        Raises:
            CatalogDamagedError: the table cannot be read.
        """
        async with self._ids_lock:
            if self._ids is None:
                self._ids = await RowIds.of(self.table, self.folder)
            return self._ids

    async def fetch(self, numbers: Numbers, columns: Sequence[str]) -> pa.Table:
        """All rows of some products, ordered by number and the table's own order within it.

        Args:
            numbers: At least one product number, shape (n,).
            columns: Columns wanted beside the number.

        Raises:
            CatalogDamagedError: the table cannot be read.
        """
        return await self.read(numbers, columns)

    async def read(self, numbers: Numbers, columns: Sequence[str]) -> pa.Table:
        """As :meth:`fetch`, asked of the table in any case, and of any number of products."""
        names = list(dict.fromkeys([*self._order, *columns]))
        # These rows alone are read; a condition on the numbers looks at every row's.
        ids = (await self.row_ids()).of_products(rising(numbers))
        with reading(self.folder):
            rows = await self.table.take_row_ids(ids.tolist()).select(names).to_arrow()
        return rows.sort_by([(name, "ascending") for name in self._order])

    async def values(self, numbers: Numbers, columns: Sequence[str]) -> dict[str, list[Any]]:
        """Values of columns by name, for each product of a table that has one row of it.

        Arguments and errors are those of :meth:`fetch`.
        """
        rows = await self.fetch(numbers, columns)
        return {name: rows[name].to_pylist() for name in columns}

    async def listed(
        self, numbers: Numbers, columns: Sequence[str], vectors: str | None
    ) -> tuple[Numbers, dict[str, list[Any]], Stored | None]:
        """As :meth:`fetch`: the number of each row, its values, its vector of a column, or None."""
        rows = await self.fetch(numbers, [*columns, *([vectors] if vectors else [])])
        told = {name: rows[name].to_pylist() for name in columns}
        return rows[NUMBER].to_numpy(), told, half_vectors_from(rows[vectors]) if vectors else None

    def close(self) -> None:
        """Let go of the table and of what was read of it."""
        self._ids = None
        self.table.close()  # type: ignore[no-untyped-call]  # LanceDB leaves it untyped

    async def changed(self, later: "StoredRows") -> Numbers:
        """Products of which rows came or went up to another version, rising, shape (n,).

        A row that is written anew, such as by folding, counts as another.

        Raises:
            CatalogDamagedError: a version cannot be read.
        """
        files = []
        for table in (self.table, later.table):
            with reading(self.folder):
                fragments = fragments_of(self.folder, table.name, await table.version())
            files.append({each.id: each.files for each in fragments})
        same = {number for number, named in files[0].items() if files[1].get(number) == named}
        before, now = await self.row_ids(), await later.row_ids()
        return rising(np.concatenate([before.outside(now, same), now.outside(before, same)]))


class MemoryRows(StoredRows):
    """Rows of which columns are read once and kept: a fetch takes a tenth of a query's time.

    Rows of products that changed since lie beside the others, for sorting all anew takes longer
    than all else that a version with one other product does.
    """

    def __init__(self, table: AsyncTable, order: Sequence[str], folder: Path) -> None:
        """See :class:`StoredRows`."""
        super().__init__(table, order, folder)
        self._columns: dict[str, pa.Array] = {}
        self._beside: dict[str, pa.Array] = {}
        self._together: dict[tuple[str, ...], pa.RecordBatch] = {}
        self._values: dict[str, list[Any]] = {}
        self._values_beside: dict[str, list[Any]] = {}
        self._matrices: dict[str, Stored] = {}
        self._numbers: Numbers = np.zeros(0, np.int64)
        # Places of the rows that count, by number; None where all do as they stand.
        self._counted: NDArray[np.intp] | None = None
        self._lock = asyncio.Lock()

    async def fetch(self, numbers: Numbers, columns: Sequence[str]) -> pa.Table:
        """See :class:`StoredRows`."""
        names = tuple(dict.fromkeys([NUMBER, *columns]))
        await self._have(names)
        places = self._standing(places_within(rising(numbers), self._numbers))
        if names not in self._together:
            # Columns that are taken together take a fraction of the time of each by itself.
            self._together[names] = pa.record_batch({name: self._columns[name] for name in names})
        first = self._together[names]
        inside = places < first.num_rows
        found = first.take(places_array(places[inside]))
        if inside.all():
            return pa.Table.from_batches([found])
        beside = pa.record_batch({name: self._beside[name] for name in names})
        other = beside.take(places_array(places[~inside] - first.num_rows))
        apart = np.concatenate([np.flatnonzero(inside), np.flatnonzero(~inside)])
        return pa.Table.from_batches([found, other]).take(places_array(np.argsort(apart)))

    async def values(self, numbers: Numbers, columns: Sequence[str]) -> dict[str, list[Any]]:
        """See :class:`StoredRows`; equal values are one object, however many products have them."""
        await self._have(columns)
        places, known = places_of(rising(numbers), self._numbers)
        return self._taken(self._standing(places[known]), columns)

    async def listed(
        self, numbers: Numbers, columns: Sequence[str], vectors: str | None
    ) -> tuple[Numbers, dict[str, list[Any]], Stored | None]:
        """See :class:`StoredRows`."""
        await self._have([*columns, *([vectors] if vectors else [])])
        own = places_within(rising(numbers), self._numbers)
        places = self._standing(own)
        rows = None if vectors is None else self._vectors(places, vectors)
        return self._numbers[own], self._taken(places, columns), rows

    async def carried(self, later: StoredRows, changed: Numbers) -> "MemoryRows":
        """Another version's rows, of which only those of products that `changed` are read."""
        carried = MemoryRows(later.table, self._order, self.folder)
        carried._ids = later._ids
        async with self._lock:
            if not self._columns:
                return carried
            carried._columns, carried._together = dict(self._columns), dict(self._together)
            carried._values = dict(self._values)
            beside, numbers = dict(self._beside), self._numbers
            places = self._standing(np.arange(numbers.size))
        read = await later.read(changed, list(carried._columns))
        for name, column in carried._columns.items():
            parts = [*([beside[name]] if beside else []), *read[name].chunks]
            carried._beside[name] = pa.chunked_array(parts, column.type).combine_chunks()
        kept = np.flatnonzero(~places_of(numbers, changed)[1])
        total = len(carried._columns[NUMBER]) + len(carried._beside[NUMBER])
        places = np.concatenate([places[kept], np.arange(total - read.num_rows, total)])
        numbers = np.concatenate([numbers[kept], read[NUMBER].to_numpy()])
        order = np.argsort(numbers, kind="stable")
        carried._numbers, carried._counted = numbers[order], places[order]
        return carried

    def close(self) -> None:
        """See :class:`StoredRows`."""
        super().close()
        self._clear()

    def _clear(self) -> None:
        self._columns.clear()
        self._beside.clear()
        self._together.clear()
        self._values.clear()
        self._values_beside.clear()
        self._matrices.clear()

    def _taken(self, places: NDArray[np.intp], columns: Sequence[str]) -> dict[str, list[Any]]:
        told: dict[str, list[Any]] = {}
        taken = places.tolist()
        for name in columns:
            if name not in self._values:
                self._values[name] = _objects(self._columns[name])
            values = self._values[name]
            if self._counted is None:
                told[name] = [values[place] for place in taken]
                continue
            if name not in self._values_beside:
                self._values_beside[name] = _objects(self._beside[name])
            beside, first = self._values_beside[name], len(values)
            told[name] = [
                values[place] if place < first else beside[place - first] for place in taken
            ]
        return told

    def _vectors(self, places: NDArray[np.intp], name: str) -> Stored:
        """Vectors of rows: taken from a view of what Arrow holds, which copies no others."""
        if name not in self._matrices:
            # A view, whose making takes longer than taking a page's rows.
            self._matrices[name] = _matrix(self._columns[name])
        first = self._matrices[name]
        inside = places < len(first)
        if inside.all():
            return first[places]
        taken = np.empty((places.size, first.shape[1]), first.dtype)
        taken[inside] = first[places[inside]]
        taken[~inside] = _matrix(self._beside[name])[places[~inside] - len(first)]
        return taken

    def _standing(self, places: NDArray[np.intp]) -> NDArray[np.intp]:
        return places if self._counted is None else self._counted[places]

    async def _have(self, columns: Sequence[str]) -> None:
        wanted = {NUMBER, *columns}
        # What is read is taken in without waiting: what is there is whole.
        if self._columns.keys() >= wanted:
            return
        async with self._lock:
            if self._columns.keys() >= wanted:
                return
            # Rows beside others are of the same columns: then all are read once more.
            held = self._columns if self._counted is not None else ()
            missing = [name for name in columns if name not in self._columns]
            names = list(dict.fromkeys([*self._order, *held, *missing]))
            with reading(self.folder):
                rows = await self.table.query().select(names).to_arrow()
            rows = rows.sort_by([(name, "ascending") for name in self._order])
            if self._counted is not None:
                self._clear()
                self._counted = None
            self._columns.update({name: rows[name].combine_chunks() for name in names})
            self._numbers = rows[NUMBER].to_numpy()


def _objects(column: pa.Array) -> list[Any]:
    """Values of a column, equal ones as one object."""
    one: dict[Any, Any] = {}
    return [
        one.setdefault(tuple(each) if isinstance(each, list) else each, each)
        for each in column.to_pylist()
    ]


def _matrix(column: pa.FixedSizeListArray) -> Stored:
    return column.flatten().to_numpy().reshape(-1, column.type.list_size)  # type: ignore[no-any-return]  # pyarrow is untyped
