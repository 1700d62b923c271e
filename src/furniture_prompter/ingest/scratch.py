"""Scratch space of a run on the disk, so that its memory does not grow with the feed.

All of it lies in files without a name: the system takes them away at the end, or after a kill.
"""

import dataclasses
import json
import os
import sqlite3
import tempfile
import threading
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Generic, NamedTuple, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.catalog.storage import writing
from furniture_prompter.domain import FeedRow, Photo, Product, Variant
from furniture_prompter.errors import CatalogWriteError
from furniture_prompter.ingest.brought_by import BEFORE, Places
from furniture_prompter.sqlite_files import ReadAhead

Item = TypeVar("Item")

# Pages that SQLite keeps in memory, in KiB with a minus, as it wants it.
_CACHE: Final = -32_768
_BUFFER_BYTES: Final = 1 << 20


# What waits consists of these, and of what JSON has.
_KINDS: Final[Mapping[str, Callable[..., Any]]] = {
    each.__name__: each for each in (FeedRow, Photo, Product, Variant)
}


def _plain(value: Any) -> Any:
    """A value as JSON has it; what JSON does not have is an object that names its kind."""
    if isinstance(value, Mapping):
        pairs = [[_plain(key), _plain(each)] for key, each in value.items()]
        return {"kind": "dict", "of": pairs}
    if isinstance(value, tuple):
        return {"kind": "tuple", "of": [_plain(each) for each in value]}
    if isinstance(value, Path):
        return {"kind": "Path", "of": str(value)}
    if type(value).__name__ in _KINDS:
        fields = [_plain(getattr(value, each.name)) for each in dataclasses.fields(value)]
        return {"kind": type(value).__name__, "of": fields}
    return value


def _restored(written: dict[str, Any]) -> Any:
    """What :func:`_plain` made an object of."""
    kind, content = written["kind"], written["of"]
    if kind == "dict":
        return dict(content)
    if kind == "tuple":
        return tuple(content)
    return Path(content) if kind == "Path" else _KINDS[kind](*content)


class Spill(Generic[Item]):
    """A list on the disk: written to its end, then read from its beginning.

    It takes rows, photos, numbers and texts, and tuples of these.
    """

    def __init__(self, folder: Path) -> None:
        """Begin an empty one on the disk of `folder`."""
        self._file = tempfile.TemporaryFile(  # noqa: SIM115  # closed by `close`
            dir=folder, buffering=_BUFFER_BYTES
        )
        self._folder = folder
        self._count = 0

    def __len__(self) -> int:
        """Items in it."""
        return self._count

    def add(self, item: Item) -> None:
        """Write one more.

        Raises:
            CatalogWriteError: the disk is full.
        """
        # A file's name that is no text has lone surrogates, which escapes keep.
        line = json.dumps(_plain(item), separators=(",", ":")).encode("ascii") + b"\n"
        with writing(self._folder):
            self._file.write(line)
        self._count += 1

    def __iter__(self) -> Iterator[Item]:
        """Every item, in the order in which they were added; nothing may be added any more.

        Raises:
            CatalogWriteError: the disk is full.
        """
        with writing(self._folder):
            self._file.seek(0)
        for line in self._file:
            yield json.loads(line, object_hook=_restored)

    def close(self) -> None:
        """Give the disk's room back."""
        # What is still to be flushed is thrown away with the rest.
        with suppress(OSError):
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


_ONE: Final = "SELECT id, place, number, digest FROM stored WHERE id = ?"
_BEHIND: Final = (
    "SELECT id, place, number, digest FROM stored WHERE place >= ? ORDER BY place LIMIT 512"
)


class StoredIndex:
    """Number and hash of every product of the current version by id, and what the feed has of it.

    Attributes:
        states: For each product by place: whether it is gone from the feed, present, or present
            with a photo.
    """

    def __init__(self) -> None:
        """Begin an empty one."""
        self.states = bytearray()
        self._feeds = array("q")
        self._database = scratch_database()
        self._database.execute(
            "CREATE TABLE stored (id BLOB, place INTEGER PRIMARY KEY, number INTEGER, digest BLOB)"
        )
        self._database.execute("CREATE UNIQUE INDEX by_id ON stored (id)")
        self._rows = ReadAhead(self._database, _ONE, _BEHIND)

    def __len__(self) -> int:
        """Products in it."""
        return len(self.states)

    def fill(self, rows: Iterable[tuple[str, str, int, str, int | None]]) -> None:
        """Take products: id as it is asked for, id as it is stored, number, hash, feeds' bits.

        Of two that are asked for by the same id the second is found by its stored one.
        """
        insert = "INSERT OR IGNORE INTO stored VALUES (?, ?, ?, ?)"
        taken = list(rows)
        begin = len(self.states)
        entries = [
            (key_of(asked), place, number, bytes.fromhex(digest))
            for place, (asked, _, number, digest, _) in enumerate(taken, start=begin)
        ]
        before = self._database.total_changes
        self._database.executemany(insert, entries)
        self.states += bytes(len(taken))
        self._feeds.extend(BEFORE if row[4] is None else row[4] for row in taken)
        if self._database.total_changes - before == len(taken):
            return
        for (asked, kept, *_), (_, *values) in zip(taken, entries, strict=True):
            found = self.find(asked)
            if found is None or found.place != values[0]:
                self._database.execute(insert, (key_of(kept), *values))

    def find(self, product_id: str) -> StoredRow | None:
        """What the catalog has of a product; None where it has none of that id."""
        row = self._rows.find(key_of(product_id))
        return None if row is None else StoredRow(row[1], row[2], row[3])

    def mark(self, product_id: str, state: int) -> None:
        """Say that the feed has a product."""
        found = self.find(product_id)
        if found is not None:
            self.states[found.place] = max(state, self.states[found.place])

    @property
    def feeds(self) -> NDArray[np.int64]:
        """The bits of each product's feeds, by place; `BEFORE` where nothing is known."""
        return np.array(self._feeds, np.int64)

    @property
    def present(self) -> Places:
        """Whether the feed has each product, by place."""
        present: Places = np.array(self.states, np.uint8) != GONE
        return present

    def numbers(self) -> NDArray[np.int64]:
        """Numbers of all products, by place."""
        rows = self._database.execute("SELECT number FROM stored ORDER BY place")
        return np.fromiter((number for (number,) in rows), np.int64)

    def ids(self, places: Places, most: int) -> list[str]:
        """Ids of the first `most` products at some places, as they are stored."""
        rows = self._database.execute("SELECT place, id FROM stored ORDER BY place")
        wanted = (key for place, key in rows if places[place])
        return [key.decode("utf-8", "surrogatepass") for key in islice(wanted, most)]

    def close(self) -> None:
        """Give the room back."""
        self._database.close()


class KnownPhotos:
    """Ids of photos that have a vector; asked from several threads."""

    def __init__(self) -> None:
        """Begin an empty one."""
        self._lock = threading.Lock()
        self._database = scratch_database()
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


def key_of(text: str) -> bytes:
    """A text as SQLite takes any, in the order of its letters."""
    return text.encode("utf-8", "surrogatepass")


class _Rows(sqlite3.Cursor):
    """A cursor whose failures name the folder that is full, and the cure.

    Reading may fail as writing does: SQLite writes what its memory does not hold.
    """

    def execute(self, sql: str, parameters: Any = (), /) -> Self:
        """See :class:`sqlite3.Cursor`."""
        with _naming_the_folder():
            return super().execute(sql, parameters)

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> Self:
        """See :class:`sqlite3.Cursor`."""
        with _naming_the_folder():
            return super().executemany(sql, parameters)

    def __next__(self) -> Any:
        """See :class:`sqlite3.Cursor`."""
        try:
            return super().__next__()
        except sqlite3.OperationalError as error:
            raise _no_scratch_space(error) from error

    def fetchone(self) -> Any:
        """See :class:`sqlite3.Cursor`."""
        return next(self, None)

    def fetchall(self) -> list[Any]:
        """See :class:`sqlite3.Cursor`."""
        return list(self)


class _Scratch(sqlite3.Connection):
    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        """See :class:`sqlite3.Connection`, whose own takes no cursor but its own."""
        return self.cursor(_Rows).execute(sql, parameters)

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> sqlite3.Cursor:
        """See :class:`sqlite3.Connection`."""
        return self.cursor(_Rows).executemany(sql, parameters)


@contextmanager
def _naming_the_folder() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        raise _no_scratch_space(error) from error


def _no_scratch_space(error: sqlite3.OperationalError) -> CatalogWriteError:
    return CatalogWriteError(
        f"The temporary folder {_scratch_folder()} could not be written ({error}). Free space "
        "there, or set SQLITE_TMPDIR and TMPDIR to a folder on a disk that has some, and run the "
        "command again: a version of a catalog is written as a whole or not at all."
    )


def _scratch_folder() -> str:
    """Where SQLite puts a file without a name: https://www.sqlite.org/tempfiles.html, section 5."""
    named = (os.environ.get("SQLITE_TMPDIR"), os.environ.get("TMPDIR"))
    places = (*named, "/var/tmp", "/usr/tmp", "/tmp")  # noqa: S108  # only told
    return next((each for each in places if each and os.access(each, os.W_OK | os.X_OK)), ".")


def scratch_database(cache: int = _CACHE) -> sqlite3.Connection:
    """A database in a file without a name, which need not outlive anything.

    What is done with it raises :class:`CatalogWriteError` where the temporary folder is full.

    Args:
        cache: What SQLite keeps of it in memory, in KiB with a minus.
    """
    database = sqlite3.connect("", check_same_thread=False, isolation_level=None, factory=_Scratch)
    # One after the other, for `executescript` has a cursor of its own.
    for pragma in (f"cache_size = {cache}", "journal_mode = OFF", "synchronous = OFF"):
        database.execute(f"PRAGMA {pragma}")
    # One transaction to the end: nothing is ever rolled back.
    database.execute("BEGIN")
    return database
