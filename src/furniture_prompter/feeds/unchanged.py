"""A file that has to stay as it is while it is read, however often that is."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from furniture_prompter.errors import InvalidFeedError


@contextmanager
def open_unchanged(path: Path) -> Iterator[BinaryIO]:
    """Open a feed's file, and refuse it at the end if somebody wrote to it meanwhile.

    Of a file that is being written nobody can tell which rows are whole and which are still to
    come. One that is replaced as a whole, by a rename, is read as it was.

    Raises:
        InvalidFeedError: it cannot be read, or it has changed.
    """
    try:
        with path.open("rb") as file:
            before = os.fstat(file.fileno())
            yield file
            after = os.fstat(file.fileno())
    except OSError as error:
        raise InvalidFeedError(
            f"The feed {path} cannot be read ({error.strerror}). Check its permissions."
        ) from error
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise InvalidFeedError(
            f"The feed {path} was written to while it was read, so nothing of it was taken. Index "
            "it again when it is complete, or a copy of it."
        )
