"""Feed rows, what was set aside of a feed, writes, and summaries of indexing."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal, Protocol, TypeAlias, runtime_checkable

from furniture_prompter.domain.product import Product

NO_CELLS: Mapping[str, str] = MappingProxyType({})
CRAWL_OF: Final = "crawl of "
"""What a catalog remembers the crawl of a shop by, before the shop's host."""


def is_web_address(text: str) -> bool:
    """Whether a text is meant as a web address, whatever is wrong with it."""
    return text[:8].lower().startswith(("http://", "https://"))


def address_path(url: str) -> Path:
    """The path that stands for an image at an address, until it was downloaded; no file has it."""
    return Path("by-address", hashlib.sha256(url.encode("utf-8", "surrogatepass")).hexdigest())


@dataclass(frozen=True, slots=True)
class FeedRow:
    """One product of a feed with the photos of it.

    Attributes:
        product: The product as described.
        images: Existing files, resolved, inside the feed's folder, or files that do not exist
            before they were downloaded; the first is the main one.
        source: The file the row came from.
        line: Its 1-based line in that file; 0 where lines mean nothing (a folder).
        cells: The text that numbers and truth values among the attributes were read from, by
            column, for a column that turns out to hold text; empty where a feed has types.
        addresses: The http or https address of each image that has to be downloaded, by the path
            that `images` has for it (:func:`address_path`).
        variant_of: The variant's id of each image that shows only one.
        origin: Digest of the records that it was made from, hexadecimal, and which of them tells
            the product; None where that does not tell all of it, such as what was set aside.
    """

    product: Product
    images: tuple[Path, ...]
    source: Path
    line: int
    cells: Mapping[str, str] = field(default_factory=lambda: NO_CELLS)
    addresses: Mapping[Path, str] = field(default_factory=dict)
    variant_of: Mapping[Path, str] = field(default_factory=dict)
    origin: tuple[str, int] | None = None


@dataclass(frozen=True, slots=True)
class SetAside:
    """A row, photo or cell that was left out, and why.

    Attributes:
        source: The feed or photo file at fault.
        line: 1-based line in a feed file; 0 where lines mean nothing.
        reason: What is wrong, in one sentence.
        cure: What to do about it, in one sentence.
        product_id: Id of the product it belongs to; empty where it could not be told.
        column: The column of the cell that was left out of its product; empty where a row or a
            photo was.
        hides_ids: Whether further products than `product_id` may stand in what was left out.
    """

    source: Path
    line: int
    reason: str
    cure: str
    product_id: str = ""
    column: str = ""
    hides_ids: bool = False

    @property
    def may_be_any_product(self) -> bool:
        """Whether what was left out may be rows of products that nobody can name."""
        return self.hides_ids or not self.product_id

    def __str__(self) -> str:
        """``file:line: reason. cure``, as compilers print it; of a cell, that it alone is left."""
        where = f"{self.source}:{self.line}" if self.line else f"{self.source}"
        cell = f"{self.column} left out: " if self.column else ""
        return f"{where}: {cell}{self.reason} {self.cure}".strip()


@dataclass(frozen=True, slots=True)
class PhotolessRow:
    """A product of which a feed shows no photo: one that a catalog has keeps those it has there.

    Attributes:
        row: It, without images.
        problem: Why it is set aside where the catalog has no such product; None where the photos
            that are named cannot be used, which was told then.
        cells: What is wrong with single cells of it, where the catalog has it.
    """

    row: FeedRow
    problem: SetAside | None
    cells: tuple[SetAside, ...] = ()


@dataclass(frozen=True, slots=True)
class FeedNote:
    """How something was read that could have been meant otherwise, for a person to check.

    Attributes:
        text: A sentence or two, with what to do where it is wrong.
        reading: What the feed was taken for, in a few words for the progress line: ``Shopify CSV``;
            empty where the note is about something else.
        not_gone: What may be ids of products, should the catalog have such: they are not gone.
    """

    text: str
    reading: str = ""
    not_gone: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What one run over a feed had to set aside.

    Attributes:
        feed: What the catalog remembers the feed by.
        version: The catalog's version after it.
        source: The feed's path or address, without secrets.
        created: When it ended, ISO 8601, UTC.
        count: How many rows, photos and cells.
        cells: How many of them are cells, whose products were indexed without them.
        items: They, by file and line; of very many the first.
        was: Names that the catalog remembered the feed by before.
    """

    feed: str
    version: int
    source: str
    created: str
    count: int
    cells: int
    items: Sequence[SetAside]
    was: tuple[str, ...] = ()


FeedItem: TypeAlias = FeedRow | SetAside | FeedNote


class Feed(Protocol):
    """A source of products.

    `items()` yields rows in the feed's order, each product id at most once; whatever is wrong
    with a single row or cell is yielded as a :class:`SetAside`. It raises
    :class:`furniture_prompter.errors.InvalidFeedError` only when nothing can be read at all.
    Calling it twice reads the source twice.
    """

    @property
    def name(self) -> str:
        """The path or address that the user gave."""
        ...

    def items(self) -> Iterator[FeedItem]:
        """Rows, set-asides and notes, streamed."""
        ...


@dataclass(frozen=True, slots=True)
class IndexProgress:
    """Where an index run stands.

    Attributes:
        step: What it is doing, in a few words: ``reading Shopify CSV``, ``downloading``,
            ``checking``, ``words``, ``writing``, ``indexing``.
        done: Units finished in this step.
        total: Units in this step; None while unknown.
        unit: What is counted, plural: ``rows``, ``photos``, ``products``.
    """

    step: str
    done: int
    total: int | None
    unit: str


@dataclass(frozen=True, slots=True)
class DownloadSummary:
    """What became of the photos that a feed gives by address.

    Attributes:
        addresses: Different addresses of the feed.
        fetched: Photos that were sent.
        unchanged: Photos of which the server said that they are as they were.
        not_asked: Photos that were there and needed no asking: looked after by a run that was
            interrupted, or said by their server to be good for longer.
        failed: Addresses that gave no photo.
        kept: Those among them whose earlier picture stays.
        retries: Requests that had to be made again.
        received_bytes: Bytes of photos that were sent.
    """

    addresses: int = 0
    fetched: int = 0
    unchanged: int = 0
    not_asked: int = 0
    failed: int = 0
    kept: int = 0
    retries: int = 0
    received_bytes: int = 0


@dataclass(frozen=True, slots=True)
class IndexSummary:
    """What an index run did.

    Attributes:
        version: Number of the catalog version that is now current; unchanged when nothing was.
        products_added: Products that were new.
        products_updated: Products whose text, attributes or photos changed.
        products_removed: Products removed by ``sync``.
        products_unchanged: Products left as they were.
        photos_encoded: Photos that went through the encoder in this run.
        photos_reused: Photos whose vector was already there, by content hash.
        products: Products in the current version.
        photos: Photos in the current version.
        set_aside: Rows, photos and cells that were left out, by file and line; read from the disk
            as they are asked for, where there are many.
        seconds: Wall time of the run.
        notes: Sentences a person should read, such as that there is too little text to let
            prompts search pictures.
        products_not_removed: Products that the feed no longer has and ``sync`` left, because some
            of the feed could not be read and may hold them.
        downloads: What became of photos by address; None where the feed has none.
    """

    version: int
    products_added: int
    products_updated: int
    products_removed: int
    products_unchanged: int
    photos_encoded: int
    photos_reused: int
    products: int
    photos: int
    set_aside: Sequence[SetAside]
    seconds: float
    notes: tuple[str, ...] = ()
    products_not_removed: int = 0
    downloads: DownloadSummary | None = None


Outcome = Literal["created", "updated", "unchanged", "deleted", "missing", "refused"]


@dataclass(frozen=True, slots=True)
class Upsert:
    """A product to store in place of whatever has its id, or what is to change of one.

    Attributes:
        line: 1-based line of the request it came from.
        product: The product.
        photos: Photo files, the main one first, taken over into the catalog; None keeps those that
            the product has.
        variant_of: The variant's id of each photo that shows only one.
        told: Names of the words and attributes that change or go, ``variants`` among them, where
            the rest of the product stays; None where all of it is replaced.
        left_out: What of the product as it was sent could not be used, a sentence or two each.
        adds_photos: Whether the product keeps its photos beside these, but those of the variants
            that these show.
    """

    line: int
    product: Product
    photos: tuple[Path, ...] | None
    variant_of: Mapping[Path, str] = field(default_factory=dict)
    told: frozenset[str] | None = None
    left_out: tuple[str, ...] = ()
    adds_photos: bool = False


@dataclass(frozen=True, slots=True)
class Removal:
    """A product to delete.

    Attributes:
        line: 1-based line of the request it came from.
        product_id: The product.
    """

    line: int
    product_id: str


Write: TypeAlias = Upsert | Removal


@dataclass(frozen=True, slots=True)
class WriteResult:
    """What became of one line.

    Attributes:
        line: 1-based line of the request.
        product_id: The product; empty where it could not be told.
        outcome: ``missing`` for a removal or a change of what is not there; ``refused`` has a
            reason.
        reason: What is wrong, in one sentence; empty where nothing is.
        cure: What to do about it, in one sentence.
        left_out: What was stored without: a sentence or two for each value that could not be used,
            is of another type than its column, or is not true beside what changed.
        of_photo: Whether a photo that cannot be used is what was refused.
    """

    line: int
    product_id: str
    outcome: Outcome
    reason: str = ""
    cure: str = ""
    left_out: tuple[str, ...] = ()
    of_photo: bool = False


@dataclass(frozen=True, slots=True)
class WriteSummary:
    """What a request wrote, as one version of the catalog or none.

    Attributes:
        version: The catalog's version afterwards; 0 where there is no catalog still.
        results: One for each line, by line.
        notes: What could not be cleared up, a sentence each; the version is whole nevertheless.
        learning_due: Whether alignment or confidence are to be learned anew from what it has.
    """

    version: int
    results: tuple[WriteResult, ...]
    notes: tuple[str, ...] = ()
    learning_due: bool = False


@dataclass(slots=True)
class UnchangedRow:
    """A product of a feed that is in the catalog as it would be read again.

    Attributes:
        product_id: The product.
        place: Where it stands among the stored products, from 0.
        main: Which of its records tells the product, from 0.
        images: Image files that its records name.
        shape: Number of the columns and types that its attributes have.
        codes: Texts among its attributes that are digits and no quantity, by column.
    """

    product_id: str
    place: int
    main: int
    images: int
    shape: int
    codes: Mapping[str, str]


class KnownRecords(Protocol):
    """What earlier runs made of records, asked for by a digest of them."""

    @property
    def has_catalog(self) -> bool:
        """Whether there is a catalog, so that its products may go without photos in the feed."""
        ...

    def find(self, digest: bytes) -> UnchangedRow | None:
        """The product of these records where nothing of it has changed, its photos included.

        Args:
            digest: Of all cells of the product's records, and of all that decides how they are
                read.

        Returns:
            None where they have to be read.
        """
        ...

    def has_product(self, product_id: str) -> bool:
        """Whether the catalog has a product of this id, asked behind a feed's first item."""
        ...


KnownItem: TypeAlias = FeedItem | UnchangedRow | PhotolessRow


@runtime_checkable
class RecordFeed(Protocol):
    """A feed that can tell records from those of an earlier run."""

    @property
    def rows_read(self) -> tuple[int, int | None]:
        """Rows that were read so far, and of how many, where those were counted beforehand."""
        ...

    def items_but(self, known: KnownRecords) -> Iterator[KnownItem]:
        """As :meth:`furniture_prompter.domain.Feed.items`, but for products that `known` has."""
        ...
