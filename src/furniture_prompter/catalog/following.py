"""The copy that this machine searches of a catalog in object storage, and what keeps it fresh."""

import logging
import shutil
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from furniture_prompter.catalog.copying import Progress, pull
from furniture_prompter.catalog.manifest import MANIFEST_FILE
from furniture_prompter.catalog.object_store import Store
from furniture_prompter.errors import (
    CatalogBusyError,
    CatalogError,
    CatalogWriteError,
)
from furniture_prompter.timing import now_s

_LOG: Final = logging.getLogger("furniture_prompter.catalog")
_UNFORESEEN: Final = "unforeseen"
# Another process that copies the same is done soon, or a wait later.
_PAUSE_S: Final = 0.2


class LocalCopy:
    """The copy of an address that this machine serves from, in a folder for such copies.

    It has a folder for each lineage, so that no path ever changes its bytes under a search.
    """

    def __init__(self, store: Store, cache: Path, *, grace_s: float, connections: int) -> None:
        """Take where from and where to; nothing is asked yet."""
        self.store = store
        self._base = cache / store.address.slug
        self._grace_s = grace_s
        self._connections = connections
        self._seen: str | None = None
        self._lock = threading.Lock()

    @property
    def folder(self) -> Path | None:
        """The newest whole copy; None before there is one."""
        return next(iter(self._whole()), None)

    def _whole(self) -> list[Path]:
        found: list[tuple[int, Path]] = []
        for path in self._base.glob(f"*/{MANIFEST_FILE}"):
            with suppress(OSError):
                found.append((path.stat().st_mtime_ns, path.parent))
        return [path for _, path in sorted(found, reverse=True)]

    def bring(
        self,
        *,
        progress: Progress = lambda _: None,
        still_wanted: Callable[[], bool] = lambda: True,
    ) -> Path:
        """Bring the copy up to date; one small request where it is.

        Returns:
            Its folder.

        Raises:
            CatalogBusyError: another process of this machine is at it.
            CatalogStoreError, CatalogError, InterruptedError: as of :func:`pull`.
        """
        with self._lock:
            found = self.store.head(self._seen)
            if found is None and (folder := self.folder) is not None:
                return folder
            found = found or self.store.head()
            assert found is not None  # noqa: S101  # nothing was named that it could still be
            head, e_tag = found
            folder = self._base / head.lineage
            try:
                folder.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise CatalogWriteError(
                    f"Copies of catalogs cannot be kept at {self._base.parent} ({error.strerror}). "
                    "Mend the permissions, or name another folder (catalog_cache)."
                ) from error
            pull(
                self.store,
                folder,
                grace_s=self._grace_s,
                connections=self._connections,
                progress=progress,
                still_wanted=still_wanted,
                found=found,
            )
            self._forget_others(folder)
            self._seen = e_tag
            return folder

    def newest(self, *, progress: Progress = lambda _: None) -> tuple[Path, str | None]:
        """The copy, brought up to date where that can be.

        Returns:
            Its folder, and why it may not be up to date; None where it is.

        Raises:
            CatalogError: there is no whole copy, and none can be made.
        """
        while True:
            try:
                return self.bring(progress=progress), None
            except CatalogError as error:
                if (folder := self.folder) is not None:
                    return folder, str(error)
                if not isinstance(error, CatalogBusyError):
                    raise
                time.sleep(_PAUSE_S)

    def _forget_others(self, folder: Path) -> None:
        """Delete copies of other lineages once the present one is older than the grace time."""
        with suppress(OSError):
            if now_s() - (folder / MANIFEST_FILE).stat().st_mtime < self._grace_s:
                return
            for path in self._base.iterdir():
                if path != folder and path.is_dir():
                    # Whoever dies meanwhile leaves no folder that looks whole.
                    (path / MANIFEST_FILE).unlink(missing_ok=True)
                    shutil.rmtree(path, ignore_errors=True)


class Follower:
    """Keeps a copy up to date in a thread, until it is told to stop.

    Of the processes of one machine that follow an address, whichever comes first copies.
    """

    def __init__(self, copy: LocalCopy, poll_s: float, failed: Callable[[], None]) -> None:
        """Take the copy, seconds between two looks, and what is called after each failure."""
        self._copy = copy
        self._poll_s = poll_s
        self._failed = failed
        self._stop = threading.Event()
        # What is being copied when a process ends is taken up by the next: none waits for it.
        self._thread = threading.Thread(target=self._run, name="follow the catalog", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more; what is being copied is left off at its next part."""
        self._stop.set()

    def _run(self) -> None:
        told = ""
        while not self._stop.wait(self._poll_s):
            try:
                self._copy.bring(still_wanted=lambda: not self._stop.is_set())
                told = ""
            except CatalogBusyError:
                continue
            except InterruptedError:
                return
            except (CatalogError, OSError) as error:
                self._failed()
                # An outage of hours is one line, not thousands.
                if str(error) != told:
                    _LOG.error("the catalog's copy is not up to date: %s", error)
                told = str(error)
            # A thread that ended would say nothing while its copy grows old.
            except BaseException:  # noqa: BLE001  # a panic of a library among them; told once
                self._failed()
                if told != _UNFORESEEN:
                    _LOG.exception("the catalog's copy is not up to date")
                told = _UNFORESEEN
