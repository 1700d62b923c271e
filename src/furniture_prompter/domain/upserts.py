"""Products written one by one, or in batches, instead of by a feed."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from furniture_prompter.domain.product import Product

Outcome = Literal["created", "updated", "unchanged", "deleted", "missing", "refused"]


@dataclass(frozen=True, slots=True)
class Upsert:
    """A product to store in place of whatever has its id.

    Attributes:
        line: 1-based line of the request it came from.
        product: The product.
        photos: Photo files, the main one first, taken over into the catalog; None keeps those that
            the product has.
    """

    line: int
    product: Product
    photos: tuple[Path, ...] | None


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
        outcome: ``missing`` for a removal of what is not there; ``refused`` has a reason.
        reason: What is wrong, in one sentence; empty where nothing is.
        cure: What to do about it, in one sentence.
        left_out: What was stored without: a sentence or two for each attribute of another type
            than its column.
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
    """

    version: int
    results: tuple[WriteResult, ...]
    notes: tuple[str, ...] = ()
