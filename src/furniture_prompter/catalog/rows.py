"""Rows of a table by product number, from memory or from disk."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa
from lancedb import AsyncTable

from furniture_prompter.catalog.columns import NUMBER
from furniture_prompter.catalog.spaces import Numbers, number_filter
from furniture_prompter.catalog.storage_errors import reading


class Rows(Protocol):
    """One table of a catalog version."""

    async def fetch(self, numbers: Numbers, columns: Sequence[str]) -> pa.Table:
        """All rows of some products, ordered by number and the table's own order within it.

        Args:
            numbers: At least one product number.
            columns: Columns wanted beside the number.
        """
        ...


class MemoryRows:
    """Columns are read on first use and kept: a fetch then takes a tenth of a query's time."""

    def __init__(self, table: AsyncTable, order: Sequence[str], folder: Path) -> None:
        """Take a pinned table and the columns that order its rows, product number first."""
        self._table = table
        self._order = list(order)
        self._folder = folder
        self._columns: dict[str, pa.Array] = {}
        self._numbers: Numbers = np.zeros(0, np.int64)
        self._lock = asyncio.Lock()

    async def fetch(self, numbers: Numbers, columns: Sequence[str]) -> pa.Table:
        """See :class:`Rows`."""
        async with self._lock:
            await self._load([name for name in columns if name not in self._columns])
        wanted = np.unique(numbers)
        starts = np.searchsorted(self._numbers, wanted, side="left")
        ends = np.searchsorted(self._numbers, wanted, side="right")
        counts = ends - starts
        # Every row's place among those of its number, then where those begin.
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        taken = pa.array(np.repeat(starts, counts) + within, pa.int64())
        return pa.table(
            {name: self._columns[name].take(taken) for name in dict.fromkeys([NUMBER, *columns])}
        )

    async def _load(self, missing: Sequence[str]) -> None:
        if not missing and NUMBER in self._columns:
            return
        names = list(dict.fromkeys([*self._order, *missing]))
        with reading(self._folder):
            rows = await self._table.query().select(names).to_arrow()
        rows = rows.sort_by([(name, "ascending") for name in self._order])
        self._columns.update({name: rows[name].combine_chunks() for name in names})
        self._numbers = rows[NUMBER].to_numpy()


class StoredRows:
    """Every fetch is a query: for catalogs too large to hold."""

    def __init__(self, table: AsyncTable, order: Sequence[str], folder: Path) -> None:
        """Take a pinned table and the columns that order its rows, product number first."""
        self._table = table
        self._order = list(order)
        self._folder = folder

    async def fetch(self, numbers: Numbers, columns: Sequence[str]) -> pa.Table:
        """See :class:`Rows`."""
        names = list(dict.fromkeys([*self._order, *columns]))
        with reading(self._folder):
            rows = await self._table.query().where(number_filter(numbers)).select(names).to_arrow()
        return rows.sort_by([(name, "ascending") for name in self._order])
