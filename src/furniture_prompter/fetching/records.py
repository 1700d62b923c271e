"""Records of what was fetched: bodies on the disk, validators, and when each address was asked.

Answers are bounded and hashed on their way to the disk. One SQLite file in WAL mode, which a killed
process leaves whole, has a record of each. Addresses are kept as hashes: what their queries hold
may open doors. The file is a memory and no source: without it everything is asked for once more.
"""

import hashlib
import re
import sqlite3
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Final

import httpx

from furniture_prompter.errors import CatalogWriteError
from furniture_prompter.fetching.public_addresses import AddressError
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


HEAD_BYTES: Final = 4_096
# What a validator or a file's name may have: longer ones are no such thing.
LIMIT_HEADER_CHARACTERS: Final = 1_024
_DECODED: Final = frozenset({"identity", "gzip", "x-gzip"})
_MAX_AGE: Final = re.compile(r"(?:^|[\s,])max-age\s*=\s*\"?([0-9]{1,9})", re.IGNORECASE)
_NEVER_FRESH: Final = re.compile(r"(?:^|[\s,])no-(?:cache|store)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Body:
    """What an answer held, in a file.

    Attributes:
        sha256: Of its bytes, hexadecimal.
        size_bytes: How many they are.
        head: The first of them.
    """

    sha256: str
    size_bytes: int
    head: bytes


async def save(
    response: httpx.Response, path: Path, limit_bytes: int, *, decoded: bool = False
) -> Body:
    """Write the body of an answer to a file.

    It is not flushed to the disk: whoever relies on it compares its size, and a catalog flushes
    what it refers to before it is committed.

    Args:
        response: The answer, its body unread.
        path: The file.
        limit_bytes: Most bytes, after decoding.
        decoded: Whether compressed answers are taken, and decoded; refused otherwise.

    Raises:
        AddressError: there are more bytes, or none, or the connection broke off.
        OSError: the disk cannot be written.
    """
    coding = response.headers.get("content-encoding", "").strip().lower() or "identity"
    if coding != "identity" and not decoded:
        raise AddressError("answered in a compressed form", "Let its server send it as it is")
    # Each decoder makes up to a thousand bytes of one before any can be counted, so two of them
    # make a million; what was asked for is one.
    if coding not in _DECODED:
        raise AddressError(
            "answered in a compressed form that was not asked for",
            "Let its server send it as it is, or compressed once with gzip",
        )
    declared = response.headers.get("content-length", "")
    if declared.isdecimal() and int(declared[:20]) > limit_bytes:
        raise _too_large(limit_bytes)
    digest, size, head = hashlib.sha256(), 0, b""
    with path.open("wb") as file:
        async for chunk in _chunks(response, decoded=decoded):
            size += len(chunk)
            if size > limit_bytes:
                raise _too_large(limit_bytes)
            if len(head) < HEAD_BYTES:
                head += chunk[: HEAD_BYTES - len(head)]
            digest.update(chunk)
            file.write(chunk)
    if not size:
        raise AddressError("sent nothing", "Check that it opens in a browser", temporary=True)
    return Body(digest.hexdigest(), size, head)


async def _chunks(response: httpx.Response, *, decoded: bool) -> AsyncIterator[bytes]:
    if not decoded:
        async for chunk in response.aiter_raw():
            yield chunk
        return
    try:
        async for chunk in response.aiter_bytes():
            yield chunk
    except httpx.DecodingError as error:
        raise AddressError(
            "sent what its own headers say is compressed, and is not", "Mend its server"
        ) from error


def conditions(record: Record) -> dict[str, str]:
    """Headers with which a server sends a file only if it is another than the one of a record."""
    headers = {}
    if record.etag:
        headers["If-None-Match"] = record.etag
    if record.last_modified:
        headers["If-Modified-Since"] = record.last_modified
    return headers


def validators(headers: Mapping[str, str]) -> tuple[str, str]:
    """ETag and Last-Modified of an answer; empty where it has none."""
    etag, modified = headers.get("etag", ""), headers.get("last-modified", "")
    return (
        etag if len(etag) <= LIMIT_HEADER_CHARACTERS else "",
        modified if len(modified) <= LIMIT_HEADER_CHARACTERS else "",
    )


def fresh_for_s(headers: Mapping[str, str], longest_s: float) -> float:
    """For how long an answer says that it stays true (RFC 9111, ``max-age``), at most so long."""
    control = headers.get("cache-control", "")
    age = _MAX_AGE.search(control)
    if age is None or _NEVER_FRESH.search(control):
        return 0.0
    return min(float(age[1]), longest_s)


def _too_large(limit_bytes: int) -> AddressError:
    return AddressError(f"sends more than {limit_bytes:,} bytes", "Save it smaller")
