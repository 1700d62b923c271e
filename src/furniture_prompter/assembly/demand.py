"""What people ask for: a report of the queries and clicks that a server with ``--events`` wrote."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from furniture_prompter.domain.behaviour import EVENTS_FILE, OLDER, QUERIES_FILE, Asked, Demand
from furniture_prompter.domain.wording import one_line
from furniture_prompter.errors import BenchmarkError
from furniture_prompter.json_lines import numbered_lines

_LONGEST_LINE_BYTES: Final = 100_000
# So few unclicked answers say nothing yet.
_LEAST_UNCLICKED: Final = 2


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
        clicked=len(clicked & queries.keys()),
        missing=asked.most("missing"),
        unclicked=tuple(
            each
            for each in asked.most("answered")
            if not each.clicked and each.count >= _LEAST_UNCLICKED
        ),
        words=asked.most("words"),
        photos=asked.most("photos"),
        ranks=dict(sorted(ranks.items())),
        unread=lines.unread,
    )


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
