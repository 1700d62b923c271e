"""JSON of what goes with a piece and of outfits: its shape, and what writes it."""

from collections.abc import Callable, Iterable
from typing import Annotated, Any, Final

from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict

from furniture_prompter.domain import CatalogReference, Photo
from furniture_prompter.domain.outfit import (
    Alternative,
    Choice,
    Companion,
    GoesWith,
    Offer,
    Outfit,
    Reason,
    ReasonName,
)
from furniture_prompter.search.answer import CatalogFields, ProductJson, product_answer
from furniture_prompter.search.photo_answer import CropBox, crop_answer
from furniture_prompter.understanding.rooms import room_table, with_article

_CLOSED: Final = ConfigDict(extra="forbid")
_DIGITS: Final = 3


@with_config(_CLOSED)
class ReasonFields(TypedDict):
    """Why a piece is shown."""

    reason: ReasonName
    value: Annotated[str | None, Field(description="A kind, a sort of room, a colour, a material.")]
    count: Annotated[int | None, Field(description="Rooms of the shop.")]
    text: Annotated[str, Field(description="The same in words.")]


@with_config(_CLOSED)
class CompanionFields(TypedDict):
    """A piece that goes with another."""

    rank: int
    kind: str
    score: float
    product: ProductJson
    photo: Annotated[str, Field(description="Address of the photo on this server.")]
    price: float | None
    currency: str | None
    why: list[ReasonFields]


@with_config(_CLOSED)
class GoesWithAnswer(TypedDict):
    """What goes with a product, of several kinds, best first."""

    product_id: str
    kind: Annotated[str | None, Field(description="Kind of the product, where it can be told.")]
    pieces: list[CompanionFields]
    catalog: CatalogFields
    notes: list[str]


@with_config(_CLOSED)
class AlternativeFields(TypedDict):
    """What may take a piece's place."""

    product: ProductJson
    photo: str
    price: float | None
    currency: str | None
    total: Annotated[float | None, Field(description="What the outfit then costs.")]
    why: list[ReasonFields]


@with_config(_CLOSED)
class ChoiceFields(TypedDict):
    """One piece of an outfit."""

    kind: str
    product: ProductJson
    photo: Annotated[str, Field(description="Address of the photo on this server.")]
    price: float | None
    currency: str | None
    replaced: Annotated[bool, Field(description="Whether it was asked for by its id.")]
    box: Annotated[
        CropBox | None, Field(description="Where the piece that it is like is in the photo.")
    ]
    why: list[ReasonFields]
    alternatives: list[AlternativeFields]


@with_config(_CLOSED)
class OutfitAnswer(TypedDict):
    """One piece of each kind, the best together that the budget allows."""

    like: str | None
    budget: float | None
    currency: str | None
    total: Annotated[float | None, Field(description="What all pieces cost; `like` is not in it.")]
    pieces: list[ChoiceFields]
    catalog: CatalogFields
    notes: list[str]


def _path(photo: Photo) -> str:
    return photo.path


def goes_with_answer(found: GoesWith, photo_of: Callable[[Photo], str] = _path) -> GoesWithAnswer:
    """What goes with a product.

    Args:
        found: It.
        photo_of: What is said of a photo: its path, unless given.
    """
    return {
        "product_id": found.product.id,
        "kind": found.kind or None,
        "pieces": [
            _companion_answer(rank, each, photo_of)
            for rank, each in enumerate(found.companions, start=1)
        ],
        "catalog": _catalog_answer(found.catalog),
        "notes": list(found.notes),
    }


def outfit_answer(found: Outfit, photo_of: Callable[[Photo], str] = _path) -> OutfitAnswer:
    """An outfit; `photo_of` as of :func:`goes_with_answer`."""
    return {
        "like": None if found.product is None else found.product.id,
        "budget": found.asked.budget,
        "currency": found.currency or None,
        "total": found.total,
        "pieces": [_choice_answer(each, photo_of) for each in found.choices],
        "catalog": _catalog_answer(found.catalog),
        "notes": list(found.notes),
    }


def _companion_answer(
    rank: int, piece: Companion, photo_of: Callable[[Photo], str]
) -> CompanionFields:
    offer = Offer.of(piece.product) or Offer(None)
    return {
        "rank": rank,
        "kind": piece.kind,
        "score": round(piece.score, _DIGITS),
        "product": product_answer(piece.product),
        "photo": photo_of(piece.photo),
        "price": offer.price,
        "currency": offer.currency or None,
        "why": why_answer(piece.why),
    }


def _choice_answer(choice: Choice, photo_of: Callable[[Photo], str]) -> ChoiceFields:
    piece = choice.piece
    box: Any = crop_answer(choice.box)
    return {
        "kind": piece.kind,
        "product": product_answer(piece.product),
        "photo": photo_of(piece.photo),
        "price": choice.offer.price,
        "currency": choice.offer.currency or None,
        "replaced": choice.replaced,
        "box": box,
        "why": why_answer(piece.why),
        "alternatives": [_alternative_answer(each, photo_of) for each in choice.alternatives],
    }


def _alternative_answer(other: Alternative, photo_of: Callable[[Photo], str]) -> AlternativeFields:
    return {
        "product": product_answer(other.piece.product),
        "photo": photo_of(other.piece.photo),
        "price": other.offer.price,
        "currency": other.offer.currency or None,
        "total": other.total,
        "why": why_answer(other.piece.why),
    }


def _catalog_answer(catalog: CatalogReference) -> CatalogFields:
    return {"path": catalog.path, "version": catalog.version, "encoder": catalog.encoder}


def why_answer(reasons: Iterable[Reason]) -> list[ReasonFields]:
    """Why a piece is shown, as JSON has it."""
    return [
        {
            "reason": each.name,
            "value": each.value or None,
            "count": each.count or None,
            "text": reason_text(each),
        }
        for each in reasons
    ]


def reason_text(reason: Reason) -> str:
    """A reason as a person would say it, in English."""
    value, rooms = reason.value, "a room" if reason.count == 1 else f"{reason.count:,} rooms"
    texts: dict[ReasonName, Callable[[], str]] = {
        "together": lambda: f"shown with it in {rooms} of the shop",
        "counted": lambda: f"in {rooms} of the shop with {with_article(value)}",
        "beside": lambda: f"often goes with {with_article(value)}",
        "room": lambda: f"stands in the {room_table().room_names[value]['en']} as well",
        "material": lambda: f"{value} like it",
        "colour": lambda: f"{value} like it",
        "tones": lambda: "in colours like its own",
        "usual": lambda: "in most rooms",
        "like": lambda: "looks like the piece in the photo",
        "chosen": lambda: "chosen by its id",
    }
    return texts[reason.name]()
