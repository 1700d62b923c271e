"""Photos that came without a file of the shop's: they lie inside the catalog.

``uploads/<sha256>.<ext>`` is a photo's bytes, named by its id. A photo is written whole into a
spool beside them and renamed into place by whoever holds the writer's lock, so a name there is a
whole photo.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Set
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from furniture_prompter.catalog.manifest import replace_file
from furniture_prompter.catalog.storage import make_folder, writing
from furniture_prompter.timing import now_s

UPLOADS_FOLDER: Final = "uploads"
_SPOOL: Final = ".incoming-"
# No request takes this long: a spool that old was left by a process that was killed.
_STALE_SPOOL_S: Final = 86_400.0


def upload_problem(path: Path, photo_id: str) -> str | None:
    """What is wrong with an uploaded photo's file; None where it is what its id says."""
    try:
        with path.open("rb") as handle:
            found = hashlib.file_digest(handle, "sha256").hexdigest()
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    return None if found == photo_id else "was altered"


class Spool:
    """The photos of one request, on the catalog's own disk but not yet of the catalog."""

    def __init__(self, folder: Path) -> None:
        """Use :func:`spool_in`."""
        self._folder = folder

    def add(self, name: str, data: bytes) -> Path:
        """Write a photo under `name`, its id with an extension.

        Raises:
            CatalogWriteError: the disk is full or cannot be written.
        """
        path = self._folder / name
        if not path.exists():
            replace_file(path, data)
        return path


@contextmanager
def spool_in(catalog: Path) -> Iterator[Spool]:
    """A spool that is gone at the end, with what was not taken over.

    Raises:
        CatalogWriteError: the disk is full or cannot be written.
    """
    uploads = catalog / UPLOADS_FOLDER
    make_folder(uploads)
    with writing(catalog):
        folder = Path(tempfile.mkdtemp(prefix=_SPOOL, dir=uploads))
    try:
        yield Spool(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Uploads:
    """The uploaded photos of a catalog; only for the holder of its writer's lock."""

    def __init__(self, catalog: Path) -> None:
        """Take the catalog's folder."""
        self._catalog = catalog
        self._folder = catalog / UPLOADS_FOLDER
        self._taken: list[Path] = []

    def take(self, spooled: Path) -> Path:
        """Move a photo out of its spool to where the catalog names it.

        Raises:
            CatalogWriteError: the disk cannot be written.
        """
        path = (self._folder / spooled.name).absolute()
        with writing(self._catalog):
            if not path.exists():
                spooled.replace(path)
                self._taken.append(path)
        return path

    def undo(self, kept: Set[str] = frozenset()) -> None:
        """Remove what was taken, but for the photos in `kept`, by id: those that were stored."""
        for path in self._taken:
            if path.stem not in kept:
                # What stays is pruned after the grace time; what the run itself says matters more.
                with suppress(OSError):
                    path.unlink(missing_ok=True)
        self._taken.clear()


def uploaded_photos(catalog: Path) -> list[Path]:
    """Every uploaded photo of a catalog; the stem of its name is its id."""
    folder = catalog / UPLOADS_FOLDER
    return [path for path in folder.glob("*") if not path.name.startswith(_SPOOL)]


def mark_replaced(photos: Iterable[Path]) -> None:
    """Remember in the files themselves that the last version with these photos is replaced now.

    It is done before the commit: a run that is killed right after it must not leave photos that
    look as if nobody had read them for long.

    Raises:
        OSError: the disk cannot be written.
    """
    for path in photos:
        os.utime(path, (now_s(), now_s()))


def prune_uploads(catalog: Path, shown: Set[str], grace_s: float) -> None:
    """Remove photos that no version within the grace time shows; needs the writer's lock.

    Args:
        catalog: The catalog's folder.
        shown: Ids of the photos of the current version.
        grace_s: Seconds that replaced versions stay readable.

    Raises:
        OSError: one cannot be removed.
    """
    now = now_s()
    for path in uploaded_photos(catalog):
        if path.stem not in shown and now - path.stat().st_mtime >= grace_s:
            path.unlink(missing_ok=True)
    for path in (catalog / UPLOADS_FOLDER).glob(f"{_SPOOL}*"):
        # A request that ends meanwhile takes its spool away.
        with suppress(FileNotFoundError):
            if now - path.stat().st_mtime > _STALE_SPOOL_S:
                shutil.rmtree(path, ignore_errors=True)
