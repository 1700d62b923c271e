"""Photo-folder feeds: the subfolder is the category, the file name the title."""

import os
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from furniture_prompter.domain import FeedItem, FeedRow, Product, SetAside
from furniture_prompter.errors import InvalidFeedError
from furniture_prompter.feeds.cells import (
    UnusableValueError,
    has_control_characters,
    one_line,
    one_line_at_least,
)
from furniture_prompter.feeds.rows import LIMIT_ID, ImageFolder, is_plain_file

PHOTO_EXTENSIONS: Final = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif",
    ".heic", ".heif",
)  # fmt: skip
"""Extensions that are taken for photos. HEIC is, so that decoding can say what to do about it."""

_PASSED_OVER: Final = frozenset(
    {
        "@eadir", "#recycle", "#snapshot", "@recycle", "@recently-snapshot",  # Synology and QNAP
        "$recycle.bin", "system volume information", "recycler",  # Windows
        "__macosx",  # what a Mac puts into archives
        "lost+found",
    }
)  # fmt: skip
"""Folders, in small letters, in which systems keep thumbnails and what was deleted. Most others
begin with a dot, which is passed over as well."""

_CATALOG_PARTS: Final = ("manifest.json", "products.lance")

_BETWEEN_WORDS = re.compile(r"[\s_\-.+]+")
_DIGITS = re.compile(r"(\d+)")


class FolderFeed:
    """A feed of photo files, one product each."""

    def __init__(self, path: Path, file_extensions: tuple[str, ...] = ()) -> None:
        """Take the folder, and the endings of files that would be feeds themselves."""
        self._path = path
        self._file_extensions = file_extensions

    @property
    def name(self) -> str:
        """See :class:`furniture_prompter.domain.Feed`."""
        return str(self._path)

    def items(self) -> Iterator[FeedItem]:
        """See :class:`furniture_prompter.domain.Feed`.

        Raises:
            InvalidFeedError: the folder cannot be read, is a catalog, or holds no photo.
        """
        if _is_catalog(self._path):
            raise InvalidFeedError(
                f"The folder {self._path} is a catalog, not a feed. Give the folder of photos or "
                "the file that it was made from."
            )
        images = ImageFolder(self._path)
        ids: set[str] = set()
        empty = True
        for found in photos_in(self._path):
            empty = False
            if isinstance(found, SetAside):
                yield found
                continue
            try:
                product = _product(found.relative_to(self._path))
                if product.id in ids:
                    raise UnusableValueError(
                        "Another photo has the same path but for spaces or Unicode's forms: "
                        f"{product.id}.",
                        "Rename one of the two.",
                    )
                image = images.contain(found.relative_to(self._path))
                if not is_plain_file(image):
                    raise UnusableValueError(
                        "It is a link to nothing, or no plain file.", "Put the photo itself there."
                    )
            except UnusableValueError as problem:
                name = found.relative_to(self._path).as_posix()
                product_id = one_line_at_least(name)
                yield SetAside(_writable(found), 0, problem.reason, problem.cure, product_id)
                continue
            ids.add(product.id)
            yield FeedRow(product, (image,), found, 0)
        if empty:
            raise InvalidFeedError(
                f"The folder {self._path} holds no photo. Put files in it that end in "
                f"{', '.join(PHOTO_EXTENSIONS)}; a subfolder is a category.{self._tables_hint()}"
            )

    def _tables_hint(self) -> str:
        tables = sorted(
            entry.name
            for entry in self._path.iterdir()
            if entry.suffix.lower() in self._file_extensions
        )
        return f" Or index {self._path / tables[0]} instead." if tables else ""


def photos_in(root: Path, *, deepest: int | None = None) -> Iterator[Path | SetAside]:
    """Photo files in natural order, those of a folder before those of its subfolders.

    Args:
        root: The folder.
        deepest: How many folders deep is looked; all of them when None.

    Raises:
        InvalidFeedError: the folder cannot be read.
    """
    return _photos(root, root, deepest)


def _photos(folder: Path, root: Path, deepest: int | None) -> Iterator[Path | SetAside]:
    try:
        with os.scandir(folder) as scan:
            entries = sorted(scan, key=lambda entry: _natural(entry.name))
    except OSError as error:
        if folder == root:
            raise InvalidFeedError(
                f"The folder {root} cannot be read ({error.strerror}). Check its permissions."
            ) from error
        reason = f"The folder cannot be read ({error.strerror})."
        yield SetAside(_writable(folder), 0, reason, "Check its permissions.")
        return
    folders = []
    for entry in entries:
        path = folder / entry.name
        if entry.name.startswith(".") or entry.name.casefold() in _PASSED_OVER:
            continue
        if entry.is_dir(follow_symlinks=False):
            if not _is_catalog(path):
                folders.append(path)
        elif entry.is_symlink() and path.is_dir():
            reason = "It is a link to a folder, and those are not followed."
            yield SetAside(_writable(path), 0, reason, "Move the photos into the folder.")
        elif path.suffix.lower() in PHOTO_EXTENSIONS:
            yield path
    for subfolder in folders if deepest is None or deepest > 0 else ():
        yield from _photos(subfolder, root, None if deepest is None else deepest - 1)


def _is_catalog(folder: Path) -> bool:
    """Whether a folder is a catalog, whose photos are copies of what some feed has."""
    return all(os.path.lexists(folder / part) for part in _CATALOG_PARTS)


def _product(path: Path) -> Product:
    """The product of a photo, by its path inside the feed's folder."""
    try:
        path.as_posix().encode("utf-8")
    except UnicodeEncodeError as error:
        raise UnusableValueError(
            "The file's name is not UTF-8.", "Rename it in UTF-8, as systems do today."
        ) from error
    identifier = one_line(path.as_posix())
    if has_control_characters(path.as_posix()):
        raise UnusableValueError("The file's name holds control characters.", "Rename it.")
    if len(identifier) > LIMIT_ID:
        raise UnusableValueError(
            f"The file's path in the folder, its id, is longer than {LIMIT_ID} characters.",
            "Shorten the names of the file or its folders.",
        )
    categories = (_spaced(part) for part in path.parent.parts)
    return Product(
        id=identifier,
        title=_spaced(path.stem) or identifier,
        category=" / ".join(category for category in categories if category),
    )


def _spaced(name: str) -> str:
    return one_line(_BETWEEN_WORDS.sub(" ", name))


def _natural(name: str) -> tuple[list[tuple[int, str]], str]:
    """A sort key by which photo 9 comes before photo 10."""
    parts = _DIGITS.split(unicodedata.normalize("NFC", name).casefold())
    # int() reads any decimal digit of Unicode, and refuses more than 4,300 of them.
    key = [(int(part[:4000]) if part.isdecimal() else -1, part) for part in parts]
    return key, name


def _writable(path: Path) -> Path:
    """The path as a message can write it; names that are not UTF-8 are escaped."""
    return Path(os.fsencode(path).decode("utf-8", "backslashreplace"))
