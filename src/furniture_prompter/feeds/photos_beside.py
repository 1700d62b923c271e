"""Photos of a table that has no column of images: files beside it, named by its products.

``SKU-1.jpg``, ``SKU-1_2.jpg`` and all in a folder ``SKU-1`` are of the product ``SKU-1``.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from furniture_prompter.domain import SetAside
from furniture_prompter.feeds.folder import photos_in
from furniture_prompter.feeds.mapping import TableMapping
from furniture_prompter.feeds.records import Value

_DEEPEST: Final = 4
_LIMIT_PHOTOS: Final = 500_000
_ROLES: Final = ("id", "group", "gtin", "alt_id", "slug")
_BETWEEN: Final = re.compile(r"[\W_]+")
_COUNTED: Final = re.compile(r"-\d{1,3}$")


def _key(text: object) -> str:
    """A name as it is compared: without case, and with one dash for all between its letters."""
    plain = unicodedata.normalize("NFC", str(text)).casefold()
    return _BETWEEN.sub("-", plain).strip("-")


class PhotosBeside:
    """The photos in a feed's folder by what a column says.

    Attributes:
        column: The column whose values they are named by.
        count: How many are.
        example: One of them, as a path from the folder.
    """

    def __init__(self, column: str, by_key: Mapping[str, list[str]]) -> None:
        self.column = column
        self._by_key = by_key
        self.count = sum(map(len, by_key.values()))
        self.example = next(iter(by_key.values()))[0]

    def of(self, fields: Mapping[str, Value]) -> list[str]:
        """Paths of a row's photos from the folder, in natural order."""
        return self._by_key.get(_key(fields.get(self.column)), [])


def photos_beside(
    folder: Path, mapping: TableMapping, rows: Iterable[Mapping[str, Value]]
) -> PhotosBeside | None:
    """The photos below a folder that are named by the rows of a table.

    A folder's name goes before those of the files in it, a whole name before one that ends in a
    number. Folders are looked into four deep.

    Args:
        folder: The feed's.
        mapping: What its columns mean.
        rows: All of them.

    Returns:
        Those by the column that names most of them; None where none does.
    """
    columns = [column for role in _ROLES for column in mapping.columns_of(role)]
    paths = _paths(folder) if columns else []
    if not paths:
        return None
    keys: dict[str, set[str]] = {column: set() for column in columns}
    for fields in rows:
        for column, known in keys.items():
            if key := _key(fields.get(column, "")):
                known.add(key)
    found = [
        PhotosBeside(column, named) for column in columns if (named := _named(paths, keys[column]))
    ]
    return max(found, key=lambda each: each.count, default=None)


def _paths(folder: Path) -> list[Path]:
    paths: list[Path] = []
    for found in photos_in(folder, deepest=_DEEPEST):
        if not isinstance(found, SetAside):
            paths.append(found.relative_to(folder))
        if len(paths) == _LIMIT_PHOTOS:
            break
    return paths


def _named(paths: Iterable[Path], keys: set[str]) -> dict[str, list[str]]:
    named: dict[str, list[str]] = {}
    for path in paths:
        stem = _key(path.stem)
        likely = (
            *(_key(part) for part in reversed(path.parent.parts)),
            stem,
            _COUNTED.sub("", stem),
        )
        owner = next((key for key in likely if key in keys), None)
        if owner is not None:
            named.setdefault(owner, []).append(path.as_posix())
    return named
