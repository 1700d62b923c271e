"""What a run over a feed has to set aside: on the disk while it goes on, beside the catalog then.

Beside the catalog lies a file for each feed, of its last run: one JSON object a line, first the
run, then what was set aside. It says nothing of the catalog's content, so no version names it;
whoever loses it runs the feed again.
"""

import hashlib
import json
import weakref
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final, overload

from furniture_prompter.atomic_files import replace_bytes
from furniture_prompter.domain import LeftOut, SetAside
from furniture_prompter.ingest.brought_by import MOST_FEEDS
from furniture_prompter.ingest.scratch import key_of, scratch_database

SET_ASIDE_FOLDER: Final = "set_aside"
_MOST_KEPT: Final = 10_000
_TEXTS: Final = ("reason", "cure", "product_id", "column")
# A feed of which all is wrong shall not fill the memory: what is not written yet, in KiB.
_CACHE: Final = -4_096
_KEPT_HIDING: Final = 3
_SELECT: Final = (
    "SELECT source, line, reason, cure, product, column, hides FROM items ORDER BY source, line, "
    "number"
)


class SetAsides(Sequence[SetAside]):
    """What was set aside, by file and line: a list in a file without a name.

    Attributes:
        cells: How many are single cells, whose products were kept without them.
        hiding: How many may be rows of products that nobody can name.
        first_hiding: The first of those, as they were added.
    """

    def __init__(self, items: Iterable[SetAside] = ()) -> None:
        """Begin with some."""
        self.cells = self.hiding = 0
        self.first_hiding: list[SetAside] = []
        self._count = 0
        self._database = database = scratch_database(_CACHE)
        database.execute(
            "CREATE TABLE items (source BLOB, line INTEGER, number INTEGER, reason BLOB, "
            "cure BLOB, product BLOB, column BLOB, hides INTEGER, "
            "PRIMARY KEY (source, line, number)) WITHOUT ROWID"
        )
        database.execute("CREATE INDEX by_product ON items (product)")
        weakref.finalize(self, database.close)
        self.extend(items)

    def add(self, item: SetAside) -> None:
        """Take one more."""
        self._count += 1
        self.cells += bool(item.column)
        if item.may_be_any_product:
            self.hiding += 1
            if len(self.first_hiding) < _KEPT_HIDING:
                self.first_hiding.append(item)
        texts = (item.reason, item.cure, item.product_id, item.column)
        values = (key_of(str(item.source)), item.line, self._count, *map(key_of, texts))
        self._database.execute(
            "INSERT INTO items VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*values, item.hides_ids)
        )

    def extend(self, items: Iterable[SetAside]) -> None:
        """Take more."""
        for item in items:
            self.add(item)

    def is_about(self, product_id: str) -> bool:
        """Whether something of a product is among them."""
        found = self._database.execute(
            "SELECT 1 FROM items WHERE product = ? LIMIT 1", (key_of(product_id),)
        )
        return found.fetchone() is not None

    def __len__(self) -> int:
        """How many there are."""
        return self._count

    def __iter__(self) -> Iterator[SetAside]:
        """All of them, by file and line."""
        for source, line, *texts, hides in self._database.execute(_SELECT):
            path, reason, cure, product_id, column = (
                text.decode("utf-8", "surrogatepass") for text in (source, *texts)
            )
            yield SetAside(Path(path), line, reason, cure, product_id, column, bool(hides))

    @overload
    def __getitem__(self, place: int) -> SetAside: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[SetAside, ...]: ...
    def __getitem__(self, place: int | slice) -> SetAside | tuple[SetAside, ...]:
        """One by its place, or some."""
        if isinstance(place, slice):
            start, stop, step = place.indices(self._count)
            if step < 0:
                return tuple(self)[place]
            return tuple(islice(self, start, stop, step))
        return next(islice(self, range(self._count)[place], None))

    def __eq__(self, other: object) -> bool:
        """Whether another list has the same."""
        if not isinstance(other, SetAsides | tuple | list):
            return NotImplemented
        return len(self) == len(other) and all(
            mine == theirs for mine, theirs in zip(self, other, strict=True)
        )

    __hash__ = None  # type: ignore[assignment]  # as of lists: more may come


def keep_left_out(folder: Path, run: LeftOut, was: Iterable[str] = ()) -> str | None:
    """Keep what a run set aside, in place of what the feed's run before did.

    Args:
        folder: The catalog.
        run: All of it; of more than 10,000 items the first are kept, and all are counted.
        was: Names that the feed had before, by which nothing is kept any more.

    Returns:
        Why it could not be kept, in a sentence for a person; None where it was.
    """
    head = ("feed", "version", "source", "created", "count", "cells")
    lines: list[dict[str, Any]] = [{name: getattr(run, name) for name in head}]
    lines += [
        {
            "file": str(each.source),
            "line": each.line,
            **{name: getattr(each, name) for name in _TEXTS},
        }
        for each in run.items[:_MOST_KEPT]
    ]
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    path = _file_of(folder, run.feed)
    try:
        path.parent.mkdir(exist_ok=True)
        replace_bytes(path, text.encode("utf-8", "replace"), private=True)
        for name in was:
            if name != run.feed:
                _file_of(folder, name).unlink(missing_ok=True)
        # As many as the catalog remembers feeds: one whose file is called otherwise every day
        # shall not leave one a day.
        for old in _latest_first(folder)[MOST_FEEDS:]:
            old.unlink(missing_ok=True)
    except OSError as error:
        return (
            f"{path} could not be written ({error.strerror}), so /admin shows what an earlier run "
            "set aside. The catalog is whole."
        )
    return None


def left_out(folder: Path, most: int = _MOST_KEPT) -> tuple[LeftOut, ...]:
    """What the last run over each feed set aside, the latest first.

    Args:
        folder: The catalog.
        most: Items of each that are read.

    Returns:
        One for each feed; none of a file that is damaged.
    """
    found = (_read(path, most) for path in _latest_first(folder))
    runs = [each for each in found if each is not None]
    return tuple(sorted(runs, key=lambda each: each.created, reverse=True))


def _file_of(folder: Path, feed: str) -> Path:
    digest = hashlib.sha256(feed.encode("utf-8", "surrogatepass")).hexdigest()
    return folder / SET_ASIDE_FOLDER / f"{digest[:32]}.jsonl"


def _latest_first(folder: Path) -> list[Path]:
    """The files, by when they were written."""

    def written(path: Path) -> int:
        # A run may take one away meanwhile.
        try:
            return path.stat().st_mtime_ns
        except OSError:
            return 0

    return sorted((folder / SET_ASIDE_FOLDER).glob("*.jsonl"), key=written, reverse=True)


def _read(path: Path, most: int) -> LeftOut | None:
    try:
        with path.open(encoding="utf-8") as lines:
            run = json.loads(next(lines, ""))
            return LeftOut(
                feed=str(run["feed"]),
                version=int(run["version"]),
                source=str(run["source"]),
                created=str(run["created"]),
                count=int(run["count"]),
                cells=int(run["cells"]),
                items=tuple(map(_item, islice(lines, most))),
            )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _item(line: str) -> SetAside:
    each = json.loads(line)
    reason, cure, product_id, column = (str(each[name]) for name in _TEXTS)
    return SetAside(Path(each["file"]), int(each["line"]), reason, cure, product_id, column)
