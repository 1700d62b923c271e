"""One writer at a time; readers never wait."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from furniture_prompter.catalog.storage_errors import misplaced
from furniture_prompter.errors import CatalogBusyError, CatalogFormatError, CatalogWriteError

LOCK_FILE = ".writer.lock"


@contextmanager
def writer_lock(folder: Path) -> Iterator[None]:
    """Hold the right to write the catalog at `folder`, made if it is not there.

    The operating system frees the lock of a killed process.

    Raises:
        CatalogBusyError: another process holds it.
        CatalogFormatError: `folder` is a file.
        CatalogWriteError: the folder cannot be made or written, or its lock is a folder.
    """
    if folder.exists() and not folder.is_dir():
        raise CatalogFormatError(
            f"{folder} is a file, and a catalog is a folder. Name another path."
        )
    if (folder / LOCK_FILE).is_dir():
        raise misplaced(folder / LOCK_FILE)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / LOCK_FILE)
        lock.acquire(timeout=0)
    except Timeout as error:
        raise CatalogBusyError(
            f"Another process is writing the catalog at {folder}. Wait for it to finish, or stop "
            "it; searches go on meanwhile."
        ) from error
    except OSError as error:
        raise CatalogWriteError(
            f"The catalog at {folder} cannot be written ({error.strerror}). Mend the permissions "
            "or name another path."
        ) from error
    try:
        yield
    finally:
        lock.release()
