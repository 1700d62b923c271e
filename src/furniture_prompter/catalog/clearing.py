"""Clearing up in object storage: what no version within the grace time names is deleted by a push.

The objects go first and the list that names them last, which says of a clearing up that was killed
that it is not done: the head forgets a list once it is gone.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from furniture_prompter.catalog.object_store import ObjectMissingError, Store
from furniture_prompter.catalog.remote import (
    AlteredObjectError,
    Head,
    ListName,
    Stored,
    VersionList,
)
from furniture_prompter.catalog.retention import LEAST_GRACE_S
from furniture_prompter.timing import now_s

# A head of that many replaced lists is about a megabyte; the earliest go before their time then.
_MOST_EARLIER: Final = 8_000


def _over(head: Head, grace_s: float) -> list[ListName]:
    """Lists whose grace time is over."""
    crowded = len(head.earlier) - _MOST_EARLIER
    begin_s = now_s() - max(grace_s, LEAST_GRACE_S)
    return [
        name
        for number, (name, replaced_s) in enumerate(head.earlier)
        if number < crowded or replaced_s <= begin_s
    ]


def not_cleared_up(store: Store, head: Head, grace_s: float) -> tuple[tuple[ListName, float], ...]:
    """Replaced lists that are still there, or still may be read."""
    over = _over(head, grace_s)
    return tuple(each for each in head.earlier if each[0] not in over or store.has(each[0].key))


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
    over = _over(head, grace_s)
    if not over:
        return 0
    needed = _keys(current, photos)
    for name, _ in head.earlier:
        if name not in over:
            # A list that no copy can read keeps nothing for a copy.
            with suppress(ObjectMissingError, AlteredObjectError):
                version = store.version_list(name)
                needed |= _keys(version, {})
                needed |= _keys(version, store.photos(version))
    deleted = 0
    for name in over:
        # What a push of that generation left that was killed, or was the slower one, goes too.
        found, last = set(store.sizes(f"objects/{name.generation}")), set[str]()
        try:
            version = store.version_list(name)
            last = {version.photos.key}
            found |= _keys(version, {})
            # All that this one lists is gone before it is.
            found |= _keys(version, store.photos(version))
        except ObjectMissingError:
            if not last:
                continue
        except AlteredObjectError:
            pass
        gone = found - needed
        store.delete(gone - last)
        store.delete(gone & last)
        begin = f"lists/{name.generation}-"
        store.delete(each for each in store.sizes("lists") if each.startswith(begin))
        deleted += len(gone)
    return deleted


def _keys(version: VersionList, photos: Mapping[str, Stored]) -> set[str]:
    return {each.key for each in (*version.files.values(), version.photos, *photos.values())}
