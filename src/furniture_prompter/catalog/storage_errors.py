"""Foreign storage errors, translated at one place."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from furniture_prompter.errors import CatalogDamagedError, CatalogWriteError

# LanceDB raises these for everything that its Rust core reports.
STORAGE_ERRORS = (OSError, RuntimeError, ValueError)


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turn a failed write below `folder` into :class:`CatalogWriteError`."""
    try:
        yield
    except STORAGE_ERRORS as error:
        raise CatalogWriteError(
            f"The catalog at {folder} could not be written ({first_line(error)}). Free disk space "
            "or mend the permissions and run the command again: the previous version is "
            "untouched, and photos that were already encoded are kept."
        ) from error


@contextmanager
def reading(folder: Path) -> Iterator[None]:
    """Turn a failed read below `folder` into :class:`CatalogDamagedError`."""
    try:
        yield
    except STORAGE_ERRORS as error:
        raise CatalogDamagedError(
            f"The catalog at {folder} could not be read ({first_line(error)}). Run "
            f"`furniture-prompter catalog verify --catalog {folder}`; if it is not sound, restore "
            "a back-up or index the feed again into a new folder."
        ) from error


def first_line(error: Exception) -> str:
    """What went wrong in one short line, without the storage engine's source locations."""
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return "no space left on the disk"
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0].split(", /")[0][:300]
