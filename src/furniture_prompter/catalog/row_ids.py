"""Row ids: where the rows of a pinned table lie, and which of two versions' rows are the same."""

from collections.abc import Set
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
from lancedb import AsyncTable
from numpy.typing import NDArray

from furniture_prompter.catalog.columns import NUMBER
from furniture_prompter.catalog.storage import reading
from furniture_prompter.catalog.vector_index import Numbers, places_of

# Lance's name for where a row of a pinned version lies.
ROW_ID: Final = "_rowid"
_FRAGMENT_BITS: Final = np.uint64(32)


@dataclass(frozen=True, eq=False)
class RowIds:
    """Where the rows of a pinned table lie; both run in step, shape (rows,).

    Attributes:
        ids: Lance's ids, rising: a fragment's in the upper half, the place in there in the lower.
        numbers: The product number of each.
    """

    ids: NDArray[np.uint64]
    numbers: Numbers

    @classmethod
    async def of(cls, table: AsyncTable, folder: Path) -> "RowIds":
        """Read them.

        Raises:
            CatalogDamagedError: the table cannot be read.
        """
        with reading(folder):
            rows = await table.query().select([NUMBER]).with_row_id().to_arrow()
        ids = rows[ROW_ID].to_numpy()
        order = np.argsort(ids)
        return cls(ids[order], rows[NUMBER].to_numpy()[order])

    @cached_property
    def _by_number(self) -> tuple[NDArray[np.intp], Numbers]:
        order = np.argsort(self.numbers, kind="stable")
        return order, self.numbers[order]

    def of_products(self, numbers: Numbers) -> NDArray[np.uint64]:
        """Ids of the rows of products, by their numbers, which rise, and the table's order."""
        order, sorted_numbers = self._by_number
        return self.ids[order[places_within(numbers, sorted_numbers)]]

    def outside(self, other: "RowIds", same: Set[int]) -> Numbers:
        """Numbers of the rows that `other` has not, or that lie in fragments beside `same`."""
        gone = ~places_of(self.ids, other.ids)[1]
        gone |= ~np.isin(self.ids >> _FRAGMENT_BITS, np.array(sorted(same), np.uint64))
        return self.numbers[gone]


def places_within(numbers: Numbers, own: Numbers) -> NDArray[np.intp]:
    """Places of all rows of some products among rows by rising number.

    Args:
        numbers: Of the products, rising, shape (n,).
        own: Of each row, rising, shape (m,).
    """
    starts = np.searchsorted(own, numbers, side="left")
    counts = np.searchsorted(own, numbers, side="right") - starts
    # Rows of a number stand in a run: how far each run is from where it stands in the answer.
    until = np.cumsum(counts)
    places: NDArray[np.intp] = np.arange(until[-1]) if until.size else np.zeros(0, np.intp)
    places += np.repeat(starts - until + counts, counts)
    return places
