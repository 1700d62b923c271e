"""JSON of search answers: its shape, which the API's description shows, and what writes it.

``search --json``, batch lines and the HTTP API answer in it, and the clients read it; docs/json.md
says what the fields mean. Writers are held to the shapes by the type checker.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, Final, Literal, TypeAlias, final

from pydantic import BaseModel, ConfigDict, Field, GetPydanticSchema, with_config
from typing_extensions import TypedDict

from furniture_prompter.domain import (
    AttributeValue,
    Hit,
    Photo,
    Product,
    Query,
    SearchResult,
    Variant,
)
from furniture_prompter.domain.query import (
    DescribedWord,
    Description,
    DidYouMean,
    Facet,
    FacetRange,
    Suggestions,
    Understood,
)
from furniture_prompter.errors import FurniturePrompterError
from furniture_prompter.query_options import LISTS, OPTIONS
from furniture_prompter.search.option_fields import answered_fields, with_fields
from furniture_prompter.search.photo_answer import (
    CropBox,
    LookedAtFields,
    PieceFields,
    crop_answer,
    looked_at_answer,
    piece_answer,
)

Matched: TypeAlias = Literal["photo", "prompt-photo", "prompt-text", "keyword", "attribute"]

_CLOSED: Final = ConfigDict(extra="forbid")
PRODUCT_EXAMPLE: Final[dict[str, Any]] = {
    "id": "stool-7",
    "title": "Stool, white",
    "category": "stool",
    "color": "white",
    "description": "",
    "tags": ["seat", "kitchen"],
    "variants": [
        {
            "id": "stool-7-white",
            "title": "",
            "options": {"Color": "White"},
            "color": "white",
            "price": 89.0,
        }
    ],
    "base_colors": ["white"],
    "price": 89.0,
}


def _described_by(kind: Any) -> GetPydanticSchema:
    """Describe a value by another type, which says more than the type checker can."""
    return GetPydanticSchema(lambda _, handler: handler.generate_schema(kind))


@with_fields(answered_fields())
class _AskedFields(BaseModel):
    model_config = _CLOSED

    prompt: str | None
    photo: str | None


class QueryFields(_AskedFields):
    """The query as it was answered."""

    crop: CropBox | None
    looked_at: LookedAtFields | None
    similar_to: str | None


class VariantFields(BaseModel):
    """One form in which a product is sold: known fields, then what else is its own, by name."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, str | float | bool | list[str] | None]

    id: str
    title: str
    options: dict[str, str]
    color: str


class ProductFields(BaseModel):
    """A product: known fields, then every further column of the feed by name."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"examples": [PRODUCT_EXAMPLE]})
    __pydantic_extra__: dict[str, str | float | bool | list[str] | None]

    id: str
    title: str
    category: str
    color: str
    description: str
    tags: list[str]
    variants: list[VariantFields]


ProductJson = Annotated[dict[str, Any], _described_by(ProductFields)]


@with_config(_CLOSED)
class HitFields(TypedDict):
    """One product that answers."""

    rank: int
    score: float
    product: ProductJson
    photo: Annotated[str, Field(description="Address of the photo on this server.")]
    matched: Annotated[
        list[str],
        _described_by(list[Matched]),
    ]
    variant: Annotated[dict[str, Any] | None, _described_by(VariantFields | None)]
    confidence: float | None
    heat: Annotated[
        list[list[float]] | None, Field(description="What of the photo made it match, 0 to 1.")
    ]


@with_config(_CLOSED)
class CatalogFields(TypedDict):
    """Which catalog answered."""

    path: Annotated[str, Field(description="Name of the catalog's folder.")]
    version: int
    encoder: str


@final  # so that the type checker tells it from a range by its keys
@with_config(_CLOSED)
class ValueCount(TypedDict):
    """Products that have a value."""

    value: str | bool
    count: int


# A key that is a keyword of Python needs this form.
RangeCount = TypedDict("RangeCount", {"from": float, "to": float, "count": int})
RangeCount.__doc__ = "Products that have a number in a range."
with_config(_CLOSED)(RangeCount)


UnderstoodFields = TypedDict(
    "UnderstoodFields",
    {
        "text": str,
        "column": str | None,
        "op": Literal["<", "<=", ">", ">=", "=", "between", "contains", "low", "high"],
        "value": float | str | list[float],
        "currency": str | None,
        "as": Literal["filter", "preference", "without"],
    },
)
UnderstoodFields.__doc__ = "What of the prompt was taken as what it says."
with_config(_CLOSED)(UnderstoodFields)


@with_config(_CLOSED)
class MendedWord(TypedDict):
    """A misspelled word and what it was taken for."""

    written: str
    meant: str


@with_config(_CLOSED)
class DidYouMeanFields(TypedDict):
    """The prompt with its spelling mended, as it was searched."""

    prompt: str
    words: list[MendedWord]


class PieceAnswer(PieceFields):
    """A piece of a room, and what answers it."""

    hits: list[HitFields]
    close: bool | None


@with_config(_CLOSED)
class SearchAnswer(TypedDict):
    """Hits in order; the shape that `search --json` prints."""

    query: Annotated[dict[str, Any], _described_by(QueryFields)]
    catalog: CatalogFields
    hits: list[HitFields]
    timings_ms: dict[str, float]
    notes: list[str]
    facets: dict[str, list[ValueCount | RangeCount]]
    cursor: str | None
    understood: list[UnderstoodFields]
    did_you_mean: DidYouMeanFields | None
    close: bool | None
    pieces: Annotated[list[dict[str, Any]], _described_by(list[PieceAnswer])]


@with_config(_CLOSED)
class CompletionFields(TypedDict):
    """What a prompt may become, and how many products have these words."""

    text: str
    count: int


@with_config(_CLOSED)
class RefinementFields(TypedDict):
    """What narrows the products of a prompt, and how many remain."""

    text: str
    column: str
    where: str
    count: int


@with_config(_CLOSED)
class SuggestionsAnswer(TypedDict):
    """What may be meant by what was typed so far."""

    typed: str
    completions: list[CompletionFields]
    refinements: list[RefinementFields]


@with_config(_CLOSED)
class DescribedFields(TypedDict):
    """A word for what a photo shows."""

    text: str
    confidence: float


@with_config(_CLOSED)
class DescriptionAnswer(TypedDict):
    """A photo in the catalog's own words, each list likeliest first."""

    prompt: str
    categories: list[DescribedFields]
    colors: list[DescribedFields]
    materials: list[DescribedFields]


@with_config(_CLOSED)
class ProductAnswer(TypedDict):
    """A product and its photos."""

    product: ProductJson
    photos: Annotated[list[str], Field(description="Addresses on this server, the main one first.")]
    variant_photos: Annotated[
        dict[str, list[str]],
        Field(description="Those of them that show one variant alone, by its id."),
    ]


# More digits than two runs on one machine share; fewer make equal scores of different products.
SCORE_DIGITS = 6
TIMING_DIGITS = 3
CONFIDENCE_DIGITS = 3
HEAT_DIGITS = 3


def _path(photo: Photo) -> str:
    return photo.path


def answer(result: SearchResult, photo_of: Callable[[Photo], str] = _path) -> SearchAnswer:
    """The answer of a search.

    Args:
        result: The hits.
        photo_of: What a hit says of its photo: its path, unless given.
    """
    meant = result.did_you_mean
    return {
        "query": query_answer(result.query),
        "catalog": {
            "path": result.catalog.path,
            "version": result.catalog.version,
            "encoder": result.catalog.encoder,
        },
        "hits": [hit_answer(hit, photo_of) for hit in result.hits],
        "timings_ms": {
            step: round(elapsed_ms, TIMING_DIGITS) for step, elapsed_ms in result.timings_ms.items()
        },
        "notes": list(result.notes),
        "facets": {name: facet_answer(facet) for name, facet in result.facets.items()},
        "cursor": result.cursor,
        "understood": [understood_answer(each) for each in result.understood],
        "did_you_mean": None if meant is None else did_you_mean_answer(meant),
        "close": result.close,
        "pieces": [
            {
                **piece_answer(each.piece),
                "hits": [hit_answer(hit, photo_of) for hit in each.hits],
                "close": each.close,
            }
            for each in result.pieces
        ],
    }


def did_you_mean_answer(meant: DidYouMean) -> DidYouMeanFields:
    """A prompt whose spelling was mended, and its words."""
    return {
        "prompt": meant.prompt,
        "words": [{"written": written, "meant": word} for written, word in meant.words],
    }


def suggestions_answer(suggestions: Suggestions) -> SuggestionsAnswer:
    """What a prompt that is being typed may become."""
    return {
        "typed": suggestions.typed,
        "completions": [
            {"text": each.text, "count": each.count} for each in suggestions.completions
        ],
        "refinements": [
            {"text": each.text, "column": each.column, "where": each.where, "count": each.count}
            for each in suggestions.refinements
        ],
    }


def description_answer(description: Description) -> DescriptionAnswer:
    """A photo in a catalog's own words."""
    return {
        "prompt": description.prompt,
        "categories": _described(description.categories),
        "colors": _described(description.colors),
        "materials": _described(description.materials),
    }


def _described(words: Iterable[DescribedWord]) -> list[DescribedFields]:
    return [{"text": each.text, "confidence": each.confidence} for each in words]


def understood_answer(part: Understood) -> UnderstoodFields:
    """One thing that the prompt says; both ends of a range are its value."""
    value = part.value
    return {
        "text": part.text,
        "column": part.column or None,
        "op": part.op,
        "value": [float(value), part.high] if part.high is not None else value,
        "currency": part.currency or None,
        "as": part.use,
    }


def query_answer(query: Query) -> dict[str, Any]:
    """A query as it was answered: prompt, photo, the options that are repeated, crop, product."""
    return {
        "prompt": query.prompt,
        "photo": query.photo_name,
        **{
            name: list(getattr(query, name)) if name in LISTS else getattr(query, name)
            for name, each in OPTIONS.items()
            if each.about.answered
        },
        "crop": crop_answer(query.crop),
        "looked_at": looked_at_answer(query.looked_at),
        "similar_to": query.similar_to,
    }


def facet_answer(facet: Facet) -> list[ValueCount | RangeCount]:
    """Counts as ``value`` and ``count``, or ``from``, ``to`` and ``count`` for numbers."""
    return [
        {"from": each.low, "to": each.high, "count": each.count}
        if isinstance(each, FacetRange)
        else {"value": each.value, "count": each.count}
        for each in facet
    ]


def hit_answer(hit: Hit, photo_of: Callable[[Photo], str] = _path) -> HitFields:
    """One hit."""
    return {
        "rank": hit.rank,
        "score": round(hit.score, SCORE_DIGITS),
        "product": product_answer(hit.product),
        "photo": photo_of(hit.photo),
        "matched": list(hit.matched),
        "variant": variant_answer(hit.variant) if hit.variant is not None else None,
        "confidence": None if hit.confidence is None else round(hit.confidence, CONFIDENCE_DIGITS),
        "heat": None
        if hit.heat is None
        else [[round(each, HEAT_DIGITS) for each in row] for row in hit.heat],
    }


def product_answer(product: Product) -> dict[str, Any]:
    """The known fields in their order, then the feed's own columns by name.

    An attribute that bears the name of a known field is left out: the field says it already.
    """
    known: dict[str, Any] = {
        "id": product.id,
        "title": product.title,
        "category": product.category,
        "color": product.color,
        "description": product.description,
        "tags": list(product.tags),
        "variants": [variant_answer(variant) for variant in product.variants],
    }
    return _with_attributes(known, product.attributes)


def variant_answer(variant: Variant) -> dict[str, Any]:
    """A variant: its known fields in their order, then what else is its own by name."""
    known: dict[str, Any] = {
        "id": variant.id,
        "title": variant.title,
        "options": dict(variant.options),
        "color": variant.color,
    }
    return _with_attributes(known, variant.attributes)


def _with_attributes(
    known: dict[str, Any], attributes: Mapping[str, AttributeValue]
) -> dict[str, Any]:
    further = {
        name: _json_value(value) for name, value in sorted(attributes.items()) if name not in known
    }
    return {**known, **further}


def product_page_answer(
    product: Product, photos: Iterable[Photo], photo_of: Callable[[Photo], str] = _path
) -> ProductAnswer:
    """A product and its photos, main one first; `photo_of` as of :func:`answer`."""
    listed = tuple(photos)
    of_variants: dict[str, list[str]] = {}
    for photo in listed:
        if photo.variant_id:
            of_variants.setdefault(photo.variant_id, []).append(photo_of(photo))
    return {
        "product": product_answer(product),
        "photos": [photo_of(each) for each in listed],
        "variant_photos": of_variants,
    }


def error_answer(error: FurniturePrompterError) -> dict[str, str]:
    """An error as ``code`` (the class in snake case, without "error") and ``message``."""
    name = type(error).__name__.removesuffix("Error")
    return {"code": re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower(), "message": str(error)}


def _json_value(value: AttributeValue) -> str | float | bool | list[str] | None:
    """Lists are arrays; JSON has no NaN and no infinity: they become null."""
    if isinstance(value, tuple):
        return list(value)
    return None if isinstance(value, float) and not math.isfinite(value) else value
