"""What lies in object storage of a catalog: the head, lists of files, objects.

Below the prefix of the address::

    head.json                         which version is whole, replaced by conditional PUT
    lists/<generation>-<hash>.json    every file of a version: size, SHA-256, generation
    objects/<generation>/<sha256>     the bytes of a file, written once

A generation is a turn of the head. A push writes below the next generation alone and takes over
only what the list of the head names. So whoever clears up after a push, however late, deletes
nothing that a push after it relies on, and no lock and no clock is needed for that.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any, Final, Self

from furniture_prompter.catalog.addresses import Address
from furniture_prompter.catalog.columns import PHOTOS, PRODUCTS
from furniture_prompter.errors import CatalogFormatError, CatalogStoreError

HEAD: Final = "head.json"
LISTS: Final = "lists"
AHEAD: Final = 64
"""Objects for each connection that may wait behind one that takes long."""
_FORMAT: Final = 1
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_LIST_KEY: Final = re.compile(r"lists/([0-9]{1,18})-([0-9a-f]{64})\.json")
_LINEAGE: Final = re.compile(r"[0-9a-f]{32}")
# What a version consists of; whatever else a list names is not written to a disk.
_PLACES: Final = frozenset({f"{PRODUCTS}.lance", f"{PHOTOS}.lance", "alignments", "uploads"})
_FILES: Final = frozenset({"manifest.json", "versions.jsonl"})
_LIMIT_NAME: Final = 400


class AlteredObjectError(CatalogStoreError):
    """An object of the store is not what was pushed, whoever asks for it."""


class AlteredHeadError(AlteredObjectError):
    """The head cannot be read; its entity tag still says which one that was."""

    def __init__(self, message: str, e_tag: str) -> None:
        """Take the sentence and the entity tag."""
        super().__init__(message)
        self.e_tag = e_tag


@dataclass(frozen=True, slots=True)
class Stored:
    """A file's bytes in the store: size in bytes, SHA-256, and the generation that wrote them."""

    size: int
    sha256: str
    generation: int

    @property
    def key(self) -> str:
        """Name of the object."""
        return f"objects/{self.generation}/{self.sha256}"


@dataclass(frozen=True, slots=True)
class VersionList:
    """All that a version consists of, by its path in a catalog's folder.

    Attributes:
        files: Files that a search reads, the manifest among them.
        photos: List of the photos, an object as well: it changes less often than the rest.
    """

    files: Mapping[str, Stored]
    photos: Stored

    def to_json(self) -> bytes:
        """As it is stored."""
        return dumped({"format": _FORMAT, "files": _rows(self.files), "photos": _row(self.photos)})

    @classmethod
    def parse(cls, content: bytes, address: Address) -> Self:
        """Read and check it.

        Raises:
            CatalogFormatError: a newer release wrote it.
            AlteredObjectError: it is not what this project writes.
        """
        with parsing(address, "A list of files"):
            raw = _object_of(content, address)
            files = stored_files(raw["files"], _is_of_version)
            if "manifest.json" not in files:
                raise ValueError("it has no manifest")
            return cls(files, _stored(raw["photos"]))


def photo_files(content: bytes, address: Address) -> dict[str, Stored]:
    """Photos of a version by path below ``uploads``, which an object of the store lists.

    Raises:
        CatalogFormatError, AlteredObjectError: as of :meth:`VersionList.parse`.
    """
    with parsing(address, "A list of photos"):
        return stored_files(_object_of(content, address)["files"], _is_photo)


def listed_photos(photos: Mapping[str, Stored]) -> bytes:
    """What :func:`photo_files` reads."""
    return dumped({"format": _FORMAT, "files": _rows(photos)})


@dataclass(frozen=True, slots=True)
class ListName:
    """Which object lists a version: its generation, its size in bytes and its SHA-256."""

    generation: int
    size: int
    sha256: str

    @property
    def key(self) -> str:
        """Name of the object."""
        return f"{LISTS}/{self.generation}-{self.sha256}.json"

    @classmethod
    def of_key(cls, key: str, size: int) -> Self | None:
        """The list that an object is by its name; None where it is none."""
        found = _LIST_KEY.fullmatch(key)
        return None if found is None else cls(int(found[1]), size, found[2])


@dataclass(frozen=True, slots=True)
class Head:
    """The one object that is ever replaced.

    Attributes:
        lineage: Which history of a catalog it is. Paths of one lineage never change their bytes.
        version: Number of the catalog's version.
        created: When it was committed, ISO 8601, UTC.
        manifest_sha256: SHA-256 of its manifest's file.
        current: Its list.
        push: Which push wrote it; so a writer knows its own after an answer was lost.
        earlier: Lists that were replaced, each with the time since the epoch, earliest first.
    """

    lineage: str
    version: int
    created: str
    manifest_sha256: str
    current: ListName
    push: str
    earlier: tuple[tuple[ListName, float], ...] = ()

    @property
    def generation(self) -> int:
        """How often the head was written."""
        return self.current.generation

    def to_json(self) -> bytes:
        """As it is stored."""
        return dumped(
            {
                "format": _FORMAT,
                "lineage": self.lineage,
                "version": self.version,
                "created": self.created,
                "manifest": self.manifest_sha256,
                "list": _list_row(self.current),
                "push": self.push,
                "earlier": [[*_list_row(name), at_s] for name, at_s in self.earlier],
            }
        )

    @classmethod
    def parse(cls, content: bytes, address: Address) -> Self:
        """Read and check it; raises as :meth:`VersionList.parse` does."""
        with parsing(address, HEAD):
            raw = _object_of(content, address)
            earlier = tuple((_list_name(row[:3]), float(row[3])) for row in raw["earlier"])
            head = cls(
                raw["lineage"],
                _count(raw["version"]),
                raw["created"],
                raw["manifest"],
                _list_name(raw["list"]),
                raw["push"],
                earlier,
            )
            hashes = (
                (head.lineage, _LINEAGE),
                (head.push, _LINEAGE),
                (head.manifest_sha256, _SHA256),
            )
            if not all(pattern.fullmatch(text) for text, pattern in hashes):
                raise ValueError("a hash is none")
            datetime.fromisoformat(head.created)
            return head


def dumped(value: object) -> bytes:
    """JSON without spaces, the same bytes for the same values."""
    return json.dumps(value, ensure_ascii=True, sort_keys=True, separators=(",", ":")).encode()


def _object_of(content: bytes, address: Address) -> dict[str, Any]:
    raw = json.loads(content)
    if not isinstance(raw, dict):
        raise TypeError("it is no object")
    if type(raw.get("format")) is int and raw["format"] > _FORMAT:
        raise CatalogFormatError(
            f"A newer release wrote the catalog at {address}: use that one, or push with this one "
            "to another address."
        )
    if raw.get("format") != _FORMAT:
        raise ValueError("it has another format")
    return raw


@contextmanager
def parsing(address: Address, what: str) -> Iterator[None]:
    """Say of bytes that do not parse what they were to be; raises :class:`AlteredObjectError`."""
    try:
        yield
    except (
        ValueError,
        TypeError,
        KeyError,
        IndexError,
        AttributeError,
        RecursionError,
        OverflowError,
    ) as error:
        raise AlteredObjectError(
            f"{what} at {address} is not what this project writes ({error}). Name the address of a "
            "pushed catalog, or push it again with --replace."
        ) from error


def _row(stored: Stored) -> list[int | str]:
    return [stored.size, stored.sha256, stored.generation]


def _rows(files: Mapping[str, Stored]) -> dict[str, list[int | str]]:
    return {name: _row(stored) for name, stored in files.items()}


def _list_row(name: ListName) -> list[int | str]:
    return [name.generation, name.size, name.sha256]


def _count(value: object) -> int:
    if type(value) is not int or not 0 <= value < 2**63:
        raise ValueError("a number is none")
    return value


def _hash(value: object) -> str:
    if not isinstance(value, str) or not _SHA256.fullmatch(value):
        raise ValueError("a hash is none")
    return value


def _stored(row: Any) -> Stored:
    size, sha256, generation = row
    return Stored(_count(size), _hash(sha256), _count(generation))


def _list_name(row: Any) -> ListName:
    generation, size, sha256 = row
    return ListName(_count(generation), _count(size), _hash(sha256))


def stored_files(raw: Any, is_allowed: Callable[[PurePosixPath], bool]) -> dict[str, Stored]:
    """Decoded files of a list by path.

    Raises:
        ValueError: a path leads out of a catalog's folder, or to what no version has.
    """
    files: dict[str, Stored] = {}
    for name, row in raw.items():
        path = PurePosixPath(name)
        # What a path object says is not what was written where there is a dot, // or a slash last.
        plain = str(path) == name and len(name) <= _LIMIT_NAME and name.isprintable()
        if not plain or "\\" in name or ":" in name or not is_allowed(path):
            raise ValueError(f"it names a file that no version has: {name[:80]!a}")
        files[name] = _stored(row)
    return files


def _is_of_version(path: PurePosixPath) -> bool:
    parts = path.parts
    if any(part.startswith(".") for part in parts):
        return False
    if len(parts) == 1:
        return parts[0] in _FILES
    return parts[0] in _PLACES - {"uploads"} or (parts[0] == "checksums" and len(parts) == 2)


def _is_photo(path: PurePosixPath) -> bool:
    parts = path.parts
    return len(parts) == 2 and parts[0] == "uploads" and bool(_SHA256.match(parts[1]))
