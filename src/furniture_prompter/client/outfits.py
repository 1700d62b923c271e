"""Answers of the API about what goes with a piece, and about outfits."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from furniture_prompter.client.answers import Json, Product

if TYPE_CHECKING:
    from furniture_prompter.search import outfit_answer as server


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a piece is shown.

    Attributes:
        name: Such as ``beside``, ``room``, ``material`` or ``colour``; docs/json.md has all.
        value: A kind, a sort of room, a colour or a material; None where none is meant.
        count: Rooms of the shop; None where none were counted.
        text: The same in English.
    """

    name: str
    value: str | None
    count: int | None
    text: str

    @classmethod
    def of(cls, value: "server.ReasonFields") -> Self:
        """Read an answer's object."""
        return cls(value["reason"], value["value"], value["count"], value["text"])


@dataclass(frozen=True, slots=True)
class Companion:
    """A piece that goes with another.

    Attributes:
        kind: Its kind, such as ``coffee-table``.
        score: Higher is better; comparable within one answer only.
        product: The product.
        photo: Address of its photo on the server.
        price: What it costs; None where the feed has no price.
        currency: Of the price; None where the feed names none.
        why: Reasons, the strongest first.
    """

    kind: str
    score: float
    product: Product
    photo: str
    price: float | None
    currency: str | None
    why: tuple[Reason, ...]

    @classmethod
    def of(cls, value: "server.CompanionFields") -> Self:
        """Read an answer's object."""
        return cls(
            value["kind"],
            value["score"],
            Product.of(value["product"]),
            value["photo"],
            value["price"],
            value["currency"],
            tuple(Reason.of(each) for each in value["why"]),
        )


@dataclass(frozen=True, slots=True)
class GoesWithAnswer:
    """What goes with a product.

    Attributes:
        kind: The product's kind; None where it cannot be told.
        pieces: Best first.
        notes: Sentences a person should read.
        raw: The whole answer.
    """

    kind: str | None
    pieces: tuple[Companion, ...]
    notes: tuple[str, ...]
    raw: Json

    @classmethod
    def of(cls, value: "server.GoesWithAnswer") -> Self:
        """Read an answer's object."""
        pieces = tuple(Companion.of(each) for each in value["pieces"])
        return cls(value["kind"], pieces, tuple(value["notes"]), {**value})


@dataclass(frozen=True, slots=True)
class Alternative:
    """What may take the place of a piece of an outfit.

    Attributes:
        product: The product.
        photo: Address of its photo on the server.
        price: What it costs; None where the feed has no price.
        total: What the outfit then costs; None where that cannot be told.
    """

    product: Product
    photo: str
    price: float | None
    total: float | None

    @classmethod
    def of(cls, value: "server.AlternativeFields") -> Self:
        """Read an answer's object."""
        return cls(Product.of(value["product"]), value["photo"], value["price"], value["total"])


@dataclass(frozen=True, slots=True)
class OutfitPiece:
    """One piece of an outfit.

    Attributes:
        kind: Its kind, by which it is replaced or left out.
        product: The product.
        photo: Address of its photo on the server.
        price: What it costs; None where the feed has no price.
        replaced: Whether it was asked for by its id.
        why: Reasons, the strongest first.
        alternatives: What may take its place within the budget, best first.
    """

    kind: str
    product: Product
    photo: str
    price: float | None
    replaced: bool
    why: tuple[Reason, ...]
    alternatives: tuple[Alternative, ...]

    @classmethod
    def of(cls, value: "server.ChoiceFields") -> Self:
        """Read an answer's object."""
        return cls(
            value["kind"],
            Product.of(value["product"]),
            value["photo"],
            value["price"],
            value["replaced"],
            tuple(Reason.of(each) for each in value["why"]),
            tuple(Alternative.of(each) for each in value["alternatives"]),
        )


@dataclass(frozen=True, slots=True)
class OutfitAnswer:
    """An outfit.

    Attributes:
        pieces: One of each kind.
        total: What they cost together; None where that cannot be told.
        currency: Of the total; None where the feed names none.
        notes: Sentences a person should read.
        raw: The whole answer.
    """

    pieces: tuple[OutfitPiece, ...]
    total: float | None
    currency: str | None
    notes: tuple[str, ...]
    raw: Json

    @classmethod
    def of(cls, value: "server.OutfitAnswer") -> Self:
        """Read an answer's object."""
        pieces = tuple(OutfitPiece.of(each) for each in value["pieces"])
        return cls(pieces, value["total"], value["currency"], tuple(value["notes"]), {**value})
