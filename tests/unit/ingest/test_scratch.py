"""Scratch space that is used up: an error that names the folder and the cure."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from furniture_prompter.domain import SetAside
from furniture_prompter.errors import CatalogWriteError
from furniture_prompter.ingest import set_asides
from furniture_prompter.ingest.scratch import scratch_database
from furniture_prompter.ingest.set_asides import SetAsides


def full(cache: int = -64) -> sqlite3.Connection:
    """One that SQLite takes for full after a few pages."""
    database = scratch_database(cache)
    database.execute("PRAGMA max_page_count = 12")
    return database


@pytest.mark.parametrize(
    "use",
    [
        lambda database: database.execute("INSERT INTO t VALUES (zeroblob(100000))"),
        lambda database: database.executemany(
            "INSERT INTO t VALUES (?)", ((bytes(9_000),) for _ in range(20))
        ),
    ],
)
def test_a_full_temporary_folder_is_named_with_the_cure(
    use: Callable[[sqlite3.Connection], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("SQLITE_TMPDIR", str(tmp_path / "not there"))
    database = full()
    database.execute("CREATE TABLE t (x BLOB)")
    with pytest.raises(CatalogWriteError) as caught:
        use(database)
    assert str(caught.value).startswith(
        f"The temporary folder {tmp_path} could not be written (database or disk is full). Free "
        "space there, or set SQLITE_TMPDIR and TMPDIR to a folder"
    )
    database.close()


def test_reading_fails_as_writing_does() -> None:
    database = scratch_database()
    # An error in the third row, as a page that cannot be spilled is; each is read before its turn.
    rows = "SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT json('{')"
    with pytest.raises(CatalogWriteError, match="SQLITE_TMPDIR"):
        database.execute(rows).fetchall()
    cursor = database.execute(rows)
    assert cursor.fetchone() == (1,)
    with pytest.raises(CatalogWriteError, match="SQLITE_TMPDIR"):
        cursor.fetchone()
    assert database.execute("SELECT 1 WHERE 0").fetchone() is None
    database.close()


def test_what_is_set_aside_fills_the_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(set_asides, "scratch_database", full)
    items = SetAsides()
    with pytest.raises(CatalogWriteError, match="SQLITE_TMPDIR"):
        items.extend(SetAside(Path("f.csv"), n, "wrong " * 99, "Mend it.") for n in range(999))
