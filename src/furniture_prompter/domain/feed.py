"""What a feed yields: rows to index, and what had to be set aside."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias

from furniture_prompter.domain.product import Product


@dataclass(frozen=True, slots=True)
class FeedRow:
    """One product of a feed with the files that picture it.

    Attributes:
        product: The product as described.
        images: Existing files, resolved, inside the feed's folder; the first is the main one.
        source: The file the row came from.
        line: Its 1-based line in that file; 0 where lines mean nothing (a folder).
    """

    product: Product
    images: tuple[Path, ...]
    source: Path
    line: int


@dataclass(frozen=True, slots=True)
class SetAside:
    """A row or photo that was left out, and why.

    Attributes:
        source: The feed or photo file at fault.
        line: 1-based line in a feed file; 0 where lines mean nothing.
        reason: What is wrong, in one sentence.
        cure: What to do about it, in one sentence.
        product_id: Id of the product it belongs to; empty where it could not be told.
    """

    source: Path
    line: int
    reason: str
    cure: str
    product_id: str = ""

    def __str__(self) -> str:
        """``file:line: reason. cure``, as compilers print it."""
        where = f"{self.source}:{self.line}" if self.line else f"{self.source}"
        return f"{where}: {self.reason} {self.cure}".strip()


FeedItem: TypeAlias = FeedRow | SetAside


class Feed(Protocol):
    """A source of products.

    `items()` yields rows in the feed's order, each product id at most once; whatever is wrong
    with a single row is yielded as a :class:`SetAside`. It raises
    :class:`furniture_prompter.errors.InvalidFeedError` only when nothing can be read at all.
    Calling it twice reads the source twice.
    """

    @property
    def name(self) -> str:
        """The path or address that the user gave."""
        ...

    def items(self) -> Iterator[FeedItem]:
        """Rows and set-asides, streamed."""
        ...
