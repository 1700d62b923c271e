"""Vector indexes of a catalog, exact and IVF: how near every product is to a query vector.

Two ways give the same answer. :class:`ExactIndex` holds a small catalog's vectors in memory and
multiplies; :class:`IvfIndex` asks a Lance vector index and rescores its candidates exactly.
"""

from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias, TypeVar

import numpy as np
from lancedb import AsyncTable
from numpy.typing import NDArray

from furniture_prompter.catalog.columns import NUMBER, pad, vectors_from
from furniture_prompter.catalog.storage import reading

if TYPE_CHECKING:
    from furniture_prompter.catalog.rows import StoredRows

Numbers = NDArray[np.int64]
Scores = NDArray[np.float32]
Stored = NDArray[np.float16]
_Places: TypeAlias = NDArray[np.intp]
Kind = TypeVar("Kind", bound=np.generic)

# How a query's scores spread over a catalog is estimated on this many rows; the standard error of
# the estimated mean is then under 3.2 % of the spread.
BACKGROUND_ROWS = 1_000
# Candidates fetched for each product that is asked for: several photos share a product, and a
# filter drops some.
OVERSAMPLING = 4
# RaBitQ codes are rescored with the stored float16 vectors, twice as many as are wanted, and at
# least as many as it took for recall@10 to reach 1.0 in benchmarks/results/vector_index.json.
# Reading them is nearly all that a query costs (docs/experiments.md, "Rescored candidates").
REFINE_FACTOR = 2
LEAST_RESCORED = 400
# A filter that leaves at most this many products is answered by scoring just these.
FEW_PRODUCTS = 5_000


@dataclass(frozen=True, slots=True)
class Background:
    """Mean and standard deviation of a query's cosines over a fixed sample of the catalog."""

    mean: float
    deviation: float


class Similarities(Protocol):
    """Cosines between one query vector and the products of one catalog version.

    A product with several photos has the cosine of its nearest photo; a row of zeros stands for
    nothing known (no text), and has none.
    """

    @property
    def background(self) -> Background:
        """How this query's cosines spread over the catalog."""
        ...

    async def top(self, count: int, filtered: Numbers | None) -> Numbers:
        """Product numbers, nearest first, shape (up to `count`,).

        Args:
            count: Products wanted at the most.
            filtered: Numbers that pass the query's filter, sorted, shape (m,); None for all.

        Raises:
            CatalogDamagedError: the vectors cannot be read.
        """
        ...

    async def of(self, numbers: Numbers) -> Scores:
        """The cosine of each product in `numbers`, in that order; shape (n,); NaN without one.

        Raises:
            CatalogDamagedError: the vectors cannot be read.
        """
        ...


class VectorIndex(Protocol):
    """One kind of vector of a catalog version, ready to be asked."""

    def similarities(self, query: NDArray[np.float32]) -> Similarities:
        """Similarities to a unit vector of shape (dimension,)."""
        ...

    def some_rows(self, count: int) -> NDArray[np.float32]:
        """Up to `count` of its vectors, taken evenly, the same every time; shape (n, dimension)."""
        ...

    async def carried(self, rows: "StoredRows", column: str, changed: Numbers) -> "VectorIndex":
        """What it is of another version of the table, where few products have changed.

        Args:
            rows: The rows of that version.
            column: Of the vectors.
            changed: Products whose rows are not the same in both, rising, shape (n,).

        Raises:
            CatalogDamagedError: the vectors cannot be read.
        """
        ...


def blank_rows(vectors: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Whether each of some vectors, shape (n, d), stands for nothing known; shape (n,)."""
    return np.asarray(~vectors.any(axis=1))


def best_per_product(numbers: Numbers, scores: Scores) -> tuple[Numbers, Scores]:
    """Sorted unique product numbers and the best score of each, both of shape (m,).

    Args:
        numbers: Product number of each row, shape (n,), in any order.
        scores: Score of each row, shape (n,).
    """
    order = np.argsort(numbers, kind="stable")
    unique, starts = np.unique(numbers[order], return_index=True)
    if not unique.size:
        return unique, scores[:0]
    return unique, np.fmax.reduceat(scores[order], starts)


def rising(numbers: NDArray[Kind]) -> NDArray[Kind]:
    """Numbers, shape (n,), each once and in order.

    As ``np.unique``, which for this hashes, and loads all of ``numpy.ma`` the first time.
    """
    if np.greater(numbers[1:], numbers[:-1]).all():
        return numbers
    ordered = np.sort(numbers)
    first = np.ones(ordered.size, np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    return ordered[first]


def scores_of(numbers: Numbers, found: Numbers, scores: Scores) -> Scores:
    """The score of each of `numbers`, shape (n,); NaN where it is not among the numbers `found`.

    Args:
        numbers: What is asked for, shape (n,).
        found: Sorted, shape (m,).
        scores: Of `found`, shape (m,).
    """
    result = np.full(numbers.shape, np.nan, np.float32)
    places, known = places_of(numbers, found)
    result[known] = scores[places[known]]
    return result


def places_of(
    numbers: NDArray[Kind], rising: NDArray[Kind]
) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Where each of some numbers stands among others, and whether it does; shape (n,) both.

    Twenty times as fast as ``np.isin`` for what a query asks.

    Args:
        numbers: What is looked for, shape (n,).
        rising: Sorted, shape (m,).
    """
    if not rising.size:
        return np.zeros(numbers.shape, np.intp), np.zeros(numbers.shape, np.bool_)
    places = np.minimum(np.searchsorted(rising, numbers), rising.size - 1)
    return places, rising[places] == numbers


def nearest_first(numbers: Numbers, scores: Scores, count: int) -> Numbers:
    """Up to `count` of `numbers` by falling score; equal scores by number, so that runs agree.

    Numbers without a score (NaN) are left out. `numbers` and `scores` have shape (n,).
    """
    known = ~np.isnan(scores)
    if not known.all():
        numbers, scores = numbers[known], scores[known]
    if scores.size > count:
        threshold = np.partition(scores, scores.size - count)[scores.size - count]
        kept = scores >= threshold
        numbers, scores = numbers[kept], scores[kept]
    order = np.lexsort((numbers, -scores))
    return np.asarray(numbers[order[:count]])


def background_of(scores: Scores) -> Background:
    """Mean and standard deviation of a sample of cosines, shape (n,); (0, 1) of an empty one."""
    if not scores.size:
        return Background(0.0, 1.0)
    # As `mean` and `std` say to the last digit, in half of their time.
    count = np.float64(scores.size)
    mean = np.float32(np.add.reduce(scores) / count)
    beyond = scores - mean
    deviation = np.sqrt(np.float32(np.add.reduce(beyond * beyond) / count))
    return Background(float(mean), max(float(deviation), 1e-6))


def _further(starts: _Places, rows: int) -> Iterator[tuple[_Places | slice, _Places]]:
    """The second, third… rows of products that have so many: places of products, and of rows.

    A maximum over all second rows at once takes a third of the time of one for each product.

    Args:
        starts: Where the rows of each product begin, shape (n,).
        rows: In all.
    """
    counts = np.diff(starts, append=rows)
    for further in range(1, int(counts.max(initial=0))):
        products = np.flatnonzero(counts > further)
        # Where all have so many, nothing is to be chosen.
        yield slice(None) if products.size == starts.size else products, starts[products] + further


def evenly(rows: NDArray[Kind], count: int) -> NDArray[Kind]:
    """Up to `count` of `rows`, shape (n, …), at even steps."""
    return rows[:: max(1, -(-len(rows) // count))]


class ExactIndex:
    """All vectors in memory, float32."""

    def __init__(self, vectors: NDArray[np.float32], numbers: Numbers) -> None:
        """Take vectors of shape (n, d) and the product number of each row, in any order."""
        order = np.argsort(numbers, kind="stable")
        held = np.ascontiguousarray(pad(vectors[order]))
        self._hold((held,), numbers[order], blank_rows(held), None)

    def _hold(
        self,
        parts: tuple[NDArray[np.float32], ...],
        own: Numbers,
        blank: NDArray[np.bool_],
        order: NDArray[np.intp] | None,
    ) -> None:
        """Take vectors in parts, number and emptiness of each, and which count, by number."""
        self._parts, self._own, self._blank, self._order = parts, own, blank, order
        counted = slice(None) if order is None else order
        self._numbers, self._starts = np.unique(own[counted], return_index=True)
        self._further = list(_further(self._starts, len(own[counted])))
        self._empty = blank[counted]
        self._has_empty = bool(self._empty.any())
        known = np.flatnonzero(~self._empty)
        self._sample = known[:: max(1, len(known) // BACKGROUND_ROWS)]

    @classmethod
    async def load(cls, table: AsyncTable, column: str, folder: Path) -> "ExactIndex":
        """Read a vector column of a table.

        Raises:
            CatalogDamagedError: it cannot be read.
        """
        with reading(folder):
            rows = await table.query().select([NUMBER, column]).to_arrow()
        return cls(vectors_from(rows[column]), rows[NUMBER].to_numpy())

    async def carried(self, rows: "StoredRows", column: str, changed: Numbers) -> "ExactIndex":
        """See :class:`VectorIndex`."""
        read = await rows.read(changed, [column])
        held, own = self._parts, self._own
        kept = np.arange(len(own)) if self._order is None else self._order
        kept = kept[~places_of(own[kept], changed)[1]]
        # Copying what stays would take longer than all else, and hold it twice.
        added = np.concatenate([*held[1:], vectors_from(read[column])])
        order = np.concatenate([kept, len(own) + np.arange(read.num_rows)])
        own = np.concatenate([own, read[NUMBER].to_numpy()])
        blank = np.concatenate([self._blank[: len(held[0])], blank_rows(added)])
        later = copy(self)
        later._hold((held[0], added), own, blank, order[np.argsort(own[order], kind="stable")])
        return later

    def similarities(self, query: NDArray[np.float32]) -> Similarities:
        """See :class:`VectorIndex`."""
        # A matrix product takes all cores, and on busy ones waits for the last many times as long
        # as one core needs for all of it.
        query = pad(query)
        scores: Scores = np.vecdot(self._parts[0], query)
        if self._order is not None:
            further = [np.vecdot(part, query) for part in self._parts[1:]]
            scores = np.concatenate([scores, *further])[self._order]
        sample = background_of(scores[self._sample])
        if self._has_empty:
            scores[self._empty] = np.nan
        if self._further:
            nearest = scores[self._starts]
            for products, rows in self._further:
                nearest[products] = np.fmax(nearest[products], scores[rows])
            scores = nearest
        return _ExactSimilarities(self._numbers, scores, sample)

    def some_rows(self, count: int) -> NDArray[np.float32]:
        """See :class:`VectorIndex`."""
        rows = evenly(self._sample, count)
        if self._order is not None:
            rows = self._order[rows]
        first = self._parts[0]
        found = first[np.minimum(rows, len(first) - 1)]
        later = rows >= len(first)
        if later.any():
            found[later] = self._parts[1][rows[later] - len(first)]
        return found


class _ExactSimilarities:
    def __init__(self, numbers: Numbers, scores: Scores, background: Background) -> None:
        self._numbers = numbers
        self._scores = scores
        self._background = background

    @property
    def background(self) -> Background:
        return self._background

    async def top(self, count: int, filtered: Numbers | None) -> Numbers:
        if filtered is None:
            return nearest_first(self._numbers, self._scores, count)
        _, kept = places_of(self._numbers, filtered)
        return nearest_first(self._numbers[kept], self._scores[kept], count)

    async def of(self, numbers: Numbers) -> Scores:
        return scores_of(numbers, self._numbers, self._scores)


class IvfIndex:
    """Vectors stay on disk; a Lance vector index proposes and exact cosines decide."""

    def __init__(self, rows: "StoredRows", column: str, sample: NDArray[np.float32]) -> None:
        """Take rows with an index on `column` and a sample of them, shape (m, d)."""
        self._rows = rows
        self._column = column
        self._sample = sample

    @classmethod
    async def load(cls, rows: "StoredRows", column: str) -> "IvfIndex":
        """Read the sample that backgrounds are estimated on.

        Raises:
            CatalogDamagedError: it cannot be read.
        """
        with reading(rows.folder):
            count = await rows.table.count_rows()
            places = list(range(0, count, max(1, count // BACKGROUND_ROWS)))
            read = await rows.table.take_offsets(places).select([column]).to_arrow()
        sample = vectors_from(read[column])
        return cls(rows, column, sample[sample.any(axis=1)])

    async def carried(self, rows: "StoredRows", column: str, _changed: Numbers) -> "IvfIndex":
        """See :class:`VectorIndex`; the sample stays as it is."""
        return IvfIndex(rows, column, self._sample)

    def similarities(self, query: NDArray[np.float32]) -> Similarities:
        """See :class:`VectorIndex`."""
        query = pad(query)
        background = background_of(self._sample @ query)
        return _IvfSimilarities(self._rows, self._column, query, background)

    def some_rows(self, count: int) -> NDArray[np.float32]:
        """See :class:`VectorIndex`."""
        return evenly(self._sample, count)


class _IvfSimilarities:
    def __init__(
        self, rows: "StoredRows", column: str, query: NDArray[np.float32], background: Background
    ) -> None:
        self._rows = rows
        self._table = rows.table
        self._column = column
        self._query = query
        self._background = background

    @property
    def background(self) -> Background:
        return self._background

    async def top(self, count: int, filtered: Numbers | None) -> Numbers:
        if filtered is not None and filtered.size <= FEW_PRODUCTS:
            return nearest_first(filtered, await self.of(filtered), count)
        rows_wanted = count * OVERSAMPLING
        total = await self._table.count_rows()
        while True:
            numbers, scores = await self._candidates(rows_wanted)
            if filtered is not None:
                _, kept = places_of(numbers, filtered)
                numbers, scores = numbers[kept], scores[kept]
            numbers, scores = best_per_product(numbers, scores)
            if numbers.size >= count or rows_wanted >= total:
                return nearest_first(numbers, scores, count)
            rows_wanted = min(total, rows_wanted * 4)

    async def _candidates(self, count: int) -> tuple[Numbers, Scores]:
        with reading(self._rows.folder):
            rows = await (
                self._table.query()
                .nearest_to(self._query)
                .column(self._column)
                .distance_type("cosine")
                .refine_factor(max(REFINE_FACTOR, -(-LEAST_RESCORED // count)))
                .select([NUMBER, "_distance"])
                .limit(count)
                .to_arrow()
            )
        return rows[NUMBER].to_numpy(), 1.0 - rows["_distance"].to_numpy().astype(np.float32)

    async def of(self, numbers: Numbers) -> Scores:
        if not numbers.size:
            return np.zeros(0, np.float32)
        rows = await self._rows.fetch(numbers, [self._column])
        vectors = vectors_from(rows[self._column])
        cosines = vectors @ self._query
        cosines[~vectors.any(axis=1)] = np.nan
        found, scores = best_per_product(rows[NUMBER].to_numpy(), cosines)
        return scores_of(numbers, found, scores)


def number_filter(numbers: Numbers) -> str:
    """The SQL predicate that keeps rows of these products; `numbers`, shape (n,), not empty."""
    return f"`{NUMBER}` IN ({', '.join(str(int(number)) for number in numbers)})"
