"""Feed formats, and from a path to the feed that reads it.

A further format is a module with a class that fulfils :class:`furniture_prompter.domain.Feed`, and
its line in :data:`FILE_FORMATS`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from furniture_prompter.domain import Feed
from furniture_prompter.errors import InvalidFeedError
from furniture_prompter.feeds.delimited_feed import DelimitedFeed
from furniture_prompter.feeds.folder import PHOTO_EXTENSIONS, FolderFeed
from furniture_prompter.feeds.jsonl import JsonLinesFeed
from furniture_prompter.feeds.text_encoding import is_text_files_encoding


@dataclass(frozen=True, slots=True)
class FileFormat:
    """A format of feeds that are one file.

    Attributes:
        extensions: Endings of its files, in small letters.
        open: Makes the feed of a path and a text encoding, None for one to be found out.
        has_encoding: Whether its files may be of several text encodings.
    """

    extensions: tuple[str, ...]
    open: Callable[[Path, str | None], Feed]
    has_encoding: bool = False


FILE_FORMATS: Final = (
    FileFormat((".jsonl", ".ndjson", ".json"), lambda path, _: JsonLinesFeed(path)),
    FileFormat((".csv", ".tsv"), DelimitedFeed, has_encoding=True),
)
FILE_EXTENSIONS: Final = tuple(extension for each in FILE_FORMATS for extension in each.extensions)


def open_feed(path: Path, *, encoding: str | None = None) -> Feed:
    """The feed at a path: a folder of photos, or a file of a known format. Nothing is read yet.

    Args:
        path: A folder, or a file by whose extension its format is told.
        encoding: Encoding of a CSV file, in Python's words; found out when left out.

    Raises:
        InvalidFeedError: nothing is there, its format is unknown, there is no such encoding, or
            the feed is none that can have one.
    """
    if encoding is not None:
        _refuse_unknown(encoding)
    try:
        if path.is_dir():
            _refuse_encoding(path, encoding)
            return FolderFeed(path, FILE_EXTENSIONS)
        there, plain = path.exists(), path.is_file()
    except (OSError, ValueError) as error:
        raise InvalidFeedError(f"The feed {path} cannot be reached ({error}).") from error
    if not there:
        raise InvalidFeedError(
            f"There is no feed at {path}. Give a folder of photos, or a file that ends in "
            f"{', '.join(FILE_EXTENSIONS)}."
        )
    if not plain:
        raise InvalidFeedError(f"The feed {path} is no plain file. Save it as one first.")
    extension = path.suffix.lower()
    for each in FILE_FORMATS:
        if extension in each.extensions:
            if not each.has_encoding:
                _refuse_encoding(path, encoding)
            return each.open(path, encoding)
    raise InvalidFeedError(f"The feed {path} is of no known format. {_cure(extension, path)}")


def _cure(extension: str, path: Path) -> str:
    if extension in PHOTO_EXTENSIONS:
        return f"It is a photo: give its folder, {path.parent.resolve()}"
    if extension in {".xlsx", ".xls", ".ods", ".numbers"}:
        return "Export the table as CSV (UTF-8) and give that."
    return f"Give a folder of photos, or a file that ends in {', '.join(FILE_EXTENSIONS)}."


def _refuse_unknown(encoding: str) -> None:
    if not is_text_files_encoding(encoding):
        raise InvalidFeedError(
            f"There are no text files in an encoding {encoding!r}. Write utf-8, windows-1254 or "
            "utf-16."
        )


def _refuse_encoding(path: Path, encoding: str | None) -> None:
    if encoding is not None:
        raise InvalidFeedError(
            f"A text encoding was given, but only CSV files have one, and the feed {path} is none: "
            "JSON is UTF-8. Leave it out."
        )
