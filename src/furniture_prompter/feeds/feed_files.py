"""The file that a feed is read from: opened several times, and the same each time."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from furniture_prompter.domain import SetAside
from furniture_prompter.errors import InvalidFeedError
from furniture_prompter.feeds.cells import UnusableValueError


class FeedFile:
    """A file of a feed, which must not change between the first reading and the last.

    Attributes:
        path: What the user gave, and messages name; of what an archive holds, its name behind the
            archive's.
        content: Where the bytes lie: elsewhere than `path` where that is an archive.
        folder: Where relative images lie.
        keeper: What has to live as long as this file, such as the temporary folder of an archive.
    """

    def __init__(self, path: Path, content: Path | None = None, folder: Path | None = None) -> None:
        self.path = path
        self.content = content or path
        self.folder = folder or path.parent
        self.keeper: object = None
        self._first: tuple[int, int, int] | None = None

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """The file at its beginning; it is refused at the end if somebody wrote to it meanwhile.

        Of a file that is being written nobody can tell which rows are whole and which are still to
        come. One that is replaced as a whole, by a rename, is read as it was.

        Raises:
            InvalidFeedError: it cannot be read, or it has changed, also since it was first opened.
        """
        try:
            with self.content.open("rb") as file:
                before = _identity(file)
                if self._first is None:
                    self._first = before
                elif before != self._first:
                    raise self._changed()
                yield file
                after = _identity(file)
        except OSError as error:
            raise InvalidFeedError(
                f"The feed {self.path} cannot be read ({error.strerror or error}). Check its "
                "permissions."
            ) from error
        if before != after:
            raise self._changed()

    def set_aside(self, problem: UnusableValueError, line: int) -> SetAside:
        """What is wrong with a row, as records and feeds yield it."""
        return SetAside(
            self.path,
            line,
            problem.reason,
            problem.cure,
            problem.product_id,
            hides_ids=problem.hides_ids,
        )

    def _changed(self) -> InvalidFeedError:
        return InvalidFeedError(
            f"The feed {self.path} was written to while it was read, so nothing of it was taken. "
            "Index it again when it is complete, or a copy of it."
        )


def _identity(file: BinaryIO) -> tuple[int, int, int]:
    status = os.fstat(file.fileno())
    return status.st_ino, status.st_size, status.st_mtime_ns
