"""What the last run over each feed set aside, kept beside the catalog.

There lies a file for each feed: one JSON object a line, first the run, then what was set aside. It
says nothing of the catalog's content, so no version names it; whoever loses it runs the feed again.
"""

import hashlib
import json
from collections.abc import Collection
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, Final

from furniture_prompter.atomic_files import replace_bytes
from furniture_prompter.domain import LeftOut, SetAside
from furniture_prompter.ingest.brought_by import MOST_FEEDS

SET_ASIDE_FOLDER: Final = "set_aside"
_MOST_KEPT: Final = 10_000
_TEXTS: Final = ("reason", "cure", "product_id", "column")


def keep_left_out(folder: Path, run: LeftOut) -> str | None:
    """Keep what a run set aside, in place of what the feed's run before did.

    Args:
        folder: The catalog.
        run: All of it; of more than 10,000 items the first are kept, and all are counted. By its
            former names nothing is kept any more, and they stay its own in later runs.

    Returns:
        Why it could not be kept, in a sentence for a person; None where it was.
    """
    head = ("feed", "version", "source", "created", "count", "cells")
    before = [_read(_file_of(folder, name), 0) for name in (run.feed, *run.was)]
    was = dict.fromkeys(name for each in before if each for name in each.was)
    was |= dict.fromkeys(run.was)
    was.pop(run.feed, None)
    lines: list[dict[str, Any]] = [{name: getattr(run, name) for name in head} | {"was": [*was]}]
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
        for name in run.was:
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


def left_out(
    folder: Path, most: int = _MOST_KEPT, feeds: Collection[str] = ()
) -> tuple[LeftOut, ...]:
    """What the last run over each feed set aside, the latest first.

    Args:
        folder: The catalog.
        most: Items of each that are read.
        feeds: The names that the catalog remembers feeds by. A feed that was renamed has its former
            name where the catalog went back to a version that knows it by that.

    Returns:
        One for each feed; none of a file that is damaged.
    """
    found = (_read(path, most) for path in _latest_first(folder))
    runs = [_as_remembered(each, feeds) for each in found if each is not None]
    # What was kept by a name that a feed no longer has, of a version between.
    former = {name for each in runs if each.feed in feeds for name in each.was if name not in feeds}
    latest: dict[str, LeftOut] = {}
    for each in sorted(runs, key=lambda run: run.created, reverse=True):
        if each.feed not in former:
            latest.setdefault(each.feed, each)
    return tuple(latest.values())


def _as_remembered(run: LeftOut, feeds: Collection[str]) -> LeftOut:
    former = next((name for name in run.was if name in feeds), None)
    return replace(run, feed=former) if run.feed not in feeds and former else run


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
                was=tuple(map(str, run.get("was", ()))),
            )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _item(line: str) -> SetAside:
    each = json.loads(line)
    reason, cure, product_id, column = (str(each[name]) for name in _TEXTS)
    return SetAside(Path(each["file"]), int(each["line"]), reason, cure, product_id, column)
