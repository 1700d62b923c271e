"""What a feed yields: rows to index, what had to be set aside, and how it was read."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Protocol, TypeAlias

from furniture_prompter.domain.product import Product

NO_CELLS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class FeedRow:
    """One product of a feed with the files that picture it.

    Attributes:
        product: The product as described.
        images: Existing files, resolved, inside the feed's folder; the first is the main one.
        source: The file the row came from.
        line: Its 1-based line in that file; 0 where lines mean nothing (a folder).
        cells: The text that numbers and truth values among the attributes were read from, by
            column, for a column that turns out to hold text; empty where a feed has types.
    """

    product: Product
    images: tuple[Path, ...]
    source: Path
    line: int
    cells: Mapping[str, str] = field(default_factory=lambda: NO_CELLS)


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
        """``file:line: reason. cure``, as compilers print it."""
        where = f"{self.source}:{self.line}" if self.line else f"{self.source}"
        return f"{where}: {self.reason} {self.cure}".strip()


@dataclass(frozen=True, slots=True)
class FeedNote:
    """How something was read that could have been meant otherwise, for a person to check.

    Attributes:
        text: A sentence or two, with what to do where it is wrong.
    """

    text: str


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
