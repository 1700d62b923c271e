"""The crawl's journal: pages to be asked for, what became of them, and answers kept for next time.

One SQLite file. Every step is a transaction, so that a run which is killed at any moment goes on
where it stopped; a later run asks every page again, by ETag or date where the server gave one.

What became of a page: ``product`` (it describes some), ``page`` (it describes none), ``moved``
(redirects within the shop), ``elsewhere`` (redirects out of it), ``gone`` (404 or 410),
``robots`` (robots.txt forbids it), ``noindex``, ``noai`` or ``noimageai`` (the page forbids it),
``no page`` (another kind of file), ``unreadable``.
"""

import json
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from furniture_prompter.atomic_files import replacing
from furniture_prompter.crawl.addresses import pattern_of
from furniture_prompter.errors import CrawlError
from furniture_prompter.sqlite_files import open_database

FILE: Final = "pages.sqlite"
_FORMAT: Final = "1"
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS pages (
    address TEXT PRIMARY KEY, state TEXT NOT NULL, rank INTEGER NOT NULL, depth INTEGER NOT NULL,
    pattern TEXT NOT NULL, found_by TEXT NOT NULL DEFAULT '', run INTEGER NOT NULL DEFAULT 0,
    outcome TEXT NOT NULL DEFAULT '', reason TEXT NOT NULL DEFAULT '',
    canonical TEXT NOT NULL DEFAULT '', syntax TEXT NOT NULL DEFAULT '', records TEXT
);
CREATE INDEX IF NOT EXISTS pages_waiting ON pages (state, rank, depth);
CREATE TABLE IF NOT EXISTS patterns (
    pattern TEXT PRIMARY KEY, asked INTEGER NOT NULL DEFAULT 0, led INTEGER NOT NULL DEFAULT 0,
    left_out INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS answers (
    address TEXT PRIMARY KEY, status INTEGER NOT NULL, headers TEXT NOT NULL, body BLOB NOT NULL
);
"""
# The order in which pages are asked for.
SITEMAP, START, NAMED, LINKED, KNOWN = range(5)
# For each page of a pattern that leads to a product, so many more may lead to none.
_TRUST: Final = 20


@dataclass(frozen=True, slots=True)
class Waiting:
    """A page to be asked for."""

    address: str
    rank: int
    depth: int


class Journal:
    """Pages of one shop, on disk."""

    def __init__(self, folder: Path) -> None:
        """Open the journal of a folder, or begin it.

        Raises:
            CrawlError: the file is damaged, of another release, or in use.
        """
        self._path = folder / FILE
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._db = open_database(self._path, _begin, autocommit=True)
            if self.fact("format", _FORMAT) != _FORMAT:
                raise CrawlError(
                    f"{self._path} was written by another release. Give --fresh to crawl anew."
                )
            self.set_fact("format", _FORMAT)
        except (sqlite3.Error, OSError) as error:
            raise CrawlError(
                f"The crawl's journal {self._path} cannot be used ({error}). Check the disk, or "
                "delete the file to crawl anew."
            ) from error

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def fact(self, name: str, default: str = "") -> str:
        """A remembered fact."""
        row = self._db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return str(row[0]) if row else default

    def set_fact(self, name: str, value: str) -> None:
        """Remember a fact."""
        self._db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    @property
    def run(self) -> int:
        """Number of the current run, from 1."""
        return int(self.fact("run", "0"))

    def begin(self) -> bool:
        """Begin a run, or take up one that was broken off.

        Returns:
            Whether one was taken up.
        """
        if self.fact("state") == "running":
            return True
        with self._transaction():
            self.set_fact("run", str(self.run + 1))
            self.set_fact("state", "running")
            self._db.execute("UPDATE pages SET state = 'known'")
            self._db.execute("DELETE FROM patterns")
        return False

    def finish(self) -> None:
        """The run has come to its end: the next one asks every page again."""
        self.set_fact("state", "finished")

    def add(self, address: str, rank: int, depth: int, found_by: str = "") -> bool:
        """Let a page wait, if it does not already and was not asked for in this run.

        Args:
            address: In the spelling of :func:`furniture_prompter.crawl.addresses.page_address`.
            rank: SITEMAP to KNOWN.
            depth: Links between it and the first page.
            found_by: The page that links to it.
        """
        done = self._db.execute(
            "INSERT INTO pages (address, state, rank, depth, pattern, found_by) "
            "VALUES (?, 'waiting', ?, ?, ?, ?) ON CONFLICT (address) DO UPDATE SET "
            "state = 'waiting', rank = excluded.rank, depth = excluded.depth, "
            "found_by = excluded.found_by "
            "WHERE state = 'known' OR (state = 'waiting' AND rank > excluded.rank)",
            (address, rank, depth, pattern_of(address), found_by),
        )
        return done.rowcount > 0

    def ask_known(self) -> bool:
        """Let product pages of earlier runs wait that nothing led to in this one.

        So that what is gone is told by the site itself, and never by a missing link.
        """
        done = self._db.execute(
            "UPDATE pages SET state = 'waiting', rank = ? "
            "WHERE state = 'known' AND records IS NOT NULL",
            (KNOWN,),
        )
        return done.rowcount > 0

    def next(self, taken: set[str], barren: int) -> Waiting | None:
        """The page to be asked for next, none of `taken`; None where none waits.

        A page whose pattern has led to nothing for too long is left out on the way.

        Args:
            taken: Addresses that are being asked for.
            barren: Pages of a pattern that may lead to nothing before any leads to a product.
        """
        while True:
            rows = self._db.execute(
                "SELECT address, rank, depth, pattern FROM pages WHERE state = 'waiting' "
                "ORDER BY rank, depth, rowid LIMIT ?",
                (len(taken) + 1,),
            ).fetchall()
            found = next((row for row in rows if row[0] not in taken), None)
            if found is None:
                return None
            address, rank, depth, pattern = found
            if rank != LINKED:
                return Waiting(address, rank, depth)
            with self._transaction():
                asked, led = self._db.execute(
                    "SELECT asked, led FROM patterns WHERE pattern = ?", (pattern,)
                ).fetchone() or (0, 0)
                column = "asked" if asked < barren + _TRUST * led else "left_out"
                self._db.execute(
                    f"INSERT INTO patterns (pattern, {column}) VALUES (?, 1) "  # noqa: S608  # one of two words
                    f"ON CONFLICT (pattern) DO UPDATE SET {column} = {column} + 1",
                    (pattern,),
                )
                if column == "left_out":
                    self._db.execute(
                        "UPDATE pages SET state = 'left out' WHERE address = ?", (address,)
                    )
            if column == "asked":
                return Waiting(address, rank, depth)

    def has_waiting(self, taken: set[str]) -> bool:
        """Whether any page waits that is none of `taken`."""
        row = self._db.execute(
            "SELECT 1 FROM pages WHERE state = 'waiting' LIMIT 1 OFFSET ?", (len(taken),)
        ).fetchone()
        return row is not None

    def settle(
        self,
        address: str,
        outcome: str,
        *,
        reason: str = "",
        canonical: str = "",
        syntax: str = "",
        records: list[dict[str, Any]] | None = None,
        found: Iterable[Waiting] = (),
    ) -> list[str]:
        """Note what became of a page, and the pages that it leads to, all at once.

        Args:
            address: The page.
            outcome: As the module's text lists them.
            reason: Why, where something is wrong.
            canonical: The address that the page gives itself; its own where it gives none.
            syntax: Syntax that told of products.
            records: Products; an unreadable page keeps those that it had.
            found: Pages that it leads to.

        Returns:
            Addresses of those that were not known.
        """
        with self._transaction():
            kept = json.dumps(records, ensure_ascii=False) if records else None
            if outcome == "gone" and self._had_products(address):
                reason = reason or "It had products when an earlier run asked for it."
            self._db.execute(
                "UPDATE pages SET state = 'done', run = ?, outcome = ?, reason = ?, canonical = ?, "
                "syntax = ?, records = CASE WHEN ? = 'unreadable' THEN records ELSE ? END "
                "WHERE address = ?",
                (self.run, outcome, reason, canonical or address, syntax, outcome, kept, address),
            )
            if records:
                self._db.execute(
                    "INSERT INTO patterns (pattern, led) SELECT DISTINCT pattern, 1 FROM pages "
                    "WHERE address = ? OR address = (SELECT found_by FROM pages WHERE address = ?) "
                    "ON CONFLICT (pattern) DO UPDATE SET led = led + 1",
                    (address, address),
                )
            return [
                each.address
                for each in found
                if self.add(each.address, each.rank, each.depth, address)
            ]

    def _had_products(self, address: str) -> bool:
        row = self._db.execute(
            "SELECT 1 FROM pages WHERE address = ? AND records IS NOT NULL", (address,)
        ).fetchone()
        return row is not None

    def keep_answer(
        self, address: str, status: int, headers: Mapping[str, Any], body: bytes
    ) -> None:
        """Keep an answer, to be asked for again only if it has changed."""
        self._db.execute(
            "INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?)",
            (address, status, json.dumps(headers), zlib.compress(body, 6)),
        )

    def answer(self, address: str) -> tuple[int, dict[str, Any], bytes] | None:
        """Status, headers and body of a kept answer."""
        row = self._db.execute(
            "SELECT status, headers, body FROM answers WHERE address = ?", (address,)
        ).fetchone()
        if row is None:
            return None
        return int(row[0]), json.loads(row[1]), zlib.decompress(row[2])

    def counts(self, column: str = "outcome") -> dict[str, int]:
        """Pages of this run by outcome or by syntax, each once whatever addresses it has."""
        named = {"outcome": "outcome", "syntax": "syntax"}[column]
        rows = self._db.execute(
            f"SELECT {named}, count(DISTINCT canonical) FROM pages "  # noqa: S608  # one of two words
            f"WHERE state = 'done' AND rank > ? AND {named} <> '' "
            f"GROUP BY {named} ORDER BY count(*) DESC",
            (SITEMAP,),
        )
        return dict(rows.fetchall())

    def waiting(self) -> int:
        """Pages that are known and were not asked for, endless ones aside."""
        row = self._db.execute("SELECT count(*) FROM pages WHERE state = 'waiting'").fetchone()
        return int(row[0])

    def sitemaps(self) -> tuple[int, int]:
        """Sitemaps read in this run, and pages that they name."""
        read = self._db.execute(
            "SELECT count(*) FROM pages WHERE rank = ? AND state = 'done' AND outcome = 'page'",
            (SITEMAP,),
        ).fetchone()
        named = self._db.execute(
            "SELECT count(*) FROM pages WHERE rank = ? AND state <> 'known'", (NAMED,)
        ).fetchone()
        return int(read[0]), int(named[0])

    def left_out(self) -> dict[str, int]:
        """Patterns of addresses that lead to nothing, and pages of them that were left out."""
        rows = self._db.execute(
            "SELECT pattern, left_out FROM patterns WHERE left_out > 0 ORDER BY left_out DESC"
        )
        return dict(rows.fetchall())

    def kinds(self, most: int = 12) -> dict[str, int]:
        """The most frequent patterns among the pages of this run."""
        rows = self._db.execute(
            "SELECT pattern, count(*) FROM pages WHERE state <> 'known' AND rank > ? "
            "GROUP BY pattern ORDER BY count(*) DESC, pattern LIMIT ?",
            (SITEMAP, most),
        )
        return dict(rows.fetchall())

    def problems(self, most: int = 100) -> tuple[list[tuple[str, str]], int]:
        """Address and reason of what could not be read, and how many such pages there are."""
        rows = self._db.execute(
            "SELECT address, reason FROM pages WHERE state = 'done' AND outcome = 'unreadable' "
            "ORDER BY address"
        ).fetchall()
        return rows[:most], len(rows)

    def gone(self) -> int:
        """Pages that had products when an earlier run asked, and that the site no longer has."""
        row = self._db.execute(
            "SELECT count(*) FROM pages WHERE outcome = 'gone' AND reason <> '' AND run = ?",
            (self.run,),
        ).fetchone()
        return int(row[0])

    def product_pages(self) -> Iterator[tuple[str, str, list[dict[str, Any]]]]:
        """Address, canonical address and records of pages with products, in a fixed order.

        Pages of an earlier run count where this one could not ask for them.
        """
        rows = self._db.execute(
            "SELECT address, canonical, records FROM pages WHERE records IS NOT NULL "
            "ORDER BY address"
        )
        for address, canonical, records in rows:
            yield address, canonical, json.loads(records)


def _begin(database: sqlite3.Connection) -> None:
    # A killed process loses nothing; a lost power supply at most the last pages.
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=NORMAL")
    database.executescript(_SCHEMA)


def crawled_records(journal: Journal) -> Iterator[dict[str, Any]]:
    """The products of all pages, each once: of the canonical page, and of one page alone.

    A page that gives itself another address counts only where that one has no products, and of
    several pages with one id the shortest address counts.
    """
    pages: dict[str, tuple[bool, str, list[dict[str, Any]]]] = {}
    for address, canonical, records in journal.product_pages():
        known = pages.get(canonical)
        if known is None or (address == canonical and not known[0]):
            pages[canonical] = address == canonical, address, records
    seen: set[str] = set()
    for _, _, records in sorted(pages.values(), key=lambda each: (len(each[1]), each[1])):
        for record in records:
            identifier = str(record.get("id", ""))
            if identifier and identifier in seen:
                continue
            seen.add(identifier)
            yield record


def write_feed(journal: Journal, file: Path) -> int:
    """Write the feed, whole or not at all, ordered by id.

    Returns:
        How many records it has.
    """
    records = sorted(crawled_records(journal), key=lambda each: str(each.get("id", "")))
    with replacing(file) as target:
        for record in records:
            target.write(json.dumps(record, ensure_ascii=False).encode("utf-8", "replace") + b"\n")
    return len(records)
