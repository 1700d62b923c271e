"""Photos and products that a catalog has twice: equal files, near-duplicates, equal products."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from typing import Final

import numpy as np

from furniture_prompter.domain import Finding
from furniture_prompter.health.contents import CatalogContents
from furniture_prompter.health.looks import PhotoLook

LIMIT_PHOTOS: Final = 60_000
"""Photos up to which every pair is compared: the work grows with their square."""

# Chosen by the planted catalogs of six seeds in benchmarks/health.py: of photos that were saved
# again, scaled or given a margin, about nineteen in twenty stay within all three. Of the pairs of
# different files in three untouched catalogs three do, which are the same pictures retouched; the
# next is a microwave oven beside another model of it, at a distance of 8.6.
LEAST_COSINE: Final = 0.9
MOST_DISTANCE: Final = 6.0
"""Root of the mean squared difference of two pixel hashes, in levels of 0 to 255."""

_MOST_ASPECT: Final = 0.015
_BLOCK: Final = 1_024


@dataclass(frozen=True, slots=True)
class Duplicates:
    """What each of the three checks found; a pair is told once, by the first that it fits."""

    products: tuple[Finding, ...]
    shared: tuple[Finding, ...]
    near: tuple[Finding, ...]


def find_duplicates(
    contents: CatalogContents,
    looks: Sequence[PhotoLook | str],
    *,
    compare_pixels: bool = True,
    placeholders: Set[str] = frozenset(),
) -> Duplicates:
    """Groups of products that share a photo, or have nearly the same.

    Args:
        contents: The catalog.
        looks: Of each photo, in order; photos that cannot be read are compared by file alone.
        compare_pixels: Whether near-duplicates are looked for, which takes every pair of photos.
        placeholders: Files that are told as placeholders, and not for being alike as well.
    """

    def counts(photos: Sequence[int]) -> bool:
        return not any(contents.paths[photo] in placeholders for photo in photos)

    equal = filter(counts, _equal_files(contents))
    shared = [group for group in equal if _has_several_owners(contents, group)]
    near = _groups(filter(counts, near_pairs(contents, looks))) if compare_pixels else []
    products, of_shared, of_near = [], [], []
    told: set[frozenset[int]] = set()
    for group, is_near in [(each, False) for each in shared] + [(each, True) for each in near]:
        owners = frozenset(contents.owners[group].tolist())
        if owners in told:
            continue
        told.add(owners)
        titles = {contents.products[owner].title.casefold() for owner in owners}
        count = len(owners)
        if len(titles) == 1 and titles != {""}:
            detail = f"{count} products have the same title and the same photo."
            products.append(contents.about_photos(group, detail, count))
        elif is_near:
            detail = f"{count} products have nearly the same photo."
            of_near.append(contents.about_photos(group, detail, count))
        else:
            detail = f"{count} products have the same photo file."
            of_shared.append(contents.about_photos(group, detail, count))
    return Duplicates(tuple(products), tuple(of_shared), tuple(of_near))


def near_pairs(
    contents: CatalogContents, looks: Sequence[PhotoLook | str]
) -> Iterator[tuple[int, int]]:
    """Pairs of photos of different products that differ in how they were saved alone.

    The catalog's vectors propose them, pixel hashes decide.
    """
    vectors, owners = contents.vectors, contents.owners
    for begin in range(0, len(vectors), _BLOCK):
        cosines = vectors[begin : begin + _BLOCK] @ vectors[begin:].T
        firsts, seconds = np.nonzero(cosines >= LEAST_COSINE)
        later = seconds > firsts
        for first, second in zip(firsts[later] + begin, seconds[later] + begin, strict=True):
            if owners[first] != owners[second] and (
                contents.photo_ids[first] == contents.photo_ids[second]
                or are_same_picture(looks[first], looks[second])
            ):
                yield int(first), int(second)


def are_same_picture(one: PhotoLook | str, other: PhotoLook | str) -> bool:
    """Whether two photos show the same pixels but for how they were saved."""
    if isinstance(one, str) or isinstance(other, str):
        return False
    if abs(np.log(one.aspect / other.aspect)) > _MOST_ASPECT:
        return False
    difference = one.pixels.astype(np.float32) - other.pixels.astype(np.float32)
    return bool(np.sqrt(np.mean(difference**2)) <= MOST_DISTANCE)


def _equal_files(contents: CatalogContents) -> list[list[int]]:
    by_id: defaultdict[str, list[int]] = defaultdict(list)
    for photo, digest in enumerate(contents.photo_ids):
        by_id[digest].append(photo)
    return [photos for photos in by_id.values() if len(photos) > 1]


def _has_several_owners(contents: CatalogContents, photos: Sequence[int]) -> bool:
    return len({int(contents.owners[photo]) for photo in photos}) > 1


def _groups(pairs: Iterable[tuple[int, int]]) -> list[list[int]]:
    """Photos that pairs connect, directly or through others."""
    parents: dict[int, int] = {}

    def root(photo: int) -> int:
        while parents.setdefault(photo, photo) != photo:
            parents[photo] = parents[parents[photo]]
            photo = parents[photo]
        return photo

    for first, second in pairs:
        parents[root(first)] = root(second)
    groups: defaultdict[int, list[int]] = defaultdict(list)
    for photo in sorted(parents):
        groups[root(photo)].append(photo)
    return list(groups.values())
