"""From a file to the source of records that reads it: told by its content, then by its name."""

import codecs
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from furniture_prompter.errors import InvalidFeedError
from furniture_prompter.feeds.archives import Unpacked, unpack_gzip, unpack_zip
from furniture_prompter.feeds.columnar import (
    ARROW_MAGIC,
    OLD_FEATHER_MAGIC,
    PARQUET_MAGIC,
    STREAM_MAGIC,
    ColumnarRecords,
)
from furniture_prompter.feeds.delimited import DELIMITERS, DelimitedRecords
from furniture_prompter.feeds.feed_files import FeedFile
from furniture_prompter.feeds.folder import PHOTO_EXTENSIONS
from furniture_prompter.feeds.jsonl import JsonRecords
from furniture_prompter.feeds.records import RecordSource
from furniture_prompter.feeds.saved_page import html_records
from furniture_prompter.feeds.text_encoding import is_text_files_encoding
from furniture_prompter.feeds.workbooks import WorkbookRecords
from furniture_prompter.feeds.xml_records import XmlRecords

EXTENSIONS: Final = (
    *(".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".xml", ".xlsx", ".xlsm", ".xls", ".ods"),
    *(".parquet", ".arrow", ".feather", ".ipc", ".gz", ".zip", ".html"),
)
"""Endings of files that can hold records; what they hold is told by their content."""

_TABLES: Final = frozenset((".csv", ".tsv", ".tab"))
_JSON: Final = frozenset((".json", ".jsonl", ".ndjson"))
_MARKUP: Final = frozenset((".xml", ".rss", ".atom"))
_LOOKED_AT_BYTES: Final = 1 << 14
_OBJECT: Final = re.compile(r'\{\s*("|\}|$)')
_ARRAY: Final = re.compile(r'\[\s*([\[\]{"\d-]|true|false|null|$)')
_PAGE: Final = re.compile(r"<(!doctype\s+html|html|head|body)\b", re.IGNORECASE)
_XML_ROOT: Final = re.compile(r"<(?!!doctype\s+html|html|head|body)[\w:?!]", re.IGNORECASE)
_OLD_OFFICE: Final = b"\xd0\xcf\x11\xe0"
_NO_FEEDS: Final = (
    (b"%PDF", "a PDF", "Export the table as CSV (UTF-8) or a workbook and give that."),
    (b"\x89PNG", "a photo", "Give its folder."),
    (b"\xff\xd8\xff", "a photo", "Give its folder."),
    (b"GIF8", "a photo", "Give its folder."),
    (b"7z\xbc\xaf", "a 7-Zip archive", "Unpack it and give what is in it."),
    (b"Rar!", "a RAR archive", "Unpack it and give what is in it."),
    (b"BZh", "compressed by bzip2", "Unpack it and give what is in it."),
    (b"\xfd7zXZ", "compressed by xz", "Unpack it and give what is in it."),
    (b"\x28\xb5\x2f\xfd", "compressed by Zstandard", "Unpack it and give what is in it."),
    (b"SQLite format 3", "a database", "Export its table as CSV (UTF-8) and give that."),
    (OLD_FEATHER_MAGIC, "Feather of version 1", "Write it as Feather 2 or Parquet."),
)


def open_records(
    path: Path, *, encoding: str | None = None, unpack_into: Path | None = None
) -> RecordSource:
    """What reads the rows of a file of any format.

    Args:
        path: A file: a table, JSON, XML, a workbook, Parquet or Arrow, a saved page, or one of
            those compressed or packed with its photos.
        encoding: Encoding of a CSV file, in Python's words; found out when left out.
        unpack_into: Folder in which the content of archives is kept, each in a folder named by the
            archive's content. When left out it is kept until the source is dropped, which is too
            short for a catalog that refers to photos in it.

    Raises:
        InvalidFeedError: nothing is there, it is of no known format, or there is no such encoding,
            or the file none that can have one.
    """
    if encoding is not None and not is_text_files_encoding(encoding):
        raise InvalidFeedError(
            f"There are no text files in an encoding {encoding!r}. Write utf-8, windows-1254 or "
            "utf-16."
        )
    try:
        if path.is_dir():
            raise InvalidFeedError(f"{path} is a folder, not a file. Give a file in it.")
        there, plain = path.exists(), path.is_file()
    except (OSError, ValueError) as error:
        raise InvalidFeedError(f"The feed {path} cannot be reached ({error}).") from error
    if not there:
        raise InvalidFeedError(
            f"There is nothing at {path.absolute()}. Give the path of the feed's file, or of a "
            "folder of photos."
        )
    if not plain:
        raise InvalidFeedError(f"The feed {path} is no plain file. Save it as one first.")
    return _source(FeedFile(path), encoding, unpack_into, packed=False)


def _source(
    file: FeedFile, encoding: str | None, unpack_into: Path | None, *, packed: bool
) -> RecordSource:
    with file.open() as content:
        start = content.read(_LOOKED_AT_BYTES)
    if start.startswith(b"\x1f\x8b"):
        return _unpacked(file, encoding, unpack_into, packed, unpack_gzip)
    if start.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        if not _is_workbook(file):
            return _unpacked(file, encoding, unpack_into, packed, unpack_zip)
        return _without_encoding(WorkbookRecords(file), encoding)
    if start.startswith(_OLD_OFFICE):
        return _without_encoding(WorkbookRecords(file), encoding)
    if start.startswith((PARQUET_MAGIC, ARROW_MAGIC, STREAM_MAGIC)):
        return _without_encoding(ColumnarRecords(file), encoding)
    for magic, kind, cure in _NO_FEEDS:
        if start.startswith(magic):
            raise InvalidFeedError(f"The feed {file.path} is {kind}. {cure}")
    return _text_source(file, start, encoding)


def _text_source(file: FeedFile, start: bytes, encoding: str | None) -> RecordSource:
    extension = file.content.suffix.lower()
    text = _beginning(start, encoding)
    header = text.partition("\n")[0]
    is_parted = any(delimiter in header for delimiter in DELIMITERS)
    if _OBJECT.match(text) or _ARRAY.match(text):
        return _without_encoding(JsonRecords(file), encoding)
    if _PAGE.match(text) or (extension in {".html", ".htm"} and text.startswith("<")):
        return _without_encoding(_page(file), encoding)
    if _XML_ROOT.match(text):
        return _without_encoding(_page(file) if _is_xhtml(text) else XmlRecords(file), encoding)
    if extension in _JSON and not (is_parted and text[:1] not in '{["'):
        return _without_encoding(JsonRecords(file), encoding)
    if extension in _MARKUP:
        return _without_encoding(XmlRecords(file), encoding)
    if extension in _TABLES or is_parted:
        return DelimitedRecords(file, encoding)
    cure = f"Give a file that ends in {', '.join(EXTENSIONS)}."
    if extension in PHOTO_EXTENSIONS:
        cure = f"It is a photo: give its folder, {file.folder.resolve()}"
    raise InvalidFeedError(f"The feed {file.path} is of no known format. {cure}")


def _beginning(start: bytes, encoding: str | None) -> str:
    """The first text of a file without mark and blanks, as far as it can be read."""
    name = encoding or "utf-8"
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        name = "utf-16"
    return start.decode(name, "replace").lstrip("\ufeff \t\r\n")


def _is_xhtml(text: str) -> bool:
    found = _PAGE.search(text[:2_000])
    return found is not None and "<rss" not in text[: found.start()]


def _is_workbook(file: FeedFile) -> bool:
    try:
        with file.open() as content, zipfile.ZipFile(content) as archive:
            names = archive.namelist()[:10_000]
            if "mimetype" in names:
                return b"opendocument.spreadsheet" in archive.read("mimetype")[:200]
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError):
        return False
    return any(name.startswith("xl/") for name in names)


def _unpacked(
    file: FeedFile,
    encoding: str | None,
    unpack_into: Path | None,
    packed: bool,  # one of several that are handed on
    unpack: Callable[[Path, Path | None], Unpacked],
) -> RecordSource:
    if packed:
        raise InvalidFeedError(
            f"The feed {file.path} is an archive in an archive. Unpack the outer one and give what "
            "is in it."
        )
    found = unpack(file.content, unpack_into)
    # Photos lie beside what a zip holds, and beside a single file that was compressed.
    if found.name is None:
        inner = FeedFile(file.path, found.feed)
    else:
        inner = FeedFile(file.path / found.name, found.feed, found.feed.parent)
    inner.keeper = found.keeper
    return _source(inner, encoding, unpack_into, packed=True)


def _without_encoding(source: RecordSource, encoding: str | None) -> RecordSource:
    if encoding is not None:
        raise InvalidFeedError(
            f"A text encoding was given, but only CSV files have one, and the feed {source.path} "
            "is none. Leave it out."
        )
    return source


def _page(file: FeedFile) -> RecordSource:
    return html_records(file.path, file.content, file.folder)
