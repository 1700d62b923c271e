"""Scratch space of a run on the disk, so that its memory does not grow with the feed.

All of it lies in files without a name: the system takes them away at the end, or after a kill.
"""

import copyreg
import io
import pickle
import sqlite3
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Final, Generic, NamedTuple, Self, TypeVar

Item = TypeVar("Item")

# Pages that SQLite keeps in memory, in KiB with a minus, as it wants it.
_CACHE: Final = -32_768
_BUFFER_BYTES: Final = 1 << 20


def _as_dict(mapping: Mapping[Any, Any]) -> tuple[type, tuple[dict[Any, Any]]]:
    return dict, (dict(mapping),)


class Spill(Generic[Item]):
    """A list on the disk: written to its end, then read from its beginning."""

    def __init__(self, folder: Path) -> None:
        """Begin an empty one on the disk of `folder`."""
        self._file = tempfile.TemporaryFile(  # noqa: SIM115  # closed by `close`
            dir=folder, buffering=_BUFFER_BYTES
        )
        self._count = 0

    def __len__(self) -> int:
        """Items in it."""
        return self._count

    def add(self, item: Item) -> None:
        """Write one more.

        Raises:
            OSError: the disk is full.
        """
        buffer = io.BytesIO()
        pickler = pickle.Pickler(buffer, pickle.HIGHEST_PROTOCOL)
        pickler.dispatch_table = _DISPATCH
        pickler.dump(item)
        self._file.write(buffer.getbuffer())
        self._count += 1

    def __iter__(self) -> Iterator[Item]:
        """Every item, in the order in which they were added; nothing may be added any more."""
        self._file.seek(0)
        for _ in range(self._count):
            # Nobody else can have written to a file without a name.
            yield pickle.load(self._file)  # noqa: S301  # what this object wrote

    def close(self) -> None:
        """Give the disk's room back."""
        self._file.close()

    def __enter__(self) -> Self:
        """Use with ``with``."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close."""
        self.close()


# Frozen dataclasses have read-only mappings as defaults, which pickle does not take.
_DISPATCH: Final = copyreg.dispatch_table.copy() | {MappingProxyType: _as_dict}


class StoredRow(NamedTuple):
    """What the catalog has of a product.

    Attributes:
        place: Where it stands among the stored products, from 0.
        number: Its number.
        digest: SHA-256 of what is stored of it, 32 bytes; empty where that is not known.
    """

    place: int
    number: int
    digest: bytes


# How a stored product is met by the feed.
GONE: Final = 0
PRESENT: Final = 1
USABLE: Final = 2


class StoredIndex:
    """Number and hash of every product of the current version by id, and what the feed has of it.

    Attributes:
        states: For each product by place: whether it is gone from the feed, present, or present
            with a photo.
    """

    def __init__(self) -> None:
        """Begin an empty one."""
        self.states = bytearray()
        self._database = _scratch_database()
        self._database.execute(
            "CREATE TABLE stored (id BLOB PRIMARY KEY, place INTEGER, number INTEGER, digest BLOB) "
            "WITHOUT ROWID"
        )

    def __len__(self) -> int:
        """Products in it."""
        return len(self.states)

    def fill(self, rows: Iterable[tuple[str, str, int, str]]) -> None:
        """Take products: id as it is asked for, id as it is stored, number, hash.

        Of two that are asked for by the same id the second is found by its stored one.
        """
        insert = "INSERT OR IGNORE INTO stored VALUES (?, ?, ?, ?)"
        for asked, kept, number, digest in rows:
            place = len(self.states)
            values = (place, number, bytes.fromhex(digest))
            if not self._database.execute(insert, (_key(asked), *values)).rowcount:
                self._database.execute(insert, (_key(kept), *values))
            self.states.append(GONE)

    def find(self, product_id: str) -> StoredRow | None:
        """What the catalog has of a product; None where it has none of that id."""
        row = self._database.execute(
            "SELECT place, number, digest FROM stored WHERE id = ?", (_key(product_id),)
        ).fetchone()
        return None if row is None else StoredRow._make(row)

    def mark(self, product_id: str, state: int) -> None:
        """Say that the feed has a product."""
        found = self.find(product_id)
        if found is not None:
            self.states[found.place] = max(state, self.states[found.place])

    def numbers_of_gone(self) -> list[int]:
        """Numbers of the products that the feed does not have, ascending."""
        if not self.states.count(GONE):
            return []
        rows = self._database.execute("SELECT place, number FROM stored")
        return sorted(number for place, number in rows if self.states[place] == GONE)

    def close(self) -> None:
        """Give the room back."""
        self._database.close()


class KnownPhotos:
    """Ids of photos that have a vector; asked from several threads."""

    def __init__(self) -> None:
        """Begin an empty one."""
        self._lock = threading.Lock()
        self._database = _scratch_database()
        self._database.execute("CREATE TABLE known (id TEXT PRIMARY KEY) WITHOUT ROWID")

    def __contains__(self, photo_id: object) -> bool:
        """Whether a photo has one."""
        with self._lock:
            found = self._database.execute("SELECT 1 FROM known WHERE id = ?", (photo_id,))
            return found.fetchone() is not None

    def add(self, photo_id: str) -> None:
        """Say that a photo has one."""
        self.fill((photo_id,))

    def fill(self, ids: Iterable[str]) -> None:
        """Say so of many."""
        with self._lock:
            self._database.executemany(
                "INSERT OR IGNORE INTO known VALUES (?)", ((each,) for each in ids)
            )

    def close(self) -> None:
        """Give the room back."""
        self._database.close()


def _key(product_id: str) -> bytes:
    return product_id.encode("utf-8", "surrogatepass")


def _scratch_database() -> sqlite3.Connection:
    """A database in a file without a name, which need not outlive anything."""
    database = sqlite3.connect("", check_same_thread=False, isolation_level=None)
    database.executescript(
        f"PRAGMA cache_size = {_CACHE}; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
    )
    # One transaction to the end: nothing is ever rolled back.
    database.execute("BEGIN")
    return database
