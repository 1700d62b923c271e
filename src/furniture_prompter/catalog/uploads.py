"""Photos that came without a file of the shop's: they lie inside the catalog.

``uploads/<sha256>.<ext>`` is a photo's bytes, named by its id. A photo is written whole into a
spool beside them and renamed into place by whoever holds the writer's lock, so a name there is a
whole photo.
"""

import hashlib
import shutil
import tempfile
import time
from collections.abc import Iterator, Set
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from furniture_prompter.catalog.manifest import replace_file
from furniture_prompter.catalog.storage_errors import writing

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
    with writing(catalog):
        uploads.mkdir(exist_ok=True)
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

    def undo(self) -> None:
        """Remove what was taken; for a run that does not commit."""
        for path in self._taken:
            path.unlink(missing_ok=True)
        self._taken.clear()

    def prune(self, before: Set[str], after: Set[str], grace_s: float) -> None:
        """Remove photos that no version within the grace time names.

        Args:
            before: Ids of the photos of the version that was replaced.
            after: Ids of the photos of the current version.
            grace_s: Seconds that replaced versions stay readable.
        """
        if not self._folder.is_dir():
            return
        for path in self._taken:
            if path.stem not in after:
                path.unlink(missing_ok=True)
        now_s = time.time()
        for path in self._folder.iterdir():
            age_s = now_s - path.stat().st_mtime
            if path.name.startswith(_SPOOL):
                if age_s > _STALE_SPOOL_S:
                    shutil.rmtree(path, ignore_errors=True)
            elif path.stem in after:
                continue
            elif path.stem in before and grace_s > 0:
                # The version replaced just now may be read for as long as the grace time.
                path.touch()
            elif age_s >= grace_s:
                path.unlink(missing_ok=True)
