"""Records of what was fetched: of each address its file, its validators, and when it was asked.

One SQLite file in WAL mode, which a killed process leaves whole. Addresses are kept as hashes: what
their queries hold may open doors. The file is a memory and no source: without it everything is
asked for once more.
"""

import hashlib
import sqlite3
import threading
from contextlib import suppress
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Final

from furniture_prompter.errors import CatalogWriteError
from furniture_prompter.sqlite_files import open_database
from furniture_prompter.timing import now_s

RECORDS_FILE: Final = "records.sqlite3"
# A run that was interrupted longer ago is not taken up: what it looked at may have changed.
_RESUMED_S: Final = 86_400.0
_BUSY_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of one address.

    Attributes:
        name: Name of its file; empty while there is none.
        size_bytes: That file's size.
        kept: Name of the file that it had before, while it is not sure that the new one is good.
        etag: Validator of the file, as the server gave it; empty without.
        last_modified: The other validator.
        fetched_s: When the file was sent, seconds since the epoch.
        checked_s: When the server last said that it is current.
        fresh_until_s: Until when it is, as the server says.
    """

    name: str = ""
    size_bytes: int = 0
    kept: str = ""
    etag: str = ""
    last_modified: str = ""
    fetched_s: float = 0.0
    checked_s: float = 0.0
    fresh_until_s: float = 0.0


_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS records (
    address BLOB PRIMARY KEY, name TEXT NOT NULL, size_bytes INTEGER NOT NULL, kept TEXT NOT NULL,
    etag TEXT NOT NULL, last_modified TEXT NOT NULL, fetched_s REAL NOT NULL,
    checked_s REAL NOT NULL, fresh_until_s REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS unfinished (only_row INTEGER PRIMARY KEY, since_s REAL NOT NULL);
"""
_SELECT: Final = (
    "SELECT name, size_bytes, kept, etag, last_modified, fetched_s, checked_s, fresh_until_s "
    "FROM records WHERE address = ?"
)
_PUT: Final = "REPLACE INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"


class Records:
    """The records of one catalog; safe to use from several threads."""

    def __init__(self, folder: Path) -> None:
        """Open the records in a folder, which is made where it is not there.

        Raises:
            CatalogWriteError: the disk is full or cannot be written.
        """
        self._path = folder / RECORDS_FILE
        self._lock = threading.Lock()
        self.was_damaged = False
        try:
            folder.mkdir(parents=True, exist_ok=True)
            try:
                self._database = self._opened()
            except sqlite3.OperationalError:
                raise
            except sqlite3.DatabaseError:
                self.was_damaged = True
                for path in folder.glob(f"{RECORDS_FILE}*"):
                    path.unlink(missing_ok=True)
                self._database = self._opened()
        except (OSError, sqlite3.Error) as error:
            raise self._unwritable(error) from error

    def get(self, url: str) -> Record:
        """What is known of an address; an empty record where nothing is."""
        try:
            with self._lock:
                row = self._database.execute(_SELECT, (_key(url),)).fetchone()
        except sqlite3.Error as error:
            raise self._unwritable(error) from error
        return Record(*row) if row else Record()

    def put(self, url: str, record: Record) -> None:
        """Remember what is known of an address; it outlives the process at once.

        Raises:
            CatalogWriteError: the disk is full or cannot be written.
        """
        self._write(_PUT, (_key(url), *astuple(record)))

    def begin(self) -> float:
        """Begin a run, or take up the one that was interrupted.

        Returns:
            Since when it looks at addresses, seconds since the epoch.
        """
        now = now_s()
        with self._lock:
            row = self._database.execute("SELECT since_s FROM unfinished").fetchone()
        if row is not None and now - _RESUMED_S <= row[0] <= now:
            return float(row[0])
        self._write("REPLACE INTO unfinished VALUES (1, ?)", (now,))
        return now

    def end(self) -> None:
        """End the run: what it did is in the catalog."""
        self._write("DELETE FROM unfinished", ())

    def close(self) -> None:
        """Close the file."""
        with self._lock, suppress(sqlite3.Error):
            self._database.close()

    def _opened(self) -> sqlite3.Connection:
        return open_database(
            self._path, _begin, timeout_s=_BUSY_S, autocommit=True, any_thread=True
        )

    def _write(self, statement: str, values: tuple[object, ...]) -> None:
        try:
            with self._lock:
                self._database.execute(statement, values)
        except sqlite3.Error as error:
            raise self._unwritable(error) from error

    def _unwritable(self, error: Exception) -> CatalogWriteError:
        return CatalogWriteError(
            f"The record of downloads {self._path} cannot be written ({error}). Make room on the "
            "disk, or check the folder's permissions; what was downloaded is kept."
        )


def _key(url: str) -> bytes:
    return hashlib.sha256(url.encode("utf-8", "surrogatepass")).digest()


def _begin(database: sqlite3.Connection) -> None:
    # Not flushed with each record: a file is before its record, and a record that the loss of power
    # takes costs one request.
    database.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;")
    database.executescript(_SCHEMA)
    database.execute(_SELECT, (b"",)).fetchone()
