"""Foreign storage errors, translated at one place."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from furniture_prompter.errors import CatalogDamagedError, CatalogWriteError

# LanceDB raises these for everything that its Rust core reports, OverflowError for a number or an
# age that it cannot take, pyarrow the last for what does not fit together.
STORAGE_ERRORS = (OSError, RuntimeError, ValueError, OverflowError, pa.ArrowException)
# The Rust core's words for a panic, in a call (which is no Exception) and in what is awaited. No
# module exports them.
_PANICS = frozenset({"PanicException", "RustPanic"})


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turn a failed write below `folder` into :class:`CatalogWriteError`."""
    try:
        yield
    except BaseException as error:
        if not is_storage_error(error):
            raise
        raise CatalogWriteError(
            f"The catalog at {folder} could not be written ({first_line(error)}). Free disk space "
            "or mend the permissions and run the command again: the previous version is "
            "untouched, and photos that were already encoded are kept. Where neither is the cause, "
            f"`furniture-prompter catalog verify --catalog {folder}` says whether it is damaged."
        ) from error


def misplaced(path: Path) -> CatalogWriteError:
    """The error of a file where a folder belongs, or the other way round; nothing removes it."""
    found, wanted = ("folder", "file") if path.is_dir() else ("file", "folder")
    return CatalogWriteError(
        f"{path} is a {found}, and a {wanted} belongs there. Move it out of the catalog and run "
        "the command again; the catalog makes its own."
    )


def make_folder(path: Path) -> None:
    """Make a folder of a catalog where it is not there.

    Raises:
        CatalogWriteError: it cannot be made, or something else lies there.
    """
    if path.exists() and not path.is_dir():
        raise misplaced(path)
    with writing(path.parent):
        path.mkdir(exist_ok=True)


@contextmanager
def reading(folder: Path) -> Iterator[None]:
    """Turn a failed read below `folder` into :class:`CatalogDamagedError`."""
    try:
        yield
    except BaseException as error:
        if not is_storage_error(error):
            raise
        raise unreadable(folder, first_line(error)) from error


def unreadable(folder: Path, detail: str) -> CatalogDamagedError:
    """The error of a catalog that cannot be read, or whose parts do not belong together."""
    return CatalogDamagedError(
        f"The catalog at {folder} could not be read ({detail}). Run `furniture-prompter catalog "
        f"verify --catalog {folder}`, which names what is damaged, and `furniture-prompter catalog "
        "repair` with the same, which mends what it can."
    )


def is_storage_error(error: BaseException) -> bool:
    """Whether the storage engine reports something, if only by a panic."""
    return isinstance(error, STORAGE_ERRORS) or type(error).__name__ in _PANICS


def first_line(error: BaseException) -> str:
    """What went wrong in one short line, without the storage engine's source locations."""
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return "no space left on the disk"
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0].split(", /")[0][:300]
