"""What a feed would be indexed as: format, layout, mapping, types, rows, what is set aside."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from furniture_prompter import event_loop
from furniture_prompter.catalog.manifest import read_manifest
from furniture_prompter.catalog.stored import stored_ids
from furniture_prompter.domain import (
    FeedItem,
    FeedNote,
    FeedRow,
    RecordFeed,
    SetAside,
    UnchangedRow,
)
from furniture_prompter.domain.feed import PhotolessRow
from furniture_prompter.feeds.mapping import TableMapping
from furniture_prompter.feeds.opening import open_feed
from furniture_prompter.feeds.table_feed import TableFeed
from furniture_prompter.ingest.changes import Tally
from furniture_prompter.ingest.set_asides import SetAsides

SHOWN_ROWS: Final = 10
_TYPES: Final = ("text", "number", "boolean", "texts")


@dataclass(frozen=True, slots=True)
class MappedColumn:
    """A column and what it means.

    Attributes:
        column: Its name as the file writes it.
        role: Its role; ``attribute`` for one that is kept under a name of its own.
        by: Who said so: ``layout``, ``proposal``, ``--map``, or ``name`` for attributes.
    """

    column: str
    role: str
    by: str


@dataclass(frozen=True, slots=True)
class FeedInspection:
    """What a feed would be indexed as.

    Attributes:
        source: The path that was given.
        format: What the file was taken for: ``CSV, commas, utf-8``.
        layout: Name of the layout, as ``--format`` takes it; ``folder`` for photos.
        layout_title: What it is called.
        told_by: The columns that told the layout.
        mapping: Columns in the file's order.
        types: Type of each attribute as a new catalog would have it: text, number, boolean, texts.
        rows: The first products, as they would be indexed.
        products: Products with at least one photo that can be looked for.
        variants: Variants of those.
        images: Photos of those, each file or address once a product.
        addresses: Photos that have to be downloaded.
        known: Products of which a catalog has the id; None where none was named.
        new: The others then.
        set_aside: What is left out, by file and line.
        notes: How things were read that could be meant otherwise.
    """

    source: str
    format: str
    layout: str
    layout_title: str
    told_by: tuple[str, ...]
    mapping: tuple[MappedColumn, ...]
    types: dict[str, str]
    rows: tuple[FeedRow, ...]
    products: int
    variants: int
    images: int
    addresses: int
    known: int | None
    new: int | None
    set_aside: Sequence[SetAside]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Catalog:
    """What a feed asks a catalog for: its ids, and none of what it knows of records."""

    ids: frozenset[str]
    has_catalog: bool = True

    def find(self, _: bytes) -> None:
        """Every record is to be read."""

    def has_product(self, product_id: str) -> bool:
        """See :class:`furniture_prompter.domain.feed.KnownRecords`."""
        return product_id in self.ids


def inspect_feed(
    source: str | Path,
    *,
    text_encoding: str | None = None,
    layout: str | None = None,
    columns: Sequence[str] = (),
    catalog: str | Path | None = None,
) -> FeedInspection:
    """Read a feed as :func:`furniture_prompter.assembly.index` would, and write nothing.

    Photos are not opened, and addresses not asked for: they count as photos that are there.

    Args:
        source: A folder of photos, or a file of any format that docs/feeds.md names.
        text_encoding: Encoding of a CSV file, in Python's words; found out when left out.
        layout: Name of the feed's layout; recognised when left out.
        columns: What columns mean, as ``ROLE=COLUMN``.
        catalog: A catalog's folder, for a feed that would be indexed into it: its products are
            told from new ones, and may be there without photos.

    Raises:
        InvalidFeedError: nothing of the feed can be read, or what was given does not fit.
        CatalogError: there is no catalog, or it cannot be read.
    """
    feed = open_feed(
        Path(source),
        encoding=text_encoding,
        layout=layout,
        given=columns,
        address_path=lambda address: Path(address),
    )
    rows: list[FeedRow] = []
    set_aside = SetAsides()
    notes: list[str] = []
    tallies: dict[str, Tally] = {}
    products = variants = images = addresses = 0
    inside = None if catalog is None else _catalog(Path(catalog))
    met = 0
    items = feed.items()
    if inside is not None and isinstance(feed, RecordFeed):
        items = _with_known(feed, inside)
    for item in items:
        if isinstance(item, SetAside):
            set_aside.add(item)
        elif isinstance(item, FeedNote):
            notes.append(item.text)
        else:
            products += 1
            met += inside is not None and inside.has_product(item.product.id)
            variants += len(item.product.variants)
            images += len(item.images)
            addresses += len(item.addresses)
            if len(rows) < SHOWN_ROWS:
                rows.append(item)
            for name, value in item.product.attributes.items():
                if name not in tallies:
                    tallies[name] = Tally(dict.fromkeys(_TYPES, 0))
                tallies[name].add(value)
    mapping, layout, title, form = None, "folder", "a folder of photos", "a folder of photos"
    if isinstance(feed, TableFeed):
        mapping = feed.mapping if rows or set_aside else None
        form, layout, title = feed.source.format, "", ""
    if mapping is not None:
        layout, title = mapping.layout.name, mapping.layout.title
    return FeedInspection(
        source=feed.name,
        format=form,
        layout=layout,
        layout_title=title,
        told_by=mapping.told_by if mapping else (),
        mapping=tuple(_mapped(mapping, name) for name in mapping.columns) if mapping else (),
        types={name: tallies[name].own_type for name in sorted(tallies)},
        rows=tuple(rows),
        products=products,
        variants=variants,
        images=images,
        addresses=addresses,
        known=None if inside is None else met,
        new=None if inside is None else products - met,
        set_aside=set_aside,
        notes=tuple(notes),
    )


def _catalog(folder: Path) -> _Catalog:
    manifest = read_manifest(folder)
    ids: set[str] = event_loop.run(stored_ids(folder, manifest))
    return _Catalog(frozenset(ids))


def _with_known(feed: RecordFeed, inside: _Catalog) -> Iterator[FeedItem]:
    """What a feed yields for a catalog, whose products keep their photos."""
    for item in feed.items_but(inside):
        if isinstance(item, PhotolessRow):
            if inside.has_product(item.row.product.id):
                yield from item.cells
                yield item.row
            elif item.problem is not None:
                yield item.problem
        elif not isinstance(item, UnchangedRow):
            yield item


def _mapped(mapping: TableMapping, name: str) -> MappedColumn:
    meaning = mapping.roles.get(name)
    if meaning is None:
        return MappedColumn(name, "attribute", "name")
    by = "layout"
    if name in mapping.given:
        by = "--map"
    elif name in mapping.proposed:
        by = "proposal"
    return MappedColumn(name, meaning.role, by)
