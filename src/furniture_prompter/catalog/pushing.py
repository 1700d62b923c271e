"""Pushing: the current version of a catalog goes to object storage whole, or not at all.

Bytes go first and the head last, by conditional PUT, so that a push that is killed, or loses a race
to another, leaves objects that nobody is told of.
"""

import asyncio
import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from furniture_prompter.atomic_files import sha256_of
from furniture_prompter.catalog.clearing import clear_up, not_cleared_up
from furniture_prompter.catalog.columns import PHOTOS
from furniture_prompter.catalog.copying import CopyState, write_state
from furniture_prompter.catalog.history import VERSIONS_FILE, catalog_versions
from furniture_prompter.catalog.integrity import load_checksums
from furniture_prompter.catalog.manifest import (
    CHECKSUMS_FOLDER,
    MANIFEST_FILE,
    Manifest,
    parse_manifest,
    read_manifest,
)
from furniture_prompter.catalog.object_store import LIMIT_PARSED_BYTES, ObjectMissingError, Store
from furniture_prompter.catalog.remote import (
    AHEAD,
    HEAD,
    LISTS,
    AlteredHeadError,
    Head,
    ListName,
    Stored,
    VersionList,
    listed_photos,
)
from furniture_prompter.catalog.retention import UPLOADS_FOLDER, photo_places
from furniture_prompter.catalog.storage import connect, reading, unreadable
from furniture_prompter.domain import IndexProgress, PushSummary
from furniture_prompter.errors import (
    CatalogBusyError,
    CatalogDamagedError,
    CatalogFormatError,
    CatalogStoreError,
)
from furniture_prompter.read_ahead import read_ahead
from furniture_prompter.timing import now_s

# A version that is replaced while it is pushed may lose files; so often is the next one taken.
_TURNS: Final = 3
# Read whole and hashed on the way; what is larger is read twice.
_SMALL_BYTES: Final = 8_000_000
Progress = Callable[[IndexProgress], None]


@dataclass(frozen=True, slots=True)
class _Source:
    """Bytes to be stored: of a file, or at hand."""

    size: int
    sha256: str
    place: Path | bytes


@dataclass(frozen=True, slots=True)
class _Local:
    """A version as it lies on the disk, by path in the catalog's folder."""

    manifest: Manifest
    manifest_sha256: str
    files: Mapping[str, _Source]
    photos: Mapping[str, tuple[str, tuple[Path, ...]]]

    @property
    def parsed(self) -> tuple[str, str]:
        """Files that a copy parses before it takes anything else."""
        return MANIFEST_FILE, f"{CHECKSUMS_FOLDER}/{self.manifest.checksums}"


def push(
    folder: Path,
    store: Store,
    *,
    replace: bool,
    grace_s: float,
    connections: int,
    progress: Progress = lambda _: None,
) -> PushSummary:
    """Make the current version of a catalog that of an address.

    Nothing is locked: whoever writes the catalog goes on meanwhile.

    Args:
        folder: The catalog.
        store: Where to.
        replace: Whether it may take the place of a catalog that it does not come from. All is sent
            anew then, whatever is there and in whatever state.
        grace_s: Seconds that replaced versions stay there for copies under way.
        connections: Objects that are sent at once.
        progress: Called from time to time.

    Raises:
        CatalogBusyError: another push was quicker, or the address holds what this catalog does not
            come from; nothing there was changed.
        CatalogFormatError: a release that kept no checksums wrote the catalog.
        CatalogStoreError, CatalogDamagedError, CatalogNotFoundError: see those.
    """
    began = time.perf_counter()
    for turn in range(1, _TURNS + 1):
        local = _version_of(folder)
        try:
            return _push(folder, local, store, replace, grace_s, connections, progress, began)
        except FileNotFoundError as error:
            if read_manifest(folder).version == local.manifest.version or turn == _TURNS:
                raise unreadable(folder, f"{error.filename} is missing") from error
    raise AssertionError


def _version_of(folder: Path) -> _Local:
    read_manifest(folder)  # what is wrong with it is said in words
    content = (folder / MANIFEST_FILE).read_bytes()
    manifest = parse_manifest(json.loads(content), folder)
    if manifest.checksums is None:
        raise CatalogFormatError(
            f"The release that wrote the catalog at {folder} kept no checksums, which a copy is "
            f"held against. Run `furniture-prompter catalog optimize --catalog {folder}` and push "
            "then."
        )
    checksums = load_checksums(folder, manifest.checksums)
    files = {
        name: _Source(each.size, each.sha256, folder / name)
        for name, each in checksums.files.items()
    }
    files[MANIFEST_FILE] = _at_hand(content)
    name = f"{CHECKSUMS_FOLDER}/{manifest.checksums}"
    files[name] = _at_hand((folder / name).read_bytes())
    if (folder / VERSIONS_FILE).is_file():
        files[VERSIONS_FILE] = _at_hand((folder / VERSIONS_FILE).read_bytes())
    photos = asyncio.run(_photos_of(folder, manifest))
    return _Local(manifest, files[MANIFEST_FILE].sha256, files, photos)


def _at_hand(content: bytes) -> _Source:
    return _Source(len(content), hashlib.sha256(content).hexdigest(), content)


async def _photos_of(folder: Path, manifest: Manifest) -> dict[str, tuple[str, tuple[Path, ...]]]:
    """Id of each photo, and where its file may lie, by the path that it has in a copy."""
    found: dict[str, tuple[str, tuple[Path, ...]]] = {}
    with reading(folder):
        table = await (await connect(folder)).open_table(PHOTOS)
        await table.checkout(manifest.tables[PHOTOS])
        async for batch in await table.query().select(["id", "path"]).to_batches():
            rows = zip(batch["id"].to_pylist(), batch["path"].to_pylist(), strict=True)
            for photo_id, path in rows:
                places = photo_places(folder, photo_id, path)
                found[f"{UPLOADS_FOLDER}/{places[-1].name}"] = (photo_id, places)
    return found


def _push(
    folder: Path,
    local: _Local,
    store: Store,
    replace: bool,
    grace_s: float,
    connections: int,
    progress: Progress,
    began: float,
) -> PushSummary:
    head: Head | None = None
    e_tag: str | None = None
    lost: tuple[ListName, ...] = ()
    try:
        found = store.head()
        assert found is not None  # noqa: S101  # no entity tag was named
        head, e_tag = found
    except ObjectMissingError:
        pass
    except AlteredHeadError as error:
        if not replace:
            raise
        e_tag, lost = error.e_tag, _lists(store)
    if not replace and head is not None and head.manifest_sha256 == local.manifest_sha256:
        return PushSummary(
            address=str(store.address),
            version=head.version,
            changed=False,
            objects=0,
            bytes=0,
            deleted=0,
            seconds=time.perf_counter() - began,
            notes=(),
        )
    if head is not None and not replace:
        _refuse_another(folder, local.manifest, head, store)
    base = None if head is None or replace else store.version_list(head.current)
    base_photos = {} if base is None else store.photos(base)
    generation = max((each.generation for each in lost), default=0) + 1
    if head is not None:
        generation = head.generation + 1
    sending = _Sending(store, generation, connections, progress, anew=replace)
    if base is not None:
        sending.known |= {each.sha256: each for each in (*base.files.values(), base.photos)}
    sending.known |= {each.sha256: each for each in base_photos.values()}
    photos, missing = sending.photos(local.photos)
    files = sending.files(local.files)
    listed = VersionList(files, sending.file(_at_hand(listed_photos(photos))))
    content = listed.to_json()
    if max(len(content), *(files[each].size for each in local.parsed)) > LIMIT_PARSED_BYTES:
        raise CatalogFormatError(
            f"The catalog at {folder} has more files than a copy takes ({len(files):,}). Run "
            f"`furniture-prompter catalog optimize --catalog {folder}` and push then."
        )
    name = ListName(generation, len(content), hashlib.sha256(content).hexdigest())
    _put_list(store, name, content)

    # Where no head tells what was replaced, every list that is there was.
    earlier = tuple((each, now_s()) for each in lost)
    if head is not None:
        earlier = (*not_cleared_up(store, head, grace_s), (head.current, now_s()))
        if replace:
            # Of a list that is gone nothing else says that its generation is still to be cleared.
            store.put_unless_changed(head.current.key, b"{}", None)
    new = Head(
        lineage=_lineage(head, base, files),
        version=local.manifest.version,
        created=local.manifest.created,
        manifest_sha256=local.manifest_sha256,
        current=name,
        push=uuid4().hex,
        earlier=earlier,
    )
    _turn_head(store, new, e_tag)
    notes: list[str] = []
    if missing:
        notes.append(
            f"{missing:,} photos are no longer as they were indexed, so that copies cannot show "
            "them. Index the feed again and push then."
        )
    state = CopyState(
        str(store.address), new.lineage, name, new.manifest_sha256, "", (), pushed=True
    )
    write_state(folder, state, content, listed_photos(photos))
    try:
        deleted = clear_up(store, new, listed, photos, grace_s)
    except CatalogStoreError as error:
        deleted = 0
        notes.append(
            f"What no version needs could not be deleted there; the next push does: {error}"
        )
    return PushSummary(
        address=str(store.address),
        version=new.version,
        changed=True,
        objects=sending.objects,
        bytes=sending.bytes + len(content),
        deleted=deleted,
        seconds=time.perf_counter() - began,
        notes=tuple(notes),
    )


def _lists(store: Store) -> tuple[ListName, ...]:
    """All lists that lie at an address, by generation."""
    found = (ListName.of_key(key, size) for key, size in store.sizes(LISTS).items())
    return tuple(sorted(filter(None, found), key=lambda each: each.generation))


def _refuse_another(folder: Path, manifest: Manifest, head: Head, store: Store) -> None:
    """Refuse to take the place of a version that is none of this catalog's former ones."""
    known = {(each.version, each.created) for each in catalog_versions(folder)}
    if manifest.version > head.version and (head.version, head.created) in known:
        return
    copy = f"furniture-prompter catalog pull {store.address} --catalog NEW-FOLDER"
    raise CatalogBusyError(
        f"{store.address} holds version {head.version} of {head.created}, which the catalog at "
        f"{folder} (version {manifest.version} of {manifest.created}) does not come from: another "
        f"one was pushed there. Take it (`{copy}`) and index into that, push to another address, "
        "or put this one in its place with --replace. Nothing there was changed."
    )


class _Sending:
    """Sends what is not there yet.

    Attributes:
        known: What the store has by SHA-256 and may be named.
        objects: Objects sent.
        bytes: Their sizes.
    """

    def __init__(
        self, store: Store, generation: int, connections: int, progress: Progress, *, anew: bool
    ) -> None:
        self.known: dict[str, Stored] = {}
        self.objects = 0
        self.bytes = 0
        self._store = store
        self._generation = generation
        self._connections = connections
        self._progress = progress
        # A push of this generation that was killed has left them.
        self._there = {} if anew else store.sizes(f"objects/{generation}")

    def files(self, sources: Mapping[str, _Source]) -> dict[str, Stored]:
        """Send the files of a version; what was stored of each, by path."""
        unknown = {each.sha256: each for each in sources.values() if each.sha256 not in self.known}
        self._all(unknown, self._send, "files")
        return {name: self.known[each.sha256] for name, each in sources.items()}

    def file(self, source: _Source) -> Stored:
        """Send one file."""
        return self.files({"": source})[""]

    def photos(
        self, photos: Mapping[str, tuple[str, tuple[Path, ...]]]
    ) -> tuple[dict[str, Stored], int]:
        """Send photos; what was stored of each, by path, and how many are not to be had."""
        unknown = {
            photo_id: places for photo_id, places in photos.values() if photo_id not in self.known
        }
        self._all(unknown, self._send_photo, "photos")
        stored = {
            name: self.known[photo_id]
            for name, (photo_id, _) in photos.items()
            if photo_id in self.known
        }
        return stored, len({each for each, _ in photos.values()} - self.known.keys())

    def _all(
        self, items: Mapping[str, Any], send: Callable[[str, Any], "_Put | None"], unit: str
    ) -> None:
        sent = read_ahead(
            lambda item: send(*item),
            items.items(),
            workers=self._connections,
            # What waits is bounded: a catalog may have a million photos.
            ahead=AHEAD * self._connections,
            thread_name="push",
        )
        for done, put in enumerate(sent, 1):
            if put is not None:
                self.known[put.stored.sha256] = put.stored
                self.objects += put.is_new
                self.bytes += put.stored.size * put.is_new
            if done % AHEAD == 0 or done == len(items):
                self._progress(IndexProgress("pushing", done, len(items), unit))

    def _send(self, sha256: str, source: _Source) -> "_Put":
        content = data = source.place
        if isinstance(content, Path):
            if source.size <= _SMALL_BYTES:
                data = content.read_bytes()
                digest = hashlib.sha256(data).hexdigest()
            else:
                digest = sha256_of(content)
            if digest != sha256:
                raise CatalogDamagedError(
                    f"{content} was altered, and nothing was pushed. Run `furniture-prompter "
                    "catalog verify` and `catalog repair`, and push then."
                )
        return self._put(Stored(source.size, sha256, self._generation), data)

    def _send_photo(self, photo_id: str, places: tuple[Path, ...]) -> "_Put | None":
        for path in places:
            try:
                content = path.read_bytes()
            except OSError:
                continue
            if hashlib.sha256(content).hexdigest() == photo_id:
                return self._put(Stored(len(content), photo_id, self._generation), content)
        return None

    def _put(self, stored: Stored, content: bytes | Path) -> "_Put":
        is_new = self._there.get(stored.key) != stored.size
        if is_new:
            self._store.put(stored.key, content)
        return _Put(stored, is_new)


@dataclass(frozen=True, slots=True)
class _Put:
    """What the store has, and whether it had to be sent."""

    stored: Stored
    is_new: bool


def _put_list(store: Store, name: ListName, content: bytes) -> None:
    """Store a list, and find out by it whether the store heeds the conditions of a PUT."""
    store.put(name.key, content)
    if store.put_unless_changed(name.key, content, None) or store.put_unless_changed(
        name.key, content, '"00000000000000000000000000000000"'
    ):
        raise CatalogStoreError(
            f"The store behind {store.address} takes a conditional PUT whose condition does not "
            "hold, so two writers could overwrite each other; nothing was pushed. Use a service "
            "that heeds If-None-Match and If-Match, as AWS S3 and current releases of MinIO do."
        )


def _turn_head(store: Store, head: Head, e_tag: str | None) -> None:
    if store.put_unless_changed(HEAD, head.to_json(), e_tag):
        return
    # The answer to a PUT that was taken may have been lost, and the client has asked again.
    found = store.head()
    if found is not None and found[0].push == head.push:
        return
    raise CatalogBusyError(
        f"Another push to {store.address} was quicker, and this one changed nothing there. Let one "
        "machine write; where this is the one, push again."
    )


def _lineage(head: Head | None, base: VersionList | None, files: Mapping[str, Stored]) -> str:
    """That of the head, unless a path would mean other bytes: copies rely on that it does not."""
    if head is None or base is None:
        return uuid4().hex
    replaced = {MANIFEST_FILE, VERSIONS_FILE}
    same = all(
        name in replaced or name not in files or files[name].sha256 == each.sha256
        for name, each in base.files.items()
    )
    return head.lineage if same else uuid4().hex
