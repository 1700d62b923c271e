"""What a run over a feed has to set aside, on the disk while it goes on."""

import weakref
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final, overload

from furniture_prompter.domain import SetAside
from furniture_prompter.ingest.scratch import key_of, scratch_database

# A feed of which all is wrong shall not fill the memory: what is not written yet, in KiB.
_CACHE: Final = -4_096
_KEPT_HIDING: Final = 3
_SELECT: Final = (
    "SELECT source, line, reason, cure, product, column, hides FROM items ORDER BY source, line, "
    "number"
)


class SetAsides(Sequence[SetAside]):
    """What was set aside, by file and line: a list in a file without a name.

    Attributes:
        cells: How many are single cells, whose products were kept without them.
        hiding: How many may be rows of products that nobody can name.
        first_hiding: The first of those, as they were added.
    """

    def __init__(self, items: Iterable[SetAside] = ()) -> None:
        """Begin with some."""
        self.cells = self.hiding = 0
        self.first_hiding: list[SetAside] = []
        self._count = 0
        self._database = database = scratch_database(_CACHE)
        database.execute(
            "CREATE TABLE items (source BLOB, line INTEGER, number INTEGER, reason BLOB, "
            "cure BLOB, product BLOB, column BLOB, hides INTEGER, "
            "PRIMARY KEY (source, line, number)) WITHOUT ROWID"
        )
        database.execute("CREATE INDEX by_product ON items (product)")
        weakref.finalize(self, database.close)
        self.extend(items)

    def add(self, item: SetAside) -> None:
        """Take one more."""
        self._count += 1
        self.cells += bool(item.column)
        if item.may_be_any_product:
            self.hiding += 1
            if len(self.first_hiding) < _KEPT_HIDING:
                self.first_hiding.append(item)
        texts = (item.reason, item.cure, item.product_id, item.column)
        values = (key_of(str(item.source)), item.line, self._count, *map(key_of, texts))
        self._database.execute(
            "INSERT INTO items VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*values, item.hides_ids)
        )

    def extend(self, items: Iterable[SetAside]) -> None:
        """Take more."""
        for item in items:
            self.add(item)

    def is_about(self, product_id: str) -> bool:
        """Whether something of a product is among them."""
        found = self._database.execute(
            "SELECT 1 FROM items WHERE product = ? LIMIT 1", (key_of(product_id),)
        )
        return found.fetchone() is not None

    def __len__(self) -> int:
        """How many there are."""
        return self._count

    def __iter__(self) -> Iterator[SetAside]:
        """All of them, by file and line."""
        for source, line, *texts, hides in self._database.execute(_SELECT):
            path, reason, cure, product_id, column = (
                text.decode("utf-8", "surrogatepass") for text in (source, *texts)
            )
            yield SetAside(Path(path), line, reason, cure, product_id, column, bool(hides))

    @overload
    def __getitem__(self, place: int) -> SetAside: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[SetAside, ...]: ...
    def __getitem__(self, place: int | slice) -> SetAside | tuple[SetAside, ...]:
        """One by its place, or some."""
        if isinstance(place, slice):
            start, stop, step = place.indices(self._count)
            if step < 0:
                return tuple(self)[place]
            return tuple(islice(self, start, stop, step))
        return next(islice(self, range(self._count)[place], None))

    def __eq__(self, other: object) -> bool:
        """Whether another list has the same."""
        if not isinstance(other, SetAsides | tuple | list):
            return NotImplemented
        return len(self) == len(other) and all(
            mine == theirs for mine, theirs in zip(self, other, strict=True)
        )

    __hash__ = None  # type: ignore[assignment]  # as of lists: more may come
