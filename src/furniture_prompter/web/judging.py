"""Which of two answers is better, said by the shop's people and kept as judgments.

A line is appended to ``preferences.jsonl`` for each; ``queries.jsonl`` and ``qrels.tsv`` are made
anew from all of them, as ``furniture-prompter evaluate`` reads them.
"""

import json
import re
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Literal

from filelock import FileLock
from pydantic import TypeAdapter, ValidationError

from furniture_prompter.atomic_files import replace_bytes
from furniture_prompter.domain.wording import one_line
from furniture_prompter.errors import ServeError
from furniture_prompter.json_lines import numbered_lines
from furniture_prompter.timing import utc_now

PREFERENCES_FILE: Final = "preferences.jsonl"
QUERIES_FILE: Final = "queries.jsonl"
JUDGMENTS_FILE: Final = "qrels.tsv"
PHOTOS_FOLDER: Final = "photos"
_UNJUDGED_FOLDER: Final = ".unjudged"
# Photos whose answers are looked at and not judged yet: of so many, for so long.
_LIMIT_UNJUDGED: Final = 20
_UNJUDGED_S: Final = 86_400.0
_PHOTO: Final = re.compile(r"[\w-]{1,64}\.[a-z]{3,4}")
_LOCK: Final = ".judging.lock"
_WAIT_S: Final = 5.0
_LIMIT_BYTES: Final = 64_000_000
_LIMIT_LINE_BYTES: Final = 100_000

Verdict = Literal["first", "second", "both", "neither"]


@dataclass(frozen=True, slots=True)
class Side:
    """One of two answers.

    Attributes:
        options: What its query had, by name.
        products: Ids of the products that were shown, best first.
        catalog: Name of the folder of the catalog that answered; empty where only one could.
    """

    options: Mapping[str, float | bool | None]
    products: tuple[str, ...]
    catalog: str = ""


@dataclass(frozen=True, slots=True)
class Preference:
    """Which of two answers to a query somebody found better.

    Attributes:
        words: The query's prompt; empty for a photo alone.
        photo: Name of its photo in the folder of photos; empty without one.
        first: One answer.
        second: The other.
        better: ``first``, ``second``, ``both`` where both are good, ``neither`` where none is.
        by: Name of the key of whoever said it.
        when: ISO 8601, UTC.
    """

    words: str
    photo: str
    first: Side
    second: Side
    better: Verdict
    by: str = ""
    when: str = ""


_PREFERENCE: Final = TypeAdapter(Preference)
_FOLDERS: Final = (PHOTOS_FOLDER, _UNJUDGED_FOLDER)


class Judgments:
    """The preferences of one folder; safe for several processes that have one each."""

    def __init__(self, folder: Path) -> None:
        """Make the folder, if it is not there.

        Raises:
            ServeError: it cannot be written.
        """
        self._folder = folder
        try:
            for name in (PHOTOS_FOLDER, _UNJUDGED_FOLDER):
                (folder / name).mkdir(parents=True, exist_ok=True)
            self._forget()
            (folder / PREFERENCES_FILE).touch(mode=0o600)
        except OSError as error:
            raise ServeError(
                f"Judgments cannot be written to {folder} ({error.strerror}). Mend its "
                "permissions, or name another folder with the setting judgments."
            ) from error

    def keep_photo(self, data: bytes, suffix: str) -> str:
        """Keep a photo whose answers are looked at; its name, which is that of its content.

        :meth:`add` keeps it for good; of those that nobody judges by the oldest are forgotten.

        Args:
            data: The file.
            suffix: What its name ends with, such as ``.jpg``.

        Raises:
            OSError: it cannot be written.
        """
        name = f"{sha256(data).hexdigest()}{suffix}"
        if not (self._folder / PHOTOS_FOLDER / name).exists():
            replace_bytes(self._folder / _UNJUDGED_FOLDER / name, data, private=True)
            self._forget()
        return name

    def has_photo(self, name: str) -> bool:
        """Whether a photo of that name is kept, judged by or not yet."""
        return any((self._folder / each / name).is_file() for each in _FOLDERS)

    def _forget(self) -> None:
        """Forget photos that nobody judged by; what a killed process left of one, too."""
        kept = []
        for path in (self._folder / _UNJUDGED_FOLDER).iterdir():
            # Another worker may forget it, or judge by it, at the same time.
            with suppress(FileNotFoundError):
                kept.append((path.stat().st_mtime, path))
        oldest_s = time.time() - _UNJUDGED_S
        for place, (written_s, path) in enumerate(sorted(kept, reverse=True)):
            if place >= _LIMIT_UNJUDGED or written_s < oldest_s:
                path.unlink(missing_ok=True)

    def add(self, preference: Preference) -> int:
        """Keep one, and write all of them as judgments; how many there are.

        Raises:
            OSError: it cannot be written, or another process writes and does not end (Timeout).
        """
        line = json.dumps(
            {**asdict(preference), "when": utc_now()}, ensure_ascii=False, separators=(",", ":")
        )
        with FileLock(self._folder / _LOCK, timeout=_WAIT_S, mode=0o600):
            path = self._folder / PREFERENCES_FILE
            if path.stat().st_size > _LIMIT_BYTES:
                raise OSError(27, f"{PREFERENCES_FILE} is full: begin another folder")
            if preference.photo:
                # It may have been judged by before.
                with suppress(FileNotFoundError):
                    unjudged = self._folder / _UNJUDGED_FOLDER / preference.photo
                    unjudged.replace(self._folder / PHOTOS_FOLDER / preference.photo)
            with path.open("ab") as file:
                file.write(line.encode("utf-8", "replace") + b"\n")
            kept = self.all()
            there = {"", *(each.name for each in (self._folder / PHOTOS_FOLDER).iterdir())}
            queries, judged = exported(each for each in kept if each.photo in there)
            for name, text in ((QUERIES_FILE, queries), (JUDGMENTS_FILE, judged)):
                replace_bytes(self._folder / name, text.encode("utf-8", "replace"), private=True)
        return len(kept)

    def all(self) -> list[Preference]:
        """All of them, in the order in which they were said; what cannot be read is passed over."""
        found = []
        with (self._folder / PREFERENCES_FILE).open("rb") as file:
            for _, line in numbered_lines(file, _LIMIT_LINE_BYTES):
                try:
                    found.append(_PREFERENCE.validate_json(line or b""))
                except ValidationError:
                    continue
        return found


def exported(preferences: Iterable[Preference]) -> tuple[str, str]:
    """Queries and judgments of preferences, as texts of their files.

    A product of the better answer alone has a gain of 2, one of both 1, one of the worse alone 0;
    where both are good all have 1, where neither is 0. What was said several times counts in the
    mean. What ``evaluate`` could not read is left out: ids of another form than a catalog's, and
    queries without words and photo.
    """
    queries: dict[tuple[str, str], str] = {}
    gains: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for each in preferences:
        asked = one_line(each.words), each.photo
        if not any(asked) or (each.photo and not _PHOTO.fullmatch(each.photo)):
            continue
        query = queries.setdefault(asked, str(len(queries) + 1))
        for product, gain in _gains(each).items():
            if product and one_line(product) == product:
                gains[query, product].append(gain)
    lines = [_query_line(number, *asked) for asked, number in queries.items()]
    judged = [
        f"{query}\t0\t{product}\t{round(sum(said) / len(said) + 1e-9)}"
        for (query, product), said in gains.items()
    ]
    return "".join(f"{each}\n" for each in lines), "".join(f"{each}\n" for each in judged)


def _gains(preference: Preference) -> dict[str, int]:
    first, second = preference.first.products, preference.second.products
    if preference.better in ("both", "neither"):
        return dict.fromkeys((*first, *second), int(preference.better == "both"))
    better, worse = (first, second) if preference.better == "first" else (second, first)
    alone = {product: 1 if product in worse else 2 for product in better}
    return {**dict.fromkeys(worse, 0), **alone}


def _query_line(number: str, words: str, photo: str) -> str:
    told: dict[str, Any] = {"id": number}
    told |= {"prompt": words} if words else {}
    told |= {"photo": f"{PHOTOS_FOLDER}/{photo}"} if photo else {}
    return json.dumps(told, ensure_ascii=False)
