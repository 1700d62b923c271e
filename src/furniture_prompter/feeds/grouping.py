"""Which rows are one product: found in a first reading, used in a second, in bounded memory."""

import json
import tempfile
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, Any, Final

import numpy as np

from furniture_prompter.domain.wording import as_id
from furniture_prompter.feeds.records import Record, Value

_IN_MEMORY_BYTES: Final = 64 << 20
"""Of rows that wait for others of their product; beyond, they wait on the disk."""
_FIRST_BITS: Final = 10
_LONGEST_KEY: Final = 200
_LIMIT_ROWS: Final = 2_000
"""Rows of one product: more are no product, but a column that was taken for its id wrongly."""


def text_of(value: Value) -> str:
    """A key as rows compare it; empty for none."""
    if isinstance(value, str):
        is_plain = value.isascii() or len(value) > _LONGEST_KEY
        return value.strip() if is_plain else as_id(value)
    if value is None or isinstance(value, list | bool):
        return ""
    return f"{value:.15g}" if isinstance(value, float) else str(value)


@dataclass(frozen=True, slots=True)
class GroupColumns:
    """The columns that tell which rows are one product.

    Attributes:
        group: What rows of one product share.
        parent: What a variant's row says of its product: an id of it, or ``id:`` and its number.
        parent_number: The number of a variant's product; 0 for none.
        id: A row's own id.
        alt_id: A row's own number.
        children: Ids of its variants that a product's row lists, as ``sku=A,…|sku=B,…``.
    """

    group: str = ""
    parent: str = ""
    parent_number: str = ""
    id: str = ""
    alt_id: str = ""
    children: str = ""

    def __bool__(self) -> bool:
        """Whether rows can be variants of one product at all."""
        return bool(self.group or self.parent or self.parent_number or self.children)


@dataclass(slots=True)
class Groups:
    """The product of each row, by a number that rows of one product share.

    Filled by a first reading (:meth:`add`), closed (:meth:`close`), then asked in the same order.

    Attributes:
        columns: What tells it.
    """

    columns: GroupColumns
    _own: "array[int]" = field(default_factory=lambda: array("q"))
    _other: "array[int]" = field(default_factory=lambda: array("q"))
    _parents: "array[int]" = field(default_factory=lambda: array("q"))
    _listed: "array[int]" = field(default_factory=lambda: array("q"))
    _listing: "array[int]" = field(default_factory=lambda: array("q"))
    _keys: Any = None
    _scattered: dict[int, int] = field(default_factory=dict)

    def add(self, record: Record) -> None:
        """Note which product a row says that it belongs to."""
        fields, columns = record.fields, self.columns
        if columns.group:
            key = text_of(fields.get(columns.group))
            self._own.append(hash(key) if key else 0)
            return
        own = text_of(fields.get(columns.id))
        number = text_of(fields.get(columns.alt_id))
        parent = text_of(fields.get(columns.parent))
        if not parent and columns.parent_number:
            of = text_of(fields.get(columns.parent_number))
            parent = f"id:{of}" if of not in {"", "0"} else ""
        if parent:
            of_parent = hash(parent.replace(" ", "") if parent.startswith("id:") else parent)
            self._own.append(of_parent)
            self._other.append(0)
            self._parents.append(of_parent)
            return
        self._own.append(hash(own) if own else 0)
        self._other.append(hash(f"id:{number}") if number else 0)
        if columns.children and (listed := fields.get(columns.children)):
            for child in children_of(listed):
                self._listed.append(hash(child))
                self._listing.append(hash(own))

    def close(self) -> None:
        """End the first reading."""
        keys = np.frombuffer(self._own, dtype=np.int64).copy()
        if not self.columns.group and keys.size:
            other = np.frombuffer(self._other, dtype=np.int64)
            parents = np.unique(np.frombuffer(self._parents, dtype=np.int64))
            # A product is called by its number where its variants call it so.
            by_number = np.isin(other, parents) & (other != 0)
            keys[by_number] = other[by_number]
            if self._listed:
                listed = np.frombuffer(self._listed, dtype=np.int64)
                listing = np.frombuffer(self._listing, dtype=np.int64)
                order = np.argsort(listed, kind="stable")
                place = np.searchsorted(listed[order], keys)
                place = np.minimum(place, listed.size - 1)
                is_listed = listed[order][place] == keys
                keys[is_listed] = listing[order][place][is_listed]
        self._keys = keys
        if keys.size:
            starts = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1])))
            runs = keys[starts]
            several, counts = np.unique(runs, return_counts=True)
            scattered = several[(counts > 1) & (several != 0)]
            rows, sizes = np.unique(keys[np.isin(keys, scattered)], return_counts=True)
            self._scattered = dict(zip(rows.tolist(), sizes.tolist(), strict=True))
        del self._own, self._other, self._parents, self._listed, self._listing

    def key(self, place: int) -> int:
        """The product of the row at a place, 0 for one by itself."""
        return int(self._keys[place]) if place < len(self._keys) else 0

    def rows_of_scattered(self, key: int) -> int:
        """How many rows a product has whose rows are not beside each other; 0 for others."""
        return self._scattered.get(key, 0)


class FirstLines:
    """The line of the first row of each id, in 24 to 48 bytes an id, whatever its length.

    Ids are told apart by 64 bits of their hashes: of a million, two are the same once in many
    millions of feeds.
    """

    def __init__(self) -> None:
        self._hashes = array("q", bytes(8 << _FIRST_BITS))
        self._lines = array("q", bytes(8 << _FIRST_BITS))
        self._mask = (1 << _FIRST_BITS) - 1
        self._count = 0

    def claim(self, product_id: str, line: int) -> int | None:
        """The line that has an id already; None where `line` is the first."""
        key = hash(product_id) or 1
        place = self._place(key)
        if self._hashes[place]:
            return self._lines[place]
        self._hashes[place], self._lines[place] = key, line
        self._count += 1
        if self._count * 3 > self._mask * 2:
            self._grow()
        return None

    def _place(self, key: int) -> int:
        """Where an id is, or would be."""
        hashes, mask = self._hashes, self._mask
        place = key & mask
        while (found := hashes[place]) and found != key:
            place = (place + 1) & mask
        return place

    def _grow(self) -> None:
        hashes, lines = self._hashes, self._lines
        self._mask = 2 * self._mask + 1
        self._hashes = array("q", bytes(16 * len(hashes)))
        self._lines = array("q", bytes(16 * len(lines)))
        for key, line in zip(hashes, lines, strict=True):
            if key:
                place = self._place(key)
                self._hashes[place], self._lines[place] = key, line


def children_of(listed: Value) -> list[str]:
    """The ids in a list of variants: ``sku=A,color=Gri|sku=B,color=Bej``."""
    found = []
    for variant in str(listed).split("|"):
        for pair in variant.split(","):
            name, equals, value = pair.partition("=")
            if equals and name.strip().lower() == "sku":
                found.append(value.strip())
    return found


class WaitingRows:
    """Rows of products whose other rows come later, in memory or on the disk."""

    def __init__(self) -> None:
        self._file: IO[bytes] | None = None
        self._places: dict[int, list[int]] = {}

    def add(self, key: int, record: Record) -> int:
        """Keep a row; answers how many of its product are kept now."""
        if self._file is None:
            self._file = tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES)  # noqa: SIM115  # closed in close()
        places = self._places.setdefault(key, [])
        places.append(self._file.seek(0, 2))
        kept = json.dumps([record.line, dict(record.fields), record.may_be_cut])
        self._file.write(kept.encode("ascii") + b"\n")
        return len(places)

    def take(self, key: int) -> list[Record]:
        """The rows of a product, which are kept no longer."""
        return list(self._read(self._places.pop(key, [])))

    def rest(self) -> Iterator[list[Record]]:
        """The products that are still waiting."""
        for key in list(self._places):
            yield self.take(key)

    def _read(self, places: list[int]) -> Iterator[Record]:
        if self._file is None:
            return
        for place in places:
            self._file.seek(place)
            line, fields, may_be_cut = json.loads(self._file.readline())
            yield Record(line, fields, may_be_cut)

    def close(self) -> None:
        """Let go of what is kept."""
        if self._file is not None:
            self._file.close()


def grouped(records: Iterator[Record], groups: Groups | None) -> Iterator[list[Record]]:
    """Rows by product, in the order in which products are complete.

    Args:
        records: Rows in the order in which `groups` saw them.
        groups: What is known of them; None where every row is a product.
    """
    if groups is None:
        for record in records:
            yield [record]
        return
    waiting = WaitingRows()
    together: list[Record] = []
    last = 0
    try:
        for place, record in enumerate(records):
            key = groups.key(place)
            if together and (key != last or not key or len(together) >= _LIMIT_ROWS):
                yield together
                together = []
            last = key
            expected = groups.rows_of_scattered(key) if key else 0
            if not expected:
                together.append(record)
            elif waiting.add(key, record) in {expected, _LIMIT_ROWS}:
                yield waiting.take(key)
        if together:
            yield together
        yield from waiting.rest()
    finally:
        waiting.close()
