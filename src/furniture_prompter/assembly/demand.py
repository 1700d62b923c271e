"""What people ask for: a report of the queries and clicks that a server with ``--events`` wrote."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.domain.behaviour import (
    EVENTS_FILE,
    OLDER,
    PHOTOS_FOLDER,
    QUERIES_FILE,
    Asked,
    Demand,
    UnmetPhotos,
)
from furniture_prompter.domain.wording import one_line
from furniture_prompter.errors import BenchmarkError
from furniture_prompter.json_lines import numbered_lines
from furniture_prompter.unit_rows import unit_rows

_LONGEST_LINE_BYTES: Final = 100_000
# So few unclicked answers say nothing yet.
_LEAST_UNCLICKED: Final = 2
# Cosine from which two photos show one thing: of the bundled catalog's, 0.998 of the pairs of one
# product have it, 0.098 of one category, and 0.0005 of two.
_ALIKE: Final = 0.5
ROOM: Final = "a room of several pieces"
_MOST_PHOTOS: Final = 10_000
_LONGEST_VECTOR_BYTES: Final = 65_536
_KEPT: Final = re.compile(r"[0-9a-f]{64}")


class _Lines:
    """Objects of a file and of the one before it, with a count of what is none."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.unread = 0

    def of(self, name: str) -> Iterator[dict[str, Any]]:
        for path in (self._folder / f"{name}{OLDER}", self._folder / name):
            if not path.is_file():
                continue
            with path.open("rb") as file:
                for _, line in numbered_lines(file, _LONGEST_LINE_BYTES):
                    try:
                        value = json.loads(line or b"")
                    except (ValueError, RecursionError):
                        value = None
                    if isinstance(value, dict):
                        yield value
                    else:
                        self.unread += 1


def demand(folder: str | Path) -> Demand:
    """Read what a server wrote into the folder that its setting ``events`` names.

    Words count together whatever their case and spaces, once for all pages, orders and narrowings
    of an answer, whose clicks are theirs. Memory grows with the number of answers, which the size
    of the files bounds.

    Args:
        folder: The folder.

    Raises:
        BenchmarkError: there is no such file in it.
    """
    place = Path(folder)
    if not any((place / f"{QUERIES_FILE}{end}").is_file() for end in ("", OLDER)):
        raise BenchmarkError(
            f"There are no queries in {place}. Start the server with --events {place}, let people "
            "search, then ask again."
        )
    lines = _Lines(place)
    clicked: set[str] = set()
    ranks: Counter[int] = Counter()
    for event in lines.of(EVENTS_FILE):
        query, ordinal = event.get("query_id"), _ordinal(event)
        if event.get("action_name") == "click" and isinstance(query, str):
            clicked.add(query)
            if ordinal is not None:
                ranks[ordinal] += 1
    queries: dict[str, dict[str, Any]] = {}
    for each in lines.of(QUERIES_FILE):
        told = each.get("query_attributes")
        query_id = each.get("query_id")
        if isinstance(query_id, str) and isinstance(told, dict):
            queries[query_id] = each
        else:
            lines.unread += 1
    times = sorted(str(each.get("timestamp", "")) for each in queries.values())
    new = [each for each in queries.values() if not each["query_attributes"].get("goes_on")]
    asked = _Counted()
    for query_id, each in queries.items():
        told = each["query_attributes"]
        asked.add(
            query_id in clicked,
            one_line(str(each.get("user_query") or "")).casefold(),
            str(told.get("photo_words") or "").casefold(),
            is_missing=bool(told.get("nothing_matches")),
            is_new=not told.get("goes_on"),
        )
    return Demand(
        first=times[0] if times else "",
        last=times[-1] if times else "",
        queries=len(new),
        with_photo=sum(bool(each["query_attributes"].get("photo")) for each in new),
        rooms=sum(bool(each["query_attributes"].get("room")) for each in new),
        clicked=len(clicked & queries.keys()),
        missing=asked.most("missing"),
        unclicked=tuple(
            each
            for each in asked.most("answered")
            if not each.clicked and each.count >= _LEAST_UNCLICKED
        ),
        words=asked.most("words"),
        photos=asked.most("photos"),
        unmet=_unmet(place / PHOTOS_FOLDER, queries.values()),
        ranks=dict(sorted(ranks.items())),
        unread=lines.unread,
    )


def _unmet(folder: Path, queries: Iterable[Mapping[str, Any]]) -> tuple[UnmetPhotos, ...]:
    """Photos that are kept, those that look alike together: each joins the nearest before it.

    The most asked come first, so that what they are like decides.
    """
    asked: Counter[str] = Counter()
    shown: dict[str, str] = {}
    for each in queries:
        told = each["query_attributes"]
        name = told.get("photo_kept")
        if isinstance(name, str) and _KEPT.fullmatch(name):
            asked[name] += 1
            words = ROOM if told.get("room") else str(told.get("photo_words") or "")
            shown[name] = one_line(words).casefold()
    names: list[str] = []
    vectors: list[NDArray[np.float32]] = []
    for name, _ in asked.most_common(_MOST_PHOTOS):
        vector = _vector_of(folder / f"{name}.f16")
        # Vectors of another encoder cannot be compared.
        if vector is not None and (not vectors or vector.shape == vectors[0].shape):
            names.append(name)
            vectors.append(vector)
    groups: list[list[int]] = []
    rows = unit_rows(np.stack(vectors)) if vectors else np.empty((0, 0), np.float32)
    for place, row in enumerate(rows):
        leaders = rows[[group[0] for group in groups]]
        likeness = leaders @ row if groups else np.empty(0, np.float32)
        nearest = int(likeness.argmax()) if groups else -1
        if nearest >= 0 and likeness[nearest] >= _ALIKE:
            groups[nearest].append(place)
        else:
            groups.append([place])
    found = []
    for group in groups:
        texts = Counter(text for place in group if (text := shown[names[place]]))
        found.append(
            UnmetPhotos(
                sum(asked[names[place]] for place in group),
                tuple(str(folder / f"{names[place]}.jpg") for place in group),
                texts.most_common(1)[0][0] if texts else "",
            )
        )
    return tuple(sorted(found, key=lambda each: -each.count))


def _vector_of(path: Path) -> NDArray[np.float32] | None:
    """A kept vector; None where it has gone, or the file is none."""
    try:
        with path.open("rb") as file:
            data = file.read(_LONGEST_VECTOR_BYTES + 1)
    except OSError:
        return None
    if not data or len(data) % 2 or len(data) > _LONGEST_VECTOR_BYTES:
        return None
    vector = np.frombuffer(data, "<f2").astype(np.float32)
    return vector if np.isfinite(vector).all() else None


class _Counted:
    """How often each text was asked and clicked, by kind."""

    def __init__(self) -> None:
        self._counts: dict[str, Counter[str]] = {}
        self._clicks: dict[str, Counter[str]] = {}

    def add(self, clicked: bool, words: str, photo: str, *, is_missing: bool, is_new: bool) -> None:
        kinds = {"photos": photo, "words": words, "missing" if is_missing else "answered": words}
        for kind, text in kinds.items():
            if text:
                self._counts.setdefault(kind, Counter())[text] += is_new
                if clicked:
                    self._clicks.setdefault(kind, Counter())[text] += 1

    def most(self, kind: str) -> tuple[Asked, ...]:
        clicks = self._clicks.get(kind, Counter())
        counts = self._counts.get(kind, Counter())
        ordered = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
        return tuple(Asked(text, count, clicks[text]) for text, count in ordered if count)


def _ordinal(event: dict[str, Any]) -> int | None:
    try:
        found = event["event_attributes"]["position"]["ordinal"]
    except (KeyError, TypeError):
        return None
    return found if isinstance(found, int) and found > 0 else None
