"""Answers of the API as frozen records.

Searches, hits and products are read by the shapes that the server writes, in ``search.answer``: the
type checker holds both sides to them, and nothing of the server is loaded.

Keys that this release does not know are left aside in the records and stand in their ``raw``: a
newer server adds keys, and never takes one away within ``/v1``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self, TypeAlias

if TYPE_CHECKING:
    from furniture_prompter.client.pieces import PieceHits
    from furniture_prompter.search import answer as server

Scalar: TypeAlias = str | float | bool | None
Value: TypeAlias = Scalar | tuple[str, ...]
Json: TypeAlias = Mapping[str, Any]

_KNOWN_FIELDS = frozenset({"id", "title", "category", "color", "description", "tags", "variants"})
_VARIANT_FIELDS = frozenset({"id", "title", "options", "color"})


def _further(value: Json, known: frozenset[str]) -> dict[str, Value]:
    """What an object has beside its known fields; lists as tuples."""
    return {
        key: tuple(each) if isinstance(each, list) else each
        for key, each in value.items()
        if key not in known
    }


@dataclass(frozen=True, slots=True)
class Variant:
    """One form in which a product is sold.

    Attributes:
        id: The shop's own identifier, unique within its product.
        title: What the shop calls it; empty without a name of its own.
        options: What tells it from the others, such as ``{"Color": "Grey"}``.
        color: Colour names; empty without any.
        attributes: What else is its own: price, stock, …
    """

    id: str
    title: str
    options: Mapping[str, str]
    color: str
    attributes: Mapping[str, Value]

    @classmethod
    def of(cls, value: Json) -> Self:
        """Read an answer's object."""
        return cls(
            id=value["id"],
            title=value["title"],
            options=dict(value["options"]),
            color=value["color"],
            attributes=_further(value, _VARIANT_FIELDS),
        )


@dataclass(frozen=True, slots=True)
class Product:
    """A product as the shop's feed describes it.

    Attributes:
        id: The shop's own identifier.
        title: What the shop calls it.
        category: Kind of furniture; empty without any.
        color: Colour names; empty without any.
        description: Free text; empty without any.
        tags: Further words.
        attributes: Every further column of the feed: price, width_cm, …; a list is a tuple.
        variants: The forms in which it is sold; empty of a server that knows none.
    """

    id: str
    title: str
    category: str
    color: str
    description: str
    tags: tuple[str, ...]
    attributes: Mapping[str, Value]
    variants: tuple[Variant, ...] = ()

    @classmethod
    def of(cls, value: Json) -> Self:
        """Read an answer's object."""
        return cls(
            id=value["id"],
            title=value["title"],
            category=value["category"],
            color=value["color"],
            description=value["description"],
            tags=tuple(value["tags"]),
            attributes=_further(value, _KNOWN_FIELDS),
            variants=tuple(Variant.of(each) for each in value.get("variants", ())),
        )


@dataclass(frozen=True, slots=True)
class Hit:
    """One product that answers a query.

    Attributes:
        rank: 1 for the best, counted on through the pages of a query.
        score: Higher is better; comparable within one answer only.
        product: The product.
        photo: Address of its photo on the server, for :meth:`Client.image`.
        matched: What found it, strongest first.
        variant: The variant that the photo shows; None where it shows all, or there are none.
        confidence: How likely it is of the kind that was asked for, 0 to 1; None where that cannot
            be told.
        heat: How much each cell of the photo made it match, 0 to 1, rows from the top; None unless
            the query asks for it.
    """

    rank: int
    score: float
    product: Product
    photo: str
    matched: tuple[str, ...]
    variant: Variant | None = None
    confidence: float | None = None
    heat: tuple[tuple[float, ...], ...] | None = None

    @classmethod
    def of(cls, value: "server.HitFields") -> Self:
        """Read an answer's object."""
        heat = value.get("heat")
        variant = value.get("variant")
        return cls(
            rank=value["rank"],
            score=value["score"],
            product=Product.of(value["product"]),
            photo=value["photo"],
            matched=tuple(value["matched"]),
            variant=None if variant is None else Variant.of(variant),
            confidence=value.get("confidence"),
            heat=None if heat is None else tuple(tuple(row) for row in heat),
        )


@dataclass(frozen=True, slots=True)
class FacetCount:
    """How many products have a value, or a number from ``low`` to ``high``.

    Attributes:
        count: Products.
        value: A text, true or false; None for a range of numbers.
        low: Least number, within; None for a value.
        high: Where the next range begins; None for a value.
    """

    count: int
    value: str | bool | None = None
    low: float | None = None
    high: float | None = None

    @classmethod
    def of(cls, value: "server.ValueCount | server.RangeCount") -> Self:
        """Read an answer's object."""
        if "from" in value:
            return cls(value["count"], low=value["from"], high=value["to"])
        return cls(value["count"], value["value"])


@dataclass(frozen=True, slots=True)
class SearchAnswer:
    """Hits in order.

    Attributes:
        hits: Best first, one for each product.
        catalog_version: The version that answered.
        timings_ms: Wall time of each step of the search on the server.
        notes: Sentences a person should read.
        facets: Counts of the columns that were asked for.
        cursor: What to pass for the next page; None on the last.
        raw: The whole answer.
        did_you_mean: The prompt with its spelling mended, as it was searched; None where nothing
            was mended.
        close: Whether the catalog has the kind that was asked for; None where that cannot be told.
        pieces: The pieces of a room, the surest first; none of other photos.
    """

    hits: tuple[Hit, ...]
    catalog_version: int
    timings_ms: Mapping[str, float]
    notes: tuple[str, ...]
    facets: Mapping[str, tuple[FacetCount, ...]]
    cursor: str | None
    raw: Json
    did_you_mean: str | None = None
    close: bool | None = None
    pieces: tuple["PieceHits", ...] = ()

    @classmethod
    def of(cls, value: "server.SearchAnswer") -> Self:
        """Read an answer's object."""
        from furniture_prompter.client.pieces import PieceHits  # which has hits as well

        meant = value.get("did_you_mean")
        return cls(
            hits=tuple(Hit.of(each) for each in value["hits"]),
            catalog_version=value["catalog"]["version"],
            timings_ms=dict(value["timings_ms"]),
            notes=tuple(value["notes"]),
            facets={
                name: tuple(FacetCount.of(each) for each in counts)
                for name, counts in (value.get("facets") or {}).items()
            },
            cursor=value.get("cursor"),
            raw=value,
            did_you_mean=None if meant is None else meant["prompt"],
            close=value.get("close"),
            pieces=tuple(PieceHits.of(each) for each in value.get("pieces", ())),
        )


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
        text: To be shown, such as ``under 100 cm``.
        column: The column that it is about.
        where: The same as a filter.
        count: Products that remain.
    """

    text: str
    column: str
    where: str
    count: int


@dataclass(frozen=True, slots=True)
class SuggestionsAnswer:
    """What may be meant by what was typed so far.

    Attributes:
        completions: Best first.
        refinements: One of every column first.
        raw: The whole answer.
    """

    completions: tuple[Completion, ...]
    refinements: tuple[Refinement, ...]
    raw: Json

    @classmethod
    def of(cls, value: "server.SuggestionsAnswer") -> Self:
        """Read an answer's object."""
        return cls(
            tuple(Completion(each["text"], each["count"]) for each in value["completions"]),
            tuple(
                Refinement(each["text"], each["column"], each["where"], each["count"])
                for each in value["refinements"]
            ),
            value,
        )


@dataclass(frozen=True, slots=True)
class DescriptionAnswer:
    """A photo in the catalog's own words: each word with its confidence, likeliest first.

    Attributes:
        prompt: What to search for to find such.
        categories: Kinds of furniture.
        colors: Colours.
        materials: Materials; empty in a catalog without a column of them.
        raw: The whole answer.
    """

    prompt: str
    categories: tuple[tuple[str, float], ...]
    colors: tuple[tuple[str, float], ...]
    materials: tuple[tuple[str, float], ...]
    raw: Json

    @classmethod
    def of(cls, value: "server.DescriptionAnswer") -> Self:
        """Read an answer's object."""
        lists = (value["categories"], value["colors"], value["materials"])
        words = [tuple((each["text"], each["confidence"]) for each in listed) for listed in lists]
        return cls(value["prompt"], words[0], words[1], words[2], value)


@dataclass(frozen=True, slots=True)
class ProductAnswer:
    """One product and its photos.

    Attributes:
        product: The product.
        photos: Addresses of its photos on the server.
        raw: The whole answer.
        variant_photos: Those that show one variant alone, by the variant's id.
    """

    product: Product
    photos: tuple[str, ...]
    raw: Json
    variant_photos: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, value: "server.ProductAnswer") -> Self:
        """Read an answer's object."""
        shown = {name: tuple(each) for name, each in value.get("variant_photos", {}).items()}
        return cls(Product.of(value["product"]), tuple(value["photos"]), value, shown)


@dataclass(frozen=True, slots=True)
class EmbeddingsAnswer:
    """Vectors in the order of their inputs.

    Attributes:
        encoder: Name of what made them.
        vectors: Unit vectors, one for each input.
        raw: The whole answer.
    """

    encoder: str
    vectors: tuple[tuple[float, ...], ...]
    raw: Json

    @classmethod
    def of(cls, value: Json) -> Self:
        """Read an answer's object."""
        rows = sorted(value["data"], key=lambda row: int(row["index"]))
        return cls(value["model"], tuple(tuple(row["embedding"]) for row in rows), value)


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of a product that was put or deleted.

    Attributes:
        id: The product's id.
        outcome: ``created``, ``updated``, ``unchanged`` or ``deleted``.
        version: Version of the catalog that holds it so.
        raw: The whole answer.
        left_out: What is wrong with attributes that were left out, and what helps.
    """

    id: str
    outcome: str
    version: int
    raw: Json
    left_out: tuple[str, ...] = ()

    @classmethod
    def of(cls, value: Json) -> Self:
        """Read an answer's object."""
        left_out = tuple(value.get("left_out", ()))
        return cls(value["id"], value["outcome"], value["version"], value, left_out)


@dataclass(frozen=True, slots=True)
class BatchLine:
    """What became of one line of a batch.

    Attributes:
        line: Its number, from 1.
        id: The product's id; None where the line has none.
        outcome: ``created``, ``updated``, ``unchanged``, ``deleted``, ``missing`` or ``refused``.
        reason: Why it was refused and what helps; None where it was not.
        raw: The whole line.
        left_out: What is wrong with attributes that were left out, and what helps.
    """

    line: int
    id: str | None
    outcome: str
    reason: str | None
    raw: Json
    left_out: tuple[str, ...] = ()

    @classmethod
    def of(cls, value: Json) -> Self:
        """Read a line's object."""
        left_out = tuple(value.get("left_out", ()))
        found = (value["line"], value["id"], value["outcome"], value["reason"])
        return cls(*found, value, left_out)


@dataclass(frozen=True, slots=True)
class Batch:
    """The end of a batch.

    Attributes:
        version: The one version of the catalog that the whole batch became.
        counts: Outcome to lines.
        raw: The whole line.
    """

    version: int
    counts: Mapping[str, int]
    raw: Json

    @classmethod
    def of(cls, value: Json) -> Self:
        """Read the last line's object."""
        return cls(
            value["version"],
            {name: each for name, each in value.items() if name != "version"},
            value,
        )


@dataclass(frozen=True, slots=True)
class CatalogAnswer:
    """What the catalog says of itself.

    Attributes:
        version: Its current version.
        products: Products in it.
        photos: Photos in it.
        encoder: Name of the encoder of its photos.
        columns: Column to type, as `where` may use them.
        raw: The whole answer.
    """

    version: int
    products: int
    photos: int
    encoder: str
    columns: Mapping[str, str]
    raw: Json

    @classmethod
    def of(cls, value: Json) -> Self:
        """Read an answer's object."""
        return cls(
            version=value["version"],
            products=value["products"],
            photos=value["photos"],
            encoder=value["encoder"],
            columns=dict(value["columns"]),
            raw=value,
        )


@dataclass(frozen=True, slots=True)
class Encoder:
    """An encoder that the server knows.

    Attributes:
        name: What embeddings ask for it by.
        kind: ``image`` or ``text``.
        dimension: Length of its vectors.
        raw: Its whole card.
    """

    name: str
    kind: str
    dimension: int
    raw: Json

    @classmethod
    def of(cls, value: Json) -> Self:
        """Read a card."""
        return cls(value["name"], value["kind"], value["dimension"], value)


@dataclass(frozen=True, slots=True)
class Picture:
    """A photo of the catalog.

    Attributes:
        data: The file's bytes.
        media_type: Such as ``image/jpeg``.
        etag: What to pass to be told whether it changed.
    """

    data: bytes
    media_type: str
    etag: str
