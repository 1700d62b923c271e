"""Remembers which records made which product, as long as its photo files are as they were.

A cache beside the catalog, in SQLite: whoever loses it reads every row once more. An entry says
that records of one digest, with image files in one state, make a product of one hash; that stays
true whatever happens to the catalog. Whether the catalog has that product is asked anew each time.
"""

import json
import os
import sqlite3
import stat
import struct
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from furniture_prompter.catalog.columns import attribute_type
from furniture_prompter.domain import FeedRow, Photo
from furniture_prompter.domain.feed import UnchangedRow
from furniture_prompter.feeds.cells import is_code, is_doubtful
from furniture_prompter.ingest.changes import Tally, empty_tally
from furniture_prompter.ingest.photos import add_photo
from furniture_prompter.ingest.scratch import StoredIndex
from furniture_prompter.ingest.seen_photos import SeenPhotos, state_of
from furniture_prompter.sqlite_files import ReadAhead, open_database

KNOWN_FILE: Final = "known_rows.db"
# Columns and types that products may have in common; a feed with more is no table.
_LIMIT_SHAPES: Final = 4_096
_KNOWN_FOLDERS: Final = 10_000
# Rows change; of more than so many for each product, all are forgotten.
_MOST_PER_PRODUCT: Final = 4
_LEAST_KEPT: Final = 100_000
_NO_CODES: Final[Mapping[str, str]] = {}
_STATE: Final = struct.Struct("<4q")
_SCHEMA: Final = """
PRAGMA journal_mode = TRUNCATE;
PRAGMA synchronous = NORMAL;
PRAGMA cache_size = -65536;
CREATE TABLE IF NOT EXISTS shapes (number INTEGER PRIMARY KEY, content TEXT);
CREATE TABLE IF NOT EXISTS known (
    digest BLOB, product BLOB, hash BLOB, shape INTEGER, main INTEGER, images BLOB, states BLOB,
    codes TEXT
);
CREATE UNIQUE INDEX IF NOT EXISTS by_digest ON known (digest);
"""
_ONE: Final = (
    "SELECT digest, rowid, product, hash, shape, main, images, states, codes FROM known "
    "WHERE digest = ?"
)
_BEHIND: Final = (
    "SELECT digest, rowid, product, hash, shape, main, images, states, codes FROM known "
    "WHERE rowid >= ? ORDER BY rowid LIMIT 512"
)


@dataclass(frozen=True, slots=True)
class _Cell:
    """What is counted of one attribute of a product: its column, types, whether it is doubtful."""

    name: str
    own: str
    stored: str
    is_doubtful: bool


@dataclass(slots=True)
class ShapeTallies:
    """The attributes of unchanged rows, counted by their shapes."""

    rows: dict[int, tuple[int, int]] = field(default_factory=dict)
    codes: dict[str, tuple[int, str]] = field(default_factory=dict)

    def add(self, row: UnchangedRow, place: int) -> None:
        """Count the row at `place` of the feed in."""
        count, first = self.rows.get(row.shape, (0, place))
        self.rows[row.shape] = (count + 1, first)
        for name, code in row.codes.items():
            self.codes.setdefault(name, (place, code))


class KnownRows:
    """What earlier runs made of records; only for the holder of the catalog's writer's lock.

    Attributes:
        has_catalog: See :class:`furniture_prompter.domain.feed.KnownRecords`.
        is_asked: Whether rows are to be told by it. While it is off, every row is read.
    """

    def __init__(self, *, has_catalog: bool = True) -> None:
        self.has_catalog = has_catalog
        self.is_asked = True
        self._database: sqlite3.Connection | None = None
        self._real: dict[bytes, bool] = {}
        self._shapes: dict[tuple[_Cell, ...], int] = {}
        self._by_number: dict[int, tuple[_Cell, ...]] = {}
        self._fitting: dict[int, bool] = {}

    def open(
        self, folder: Path, stored: StoredIndex, seen: SeenPhotos, columns: Mapping[str, str]
    ) -> Self:
        """Open what is remembered beside a catalog, or begin; a damaged file is begun anew.

        Args:
            folder: The catalog.
            stored: The current version's products.
            seen: Photo files of earlier runs.
            columns: Attribute columns of the current version and their types.
        """
        path = folder / KNOWN_FILE
        self._stored, self._seen, self._columns = stored, seen, columns
        try:
            self._database = open_database(path, self._begin)
        except (sqlite3.Error, ValueError, TypeError):
            path.unlink(missing_ok=True)
            self._database = open_database(path, self._begin)
        self._rows = ReadAhead(self._database, _ONE, _BEHIND)
        return self

    def __enter__(self) -> Self:
        """Use with ``with``."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Keep what was learned, also of a run that failed: it is true whatever became of that."""
        if self._database is not None:
            # A cache that cannot be written costs time in the next run, nothing else.
            with suppress(sqlite3.Error):
                self._database.commit()
            self._database.close()
            self._database = None

    def find(self, digest: bytes) -> UnchangedRow | None:
        """See :class:`furniture_prompter.domain.feed.KnownRecords`."""
        if self._database is None or not self.is_asked:
            return None
        try:
            found = self._rows.find(digest)
        except sqlite3.Error:
            return None
        if found is None:
            return None
        _, _, product, kept, shape, main, images, states, codes = found
        product_id = product.decode("utf-8", "surrogatepass")
        before = self._stored.find(product_id)
        if before is None or before.digest != kept or not self._fits(shape):
            return None
        paths = images.split(b"\0")
        if not self._are_as_before(paths, states):
            return None
        told = json.loads(codes) if codes else _NO_CODES
        return UnchangedRow(product_id, before.place, main, len(paths), shape, told)

    def has_product(self, product_id: str) -> bool:
        """See :class:`furniture_prompter.domain.feed.KnownRecords`."""
        return self._database is not None and self._stored.find(product_id) is not None

    def learn(
        self, row: FeedRow, photos: Sequence[Photo], types: Mapping[str, str], digest: bytes
    ) -> None:
        """Remember what became of a row, where all of it went in as it is.

        Args:
            row: The row as the feed has it.
            photos: Its photos.
            types: The type of each column, to which its attributes were fitted.
            digest: The hash of what is stored.
        """
        if self._database is None or row.origin is None:
            return
        states = self._states(row, photos)
        shape = self._shape(row, types)
        if states is None or shape is None:
            return
        attributes = row.product.attributes
        codes = {
            name: value
            for name, value in attributes.items()
            if isinstance(value, str) and is_code(value)
        }
        key, main = row.origin
        entry = (
            bytes.fromhex(key),
            row.product.id.encode("utf-8", "surrogatepass"),
            digest,
            shape,
            main,
            b"\0".join(map(os.fsencode, row.images)),
            states,
            json.dumps(codes) if codes else "",
        )
        with suppress(sqlite3.Error):
            self._database.execute("REPLACE INTO known VALUES (?, ?, ?, ?, ?, ?, ?, ?)", entry)

    def tallies(self, counted: ShapeTallies) -> dict[str, Tally]:
        """What counting the attributes of all rows one by one would have given."""
        found: dict[str, Tally] = {}
        for shape, (count, first) in sorted(counted.rows.items(), key=lambda item: item[1][1]):
            for cell in self._by_number[shape]:
                values = found.setdefault(cell.name, empty_tally(first))
                values.count[cell.own] += count
                values.doubtful += count * cell.is_doubtful
        for name, (place, code) in counted.codes.items():
            found[name].code, found[name].code_at = code, place
        return found

    def forget_many(self, products: int) -> None:
        """Begin anew where far more rows are remembered than the catalog has products."""
        if self._database is None:
            return
        with suppress(sqlite3.Error):
            (count,) = self._database.execute("SELECT COUNT(*) FROM known").fetchone()
            if count > max(_LEAST_KEPT, _MOST_PER_PRODUCT * products):
                self._database.execute("DELETE FROM known")
                self._database.execute("DELETE FROM shapes")

    def _begin(self, database: sqlite3.Connection) -> None:
        database.executescript(_SCHEMA)
        for number, content in database.execute("SELECT number, content FROM shapes"):
            self._take_shape(number, tuple(_Cell(*each) for each in json.loads(content)))
        # Outside of a transaction each look into it would lock the file and let it go.
        database.execute("BEGIN")

    def _take_shape(self, number: int, cells: tuple[_Cell, ...]) -> None:
        self._shapes[cells] = number
        self._by_number[number] = cells

    def _shape(self, row: FeedRow, types: Mapping[str, str]) -> int | None:
        cells = tuple(
            _Cell(
                name,
                attribute_type(value),
                types[name],
                isinstance(value, str) and is_doubtful(value),
            )
            for name, value in row.product.attributes.items()
        )
        number = self._shapes.get(cells)
        if number is None and len(self._shapes) < _LIMIT_SHAPES and self._database is not None:
            number = len(self._shapes)
            content = [[each.name, each.own, each.stored, each.is_doubtful] for each in cells]
            insert = "INSERT INTO shapes VALUES (?, ?)"
            try:
                self._database.execute(insert, (number, json.dumps(content)))
            except sqlite3.Error:
                return None
            self._take_shape(number, cells)
        return number

    def _fits(self, shape: int) -> bool:
        """Whether its columns still have the types to which the row was fitted."""
        fits = self._fitting.get(shape)
        if fits is None:
            cells = self._by_number.get(shape)
            fits = cells is not None and all(
                self._columns.get(each.name) == each.stored for each in cells
            )
            self._fitting[shape] = fits
        return fits

    def _states(self, row: FeedRow, photos: Sequence[Photo]) -> bytes | None:
        """How a row's image files are; None where they may be others than those that were read."""
        states: list[bytes] = []
        now: list[Photo] = []
        for image in row.images:
            status, photo_id = self._seen.look(image)
            if status is None or not photo_id:
                return None
            states.append(_STATE.pack(*state_of(status)))
            add_photo(now, row, image, image, photo_id)
        return b"".join(states) if now == list(photos) else None

    def _are_as_before(self, paths: Sequence[bytes], states: bytes) -> bool:
        if len(states) != len(paths) * _STATE.size:
            return False
        for place, path in enumerate(paths):
            try:
                status = os.lstat(path)
            except OSError:
                return False
            if not stat.S_ISREG(status.st_mode) or not self._is_real(path.rpartition(b"/")[0]):
                return False
            start = place * _STATE.size
            if _STATE.unpack_from(states, start) != state_of(status):
                return False
        return True

    def _is_real(self, folder: bytes) -> bool:
        """Whether no link is on the way to a folder: a name leads where it did then."""
        real = self._real.get(folder)
        if real is None:
            real = os.path.realpath(folder) == folder
            if len(self._real) < _KNOWN_FOLDERS:
                self._real[folder] = real
        return real
