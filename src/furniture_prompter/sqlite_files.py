"""SQLite files: opened by their path, whatever it looks like, and let go of where that fails."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

# A load of rows behind one costs about as much as this many single looks save it by, so it is paid
# for: by rows that were found in an earlier load, and slowly by those that were not, for an order
# may set in late.
_FIRST_CREDIT: Final = 1.0
_MOST_CREDIT: Final = 2.0
_CREDIT_OF_A_HIT: Final = 1 / 64
_CREDIT_OF_A_LOOK: Final = 1 / 512

# So far from each other may two rows lie for those behind to be asked for next.
_NEAR: Final = 16


def open_database(
    path: Path,
    begin: Callable[[sqlite3.Connection], object],
    *,
    timeout_s: float = 5.0,
    autocommit: bool = False,
    any_thread: bool = False,
) -> sqlite3.Connection:
    """Open a file, or begin it.

    Args:
        path: The file; its folder is there.
        begin: Makes what has to be there, such as tables.
        timeout_s: How long to wait for others to let go of it, in seconds.
        autocommit: Whether statements outside of a transaction are their own.
        any_thread: Whether several threads use it, one at a time.

    Raises:
        sqlite3.Error: it cannot be opened, or is damaged; so does `begin`, and whatever it raises.
    """
    database = sqlite3.connect(
        # SQLite takes a relative "file:x" for an address.
        path.absolute(),
        timeout=timeout_s,
        isolation_level=None if autocommit else "DEFERRED",
        check_same_thread=not any_thread,
    )
    try:
        begin(database)
    except BaseException:
        database.close()
        raise
    return database


class ReadAhead:
    """Rows of a table by a key, which are mostly asked for in the order in which they lie.

    Those behind the one that was found are read with it, which takes a tenth of the time of asking
    for each, as long as most of those that were read so are asked for. A row that changes meanwhile
    may be found as it was.
    """

    def __init__(self, database: sqlite3.Connection, one: str, behind: str) -> None:
        """Prepare.

        Args:
            database: Where the table is.
            one: Selects a row's key, its place in the table and what else is wanted, by the key;
                no two rows have the same.
            behind: Selects the same of the row at a place and of some behind it, in order.
        """
        self._one = one
        self._behind = behind
        self._database = database
        self._ahead: dict[Any, tuple[Any, ...]] = {}
        # Rows of one product may lie on both sides of a load's end.
        self._ahead_before: dict[Any, tuple[Any, ...]] = {}
        self._credit = _FIRST_CREDIT
        self._last = 0

    def find(self, key: bytes) -> tuple[Any, ...] | None:
        """What is selected of a row; None where there is none.

        Raises:
            sqlite3.Error: the file is damaged.
        """
        row: tuple[Any, ...] | None = self._ahead.get(key) or self._ahead_before.get(key)
        if row is not None:
            self._earn(_CREDIT_OF_A_HIT)
        else:
            row = self._database.execute(self._one, (key,)).fetchone()
            if row is None:
                return None
            self._earn(_CREDIT_OF_A_LOOK)
            if 0 <= row[1] - self._last <= _NEAR and self._credit >= 1:
                self._credit -= 1
                behind = self._database.execute(self._behind, (row[1],)).fetchall()
                self._ahead_before = self._ahead
                self._ahead = {each[0]: each for each in behind}
        self._last = row[1]
        return row

    def _earn(self, credit: float) -> None:
        self._credit = min(_MOST_CREDIT, self._credit + credit)
