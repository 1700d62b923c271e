"""What goes with a piece, and outfits: one piece of each kind under a budget."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from furniture_prompter.domain.product import AttributeValue, Photo, Product
from furniture_prompter.domain.query import CatalogReference, Crop

ReasonName: TypeAlias = Literal[
    "together",
    "counted",
    "beside",
    "room",
    "material",
    "colour",
    "tones",
    "usual",
    "like",
    "chosen",
]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a piece is shown.

    Attributes:
        name: ``together`` (the shop shows both in one room), ``counted`` (the shop's rooms with a
            piece of the kind `value` have one of its kind), ``beside`` (bought for a piece of the
            kind `value`), ``room`` (both stand in the sort of room `value`), ``material`` and
            ``colour`` (`value` is of both), ``tones`` (their photos have colours in common),
            ``usual`` (most rooms have one), ``like`` (it looks like the piece in the photo),
            ``chosen`` (its id was given).
        value: A kind, a sort of room, or a base colour or material; empty where none is meant.
        count: Rooms, of ``together`` and ``counted``.
    """

    name: ReasonName
    value: str = ""
    count: int = 0


@dataclass(frozen=True, slots=True)
class Companion:
    """A piece that goes with another.

    Attributes:
        kind: Its kind: a name of the thesaurus, or the shop's own category.
        score: How well it goes with it, comparable within one answer only; higher is better.
        product: The product.
        photo: Its photo that is nearest in colours.
        why: Reasons, the strongest first; never empty.
    """

    kind: str
    score: float
    product: Product
    photo: Photo
    why: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class GoesWith:
    """What goes with a product.

    Attributes:
        product: The product.
        kind: Its kind; empty where neither category nor title names one.
        companions: Best first, of other kinds than its own.
        catalog: What answered.
        notes: Sentences a person should read.
    """

    product: Product
    kind: str
    companions: tuple[Companion, ...]
    catalog: CatalogReference
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OutfitRequest:
    """What an outfit is asked to be.

    Attributes:
        like: Id of the product that it is for; None where it is for the pieces of a photo.
        budget: Most that its pieces cost together, above 0; None for no limit.
        currency: ISO 4217 code that all prices must be in; empty for that of most prices.
        limit: Pieces at the most.
        leave_out: Kinds that are not wanted.
        replace: Product ids by the kind whose place they take.
        where: A filter that pieces must pass; None for none.
    """

    like: str | None = None
    budget: float | None = None
    currency: str = ""
    limit: int = 5
    leave_out: tuple[str, ...] = ()
    replace: Mapping[str, str] = field(default_factory=dict)
    where: str | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """What a product costs.

    Attributes:
        price: The lowest of its prices, of the forms that can be had; None where the feed has none.
        currency: ISO 4217 code; empty where the feed has none.
    """

    price: float | None
    currency: str = ""

    @classmethod
    def of(cls, product: Product) -> "Offer | None":
        """What a product costs; None where none of its forms can be had."""
        shared = product.attributes
        forms = [each.attributes for each in product.variants] or [shared]
        to_be_had = [form for form in forms if not _is_gone(form, shared)]
        if not to_be_had:
            return None
        prices = [price for form in to_be_had if (price := _least_price(form)) is not None]
        currency = shared.get("currency")
        return cls(
            min(prices) if prices else _least_price(shared),
            currency if isinstance(currency, str) else "",
        )


_GONE: Final = ("out of stock", "discontinued")
_LATER: Final = ("preorder", "backorder")


def _is_gone(form: Mapping[str, AttributeValue], shared: Mapping[str, AttributeValue]) -> bool:
    told = {**shared, **form}
    availability = str(told.get("availability") or "").casefold()
    # A form's own word counts for more than the pieces that all of them have together.
    pieces = (form if form.get("availability") else told).get("stock")
    return availability in _GONE or (pieces == 0 and availability not in _LATER)


def _least_price(form: Mapping[str, AttributeValue]) -> float | None:
    values = (form.get("price"), form.get("sale_price"))
    numbers = [float(each) for each in values if isinstance(each, float | int)]
    return min((each for each in numbers if math.isfinite(each) and each >= 0), default=None)


@dataclass(frozen=True, slots=True)
class Alternative:
    """A piece that may take the place of a chosen one.

    Attributes:
        piece: The piece.
        offer: What it costs.
        total: What the outfit then costs; None where that cannot be told.
    """

    piece: Companion
    offer: Offer
    total: float | None


@dataclass(frozen=True, slots=True)
class Choice:
    """One piece of an outfit.

    Attributes:
        piece: The piece.
        offer: What it costs.
        replaced: Whether it was asked for by its id.
        alternatives: What may take its place within the budget, best first.
        box: Where the piece that it is like is in the photo; None without a photo.
    """

    piece: Companion
    offer: Offer
    replaced: bool = False
    alternatives: tuple[Alternative, ...] = ()
    box: Crop | None = None


@dataclass(frozen=True, slots=True)
class Outfit:
    """Pieces that go together, one of each kind.

    Attributes:
        asked: What was asked for.
        choices: The pieces, those that go best first.
        total: What they cost together; None where they have no price, or prices of several
            currencies.
        currency: What `total` is in; empty where the feed names none.
        catalog: What answered.
        product: The product that it is for; it is no part of the total. None with a photo.
        notes: Sentences a person should read.
    """

    asked: OutfitRequest
    choices: tuple[Choice, ...]
    total: float | None
    currency: str
    catalog: CatalogReference
    product: Product | None = None
    notes: tuple[str, ...] = ()
