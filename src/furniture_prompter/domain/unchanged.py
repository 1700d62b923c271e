"""Rows that need no reading: records, photos and stored product are as an earlier run left them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

from furniture_prompter.domain.feed import FeedItem


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

    def find(self, digest: bytes) -> UnchangedRow | None:
        """The product of these records where nothing of it has changed, its photos included.

        Args:
            digest: Of all cells of the product's records, and of all that decides how they are
                read.

        Returns:
            None where they have to be read.
        """
        ...


KnownItem: TypeAlias = FeedItem | UnchangedRow


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
