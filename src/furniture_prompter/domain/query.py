"""Queries and search results: what is asked, and the hits, facets and timings that answer it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Literal, TypeAlias

import numpy as np

from furniture_prompter.domain.product import Photo, Product, RgbImage, Variant
from furniture_prompter.errors import InvalidQueryError
from furniture_prompter.query_options import LISTS, OPTIONS, QueryOptions, given


@dataclass(frozen=True, slots=True)
class Crop:
    """A box in shares of an upright photo's width and height, from its upper left corner.

    Attributes:
        x: Left edge, 0 to 1.
        y: Upper edge, 0 to 1.
        width: Share of the photo's width, above 0.
        height: Share of the photo's height, above 0.
    """

    x: float
    y: float
    width: float
    height: float

    @classmethod
    def of_text(cls, text: str) -> "Crop":
        """Read ``0.1,0.2,0.5,0.6``, shares, or ``xywh=percent:10,20,50,60`` (W3C Media Fragments).

        Raises:
            InvalidQueryError: it is neither. Whether it lies within a photo is for the search.
        """
        fragment = text.strip().removeprefix("xywh=")
        parts = fragment.removeprefix("percent:").split(",")
        try:
            x, y, width, height = (float(part) for part in parts)
            if not math.isfinite(x + y + width + height):
                raise ValueError(text)
        except ValueError:
            raise InvalidQueryError(
                f"The crop {text[:60]!r} is no box. Give left, top, width and height as shares of "
                "the photo, such as 0.1,0.2,0.5,0.6, or in per cent: xywh=percent:10,20,50,60."
            ) from None
        by = 100 if fragment.startswith("percent:") else 1
        return cls(x / by, y / by, width / by, height / by)

    def whole_side_px(self, side_px: int) -> int:
        """Longer side at which the whole photo must be decoded for the box to keep `side_px`.

        It is at least what is needed: the box's longer side is no shorter than the smaller of its
        two shares of the photo's longer side.
        """
        return max(side_px, round(side_px / max(min(self.width, self.height), 1e-3)))

    def within(self, whole: "Crop") -> "Crop":
        """This box, whose shares are of another, in shares of the photo that the other is in."""
        left, top = whole.x + self.x * whole.width, whole.y + self.y * whole.height
        return Crop(left, top, self.width * whole.width, self.height * whole.height)

    def cut(self, image: RgbImage) -> RgbImage:
        """The box's pixels, shape (h, w, 3), at least one; edges go to the nearest pixel."""
        rows, columns = image.shape[:2]
        top, bottom = _edges(self.y, self.height, rows)
        left, right = _edges(self.x, self.width, columns)
        return np.ascontiguousarray(image[top:bottom, left:right])


def _edges(start: float, share: float, length: int) -> tuple[int, int]:
    first = min(round(start * length), length - 1)
    return first, max(first + 1, round((start + share) * length))


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of furniture in a photo of a room.

    Attributes:
        box: Where it is.
        score: How sure its detector is, 0 to 1.
        kind: What the detector calls it.
    """

    box: Crop
    score: float
    kind: str


@dataclass(frozen=True, slots=True)
class LookedAt:
    """What of a photo was searched, where that is not the photo as it came.

    Attributes:
        crop: The picture that was found in it, such as in a screenshot; None where there was none.
        turned: Degrees clockwise by which it, or its part, was turned upright: 0, 90, 180 or 270.
    """

    crop: Crop | None = None
    turned: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Query(QueryOptions):
    """A photo, a prompt, or both; or a product whose likes are wanted; with its options.

    Attributes:
        prompt: Words that describe what is wanted; None for a photo alone.
        photo: Decoded pixels of the whole photo that was brought, shape (h, w, 3), uint8, sRGB;
            None for a prompt alone.
        photo_name: What to call the photo in answers; it is never opened.
        photo_sha256: Content hash of the photo's file, which tells queries apart when pages are
            turned; hashed from the pixels where it is None.
        crop: The part of the photo that is meant; None for all of it.
        names_orientation: Whether the photo's file says which side is up, so that its turns need
            not be tried.
        looked_at: What of the photo is searched, as far as whoever brings it has found out.
        similar_to: Id of a product of the catalog whose photos stand for a photo; it is left out
            of its own hits.
    """

    prompt: str | None = None
    photo: RgbImage | None = None
    photo_name: str | None = None
    photo_sha256: str | None = None
    crop: Crop | None = None
    names_orientation: bool = False
    looked_at: LookedAt | None = None
    similar_to: str | None = None

    def with_options(self, options: Mapping[str, object], settings: object) -> "Query":
        """The same query with these options, and for those left out the settings' defaults.

        Args:
            options: Options by name; None is as if left out.
            settings: What has an attribute for each setting that an option names.

        Raises:
            TypeError: there is no option of that name.
        """
        defaults = {
            name: getattr(settings, option.about.setting_of_default)
            for name, option in OPTIONS.items()
            if option.about.setting_of_default is not None
        }
        values = {
            name: tuple(value) if name in LISTS else value for name, value in given(options).items()
        }
        return replace(self, **{**defaults, **values})


@dataclass(frozen=True, slots=True)
class Hit:
    """One product that answers a query.

    Attributes:
        rank: 1 for the best.
        score: Fused score, comparable within one result only; higher is better.
        product: The product.
        photo: The photo of it that answers the query best.
        matched: Which retrievers found it, strongest first: ``photo``, ``prompt-photo`` (words
            against pictures), ``prompt-text`` (words against the product's text), ``keyword``.
        contributions: What each retriever adds to the score, by the same names.
        strengths: How far above an average product each retriever puts it, in standard deviations,
            by the same names.
        variant: The variant that the photo shows; None where it shows all of them, or the product
            has none.
        confidence: How likely it is of the kind that was asked for, 0 to 1; None where that cannot
            be told.
        is_of_kind: Whether its category or title names the kind that the prompt asks for; None
            where that cannot be told. It is for sorting, and in no answer's JSON.
        heat: How much each cell of what was searched of the photo made it match, 0 to 1, rows from
            the top and cells from the left; None unless the query asks for it.
    """

    rank: int
    score: float
    product: Product
    photo: Photo
    matched: tuple[str, ...]
    contributions: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    strengths: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    variant: Variant | None = None
    confidence: float | None = None
    is_of_kind: bool | None = None
    heat: tuple[tuple[float, ...], ...] | None = None


@dataclass(frozen=True, slots=True)
class PieceHits:
    """A piece of a room, and what answers it.

    Attributes:
        piece: The piece.
        hits: Best first, one per product.
        close: Whether the catalog has the kind of the piece; None where that cannot be told.
    """

    piece: Piece
    hits: tuple[Hit, ...]
    close: bool | None = None


@dataclass(frozen=True, slots=True)
class CatalogReference:
    """Which catalog answered.

    Attributes:
        path: Its folder.
        version: Number of the catalog version that was searched.
        encoder: Name of the encoder its photos were embedded with.
    """

    path: str
    version: int
    encoder: str


@dataclass(frozen=True, slots=True)
class FacetValue:
    """How many of the products that pass the filter have one value.

    Attributes:
        value: A text, true or false.
        count: Products.
    """

    value: str | bool
    count: int


@dataclass(frozen=True, slots=True)
class FacetRange:
    """How many of the products that pass the filter have a number in a range.

    Attributes:
        low: Least number, within.
        high: Where the next range begins: not within, but for the last range.
        count: Products.
    """

    low: float
    high: float
    count: int


Facet: TypeAlias = tuple[FacetValue, ...] | tuple[FacetRange, ...]
"""Counts of one column: texts by falling count, numbers by rising range."""


Use: TypeAlias = Literal["filter", "preference", "without"]
Operator: TypeAlias = Literal["<", "<=", ">", ">=", "=", "between", "contains", "low", "high"]


@dataclass(frozen=True, slots=True)
class Understood:
    """One thing that a prompt says.

    Attributes:
        text: The words that say it, as they stand in the prompt.
        column: What it is about: ``width_cm``, ``price``, ``base_colors``, ``seats``, ``room``…;
            empty for what is not wanted.
        op: How a product's value compares: ``low`` and ``high`` are ends of what there is.
        value: A number, a vocabulary name, or the words that are not wanted.
        use: ``filter`` limits, ``preference`` only ranks, ``without`` is not wanted.
        high: The upper end of ``between``.
        currency: ISO 4217 code of a price; empty where none was written.
    """

    text: str
    column: str
    op: Operator
    value: float | str
    use: Use
    high: float | None = None
    currency: str = ""


@dataclass(frozen=True, slots=True)
class Completion:
    """What a prompt that is being typed may become.

    Attributes:
        text: In the catalog's own words.
        count: Products that have these words.
    """

    text: str
    count: int


@dataclass(frozen=True, slots=True)
class Refinement:
    """What narrows the products of a prompt.

    Attributes:
        text: To be shown, and said behind the prompt: ``white``, ``under 100 cm``.
        column: The column that it is about.
        where: The same as a filter.
        count: Products that remain.
    """

    text: str
    column: str
    where: str
    count: int


@dataclass(frozen=True, slots=True)
class Suggestions:
    """What may be meant by what was typed so far.

    Attributes:
        typed: What was typed.
        completions: Best first.
        refinements: One of every column first.
    """

    typed: str
    completions: tuple[Completion, ...]
    refinements: tuple[Refinement, ...]


@dataclass(frozen=True, slots=True)
class DescribedWord:
    """A word for what a photo shows.

    Attributes:
        text: In the catalog's own words.
        confidence: From 0 to 1.
    """

    text: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Description:
    """A photo in a catalog's own words.

    Attributes:
        prompt: What to search for to find such; empty where nothing can be said.
        categories: Likeliest first.
        colors: Likeliest first.
        materials: Likeliest first; empty in a catalog without a column of materials.
    """

    prompt: str
    categories: tuple[DescribedWord, ...]
    colors: tuple[DescribedWord, ...]
    materials: tuple[DescribedWord, ...]


@dataclass(frozen=True, slots=True)
class DidYouMean:
    """A prompt whose misspelled words were taken for others.

    Attributes:
        prompt: As it was searched.
        words: Each word as it was written, and the word that it was taken for.
    """

    prompt: str
    words: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Hits in order, with what was asked and how long each step took.

    Attributes:
        query: The query as it was answered.
        catalog: The catalog and the version that answered.
        hits: Best first, one per product.
        timings_ms: Wall time of each step in milliseconds, and ``total``.
        notes: Sentences a person should read, such as that words cannot search pictures here.
        facets: Counts of the columns that were asked for, by name; see docs/json.md.
        cursor: Asks for the next page; None on the last.
        understood: What of the prompt was taken as what it says, in its order.
        did_you_mean: The prompt with its spelling mended, as it was searched; None where nothing
            was mended.
        close: Whether the catalog has the kind that was asked for; None where that cannot be told.
        margin: By how much the evidence passes the least of a close answer, in logits; for
            measuring, and in no answer's JSON.
        pieces: The pieces of a room, the surest first, where a detector is set up and more than
            one piece, or one that does not fill the photo, is in it.
        passed: How many products pass the filter and the limits of the words, and are ranked.
    """

    query: Query
    catalog: CatalogReference
    hits: tuple[Hit, ...]
    timings_ms: Mapping[str, float]
    notes: tuple[str, ...] = ()
    facets: Mapping[str, Facet] = field(default_factory=lambda: MappingProxyType({}))
    cursor: str | None = None
    understood: tuple[Understood, ...] = ()
    did_you_mean: DidYouMean | None = None
    close: bool | None = None
    margin: float | None = None
    pieces: tuple[PieceHits, ...] = ()
    passed: int = 0
