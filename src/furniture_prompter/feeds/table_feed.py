"""A feed of a file of records: recognised, mapped, digested, its rows grouped to products."""

import hashlib
import marshal
import platform
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, cached_property
from importlib import metadata
from itertools import islice
from pathlib import Path
from typing import Final

import furniture_prompter
from furniture_prompter.domain import (
    FeedItem,
    FeedNote,
    KnownItem,
    KnownRecords,
    SetAside,
    UnchangedRow,
)
from furniture_prompter.domain.feed import PhotolessRow
from furniture_prompter.errors import InvalidFeedError
from furniture_prompter.feeds.cells import (
    ColumnEvidence,
    DecimalMark,
    decimal_marks,
    shown,
    typed,
)
from furniture_prompter.feeds.column_samples import sampled
from furniture_prompter.feeds.delimited import LIMIT_COLUMNS
from furniture_prompter.feeds.grouping import GroupColumns, Groups, grouped
from furniture_prompter.feeds.layouts import fold
from furniture_prompter.feeds.mapping import TableMapping, decide, without_images
from furniture_prompter.feeds.photos_beside import PhotosBeside, photos_beside
from furniture_prompter.feeds.products import Counts, ProductBuilder
from furniture_prompter.feeds.records import Record, RecordItem, RecordSource, Value
from furniture_prompter.feeds.roles import SIZES, VARIANT
from furniture_prompter.feeds.row_kinds import told_by_kind, without_no_card
from furniture_prompter.feeds.rows import LIMIT_ATTRIBUTES
from furniture_prompter.feeds.table_rows import PRICES, RowPlan

_DIGEST_BYTES: Final = 16
_ROOMS: Final = ("catalog", "domain", "feeds", "ingest")
"""Rooms of the package whose code and data decide what becomes of a cell."""
# The first format of marshal in which equal values have equal bytes: later ones tell whether two
# values are one object.
_FORMAT: Final = 2


class RecordDigests:
    """Digests under all that decides how the records of one feed are read.

    That is the mapping, the decimal marks, the folder of the images, and this program with what it
    reads cells by.
    """

    def __init__(
        self,
        source: RecordSource,
        mapping: TableMapping,
        marks: Mapping[str, DecimalMark | None],
    ) -> None:
        told = (
            _program(),
            str(source.folder.resolve()),
            source.has_types,
            mapping.layout.name,
            mapping.keyed_by,
            mapping.columns,
            [(name, each.role, each.number) for name, each in mapping.roles.items()],
            sorted((name, mark or "") for name, mark in marks.items()),
        )
        self._base = repr(told).encode()
        self._met = -1
        self._begun = hashlib.blake2b()

    def of(self, records: Sequence[Record], met: Mapping[str, object]) -> bytes:
        """The digest of the records of one product.

        Args:
            records: In their order.
            met: The columns that have a meaning by now, in the order in which they were met: what
                an attribute is called may depend on those before it.
        """
        if self._met != len(met):
            self._met = len(met)
            self._begun = self._begin(met)
        digest = self._begun.copy()
        for record in records:
            fields = record.fields
            plain = fields if type(fields) is dict else dict(fields)
            digest.update(marshal.dumps(plain, _FORMAT))
        return digest.digest()

    def _begin(self, met: Iterable[str]) -> "hashlib.blake2b":
        return hashlib.blake2b(self._base + repr(list(met)).encode(), digest_size=_DIGEST_BYTES)


@cache
def _program() -> str:
    """What tells this program from one that may read a cell otherwise."""
    package = Path(furniture_prompter.__file__).parent
    files = [
        (path.relative_to(package).as_posix(), path.stat().st_size, path.stat().st_mtime_ns)
        for room in _ROOMS
        for path in sorted((package / room).rglob("*"))
        if path.is_file() and path.suffix != ".pyc"
    ]
    versions = [platform.python_version(), metadata.version("price-parser")]
    return repr((versions, files))


SAMPLE_ROWS: Final = 1_000
_NUMBERS: Final = frozenset({*PRICES, *SIZES, "weight", "stock", "money", "attribute"})
"""Roles whose cells may be numbers with a decimal mark."""
_LOOKED_FOR: Final = frozenset({*PRICES, "money"})
"""Roles whose numbers have currencies and words around them."""


class TableFeed:
    """A feed of a file that holds a table or a list of objects."""

    def __init__(
        self,
        source: RecordSource,
        *,
        given: Sequence[str] = (),
        layout: str | None = None,
        address_path: Callable[[str], Path] | None = None,
    ) -> None:
        """Take the records.

        Args:
            source: Where they come from.
            given: ``ROLE=COLUMN``, which go before what is recognised.
            layout: Name of the layout; recognised when left out.
            address_path: Where an image is kept once it was downloaded from an address; None
                where nothing is downloaded.
        """
        self.source = source
        self._given = tuple(given)
        self._layout = layout
        self._address_path = address_path
        self._done = 0
        self._total: int | None = None
        self._photos: PhotosBeside | None = None
        self._may_lack_photos = False

    @property
    def name(self) -> str:
        """See :class:`furniture_prompter.domain.Feed`."""
        return str(self.source.path)

    @property
    def rows_read(self) -> tuple[int, int | None]:
        """See :class:`furniture_prompter.domain.RecordFeed`."""
        return self._done, self._total

    @cached_property
    def _sample(self) -> tuple[Mapping[str, Value], ...]:
        """The first rows. What is wrong with others is told when they are read."""
        found = (item for item in self.source.records() if isinstance(item, Record))
        return tuple(record.fields for record in islice(found, SAMPLE_ROWS))

    @cached_property
    def mapping(self) -> TableMapping:
        """What the columns mean.

        Raises:
            InvalidFeedError: nothing can be read, what was given does not fit, or there is no
                column of images.
        """
        columns = self.source.columns()
        if not self._sample:
            raise InvalidFeedError(
                f"The feed {self.name} holds no product: it was read as {self.source.format}, and "
                "there is no row in it that can be used. Export it again with products in it."
            )
        if len(columns) > LIMIT_COLUMNS:
            raise InvalidFeedError(
                f"The first rows of the feed {self.name} have {len(columns):,} columns together, "
                f"more than {LIMIT_COLUMNS:,}. Leave out those that nobody will search or filter "
                "by, or give names that differ from row to row as values of one column."
            )
        mapping = decide(
            self.name,
            columns,
            sampled(self._sample),
            given=self._given,
            layout=self._layout,
            may_lack_images=True,
        )
        if not mapping.names_images:
            if mapping.has("title"):
                rows = (item.fields for item in self.source.records() if isinstance(item, Record))
                self._photos = photos_beside(self.source.folder, mapping, rows)
            if self._photos is None or not self._photos.count:
                left = "" if self._photos is None else self._photos.left
                if not self._may_lack_photos or mapping.keyed_by in {"image", "title"}:
                    raise without_images(self.name, mapping, left)
                self._photos = None
        return mapping

    def items(self) -> Iterator[FeedItem]:
        """See :class:`furniture_prompter.domain.Feed`.

        Raises:
            InvalidFeedError: nothing of the file can be read, it holds no row, or was written to
                while it was read; or as :attr:`mapping` does.
        """
        for item in self._items(None):
            # Without anything that is known every row is read, and no product has photos.
            if isinstance(item, PhotolessRow):
                if item.problem is not None:
                    yield item.problem
            elif not isinstance(item, UnchangedRow):
                yield item

    def items_but(self, known: KnownRecords) -> Iterator[KnownItem]:
        """See :class:`furniture_prompter.domain.RecordFeed`; raises as :meth:`items` does."""
        self._may_lack_photos = known.has_catalog
        return self._items(known)

    def _items(self, known: KnownRecords | None) -> Iterator[KnownItem]:
        if not self._sample:
            yield from self._nothing_but_problems()
            return
        mapping = self.mapping
        for sentence in mapping.sentences:
            yield FeedNote(sentence, reading=mapping.layout.title)
        if not mapping.names_images and self._photos is None:
            yield FeedNote(
                "No column holds images: products that the catalog has keep their photos, and new "
                "ones are set aside. Where one does, name it with --map image=COLUMN."
            )
        if self._photos is not None:
            # Behind the first item the catalog is open, and can be asked.
            yield FeedNote(
                "No column holds images, so photos beside the feed are taken that are called as "
                f"{shown(self._photos.column)} says."
            )
            if known is not None:
                self._photos.heed(known.has_product)
            yield FeedNote(self._photos.found)
            if self._photos.left:
                yield FeedNote(self._photos.left)
            # Whether a further photo lies there now no record tells.
            known = None
        columns = _group_columns(mapping)
        groups = Groups(columns) if columns else None
        evidence = self._evidence(mapping)
        self._read_first(mapping, groups, evidence)
        marks = self._marks(mapping, evidence)
        plan = RowPlan(mapping, marks, has_types=self.source.has_types)
        builder = ProductBuilder(self.source.path, mapping, self._address_path, self.source.folder)
        yield from plan.notes
        yield from self._mark_notes(plan, evidence, marks)
        digests = None if known is None else RecordDigests(self.source, mapping, marks)
        told = len(plan.notes)
        aside: list[SetAside | FeedNote] = []
        self._done = 0
        for records in grouped(_parted(self._records(mapping), aside), groups):
            if aside:
                yield from aside
                aside.clear()
            self._done += len(records)
            origin = None
            if known is not None and digests is not None and not plan.meets_new(records):
                digest = digests.of(records, plan.met)
                row = known.find(digest)
                if row is not None and builder.claim_known(row, records):
                    yield row
                    continue
                origin = digest
            doubts = plan.doubted
            rows = [plan.read(record) for record in records]
            if self._photos is not None:
                for record, read in zip(records, rows, strict=True):
                    read.images += self._photos.of(record.fields)
            yield from builder.build(rows, origin if plan.doubted == doubts else None)
        yield from aside
        yield from plan.notes[told:]
        yield from plan.doubts
        yield from _last_notes(builder)

    def _records(self, mapping: TableMapping) -> Iterator[RecordItem]:
        """The rows, those below a product's first with what only that one is called by."""
        columns = {fold(name): name for name in reversed(mapping.columns)}
        items = self.source.records(mapping.keys)
        items = without_no_card(items, (mapping.columns_of("group") or ("",))[0])
        return told_by_kind(items, mapping.layout, columns)

    def _nothing_but_problems(self) -> Iterator[SetAside | FeedNote]:
        """What is wrong with each row of a file in which none can be read."""
        empty = True
        try:
            keys = decide(self.name, self.source.columns(), {}).keys
        except InvalidFeedError:
            keys = None
        for item in self.source.records(keys):
            if not isinstance(item, Record):
                empty = empty and not isinstance(item, SetAside)
                yield item
        if empty:
            self.mapping  # noqa: B018  # says why there is nothing

    def _evidence(self, mapping: TableMapping) -> dict[str, ColumnEvidence]:
        """What will be seen of columns whose numbers may be text."""
        has_types = self.source.has_types
        evidence = {}
        for name in (*mapping.roles, *self.source.columns()):
            meaning = mapping.roles.get(name)
            role = meaning.role.removeprefix(VARIANT) if meaning is not None else "attribute"
            if role in _NUMBERS and not (has_types and role == "attribute"):
                evidence[name] = ColumnEvidence()
        return evidence

    def _read_first(
        self,
        mapping: TableMapping,
        groups: Groups | None,
        evidence: Mapping[str, ColumnEvidence],
    ) -> None:
        """Read all rows once where that is needed to know how the first is meant.

        A table says nothing of how its numbers are written, and rows of one product need not be
        beside each other.
        """
        looked_for = frozenset(
            name
            for name, meaning in mapping.roles.items()
            if meaning.role.removeprefix(VARIANT) in _LOOKED_FOR
        )
        watched = [
            (name, seen.add_price if name in looked_for else seen.add)
            for name, seen in evidence.items()
        ]
        if self.source.has_types and groups is None:
            for fields in self._sample:
                _look(fields, watched)
            return
        count = 0
        for item in self._records(mapping):
            if isinstance(item, Record):
                count += 1
                _look(item.fields, watched)
                if groups is not None:
                    groups.add(item)
        self._total = count
        if groups is not None:
            groups.close()

    def _marks(
        self, mapping: TableMapping, evidence: Mapping[str, ColumnEvidence]
    ) -> dict[str, DecimalMark | None]:
        # Where cells are parted by commas, a decimal comma would have to stand in quotes.
        by_commas = self.source.format.startswith("CSV, commas")
        marks = decimal_marks(evidence, "." if by_commas else None)
        for name, meaning in mapping.roles.items():
            # Prices have no three decimals: where the column does not tell, that does.
            if meaning.role.removeprefix(VARIANT) in _LOOKED_FOR and name in evidence:
                marks[name] = evidence[name].mark_of_prices
        return marks

    def _mark_notes(
        self,
        plan: RowPlan,
        evidence: Mapping[str, ColumnEvidence],
        marks: Mapping[str, DecimalMark | None],
    ) -> Iterator[FeedNote]:
        for name, column in evidence.items():
            meaning = self.mapping.roles.get(name)
            kept = {"attribute", "stock"}
            if self.mapping.layout.keeps_names:
                kept |= {*SIZES, "weight"}
            if not column.needs_telling or (meaning is not None and meaning.role not in kept):
                continue
            mark = marks[name]
            read = "text" if mark is None else f"{typed(column.doubtful, mark):.15g}"
            yield FeedNote(
                f"The column {plan.label(name)} does not tell whether {column.doubtful} has "
                f"thousands or decimals; it was read as {read}. If that is wrong, write whole "
                "numbers without a mark (1299), or decimals that can be meant in one way "
                "(1299.50 or 1299,50)."
            )


def _look(
    fields: Mapping[str, Value], watched: Sequence[tuple[str, Callable[[str], None]]]
) -> None:
    for name, look in watched:
        value = fields.get(name)
        if type(value) is str:
            look(value)
        elif type(value) is list:
            for each in value:
                if type(each) is str:
                    look(each)


def _parted(items: Iterator[RecordItem], aside: list[SetAside | FeedNote]) -> Iterator[Record]:
    """The records among items; what else there is comes into `aside`."""
    for item in items:
        if isinstance(item, Record):
            yield item
        else:
            aside.append(item)


def _group_columns(mapping: TableMapping) -> GroupColumns:
    def of(role: str) -> str:
        return (mapping.columns_of(role) or ("",))[0]

    group = of("group")
    if group:
        return GroupColumns(group=group, id=of("id"))
    return GroupColumns(
        parent=of("parent"),
        parent_number=of("parent_number"),
        id=of("id"),
        alt_id=of("alt_id"),
        children=of("children"),
    )


def _unpriced_note(counts: Counts) -> FeedNote:
    said = f"{shown(counts.instead_of_price)} or the like instead of a price"
    products, variants = counts.unpriced, counts.unpriced_variants
    sentences = []
    if products:
        sentences.append(
            f"{products:,} product{'s say' if products != 1 else ' says'} {said}: "
            f"{'they have' if products != 1 else 'it has'} none, and filters by price leave "
            f"{'them' if products != 1 else 'it'} out."
        )
    if variants:
        say = f"{variants:,} variant{'s say' if variants != 1 else ' says'}"
        what = "so too" if products else said
        sentences.append(f"{say} {what}: the product's price is that of its other variants.")
    return FeedNote(" ".join(sentences))


def _last_notes(builder: ProductBuilder) -> Iterator[FeedNote]:
    counts = builder.counts
    for reason, rows in counts.hidden.items():
        yield FeedNote(
            f"{rows:,} row{'s are' if rows != 1 else ' is'} not shown in the shop "
            f"({shown(reason)}) and {'were' if rows != 1 else 'was'} left out."
        )
    if counts.headings:
        rows = len(counts.headings)
        yield FeedNote(
            f"{rows:,} row{'s hold' if rows != 1 else ' holds'} one text and nothing else "
            f"({shown(counts.headings[0])}): no product, and passed over.",
            not_gone=tuple(counts.headings_as_ids),
        )
    if counts.unseen_ids:
        hold = "s hold" if counts.unseen_ids != 1 else " holds"
        yield FeedNote(
            f"{counts.unseen_ids:,} id{hold} characters that nobody sees, such as a zero-width "
            f"space in {shown(counts.unseen)}: they count for nothing, so that products are the "
            "same with and without."
        )
    if counts.cut:
        yield FeedNote(
            f"{counts.cut:,} product{'s have' if counts.cut != 1 else ' has'} more than "
            f"{LIMIT_ATTRIBUTES} columns of {'their' if counts.cut != 1 else 'its'} own (line "
            f"{counts.cut_at}), of which the first were kept. Leave out what nobody will search or "
            "filter by."
        )
    if counts.unlike:
        are = "s are" if len(counts.unlike) != 1 else " is"
        yield FeedNote(
            f"{len(counts.unlike):,} product{are} made of rows whose titles have no word in common "
            f"({shown(counts.unlike[0])}). If they are several products, give each an id "
            "of its own in the column that groups them."
        )
    if counts.instead_of_price:
        yield _unpriced_note(counts)
    if counts.addresses:
        are = "s are addresses" if counts.addresses != 1 else " is an address"
        yield FeedNote(
            f"{counts.addresses:,} image{are}, and nothing was downloaded. Give --download to "
            "fetch them."
        )
