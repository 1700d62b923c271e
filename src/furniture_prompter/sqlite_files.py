"""SQLite files: opened by their path, whatever it looks like, and let go of where that fails."""

import sqlite3
from collections.abc import Callable
from pathlib import Path


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
