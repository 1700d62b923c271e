"""From a path to the feed that reads it."""

from pathlib import Path
from typing import Final

from furniture_prompter.domain import Feed
from furniture_prompter.errors import InvalidFeedError
from furniture_prompter.feeds.delimited import DelimitedFeed
from furniture_prompter.feeds.folder import PHOTO_EXTENSIONS, FolderFeed
from furniture_prompter.feeds.jsonl import JsonLinesFeed
from furniture_prompter.feeds.text_encoding import is_text_files_encoding

JSON_EXTENSIONS: Final = (".jsonl", ".ndjson", ".json")
TABLE_EXTENSIONS: Final = (".csv", ".tsv")


def open_feed(path: Path, *, encoding: str | None = None) -> Feed:
    """The feed at a path: a folder of photos, JSON lines, or CSV. Nothing is read yet.

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
            return FolderFeed(path)
        there, plain = path.exists(), path.is_file()
    except (OSError, ValueError) as error:
        raise InvalidFeedError(f"The feed {path} cannot be reached ({error}).") from error
    if not there:
        raise InvalidFeedError(
            f"There is no feed at {path}. Give a folder of photos, or a file that ends in "
            f"{', '.join(JSON_EXTENSIONS + TABLE_EXTENSIONS)}."
        )
    if not plain:
        raise InvalidFeedError(f"The feed {path} is no plain file. Save it as one first.")
    extension = path.suffix.lower()
    if extension in JSON_EXTENSIONS:
        _refuse_encoding(path, encoding)
        return JsonLinesFeed(path)
    if extension in TABLE_EXTENSIONS:
        return DelimitedFeed(path, encoding)
    raise InvalidFeedError(f"The feed {path} is of no known format. {_cure(extension, path)}")


def _cure(extension: str, path: Path) -> str:
    if extension in PHOTO_EXTENSIONS:
        return f"It is a photo: give its folder, {path.parent.resolve()}"
    if extension in {".xlsx", ".xls", ".ods", ".numbers"}:
        return "Export the table as CSV (UTF-8) and give that."
    endings = ", ".join(JSON_EXTENSIONS + TABLE_EXTENSIONS)
    return f"Give a folder of photos, or a file that ends in {endings}."


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
