"""Clearing up in object storage: what no version within the grace time names is deleted by a push.

The objects go first and the list that names them last, which says of a clearing up that was killed
that it is not done: the head forgets a list once it is gone.
"""

from collections.abc import Mapping
from contextlib import suppress

from furniture_prompter.catalog.object_store import ObjectMissingError, Store
from furniture_prompter.catalog.remote import Head, ListName, Stored, VersionList
from furniture_prompter.catalog.retention import LEAST_GRACE_S
from furniture_prompter.timing import now_s


def _is_over(replaced_s: float, grace_s: float) -> bool:
    return now_s() - replaced_s >= max(grace_s, LEAST_GRACE_S)


def not_cleared_up(store: Store, head: Head, grace_s: float) -> tuple[tuple[ListName, float], ...]:
    """Replaced lists that are still there, or still may be read."""
    kept = []
    for name, replaced_s in head.earlier:
        if _is_over(replaced_s, grace_s) and not store.has(name.key):
            continue
        kept.append((name, replaced_s))
    return tuple(kept)


def clear_up(
    store: Store,
    head: Head,
    current: VersionList,
    photos: Mapping[str, Stored],
    grace_s: float,
) -> int:
    """Delete what only versions name whose grace time is over, and what killed pushes left.

    Returns:
        Objects that are gone.
    """
    over = [name for name, replaced_s in head.earlier if _is_over(replaced_s, grace_s)]
    if not over:
        return 0
    needed = _keys(current, photos)
    for name, replaced_s in head.earlier:
        if not _is_over(replaced_s, grace_s):
            version = store.version_list(name)
            needed |= _keys(version, store.photos(version))
    deleted = 0
    for name in over:
        try:
            version = store.version_list(name)
        except ObjectMissingError:
            continue
        # What a push of that generation left that was killed, or was the slower one, goes too.
        found = set(store.sizes(f"objects/{name.generation}")) | _keys(version, {})
        # All that this one lists is gone before it is.
        with suppress(ObjectMissingError):
            found |= _keys(version, store.photos(version))
        gone = found - needed
        store.delete(gone - {version.photos.key})
        store.delete(gone & {version.photos.key})
        begin = f"lists/{name.generation}-"
        store.delete(each for each in store.sizes("lists") if each.startswith(begin))
        deleted += len(gone)
    return deleted


def _keys(version: VersionList, photos: Mapping[str, Stored]) -> set[str]:
    return {each.key for each in (*version.files.values(), version.photos, *photos.values())}
