"""From a path to the feed that reads it: a folder of photos, or a file of records.

What a file is, is told by its content (:mod:`furniture_prompter.feeds.formats`), and what its
columns mean by their names and values (:mod:`furniture_prompter.feeds.mapping`). A further format
is a source of records, a further shop system a layout in ``layouts.toml``.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from furniture_prompter.domain import Feed
from furniture_prompter.errors import InvalidFeedError
from furniture_prompter.feeds.folder import FolderFeed
from furniture_prompter.feeds.formats import EXTENSIONS, open_records
from furniture_prompter.feeds.table_feed import TableFeed


def open_feed(
    path: Path,
    *,
    encoding: str | None = None,
    layout: str | None = None,
    given: Sequence[str] = (),
    address_path: Callable[[str], Path] | None = None,
    unpack_into: Path | None = None,
) -> Feed:
    """The feed at a path. Of a file only its beginning is read yet, and archives are unpacked.

    Args:
        path: A folder of photos, or a file of records.
        encoding: Encoding of a CSV file, in Python's words; found out when left out.
        layout: Name of the layout, as ``--format`` takes it; recognised when left out.
        given: ``ROLE=COLUMN``, as ``--map`` takes them.
        address_path: Where an image is kept once it was downloaded from an address; None where
            nothing is downloaded.
        unpack_into: Folder for the content of archives; see
            :func:`furniture_prompter.feeds.formats.open_records`.

    Raises:
        InvalidFeedError: nothing is there, its format is unknown, there is no such encoding, or
            the feed is none that can have what was given.
    """
    try:
        is_folder = path.is_dir()
    except (OSError, ValueError) as error:
        raise InvalidFeedError(f"The feed {path} cannot be reached ({error}).") from error
    if is_folder:
        if encoding is not None:
            raise InvalidFeedError(
                f"A text encoding was given, but only CSV files have one, and the feed {path} is a "
                "folder of photos. Leave it out."
            )
        if layout is not None or given:
            raise InvalidFeedError(
                f"--format and --map are about columns, and the feed {path} is a folder of photos, "
                "which has none. Leave them out, or give a file in it."
            )
        return FolderFeed(path, EXTENSIONS)
    source = open_records(path, encoding=encoding, unpack_into=unpack_into)
    return TableFeed(source, given=given, layout=layout, address_path=address_path)
