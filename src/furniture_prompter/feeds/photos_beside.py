"""Photos of a table that has no column of images: files beside it, named by its products.

``SKU-1.jpg``, ``SKU-1_2.jpg`` and all in a folder ``SKU-1`` are of the product ``SKU-1``.
"""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Final

from furniture_prompter.domain import SetAside
from furniture_prompter.feeds.cells import shown
from furniture_prompter.feeds.folder import photos_in
from furniture_prompter.feeds.mapping import TableMapping
from furniture_prompter.feeds.records import Value

_DEEPEST: Final = 4
_CLEARLY_LARGER: Final = 1.5
_LIMIT_PHOTOS: Final = 500_000
_ROLES: Final = ("id", "group", "gtin", "alt_id", "slug")
_BETWEEN: Final = re.compile(r"[\W_]+")
_WORD: Final = re.compile(r"[^\W_]+")
_SHORT: Final = re.compile(r"\d{1,2}")
_BEGINS: Final = (0, 1, 2)
_OF_TWO: Final = "could be of two products"
_OF_CATALOG: Final = "is the id of another product, which the catalog has"
_GAP: Final = "ends in a number that continues none from 0, 1 or 2 on"
_LAID_TWICE: Final = "lies in several folders"
_NUMBERED: Final = "has numbered ones of its own"
_TOO_SHORT: Final = "has one or two digits for the product, in a folder of another name"


def _text(value: object) -> str:
    return "" if value is None else unicodedata.normalize("NFC", " ".join(str(value).split()))


def _caseless(text: str) -> str:
    # The i of Turkish has two capitals, and İ.casefold() a dot of its own behind the i.
    return text.translate({0x130: "i", 0x131: "i", ord("I"): "i"}).casefold()


def _loose(text: str) -> str:
    """A name without case, and with one dash for all between its letters."""
    return _BETWEEN.sub("-", _caseless(text)).strip("-")


_FORMS: Final[tuple[Callable[[str], str], ...]] = (str, _caseless, _loose)
"""How names are compared, the most exact first."""


class PhotosBeside:
    """The photos in a feed's folder by what a column says.

    Attributes:
        column: The column whose values they are named by.
        count: How many are.
        found: What a person should read of how they were found.
        left: The same of photos that are not surely of one product; empty where none are.
    """

    def __init__(
        self,
        column: str,
        names: Iterable[str],
        paths: Sequence[Path],
        size_of: Callable[[Path], int] = lambda _: 0,
    ) -> None:
        """Find whose they are.

        Args:
            column: The column.
            names: Its values.
            paths: The photos, from the folder, in natural order.
            size_of: Bytes of one.
        """
        self._size_of = size_of
        self.column = column
        self._forms: list[dict[str, list[str]]] = []
        for form in _FORMS:
            by_form: dict[str, list[str]] = defaultdict(list)
            for name in sorted(names):
                if key := form(name):
                    by_form[key].append(name)
            self._forms.append(dict(by_form))
        self._paths = paths
        self.heed(lambda _: False)

    def heed(self, is_product: Callable[[str], bool]) -> None:
        """Find whose they are anew, where a catalog has further products.

        Args:
            is_product: Whether it has one of an id.
        """
        self._owners: dict[Path, str] = {}
        self._doubts: dict[Path, str] = {}
        self._passed_over: dict[Path, Path] = {}
        counted = self._by_name(self._by_folder(self._paths), is_product)
        taken: dict[str, list[str]] = defaultdict(list)
        doubtful: dict[str, list[str]] = defaultdict(list)
        for path in self._paths:
            if path in self._owners:
                taken[self._owners[path]].append(path.as_posix())
            elif path in self._doubts:
                doubtful[self._doubts[path]].append(path.as_posix())
        self._taken = dict(taken)
        self.count = sum(map(len, taken.values()))
        example = next(iter(taken.values()))[0] if taken else ""
        self.found = (
            f"Photos beside the feed that are called as {shown(self.column)} says: {self.count:,}"
            f"{f', such as {shown(example)}' if taken else ''}."
        )
        if counted:
            first = next(path for path in self._paths if path in counted).as_posix()
            self.found += f" By a number behind it: {len(counted):,}, such as {shown(first)}."
        if self._passed_over:
            other, folder = next(iter(self._passed_over.items()))
            self.found += (
                f" Of those that lie in several folders the larger or, of equal ones, those of the "
                f"fuller folder were taken, and {len(self._passed_over):,} passed over, such as "
                f"{shown(other.as_posix())} for that in {shown(folder.as_posix())}."
            )
        self.left = ""
        if doubtful:
            why = "; ".join(
                f"{len(paths):,} whose name {reason}, such as {shown(paths[0])}"
                for reason, paths in doubtful.items()
            )
            self.left = (
                f"Photos that may be of these products and are not taken: {why}. Put them into "
                f"folders that are called as {shown(self.column)} says, or call them exactly so."
            )

    def of(self, fields: Mapping[str, Value]) -> list[str]:
        """Paths of a row's photos from the folder, in natural order."""
        return self._taken.get(_text(fields.get(self.column)), [])

    def _by_folder(self, paths: Iterable[Path]) -> list[Path]:
        """Settle what a folder is called; the others are returned."""
        free: list[Path] = []
        short: dict[str, dict[Path, list[Path]]] = defaultdict(lambda: defaultdict(list))
        for path in paths:
            found = [owner for name in _joined(path) if (owner := self._owner(name))]
            if found:
                self._owners[path] = found[0]
                continue
            for folder, name in _folders(path):
                owner, is_of_two = self._find(name)
                if is_of_two:
                    self._doubts[path] = _OF_TWO
                elif _SHORT.fullmatch(owner):
                    short[owner][folder].append(path)
                elif owner:
                    self._owners[path] = owner
                else:
                    continue
                break
            else:
                free.append(path)
        for owner, folders in short.items():
            for path in chain.from_iterable(folders.values()):
                if len(folders) > 1:
                    self._doubts[path] = _LAID_TWICE
                else:
                    self._owners[path] = owner
        return free

    def _by_name(self, paths: Sequence[Path], is_product: Callable[[str], bool]) -> set[Path]:
        """Settle what files are called; those that are by a number are returned."""
        folders: dict[str, set[Path]] = defaultdict(set)
        paths = self._of_the_best_folders(paths)
        for path in paths:
            folders[_caseless(_text(path.stem))].add(path.parent)
        # What has numbers of its own, as SKU-80 of SKU-80-2, is a product's name, known or not.
        numbered = {_loose(_prefix(_text(path.stem))[0]) for path in paths}
        runs: dict[str, dict[int, list[Path]]] = defaultdict(lambda: defaultdict(list))
        others: dict[str, set[int]] = defaultdict(set)
        for path in paths:
            name = _text(path.stem)
            owner, number, doubt = self._file(name, numbered, is_product)
            if _SHORT.fullmatch(owner) and path.parent.parts:
                doubt = _TOO_SHORT
            elif owner and len(folders[_caseless(name)]) > 1:
                doubt = _LAID_TWICE
            if doubt:
                self._doubts[path] = doubt
            elif owner and number < 0:
                self._owners[path] = owner
            elif owner:
                runs[owner][number].append(path)
            if not owner or doubt or number < 0:
                prefix, number = _prefix(name)
                others[self._find(prefix)[0]].add(number)
        counted: set[Path] = set()
        for owner, run in runs.items():
            # Where SKU-1 is a product of its own, SKU-2 is hardly the second photo of SKU.
            begins = (each for each in _BEGINS if each in run or each in others[owner])
            following = next(begins, -1)
            while found := run.pop(following, None):
                self._owners.update(dict.fromkeys(found, owner))
                counted.update(found)
                following += 1
            self._doubts.update((path, _GAP) for beyond in run.values() for path in beyond)
        return counted

    def _of_the_best_folders(self, paths: Sequence[Path]) -> list[Path]:
        """Photos without those that lie in a better folder as well: thumbnails beside photos.

        All of a folder's are compared, so that no product has its photos of both.
        """
        alike: dict[str, dict[Path, Path]] = defaultdict(dict)
        for path in paths:
            alike[_caseless(_text(path.stem))].setdefault(path.parent, path)
        twice = [found for found in alike.values() if len(found) > 1]
        sizes: dict[Path, list[int]] = defaultdict(list)
        for found in twice:
            for folder, path in found.items():
                sizes[folder].append(self._size_of(path))
        count = Counter(path.parent for path in paths)
        passed_over: set[Path] = set()
        for found in twice:
            means = {folder: sum(sizes[folder]) / len(sizes[folder]) for folder in found}
            largest = max(means.values())
            close = [folder for folder in found if means[folder] * _CLEARLY_LARGER > largest]
            best, *rest = sorted(close, key=count.__getitem__, reverse=True)
            if not rest or count[rest[0]] < count[best]:
                others = [path for folder, path in found.items() if folder != best]
                passed_over.update(others)
                if self._file(_text(found[best].stem), (), lambda _: False)[0]:
                    self._passed_over.update(dict.fromkeys(others, best))
        return [path for path in paths if path not in passed_over]

    def _file(
        self, name: str, numbered: Collection[str], is_product: Callable[[str], bool]
    ) -> tuple[str, int, str]:
        """Whose a file is by its name, by which number behind it or -1, and what is doubtful."""
        if owner := self._owner(name):
            return owner, -1, ""
        owner, is_of_two = self._find(name)
        prefix, number = _prefix(name)
        before, is_before_of_two = self._find(prefix)
        if is_of_two or is_before_of_two or (owner and before and owner != before):
            return "", -1, _OF_TWO
        if owner or before:
            behind = name[len(prefix) :].strip("_ -.()")
            others = (name, *(f"{prefix}{mark}{behind}" for mark in "-_ ."))
            if any(map(is_product, others)):
                return "", -1, _OF_CATALOG
        if owner:
            return owner, -1, ""
        if before and _loose(name) in numbered:
            return "", -1, _NUMBERED
        return before, number, ""

    def _owner(self, name: str) -> str:
        """The product that is called so but for capitals."""
        for form, by_form in zip(_FORMS[:2], self._forms[:2], strict=True):
            if len(found := by_form.get(form(name), [])) == 1:
                return found[0]
        return ""

    def _find(self, name: str) -> tuple[str, bool]:
        """The product that is called so, as exactly as one is; and whether that could be two."""
        for form, by_form in zip(_FORMS, self._forms, strict=True):
            found = by_form.get(form(name), [])
            if len(found) > 1:
                return "", True
            if found and (name == found[0] or not _SHORT.fullmatch(found[0])):
                return found[0], False
        return "", False


def photos_beside(
    folder: Path, mapping: TableMapping, rows: Iterable[Mapping[str, Value]]
) -> PhotosBeside | None:
    """The photos below a folder that are named by the rows of a table.

    A folder's name goes before those of the files in it, a whole name before one that ends in a
    number, an exact one before one in other letters. What could be of two products is nobody's.
    Folders are looked into four deep.

    Args:
        folder: The feed's.
        mapping: What its columns mean.
        rows: All of them.

    Returns:
        Those by the column that names most of them; None where none does, surely or not.
    """
    columns = [column for role in _ROLES for column in mapping.columns_of(role)]
    paths = _paths(folder) if columns else []
    if not paths:
        return None
    # Of a million rows those matter whose names some file could have.
    likely = {_loose(name) for path in paths for name in _likely(path)}
    names: dict[str, set[str]] = {column: set() for column in columns}
    for fields in rows:
        for column, known in names.items():
            if _loose(name := _text(fields.get(column))) in likely:
                known.add(name)
    read = [
        PhotosBeside(column, names[column], paths, partial(_bytes, folder)) for column in columns
    ]
    found = [photos for photos in read if photos.count or photos.left]
    return max(found, key=lambda each: each.count, default=None)


def _bytes(folder: Path, path: Path) -> int:
    try:
        return (folder / path).stat().st_size
    except OSError:
        return 0


def _paths(folder: Path) -> list[Path]:
    paths: list[Path] = []
    for found in photos_in(folder, deepest=_DEEPEST):
        if not isinstance(found, SetAside):
            paths.append(found.relative_to(folder))
        if len(paths) == _LIMIT_PHOTOS:
            break
    return paths


def _folders(path: Path) -> Iterator[tuple[Path, str]]:
    """A path's folders and their names, the innermost first, ``A/12`` before ``12``."""
    for folder in list(path.parents)[:-1]:
        parts = [_text(part) for part in folder.parts]
        yield from ((folder, "/".join(parts[begin:])) for begin in range(len(parts)))


def _joined(path: Path) -> Iterator[str]:
    """Names that a file has together with folders, such as ``A/12``."""
    parts = [_text(part) for part in (*path.parent.parts, path.stem)]
    yield from ("/".join(parts[begin:]) for begin in range(len(parts) - 1))


def _prefix(name: str) -> tuple[str, int]:
    """A name that ends in a photo's number without it, and the number; nothing of others."""
    words = list(_WORD.finditer(name))
    if len(words) < 2 or _SHORT.fullmatch(words[-1][0]) is None:
        return "", -1
    return name[: words[-2].end()], int(words[-1][0])


def _likely(path: Path) -> Iterator[str]:
    yield from _joined(path)
    yield from (name for _, name in _folders(path))
    yield from (_text(path.stem), _prefix(_text(path.stem))[0])
