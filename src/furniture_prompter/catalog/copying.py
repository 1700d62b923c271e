"""Pulling: a folder becomes a copy of a catalog in object storage, or is brought up to date.

A copy is a catalog's folder. What a version lacks is brought into ``.copied/incoming`` first, each
file under its hash, and stays there where that is cut short; then it is renamed to its place, and
the manifest comes last, by rename, as with every commit. So whoever has the copy open reads on, and
a version of which something is missing is never named. What only versions name that were replaced
for longer than the grace time goes.
"""

import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from furniture_prompter.atomic_files import flush_one, sha256_of
from furniture_prompter.catalog.addresses import Address
from furniture_prompter.catalog.history import VERSIONS_FILE, manifest_of
from furniture_prompter.catalog.lance_files import lance_versions
from furniture_prompter.catalog.manifest import (
    CHECKSUMS_FOLDER,
    MANIFEST_FILE,
    parse_manifest,
    read_manifest,
    refuse_foreign_folder,
    replace_file,
)
from furniture_prompter.catalog.object_store import ObjectMissingError, Store
from furniture_prompter.catalog.remote import (
    AHEAD,
    Head,
    ListName,
    Stored,
    VersionList,
    parsing,
    photo_files,
)
from furniture_prompter.catalog.retention import LEAST_GRACE_S
from furniture_prompter.catalog.storage import writer_lock
from furniture_prompter.domain import IndexProgress, PullSummary
from furniture_prompter.errors import (
    CatalogDamagedError,
    CatalogError,
    CatalogFormatError,
    CatalogStoreError,
    CatalogWriteError,
)
from furniture_prompter.read_ahead import read_ahead
from furniture_prompter.timing import now_s

COPIED_FOLDER: Final = ".copied"
_STATE: Final = "state.json"
_INCOMING: Final = "incoming"
# Room on a disk that is left to others.
_SPARE_BYTES: Final = 50_000_000
Progress = Callable[[IndexProgress], None]


@dataclass(frozen=True, slots=True)
class CopyState:
    """What a folder is a copy of.

    Attributes:
        address: The address.
        lineage: As of :class:`Head`.
        current: List of the version that its manifest is of, or is about to be of.
        manifest: SHA-256 of that manifest's file.
        before: SHA-256 of the manifest that it replaces; empty where there was none.
        earlier: Lists that were replaced in this folder, each with the time since the epoch.
        pushed: Whether it was pushed from this folder, which has versions to roll back to then.
    """

    address: str
    lineage: str
    current: ListName
    manifest: str
    before: str
    earlier: tuple[tuple[ListName, float], ...]
    pushed: bool = False


_COPY_STATE: Final = TypeAdapter(CopyState)


def read_state(folder: Path) -> CopyState | None:
    """What a folder is a copy of; None where it is none, or it cannot be told."""
    try:
        return _COPY_STATE.validate_json((folder / COPIED_FOLDER / _STATE).read_bytes())
    except (OSError, ValidationError):
        return None


def write_state(folder: Path, state: CopyState, listed: bytes, photos: bytes) -> None:
    """Remember what a folder is a copy of, and that version's lists.

    Raises:
        CatalogWriteError: the disk is full or cannot be written.
    """
    with _writing(folder):
        (folder / COPIED_FOLDER).mkdir(exist_ok=True)
    for path, content in zip(_lists(folder, state.current), (listed, photos), strict=True):
        replace_file(path, content)
    _replace_state(folder, state)


def _replace_state(folder: Path, state: CopyState) -> None:
    replace_file(folder / COPIED_FOLDER / _STATE, json.dumps(asdict(state)).encode())
    known = {_STATE}
    for name in (state.current, *(each for each, _ in state.earlier)):
        known.update(path.name for path in _lists(folder, name))
    with suppress(OSError):
        for path in (folder / COPIED_FOLDER).glob("*.json"):
            if path.name not in known:
                path.unlink(missing_ok=True)


def _lists(folder: Path, name: ListName) -> tuple[Path, Path]:
    begin = folder / COPIED_FOLDER / str(name.generation)
    return begin.with_suffix(".files.json"), begin.with_suffix(".photos.json")


def _listed(folder: Path, name: ListName, address: Address) -> dict[str, Stored]:
    """All files of a version that was copied; none where that is not known any more."""
    files, photos = _lists(folder, name)
    try:
        version = VersionList.parse(files.read_bytes(), address)
        return {**version.files, **photo_files(photos.read_bytes(), address)}
    except (OSError, CatalogError):
        return {}


def pull(
    store: Store,
    folder: Path,
    *,
    grace_s: float,
    connections: int,
    progress: Progress = lambda _: None,
    still_wanted: Callable[[], bool] = lambda: True,
    found: tuple[Head, str] | None = None,
) -> PullSummary:
    """Make a folder a copy of what an address has now, or bring a copy up to date.

    Args:
        store: Where from.
        folder: The copy; made where there is none.
        grace_s: Seconds that the version before stays for searches under way.
        connections: Objects that are asked for at once.
        progress: Called from time to time.
        still_wanted: Asked between parts; where it says no, an InterruptedError is raised, and what
            was copied is taken up by the next.
        found: The head, where it was asked for already.

    Raises:
        CatalogFormatError: the folder holds something else, or was written since it was copied.
        CatalogBusyError: another process writes it.
        CatalogStoreError, CatalogWriteError: see those.
    """
    began = time.perf_counter()
    head, _ = found or _found(store.head())
    if not (folder / MANIFEST_FILE).exists():
        refuse_foreign_folder(folder)
    with writer_lock(folder):
        state = _refuse_other(folder, head, store.address)
        copying = _Copying(store, folder, connections, progress, still_wanted)
        changed = _sha256(folder / MANIFEST_FILE) != head.manifest_sha256
        if changed or state is None or state.current != head.current:
            head, state = _brought(copying, head, state)
        _clear_up(folder, state, store.address, grace_s)
    return PullSummary(
        address=str(store.address),
        catalog=str(folder),
        version=head.version,
        changed=changed,
        objects=copying.objects,
        bytes=copying.bytes,
        seconds=time.perf_counter() - began,
    )


def _brought(copying: "_Copying", head: Head, state: CopyState | None) -> tuple[Head, CopyState]:
    """Bring the version of a head, or of the one after it, where the store has cleared up since."""
    while True:
        try:
            return head, copying.bring(head, state)
        except ObjectMissingError:
            newer, _ = _found(copying.store.head())
            if newer.current == head.current or newer.lineage != head.lineage:
                raise
            head = newer


def _found(found: tuple[Head, str] | None) -> tuple[Head, str]:
    # Only who names an entity tag is told that nothing has changed.
    assert found is not None  # noqa: S101
    return found


def _refuse_other(folder: Path, head: Head, address: Address) -> CopyState | None:
    """What a folder is a copy of; raises where the version of `head` may not replace what it is."""
    there = _sha256(folder / MANIFEST_FILE)
    state = read_state(folder)
    if there is None or there == head.manifest_sha256:
        if state is not None and state.lineage != head.lineage:
            return None if there is None else replace(state, lineage=head.lineage)
        return state
    elsewhere = "Name a new folder with --catalog."
    if state is None:
        raise CatalogFormatError(
            f"{folder} holds a catalog that is no copy of {address}, and is left as it is. "
            f"{elsewhere}"
        )
    if there not in (state.manifest, state.before):
        raise CatalogFormatError(
            f"The catalog at {folder} was written since it was copied from {state.address}, and is "
            f"left as it is. Push it there (`furniture-prompter catalog push {state.address} "
            f"--catalog {folder}`), or take the other: {elsewhere}"
        )
    if state.lineage != head.lineage or state.current.generation > head.generation:
        raise CatalogFormatError(
            f"{folder} is a copy of {state.address}, and {address} holds another catalog than was "
            f"copied there. It is left as it is. {elsewhere}"
        )
    return state


def _sha256(path: Path) -> str | None:
    try:
        return sha256_of(path)
    except FileNotFoundError:
        return None


class _Copying:
    """Brings one version into a folder whose writer's lock is held.

    Attributes:
        store: Where from.
        objects: Objects copied.
        bytes: Their sizes.
    """

    def __init__(
        self,
        store: Store,
        folder: Path,
        connections: int,
        progress: Progress,
        still_wanted: Callable[[], bool],
    ) -> None:
        self.objects = 0
        self.bytes = 0
        self.store = store
        self._folder = folder
        self._incoming = folder / COPIED_FOLDER / _INCOMING
        self._connections = connections
        self._progress = progress
        self._still_wanted = still_wanted
        self._here: dict[str, Path] = {}

    def bring(self, head: Head, state: CopyState | None) -> CopyState:
        """Bring the version of a head, and make it current.

        Returns:
            What the folder is now.
        """
        name = head.current
        listed = self.store.content(name.key, name.size, name.sha256)
        version = VersionList.parse(listed, self.store.address)
        if version.files[MANIFEST_FILE].sha256 != head.manifest_sha256:
            raise CatalogStoreError(
                f"Head and list at {self.store.address} do not belong together. Push the catalog "
                "again with --replace."
            )
        self._refuse_unreadable(version)
        photo_list = self.store.photo_list(version)
        photos = photo_files(photo_list, self.store.address)
        before = {} if state is None else _listed(self._folder, state.current, self.store.address)
        self._here = {each.sha256: self._folder / path for path, each in before.items()}
        missing = {
            path: stored
            for path, stored in {**version.files, **photos}.items()
            if not self._has(path, stored, before)
        }
        with _writing(self._folder):
            self._incoming.mkdir(parents=True, exist_ok=True)
            self._fetch(missing)
        now = CopyState(
            address=str(self.store.address),
            lineage=head.lineage,
            current=name,
            manifest=head.manifest_sha256,
            before=_sha256(self._folder / MANIFEST_FILE) or "",
            earlier=() if state is None else _replaced(state, name),
            pushed=state is not None and state.pushed,
        )
        # Before the first file is in its place, so that each is known of and goes one day.
        write_state(self._folder, now, listed, photo_list)
        manifest = self._incoming / head.manifest_sha256
        with _writing(self._folder):
            self._place(missing)
            if manifest.exists():
                manifest.replace(self._folder / MANIFEST_FILE)
            flush_one(self._folder)
            shutil.rmtree(self._incoming, ignore_errors=True)
        read_manifest(self._folder)
        return now

    def _refuse_unreadable(self, version: VersionList) -> None:
        """Refuse what this release could not open, before anything of it takes a former's place.

        Raises:
            CatalogFormatError: a newer release wrote the version.
            AlteredObjectError: it is none, or its list lacks files that it needs.
        """
        address = self.store.address
        with parsing(address, "A manifest"):
            try:
                manifest = parse_manifest(self._parsed(version, MANIFEST_FILE), self._folder)
            except CatalogDamagedError as error:
                raise ValueError(error) from error
        with parsing(address, "The list of checksums"):
            checksums = self._parsed(version, f"{CHECKSUMS_FOLDER}/{manifest.checksums}")["files"]
            for name, (size, sha256) in checksums.items():
                listed = version.files.get(name)
                if listed is None or (listed.size, listed.sha256) != (size, sha256):
                    raise ValueError(f"the version needs {name[:80]!a}, which its list lacks")

    def _parsed(self, version: VersionList, path: str) -> Any:
        stored = version.files.get(path)
        if stored is None:
            raise ValueError(f"the version needs {path}, which its list lacks")
        place = self._incoming / stored.sha256
        with _writing(self._folder):
            for each in (self._folder / path, place):
                if _sha256(each) == stored.sha256:
                    return json.loads(each.read_bytes())
            content = self.store.content(stored.key, stored.size, stored.sha256)
            self._incoming.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
            flush_one(place)
        self.objects += 1
        self.bytes += stored.size
        return json.loads(content)

    def _has(self, path: str, stored: Stored, before: Mapping[str, Stored]) -> bool:
        """Whether a file lies where it belongs, as it was pushed."""
        place = self._folder / path
        try:
            size = place.stat().st_size
        except (FileNotFoundError, NotADirectoryError):
            return False
        if size != stored.size:
            return False
        known = before.get(path)
        # A file that was checked when it was copied is not read again; whoever doubts the disk has
        # `catalog verify`.
        is_checked = known is not None and known.sha256 == stored.sha256
        return (is_checked and path not in (MANIFEST_FILE, VERSIONS_FILE)) or (
            _sha256(place) == stored.sha256
        )

    def _fetch(self, missing: Mapping[str, Stored]) -> None:
        wanted = {each.sha256: each for each in missing.values()}
        for path in self._incoming.iterdir():
            if path.name not in wanted:
                path.unlink()
        arrived = sum(path.stat().st_size for path in self._incoming.iterdir())
        needed = sum(each.size for each in wanted.values()) - arrived
        free = shutil.disk_usage(self._folder).free
        if needed + _SPARE_BYTES > free:
            raise CatalogWriteError(
                f"The copy at {self._folder} needs {needed:,} bytes more, and {free:,} are free. "
                "Free space and run the command again; what has arrived is kept."
            )
        fetched = read_ahead(
            self._fetch_one,
            wanted.values(),
            workers=self._connections,
            ahead=AHEAD * self._connections,
            thread_name="pull",
        )
        for done, size in enumerate(fetched, 1):
            if size is not None:
                self.objects += 1
                self.bytes += size
            if done % AHEAD == 0 or done == len(wanted):
                self._progress(IndexProgress("pulling", done, len(wanted), "files"))

    def _fetch_one(self, stored: Stored) -> int | None:
        """Bring an object here; its size, None where it was here already."""
        if not self._still_wanted():
            raise InterruptedError
        path = self._incoming / stored.sha256
        # It was checked when it arrived; the machine may have lost power since.
        if path.is_file() and sha256_of(path) == stored.sha256:
            return None
        # Some parts of an index are the same in every version, under another name.
        twin = self._here.get(stored.sha256)
        if twin is not None and _sha256(twin) == stored.sha256:
            shutil.copyfile(twin, path)
            flush_one(path)
            return None
        self.store.fetch(stored, path, self._still_wanted)
        return stored.size

    def _place(self, missing: Mapping[str, Stored]) -> None:
        """Rename files to where they belong, but the manifest, and bring the names to the disk."""
        folders: set[Path] = set()
        by_hash: dict[str, list[str]] = {}
        for path, stored in missing.items():
            if path != MANIFEST_FILE:
                by_hash.setdefault(stored.sha256, []).append(path)
        for sha256, paths in by_hash.items():
            source = self._incoming / sha256
            for number, path in enumerate(paths):
                place = self._folder / path
                place.parent.mkdir(parents=True, exist_ok=True)
                folders |= {each for each in place.parents if each.is_relative_to(self._folder)}
                taken = source
                if number + 1 < len(paths):
                    taken = source.with_suffix(".again")
                    shutil.copyfile(source, taken)
                    flush_one(taken)
                taken.replace(place)
        for each in folders:
            flush_one(each)


def _of_kept_versions(folder: Path) -> set[str]:
    """Files of the versions that the manifest keeps and this folder has."""
    found: set[str] = set()
    for kept in read_manifest(folder).kept:
        with suppress(CatalogError):
            checksums = manifest_of(folder, kept)
            found |= {*checksums.files, f"{CHECKSUMS_FOLDER}/{checksums.name}"}
    return found


def _replaced(state: CopyState, name: ListName) -> tuple[tuple[ListName, float], ...]:
    if state.current == name:
        return state.earlier
    return (*state.earlier, (state.current, now_s()))


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except InterruptedError:
        raise
    except OSError as error:
        raise CatalogWriteError(
            f"The copy at {folder} could not be written ({error.strerror or error}). Free space or "
            "mend the permissions and run the command again: the version before is untouched, and "
            "what has arrived is kept."
        ) from error


def _clear_up(folder: Path, state: CopyState, address: Address, grace_s: float) -> None:
    """Delete what only versions name whose grace time is over; what cannot be stays."""
    grace_s = max(grace_s, LEAST_GRACE_S)
    over = [name for name, at_s in state.earlier if now_s() - at_s >= grace_s]
    needed = set(_listed(folder, state.current, address))
    if not over or not needed:
        return
    rollbacks = _of_kept_versions(folder) - needed if state.pushed else set()
    # A list stays known for as long as something of it is kept, and is cleared up then.
    over = [name for name in over if rollbacks.isdisjoint(_listed(folder, name, address))]
    kept = tuple(each for each in state.earlier if each[0] not in over)
    needed |= rollbacks
    for name, _ in kept:
        needed |= _listed(folder, name, address).keys()
    with suppress(OSError):
        for name in over:
            for gone in _listed(folder, name, address).keys() - needed:
                (folder / gone).unlink(missing_ok=True)
        # A version that was kept in this folder before it was copied over has lost files with that.
        for table in folder.glob("*.lance"):
            for _, path in lance_versions(folder, table.stem):
                if path.relative_to(folder).as_posix() not in needed:
                    path.unlink(missing_ok=True)
        _replace_state(folder, replace(state, earlier=kept))
