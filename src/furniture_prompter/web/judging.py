"""Which of two answers is better, said by the shop's people and kept as judgments.

A line is appended to ``preferences.jsonl`` for each; ``queries.jsonl`` and ``qrels.tsv`` are made
anew from all of them, as ``furniture-prompter evaluate`` reads them.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
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
    """

    options: Mapping[str, float | bool | None]
    products: tuple[str, ...]


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


class Judgments:
    """The preferences of one folder; safe for several processes that have one each."""

    def __init__(self, folder: Path) -> None:
        """Make the folder, if it is not there.

        Raises:
            ServeError: it cannot be written.
        """
        self._folder = folder
        try:
            (folder / PHOTOS_FOLDER).mkdir(parents=True, exist_ok=True)
            (folder / PREFERENCES_FILE).touch(mode=0o600)
        except OSError as error:
            raise ServeError(
                f"Judgments cannot be written to {folder} ({error.strerror}). Mend its "
                "permissions, or name another folder with the setting judgments."
            ) from error

    def keep_photo(self, data: bytes, suffix: str) -> str:
        """Keep a photo that is judged by; its name there, which is that of its content.

        Args:
            data: The file.
            suffix: What its name ends with, such as ``.jpg``.

        Raises:
            OSError: it cannot be written.
        """
        name = f"{sha256(data).hexdigest()}{suffix}"
        path = self._folder / PHOTOS_FOLDER / name
        if not path.exists():
            replace_bytes(path, data, private=True)
        return name

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
            with path.open("ab") as file:
                file.write(line.encode("utf-8", "replace") + b"\n")
            kept = self.all()
            queries, judged = exported(kept)
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
    mean.
    """
    queries: dict[tuple[str, str], str] = {}
    gains: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for each in preferences:
        asked = one_line(each.words), each.photo
        query = queries.setdefault(asked, str(len(queries) + 1))
        for product, gain in _gains(each).items():
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
