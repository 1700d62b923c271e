"""Facets: how many products have each value of a column, or a number in each range.

Counts are exact over whatever products are given. A column is read once for a version and kept in
the form in which it is counted: a code of one to four bytes a product for texts, numbers sorted.
"""

import asyncio
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from cachetools import LRUCache
from lancedb import AsyncTable
from numpy.typing import NDArray

from furniture_prompter.catalog.columns import NUMBER
from furniture_prompter.catalog.storage import reading
from furniture_prompter.domain.query import Facet, FacetRange, FacetValue

LIMIT_VALUES: Final = 50
"""Values of a column that are counted, the most frequent ones."""

LIMIT_PATHS: Final = 500
"""The same of a column of paths, whose deep levels would not be among fewer."""

RANGES: Final = 5
"""Ranges of a number column, at most, of about as many products each."""

KEPT_BYTES: Final = 256 * 2**20
"""Memory for columns of one version; those that were not counted for longest go first."""

_EDGE_DIGITS: Final = 2
_PATH_STEP: Final = " > "

Mask = NDArray[np.bool_]


class FacetColumn(Protocol):
    """A column of all products of a version, ready to be counted."""

    @property
    def nbytes(self) -> int:
        """Memory that it takes."""
        ...

    def count(self, rows: Mask | None) -> Facet:
        """Count it over some products; those without a value are in no count.

        Args:
            rows: Which products count, shape (products,); None for all.
        """
        ...


def facet_column(values: pa.ChunkedArray, column_type: str) -> FacetColumn:
    """A column in the form in which it is counted.

    Args:
        values: The column's value for each product.
        column_type: ``text``, ``texts``, ``number`` or ``boolean``.
    """
    joined = values.combine_chunks()
    if column_type == "number":
        return _Numbers(joined)
    if column_type == "texts":
        return _Values(pc.list_flatten(joined), pc.list_parent_indices(joined).to_numpy())
    return _Values(joined)


class FacetCounts:
    """Counts over one version, whose columns are read on first use."""

    def __init__(self, table: AsyncTable, folder: Path) -> None:
        """Take the pinned table of products."""
        self._table = table
        self._folder = folder
        self._numbers: NDArray[np.int64] = np.zeros(0, np.int64)
        self._columns: LRUCache[str, FacetColumn] = LRUCache(
            KEPT_BYTES, getsizeof=lambda column: column.nbytes
        )
        self._lock = asyncio.Lock()

    @property
    def nbytes(self) -> int:
        """Memory that the columns kept so far take."""
        return int(self._columns.currsize) + self._numbers.nbytes

    async def count(
        self,
        numbers: NDArray[np.int64] | None,
        columns: Mapping[str, str],
        leave_out: int | None = None,
    ) -> dict[str, Facet]:
        """Count columns over some products.

        Args:
            numbers: Product numbers of the version, shape (n,); None for all products.
            columns: The columns with their types.
            leave_out: Number of a product that does not count.

        Raises:
            CatalogDamagedError: the table cannot be read.
        """
        async with self._lock:
            ready = {name: self._columns.get(name) for name in columns}
            missing = {name: columns[name] for name, column in ready.items() if column is None}
            read = await self._read(missing) if missing else {}
        rows: Mask | None = None
        if numbers is not None or leave_out is not None:
            rows = np.full(self._numbers.size, numbers is None)
            if numbers is not None:
                rows[np.searchsorted(self._numbers, numbers)] = True
            if leave_out is not None:
                rows[self._numbers == leave_out] = False
        return {name: (column or read[name]).count(rows) for name, column in ready.items()}

    async def _read(self, columns: Mapping[str, str]) -> dict[str, FacetColumn]:
        with reading(self._folder):
            table = await self._table.query().select([NUMBER, *columns]).to_arrow()
        return await asyncio.to_thread(self._kept, table, columns)

    def _kept(self, table: pa.Table, columns: Mapping[str, str]) -> dict[str, FacetColumn]:
        table = table.sort_by(NUMBER)
        self._numbers = table[NUMBER].to_numpy()
        found = {name: facet_column(table[name], kind) for name, kind in columns.items()}
        for name, column in found.items():
            # One that is larger than all of the room is read every time.
            if column.nbytes <= KEPT_BYTES:
                self._columns[name] = column
        return found


class _Values:
    """Texts, entries of lists, or true and false: a code for each, 0 for none."""

    def __init__(self, values: pa.Array, rows: NDArray[np.int32] | None = None) -> None:
        """Take a value a product; or, with `rows`, values and the product of each."""
        if pa.types.is_string(values.type):
            values = pc.if_else(pc.equal(values, ""), None, values)
        # Arrow cannot sort true and false; as numbers it can, in the order of their texts.
        names = pc.unique(values.drop_null())
        sortable = names.cast(pa.uint8()) if pa.types.is_boolean(names.type) else names
        self._names = names.take(pc.sort_indices(sortable))
        codes = pc.fill_null(pc.add(pc.index_in(values, self._names), 1), 0)
        self._codes = codes.to_numpy(zero_copy_only=False).astype(
            np.min_scalar_type(len(self._names))
        )
        self._rows = rows
        self._limit = LIMIT_VALUES
        if rows is not None:
            self._one_a_product(rows)
            self._limit = LIMIT_PATHS if _are_paths(self._names) else LIMIT_VALUES
        self._all: Facet | None = None

    def _one_a_product(self, rows: NDArray[np.int32]) -> None:
        known = len(self._names) + 1
        distinct = np.unique(rows.astype(np.int64) * known + self._codes)
        distinct = distinct[distinct % known > 0]
        self._codes = (distinct % known).astype(self._codes.dtype)
        self._rows = (distinct // known).astype(np.int32)

    @property
    def nbytes(self) -> int:
        rows = 0 if self._rows is None else self._rows.nbytes
        return int(self._names.nbytes + self._codes.nbytes + rows)

    def count(self, rows: Mask | None) -> Facet:
        if rows is not None:
            kept = rows if self._rows is None else rows[self._rows]
            return self._counted(self._codes[kept])
        if self._all is None:
            self._all = self._counted(self._codes)
        return self._all

    def _counted(self, codes: NDArray[np.unsignedinteger]) -> Facet:
        counts = np.bincount(codes, minlength=len(self._names) + 1)[1:]
        return _most_frequent(self._names, counts, self._limit)


class _Numbers:
    """Numbers that are finite, rising, and the product of each."""

    def __init__(self, values: pa.Array) -> None:
        numbers = values.to_numpy(zero_copy_only=False)
        finite = np.flatnonzero(np.isfinite(numbers))
        order = finite[np.argsort(numbers[finite], kind="stable")]
        self._numbers = numbers[order]
        self._rows = order.astype(np.int32)

    @property
    def nbytes(self) -> int:
        return int(self._numbers.nbytes + self._rows.nbytes)

    def count(self, rows: Mask | None) -> Facet:
        return number_ranges(self._numbers if rows is None else self._numbers[rows[self._rows]])


def _are_paths(names: pa.Array) -> bool:
    """Whether each entry that has a level above it stands beside that one, and some have."""
    texts = set(names.to_pylist())
    above = [text.rpartition(_PATH_STEP)[0] for text in texts if _PATH_STEP in text]
    return bool(above) and texts.issuperset(above)


def _most_frequent(names: pa.Array, counts: NDArray[np.intp], limit: int) -> Facet:
    """The values of most products; of equal counts those first that come first by name."""
    found = np.flatnonzero(counts)
    if found.size > limit:
        least = np.partition(counts[found], found.size - limit)[found.size - limit]
        above = found[counts[found] > least]
        found = np.union1d(above, found[counts[found] == least][: limit - above.size])
    found = found[np.argsort(-counts[found], kind="stable")]
    listed = zip(names.take(pa.array(found)).to_pylist(), counts[found].tolist(), strict=True)
    return tuple(FacetValue(value, count) for value, count in listed)


def number_ranges(rising: NDArray[np.float64]) -> tuple[FacetRange, ...]:
    """Ranges of about as many products each, their inner edges rounded to two digits.

    Args:
        rising: Finite numbers, from the least to the greatest, shape (n,).
    """
    if not rising.size:
        return ()
    low, high = float(rising[0]), float(rising[-1])
    if low == high:
        return (FacetRange(low, high, rising.size),)
    places = np.arange(1, RANGES) / RANGES * (rising.size - 1)
    before = places.astype(np.intp)
    after = np.minimum(before + 1, rising.size - 1)
    quantiles = rising[before] + (rising[after] - rising[before]) * (places - before)
    rounded = {float(f"{edge:.{_EDGE_DIGITS}g}") for edge in quantiles.tolist()}
    edges = [low, *sorted(edge for edge in rounded if low < edge < high), high]
    below = [*np.searchsorted(rising, edges[:-1]).tolist(), rising.size]
    return tuple(
        FacetRange(begin, end, last - first)
        for (begin, end), (first, last) in zip(pairwise(edges), pairwise(below), strict=True)
        if last > first
    )
