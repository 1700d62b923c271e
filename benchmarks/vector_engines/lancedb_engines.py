"""Ways in which a catalog could find its nearest vectors, each in a table of its own, to compare.

Rows are numbers from 0 and have a bucket; a filter keeps the rows whose bucket is below a bound.
:class:`ExactTrial` is what small catalogs do, :class:`TableTrial` asks LanceDB, by a scan or by any
of its quantised indexes.
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
from lancedb import AsyncTable
from lancedb.index import BTree, HnswPq, HnswSq, IvfPq, IvfRq, IvfSq
from numpy.typing import NDArray

from furniture_prompter import event_loop
from furniture_prompter.catalog.columns import NUMBER, VECTOR, pad, vector_array
from furniture_prompter.catalog.storage import connect
from furniture_prompter.catalog.vector_index import ExactIndex, Numbers

Vectors = NDArray[np.float32]

BUCKET: Final = "bucket"
_TABLE: Final = "photos"
_EXACT_WAY: Final = "exact, float32 in memory"
_SCAN_WAY: Final = "exact, LanceDB scan from disk"

# Rows written at once: 8,192 of 1,280 float16 are 21 MB.
_BLOCK_ROWS = 8_192
_PROBES = (1, 2, 5, 10, 20, 50, 100, 200)
# LanceDB refuses an ef below what is fetched: ten, or ten times the refine factor.
_EF: Mapping[int, Sequence[int]] = {1: (15, 30, 60, 120, 250, 500), 10: (100, 150, 250, 500, 1_000)}
REFINE_FACTORS: Final = (1, 10)

# Any: AsyncTable.create_index takes an IvfSq, but its annotation in 0.40 leaves that one out.
_INDEXES: Mapping[str, Any] = {
    "IVF_RQ": IvfRq(distance_type="cosine"),
    "IVF_SQ": IvfSq(distance_type="cosine"),
    "IVF_PQ": IvfPq(distance_type="cosine"),
    "IVF_HNSW_SQ": HnswSq(distance_type="cosine"),
    "IVF_HNSW_PQ": HnswPq(distance_type="cosine"),
}
"""Every quantised index that LanceDB offers, with its own settings for building."""


class ExactTrial:
    """All vectors in memory, as the exact space of the catalog does it.

    The filter's rows are found by comparing all buckets, which are in memory too.
    """

    def __init__(self) -> None:
        self._space: ExactIndex | None = None
        self._buckets = np.zeros(0, np.int64)

    @property
    def ways(self) -> Mapping[str, Sequence[int]]:
        """The one way, which has no effort to choose."""
        return {_EXACT_WAY: (0,)}

    @property
    def effort_name(self) -> str:
        """There is none."""
        return ""

    def build(self, vectors: Vectors, buckets: Numbers, folder: Path) -> None:
        """Store vectors of shape (n, d) with the bucket of each in an empty folder."""
        event_loop.run(_stored(vectors, buckets, folder))

    def load(self, folder: Path) -> None:
        """Read the vectors."""
        event_loop.run(self._load(folder))

    async def _load(self, folder: Path) -> None:
        table = await _opened(folder)
        self._space = await ExactIndex.load(table, VECTOR, folder)
        rows = await table.query().select([NUMBER, BUCKET]).to_arrow()
        order = np.argsort(rows[NUMBER].to_numpy())
        self._buckets = rows[BUCKET].to_numpy()[order]

    def prepare(self, way: str, effort: int) -> None:
        """There is nothing to set.

        Raises:
            ValueError: another way or effort.
        """
        if (way, effort) != (_EXACT_WAY, 0):
            raise ValueError(f"there is no way {way!r} with an effort of {effort}.")

    def ask(self, query: Vectors, count: int, below: int | None) -> Numbers:
        """Up to `count` rows nearest to a unit vector of shape (d,), nearest first.

        Args:
            query: The vector.
            count: Rows wanted.
            below: Only rows whose bucket is below it; None for all rows.
        """
        if self._space is None:
            raise ValueError("the vectors are not there: load them first.")
        allowed = None if below is None else np.flatnonzero(self._buckets < below)
        return event_loop.run(self._space.similarities(query).top(count, allowed))


class TableTrial:
    """LanceDB by one kind of index, with another index on the buckets; filters come first.

    It rounds a query to float16, as the vectors are stored, so that its scan too may swap two
    rows whose cosines differ by 0.0005 or less.

    Args:
        kind: ``scan``, or one of LanceDB's quantised indexes, such as ``IVF_RQ``.

    Raises:
        ValueError: there is no such kind.
    """

    def __init__(self, kind: str) -> None:
        if kind != "scan" and kind not in _INDEXES:
            raise ValueError(f"there is no index {kind!r}; there are {', '.join(_INDEXES)}.")
        self._kind = kind
        self._table: AsyncTable | None = None
        self._refine, self._effort = 1, 0

    @property
    def ways(self) -> Mapping[str, Sequence[int]]:
        """A way for each refine factor → values of the parameter that trades time for recall."""
        if self._kind == "scan":
            return {_SCAN_WAY: (0,)}
        return {
            f"{self._kind}, refine {factor}": _EF[factor] if "HNSW" in self._kind else _PROBES
            for factor in REFINE_FACTORS
        }

    @property
    def effort_name(self) -> str:
        """``ef`` of a graph, ``nprobes`` of lists, "" of a scan."""
        if self._kind == "scan":
            return ""
        return "ef" if "HNSW" in self._kind else "nprobes"

    def build(self, vectors: Vectors, buckets: Numbers, folder: Path) -> None:
        """Store vectors of shape (n, d) with the bucket of each in an empty folder, and index."""
        event_loop.run(self._build(vectors, buckets, folder))

    async def _build(self, vectors: Vectors, buckets: Numbers, folder: Path) -> None:
        table = await _stored(vectors, buckets, folder)
        await table.create_index(BUCKET, config=BTree())
        if self._kind != "scan":
            # A copy: LanceDB keeps what it is given, and these are shared by all trials.
            await table.create_index(VECTOR, config=dataclasses.replace(_INDEXES[self._kind]))

    def load(self, folder: Path) -> None:
        """Open the table."""
        self._table = event_loop.run(_opened(folder))

    def prepare(self, way: str, effort: int) -> None:
        """Take one of the ways, with a value of its parameter.

        Raises:
            ValueError: there is no such way.
        """
        if way not in self.ways:
            raise ValueError(f"there is no way {way!r}.")
        self._refine = 1 if self._kind == "scan" else int(way.rsplit(" ", 1)[1])
        self._effort = effort

    def ask(self, query: Vectors, count: int, below: int | None) -> Numbers:
        """Up to `count` rows nearest to a unit vector of shape (d,), nearest first.

        Args:
            query: The vector.
            count: Rows wanted.
            below: Only rows whose bucket is below it; None for all rows.
        """
        return event_loop.run(self._ask(query, count, below))

    async def _ask(self, query: Vectors, count: int, below: int | None) -> Numbers:
        if self._table is None:
            raise ValueError("the table is not open: load it first.")
        request = self._table.query().nearest_to(pad(query)).column(VECTOR).distance_type("cosine")
        if self._kind == "scan":
            request = request.bypass_vector_index()
        elif self.effort_name == "ef":
            request = request.ef(self._effort).refine_factor(self._refine)
        else:
            request = request.nprobes(self._effort).refine_factor(self._refine)
        if below is not None:
            request = request.where(f"{BUCKET} < {below}")
        rows = await request.select([NUMBER, "_distance"]).limit(count).to_arrow()
        numbers: Numbers = rows[NUMBER].to_numpy()
        return numbers


async def _stored(vectors: Vectors, buckets: Numbers, folder: Path) -> AsyncTable:
    """A table of vectors, as the catalog stores them, written block by block."""
    columns = [(NUMBER, pa.int64()), (BUCKET, pa.int64()), (VECTOR, vector_array(vectors[:1]).type)]

    def blocks() -> Iterator[pa.RecordBatch]:
        for start in range(0, len(vectors), _BLOCK_ROWS):
            rows = np.arange(start, min(start + _BLOCK_ROWS, len(vectors)))
            data = [pa.array(rows), pa.array(buckets[rows]), vector_array(vectors[rows])]
            yield pa.RecordBatch.from_arrays(data, schema=schema)

    schema = pa.schema(columns)
    database = await connect(folder)
    reader = pa.RecordBatchReader.from_batches(schema, blocks())
    return await database.create_table(_TABLE, reader)


async def _opened(folder: Path) -> AsyncTable:
    return await (await connect(folder)).open_table(_TABLE)
