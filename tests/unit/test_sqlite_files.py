import random
import sqlite3
from pathlib import Path

import pytest

from furniture_prompter.sqlite_files import ReadAhead, open_database

FILE = "file:records"


def begin(database: sqlite3.Connection) -> None:
    database.execute("CREATE TABLE IF NOT EXISTS kept (name TEXT)")


def test_a_file_that_is_called_like_an_address_is_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file:x").mkdir()
    path = Path("file:x") / FILE
    for _ in range(2):
        open_database(path, begin).close()
    assert path.is_file()
    assert [each.name for each in tmp_path.iterdir()] == ["file:x"]


def test_a_file_that_cannot_be_begun_is_let_go_of(tmp_path: Path) -> None:
    held: list[sqlite3.Connection] = []

    def fail(database: sqlite3.Connection) -> None:
        held.append(database)
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        open_database(tmp_path / FILE, fail)
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        held[0].execute("SELECT 1")


def test_whether_statements_are_their_own_is_told(tmp_path: Path) -> None:
    for autocommit in (True, False):
        database = open_database(tmp_path / FILE, begin, autocommit=autocommit)
        database.execute("INSERT INTO kept VALUES ('a')")
        assert database.in_transaction is not autocommit
        database.close()


def test_rows_are_found_in_whatever_order_they_are_asked_for(tmp_path: Path) -> None:
    database = open_database(tmp_path / FILE, begin)
    names = [f"row {number}".encode() for number in range(200)]
    database.executemany("INSERT INTO kept VALUES (?)", [(name,) for name in names])
    shuffled = random.Random(0).sample(names, len(names))  # noqa: S311  # an order, no secret
    asked = [*names, b"none", *reversed(names), *shuffled, *names[50:90], b"none", *names]
    rows = ReadAhead(
        database,
        "SELECT name, rowid FROM kept WHERE name = ?",
        "SELECT name, rowid FROM kept WHERE rowid >= ? ORDER BY rowid LIMIT 32",
    )
    places = {name: (name, place) for place, name in enumerate(names, start=1)}
    assert [rows.find(name) for name in asked] == [places.get(name) for name in asked]
    database.close()


@pytest.mark.parametrize(
    ("order", "most_loads", "most_looks"),
    [
        ("as they lie", 9, 9),
        ("reversed", 1, 4_096),
        ("random", 40, 4_096),
        ("random pairs", 40, 4_096),
        ("random, then as they lie", 50, 4_096 + 600),
    ],
)
def test_rows_are_read_ahead_where_those_read_before_were_asked_for(
    tmp_path: Path, order: str, most_loads: int, most_looks: int
) -> None:
    database = open_database(tmp_path / FILE, begin)
    names = [f"row {number}".encode() for number in range(4_096)]
    database.executemany("INSERT INTO kept VALUES (?)", [(name,) for name in names])
    shuffled = random.Random(0).sample(names, len(names))  # noqa: S311  # an order, no secret
    firsts = random.Random(0).sample(range(0, len(names), 2), len(names) // 2)  # noqa: S311  # too
    asked = {
        "as they lie": names,
        "reversed": names[::-1],
        "random": shuffled,
        "random pairs": [names[first + step] for first in firsts for step in (0, 1)],
        "random, then as they lie": [*shuffled, *names],
    }[order]
    statements: list[str] = []
    database.set_trace_callback(statements.append)
    rows = ReadAhead(
        database,
        "SELECT name, rowid FROM kept WHERE name = ?",
        "SELECT name, rowid FROM kept WHERE rowid >= ? ORDER BY rowid LIMIT 512",
    )
    assert all(rows.find(name) is not None for name in asked)
    loads = sum("LIMIT" in statement for statement in statements)
    assert loads <= most_loads
    assert len(statements) - loads <= most_looks
    database.close()
