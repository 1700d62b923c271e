"""What an index run has to write: new, changed and removed products."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from furniture_prompter.catalog.columns import StoredProduct, attribute_type
from furniture_prompter.domain import FeedRow, Photo, Product, SetAside


@dataclass(frozen=True, slots=True)
class Change:
    """A product to insert or replace."""

    number: int
    product: Product
    photos: tuple[Photo, ...]
    row_hash: str
    is_new: bool


@dataclass(frozen=True, slots=True)
class Changes:
    """The difference between a feed and the current version.

    Attributes:
        written: Products to insert or replace, in feed order.
        removed: Numbers of products that are gone.
        unchanged: Products that are as they were.
        set_aside: Rows that cannot be stored, and why.
        notes: Sentences a person should read.
    """

    written: tuple[Change, ...]
    removed: tuple[int, ...]
    unchanged: int
    set_aside: tuple[SetAside, ...]
    notes: tuple[str, ...]

    @property
    def added(self) -> int:
        """Products that were not there before."""
        return sum(change.is_new for change in self.written)

    @property
    def updated(self) -> int:
        """Products that were there and differ."""
        return len(self.written) - self.added

    @property
    def any(self) -> bool:
        """Whether there is anything to write."""
        return bool(self.written or self.removed)


def row_hash(product: Product, photos: Sequence[Photo]) -> str:
    """SHA-256 over all that is stored of a product."""
    content = {
        "product": [
            product.id,
            product.title,
            product.category,
            product.color,
            product.description,
            list(product.tags),
            sorted(product.attributes.items()),
        ],
        "photos": [[photo.id, photo.path] for photo in photos],
    }
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def find_changes(
    rows: Iterable[FeedRow],
    photos: Mapping[str, Sequence[Photo]],
    stored: Mapping[str, StoredProduct],
    columns: Mapping[str, str],
    next_number: int,
    set_aside: Sequence[SetAside],
    sync: bool,
) -> Changes:
    """Compare a feed with the current version.

    Args:
        rows: The feed's rows.
        photos: Usable photos by product id.
        stored: The current version's products by id.
        columns: Its attribute columns and their types.
        next_number: The first free product number.
        set_aside: What the feed and its photos had to leave out; such products are not gone.
        sync: Whether products that the feed no longer has are removed.
    """
    written: list[Change] = []
    problems: list[SetAside] = []
    types = dict(columns)
    reported = {item.product_id for item in set_aside}
    seen = set(reported)
    unchanged = 0
    for row in rows:
        product = row.product
        seen.add(product.id)
        problem = _unfit(row, types)
        if problem is None and not photos.get(product.id):
            if product.id in reported:
                continue
            problem = _pictureless(row)
        if problem is not None:
            problems.append(problem)
            continue
        own_photos = tuple(photos[product.id])
        for name, value in product.attributes.items():
            types.setdefault(name, attribute_type(value))
        digest = row_hash(product, own_photos)
        before = stored.get(product.id)
        if before is not None and before.row_hash == digest:
            unchanged += 1
            continue
        number = before.number if before else next_number
        next_number += before is None
        written.append(Change(number, product, own_photos, digest, before is None))
    removed: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()
    if sync:
        gone = sorted(entry.number for name, entry in stored.items() if name not in seen)
        if gone and "" in seen:
            kept = (
                f"{len(gone)} products are missing from the feed but were not removed, because "
                "rows whose id could not be read were set aside and may be theirs. Mend those "
                "rows and run again."
            )
            notes = (kept,)
        else:
            removed = tuple(gone)
    return Changes(tuple(written), removed, unchanged, tuple(problems), notes)


def _unfit(row: FeedRow, types: Mapping[str, str]) -> SetAside | None:
    for name, value in row.product.attributes.items():
        known = types.get(name)
        found = attribute_type(value)
        if known is not None and known != found:
            return SetAside(
                row.source,
                row.line,
                f"{name} is a {found} ({value!r}), and a {known} in the catalog so far.",
                f"Write it as a {known}, or name the column differently.",
                row.product.id,
            )
    return None


def _pictureless(row: FeedRow) -> SetAside:
    return SetAside(
        row.source,
        row.line,
        f"Product {row.product.id!r} has no photo.",
        "Give it at least one photo that can be read.",
        row.product.id,
    )
