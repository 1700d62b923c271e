"""Photo files that were read before: which photo a file holds, as long as the file is as it was.

A cache beside the catalog, in SQLite: whoever loses it reads every photo once more. A file counts
as unchanged where its size, the times of its last change and its inode are what they were when it
was read. A file that was changed less than two seconds before it was read may change again within
the same tick of its clock, so nothing is remembered of it; Git calls such files racily clean.
"""

import os
import sqlite3
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from furniture_prompter.sqlite_files import open_database

SEEN_FILE: Final = "seen_photos.db"
# Clocks of some file systems tick every two seconds.
_RACY_NS: Final = 2_000_000_000
# Files are renamed and go; of more than so many for each that is shown, all are forgotten.
_MOST_PER_PHOTO: Final = 4
_LEAST_KEPT: Final = 100_000
_SCHEMA: Final = """
PRAGMA journal_mode = TRUNCATE;
PRAGMA synchronous = NORMAL;
CREATE TABLE IF NOT EXISTS seen (
    path BLOB PRIMARY KEY, size INTEGER, changed INTEGER, touched INTEGER, inode INTEGER, photo TEXT
) WITHOUT ROWID;
"""


class SeenPhotos:
    """The files that earlier runs read; only for the holder of the catalog's writer's lock.

    May be asked from several threads.
    """

    def __init__(self, catalog: Path) -> None:
        """Open what is remembered beside a catalog, or begin; a damaged file is begun anew."""
        self._path = catalog / SEEN_FILE
        self._lock = threading.Lock()
        try:
            self._database = self._opened()
        except sqlite3.Error:
            self._path.unlink(missing_ok=True)
            self._database = self._opened()

    def __enter__(self) -> Self:
        """Use with ``with``."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Keep what was learned, also of a run that failed: files are what they are."""
        # A cache that cannot be written costs time in the next run, nothing else.
        with suppress(sqlite3.Error):
            self._database.commit()
        self._database.close()

    def look(self, path: Path) -> tuple[os.stat_result | None, str]:
        """How a file is now, and the id of the photo that it holds.

        Returns:
            None where there is no such file; and an empty id where the file has to be read.
        """
        try:
            status = path.stat()
        except OSError:
            return None, ""
        with self._lock:
            try:
                found = self._database.execute(
                    "SELECT photo FROM seen WHERE path = ? AND size = ? AND changed = ? "
                    "AND touched = ? AND inode = ?",
                    (os.fsencode(path), *state_of(status)),
                ).fetchone()
            except sqlite3.Error:
                return status, ""
        return status, found[0] if found else ""

    def remember(self, path: Path, status: os.stat_result, photo_id: str) -> None:
        """Say which photo a file was found to hold.

        Args:
            path: The file.
            status: How it was right before it was read.
            photo_id: The photo's id.
        """
        last_ns = max(status.st_mtime_ns, status.st_ctime_ns)
        if last_ns > time.time_ns() - _RACY_NS:
            return
        with self._lock, suppress(sqlite3.Error):
            self._database.execute(
                "REPLACE INTO seen VALUES (?, ?, ?, ?, ?, ?)",
                (os.fsencode(path), *state_of(status), photo_id),
            )

    def forget_many(self, shown: int) -> None:
        """Begin anew where far more files are remembered than the catalog shows photos."""
        with self._lock, suppress(sqlite3.Error):
            (count,) = self._database.execute("SELECT COUNT(*) FROM seen").fetchone()
            if count > max(_LEAST_KEPT, _MOST_PER_PHOTO * shown):
                self._database.execute("DELETE FROM seen")

    def _opened(self) -> sqlite3.Connection:
        return open_database(
            self._path, lambda database: database.executescript(_SCHEMA), any_thread=True
        )


def state_of(status: os.stat_result) -> tuple[int, int, int, int]:
    """What tells a file that has changed: its size, both times of change, and its inode."""
    # SQLite's integers have 64 bits with a sign; some inodes have no sign.
    inode = status.st_ino - (1 << 63)
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, inode
