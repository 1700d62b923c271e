"""Table schema: columns of the two tables, and rows from and to products.

``products`` has a row for each product, ``photos`` one for each picture of it; ``__number`` joins
them. A leading double underscore marks the catalog's own columns, which no feed can name: feed
columns are identifiers that begin with a letter.

Variants came later than the tables: ``__variants`` of a product (JSON) and ``variant_id`` of a
photo are columns of catalogs in which a product ever had some, which their manifest says. So did
``__feeds``, a bit for each feed that has a product, which the manifest names.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from furniture_prompter.domain import AttributeValue, Photo, Product, Variant

PRODUCTS: Final = "products"
PHOTOS: Final = "photos"
STAGED: Final = "staged_photos"

NUMBER: Final = "__number"
WORDS: Final = "__words"
ROW_HASH: Final = "__row_sha256"
TEXT_VECTOR: Final = "__text_vector"
VECTOR: Final = "vector"
ALIGNED: Final = "aligned"
VARIANTS: Final = "__variants"
VARIANT_ID: Final = "variant_id"
FEEDS: Final = "__feeds"

KNOWN_COLUMNS: Final[Mapping[str, str]] = {
    "id": "text",
    "title": "text",
    "category": "text",
    "color": "text",
    "description": "text",
    "tags": "texts",
}
"""Columns that every catalog has, with their types in the filter language."""

_ARROW_TYPES: Final = {
    "text": pa.string(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "texts": pa.list_(pa.string()),
}
ATTRIBUTE_TYPES: Final = tuple(_ARROW_TYPES)
_ADDED_TYPES: Final = _ARROW_TYPES | {"integer": pa.int64()}

# A stored vector is a unit vector in float16, whose length is 1 to within 0.001.
_LENGTH_TOLERANCE: Final = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class ProductRow:
    """A product as it is stored.

    Attributes:
        number: The catalog's own number of the product; it never changes or returns.
        product: The product.
        photos: Its photos, main one first.
        row_hash: SHA-256 over the product and its photos, to see what changed.
        words: Folded text for the keyword index.
        text_vector: Prompt vector of the product's text, shape (dimension,), float32.
        feeds: Bits of the feeds that have it; None where it is from before they were remembered.
    """

    number: int
    product: Product
    photos: tuple[Photo, ...]
    row_hash: str
    words: str
    text_vector: NDArray[np.float32]
    feeds: int | None = None


@dataclass(frozen=True, slots=True)
class StoredProduct:
    """What a later run needs to know of a product that is there.

    Attributes:
        number: Its number.
        row_hash: Its hash.
        holds: Columns, of those that were asked for, in which it has a value.
        feeds: As of :class:`ProductRow`.
    """

    number: int
    row_hash: str
    holds: frozenset[str] = frozenset()
    feeds: int | None = None


def attribute_type(value: AttributeValue) -> str:
    """A value's type in the filter language: ``text``, ``number``, ``boolean`` or ``texts``."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, tuple):
        return "texts"
    return "text" if isinstance(value, str) else "number"


def empty_columns(columns: Mapping[str, str]) -> pa.Schema:
    """Columns by name and type as Lance adds them to a table: empty in every row."""
    return pa.schema([pa.field(name, _ADDED_TYPES[kind]) for name, kind in columns.items()])


def variants_text(variants: Sequence[Variant]) -> str | None:
    """Variants as they are stored: a JSON list of objects without what is empty; None for none.

    Equal variants give equal texts, whatever the order of their attributes; the order of options is
    the shop's, and stays.
    """
    if not variants:
        return None
    listed = [
        {
            "id": each.id,
            "title": each.title,
            "options": dict(each.options),
            "color": each.color,
            "attributes": dict(sorted(each.attributes.items())),
        }
        for each in variants
    ]
    kept = [{name: value for name, value in each.items() if value} for each in listed]
    return json.dumps(kept, ensure_ascii=False, separators=(",", ":"))


def variants_from(text: str | None) -> tuple[Variant, ...]:
    """The variants of a stored text.

    Raises:
        ValueError: it is not what :func:`variants_text` writes.
    """
    if text is None:
        return ()
    try:
        return tuple(
            Variant(
                each["id"],
                each.get("title", ""),
                dict(each.get("options", {})),
                each.get("color", ""),
                {
                    name: tuple(value) if isinstance(value, list) else value
                    for name, value in each.get("attributes", {}).items()
                },
            )
            for each in json.loads(text)
        )
    except (AttributeError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"these are no variants: {text[:60]!r}") from error


def stored_dimension(dimension: int) -> int:
    """Components of a vector as stored: LanceDB's IVF_RQ takes multiples of eight only."""
    return -(-dimension // 8) * 8


def pad(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Zeros behind the last component up to the stored dimension; cosines stay as they are.

    Vectors may have shape (d,) or (n, d).
    """
    missing = stored_dimension(vectors.shape[-1]) - vectors.shape[-1]
    if not missing:
        return vectors
    return np.pad(vectors, [(0, 0)] * (vectors.ndim - 1) + [(0, missing)])


def vector_array(vectors: NDArray[np.float32]) -> pa.FixedSizeListArray:
    """Vectors of shape (n, d) as a float16 Arrow array of fixed-size lists, padded.

    float16 keeps cosines to about 0.0005, far below what separates two hits, at half the size.
    """
    padded = np.ascontiguousarray(pad(vectors), dtype=np.float16)
    return pa.FixedSizeListArray.from_arrays(
        pa.array(padded.ravel(), pa.float16()), padded.shape[1]
    )


def vectors_from(column: pa.ChunkedArray, dimension: int | None = None) -> NDArray[np.float32]:
    """A vector column without nulls as float32.

    Args:
        column: The column.
        dimension: The encoder's, to leave the padding out; None keeps it.

    Returns:
        Shape (n, dimension), or (n, stored dimension).
    """
    return half_vectors_from(column, dimension).astype(np.float32)


def half_vectors_from(column: pa.ChunkedArray, dimension: int | None = None) -> NDArray[np.float16]:
    """As :func:`vectors_from`, in the float16 that is stored: half the memory."""
    stored = column.type.list_size
    parts = [
        chunk.flatten().to_numpy(zero_copy_only=False).reshape(-1, stored)[:, :dimension]
        for chunk in column.chunks
        if len(chunk)
    ]
    if not parts:
        return np.zeros((0, dimension or stored), np.float16)
    return np.concatenate(parts)


def places_array(places: NDArray[np.intp]) -> pa.Array:
    """Places of rows, shape (n,), as Arrow takes them.

    As ``pa.array``, which looks for masks first, and loads all of ``numpy.ma`` for it.
    """
    buffers = [None, pa.py_buffer(np.ascontiguousarray(places, np.int64))]
    return pa.Array.from_buffers(pa.int64(), len(places), buffers)


def are_unit_vectors(vectors: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Whether each of some stored vectors, shape (n, d), can be what was written; shape (n,)."""
    lengths = np.linalg.norm(vectors, axis=1)
    return np.asarray(np.abs(lengths - 1) <= _LENGTH_TOLERANCE)


def product_table(
    rows: Sequence[ProductRow], columns: Mapping[str, str], *, variants: bool, feeds: bool
) -> pa.Table:
    """Rows of ``products`` as an Arrow table.

    Args:
        rows: At least one row.
        columns: Attribute columns and their types; attributes absent from a product are null.
        variants: Whether the table has variants.
        feeds: Whether it says which feeds have a product.
    """
    data: dict[str, pa.Array] = {
        NUMBER: pa.array([row.number for row in rows], pa.int64()),
        "id": pa.array([row.product.id for row in rows], pa.string()),
        "title": pa.array([row.product.title for row in rows], pa.string()),
        "category": pa.array([row.product.category for row in rows], pa.string()),
        "color": pa.array([row.product.color for row in rows], pa.string()),
        "description": pa.array([row.product.description for row in rows], pa.string()),
        "tags": pa.array([list(row.product.tags) for row in rows], pa.list_(pa.string())),
        WORDS: pa.array([row.words for row in rows], pa.string()),
        ROW_HASH: pa.array([row.row_hash for row in rows], pa.string()),
        TEXT_VECTOR: vector_array(np.stack([row.text_vector for row in rows])),
    }
    for name, column_type in columns.items():
        values = [row.product.attributes.get(name) for row in rows]
        data[name] = pa.array(values, _ARROW_TYPES[column_type])
    if variants:
        texts = [variants_text(row.product.variants) for row in rows]
        data[VARIANTS] = pa.array(texts, pa.string())
    if feeds:
        data[FEEDS] = pa.array([row.feeds for row in rows], pa.int64())
    return pa.table(data)


def photo_table(
    numbers: Sequence[int],
    photos: Sequence[Photo],
    positions: Sequence[int],
    vectors: NDArray[np.float32],
    aligned: NDArray[np.float32],
    *,
    variants: bool,
) -> pa.Table:
    """Rows of ``photos`` as an Arrow table; the first five arguments run in step.

    Args:
        numbers: Product number of each photo.
        photos: The photos.
        positions: 0 for a product's main photo, 1 for the next…
        vectors: Shape (n, dimension).
        aligned: Shape (n, aligned dimension); one zero column where there is no alignment.
        variants: Whether the table has variants.
    """
    data: dict[str, pa.Array] = {
        NUMBER: pa.array(numbers, pa.int64()),
        "position": pa.array(positions, pa.int32()),
        "id": pa.array([photo.id for photo in photos], pa.string()),
        "path": pa.array([photo.path for photo in photos], pa.string()),
        VECTOR: vector_array(vectors),
        ALIGNED: vector_array(aligned),
    }
    if variants:
        shown = [photo.variant_id or None for photo in photos]
        data[VARIANT_ID] = pa.array(shown, pa.string())
    return pa.table(data)


OF_PHOTOS: Final = (NUMBER, "position", "id", "path", VARIANT_ID)
"""Columns that say which photos a product shows, the last in catalogs with variants alone."""


def showing_the_same(stored: pa.Table, rows: Sequence[ProductRow]) -> set[int]:
    """Numbers of the products whose photos are stored as they are.

    Args:
        stored: OF_PHOTOS of all photos that these products have in the table.
        rows: The products.
    """
    shown: dict[int, list[tuple[int, str, str, str]]] = {}
    for each in stored.to_pylist():
        told = (each["position"], each["id"], each["path"], each.get(VARIANT_ID) or "")
        shown.setdefault(each[NUMBER], []).append(told)
    return {
        row.number
        for row in rows
        if sorted(shown.get(row.number, ()))
        == [(at, each.id, each.path, each.variant_id) for at, each in enumerate(row.photos)]
    }


def product_columns(columns: Mapping[str, str], *, variants: bool) -> list[str]:
    """Columns of ``products`` that :func:`product_from` reads."""
    return [*KNOWN_COLUMNS, *columns, *([VARIANTS] if variants else [])]


def product_from(row: Mapping[str, Any], columns: Mapping[str, str]) -> Product:
    """The product of a stored row.

    Raises:
        ValueError: its variants are not what was written.
    """
    values = {name: row[name] for name in columns if row[name] is not None}
    return Product(
        id=row["id"],
        title=row["title"],
        category=row["category"],
        color=row["color"],
        description=row["description"],
        tags=tuple(row["tags"]),
        attributes={
            name: tuple(value) if isinstance(value, list) else value
            for name, value in values.items()
        },
        variants=variants_from(row.get(VARIANTS)),
    )
