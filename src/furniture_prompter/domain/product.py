"""Products and their photos, with the hashes that tell their content apart."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

AttributeValue: TypeAlias = str | float | bool | tuple[str, ...]
"""What a shop's feed gives for a product beyond the known fields: a scalar, or a list of texts, at
least one."""

_TRANSLATED_FIELD = re.compile(r"(title|category|color|tags|description)_[a-z]{2}")


def is_translated(name: str) -> bool:
    """Whether an attribute says a product's words in another language, as ``title_tr`` does."""
    return _TRANSLATED_FIELD.fullmatch(name) is not None


NO_ATTRIBUTES: Mapping[str, AttributeValue] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Photo:
    """One picture of a product.

    Attributes:
        id: SHA-256 of the file's bytes, hexadecimal; equal pictures share it.
        product_id: The product it shows.
        path: Where the file was when it was indexed, absolute.
        variant_id: The variant that it shows; empty where it shows all of them, or there are none.
    """

    id: str
    product_id: str
    path: str
    variant_id: str = ""


@dataclass(frozen=True, slots=True)
class Variant:
    """One form in which a product is sold: a colour, a size, a finish.

    Attributes:
        id: The shop's own identifier (SKU), unique within its product.
        title: What the shop calls it; empty where it has no name of its own.
        options: What tells it from the others, such as ``{"Color": "Grey"}``, in the shop's words.
        color: Colour names in the shop's words; empty when the feed has none.
        attributes: What is its own beyond that: price, sale_price, availability, stock, width_cm…
    """

    id: str
    title: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    color: str = ""
    attributes: Mapping[str, AttributeValue] = field(default_factory=lambda: NO_ATTRIBUTES)

    @property
    def name(self) -> str:
        """What to call it beside its product: its options, else its colour, title or id."""
        return " / ".join(self.options.values()) or self.color or self.title or self.id


@dataclass(frozen=True, slots=True)
class Product:
    """One thing for sale, as the shop's feed describes it.

    Attributes:
        id: The shop's own identifier, unique in a catalog.
        title: What the shop calls it.
        category: Kind of furniture, such as ``side table``; empty when the feed has none.
        color: Colour names in the feed's words; empty when the feed has none.
        description: Free text; empty when the feed has none.
        tags: Further words to find it by.
        attributes: Everything else the feed gives, by column name: price, width_cm, creator…; of
            a product with variants the lowest price.
        variants: The forms in which it is sold; empty where the feed tells none apart.
    """

    id: str
    title: str
    category: str = ""
    color: str = ""
    description: str = ""
    tags: tuple[str, ...] = ()
    attributes: Mapping[str, AttributeValue] = field(default_factory=lambda: NO_ATTRIBUTES)
    variants: tuple[Variant, ...] = ()

    @property
    def text(self) -> str:
        """All words of the product, for a prompt encoder: title, category, colour, tags, text."""
        parts = (self.title, self.category, self.color, " ".join(self.tags), self.description)
        return ". ".join(part for part in parts if part)

    @property
    def words(self) -> str:
        """All words to find it by: its text, the same in other languages, and its variants' words.

        Other languages are text attributes named after a field and a two-letter language code, such
        as ``title_tr`` or ``category_de``. Words of variants are their titles, colours and options,
        each once: a sofa in twenty sizes is not twenty times a sofa.
        """
        translated = (
            value if isinstance(value, str) else ", ".join(value)
            for name, value in self.attributes.items()
            if is_translated(name) and isinstance(value, str | tuple)
        )
        of_variants = dict.fromkeys(
            words
            for variant in self.variants
            for words in (variant.title, variant.color, *variant.options.values())
            if words
        )
        return ". ".join((self.text, *translated, *of_variants))

    def variant(self, variant_id: str) -> Variant | None:
        """The variant of an id; None where it has none of it."""
        return next((each for each in self.variants if each.id == variant_id), None)

    @property
    def look(self) -> str:
        """The words that say what a photo of it shows, to learn what words look like.

        Category and colour where there is a colour, title and category otherwise. Names and
        descriptions of products that have a colour only blur the fit: prompt → photo R@10 fell
        from 0.68 to 0.60 with all text (docs/experiments.md, "Words to pictures").
        """
        parts = (self.category, self.color) if self.color else (self.title, self.category)
        return ", ".join(part for part in parts if part)


RgbImage: TypeAlias = NDArray[np.uint8]
"""Pixels of shape (height, width, 3), sRGB, 0 to 255, upright, composited on white."""


@dataclass(frozen=True, slots=True)
class EncoderIdentity:
    """What decides whether two vectors may be compared.

    Attributes:
        name: Name on the encoder's card.
        weights_sha256: Hash of the weights file.
        dimension: Length of its vectors.
        metric: Always ``cosine`` in this format version.
        preprocessing: The preprocessing as its card states it; empty for prompt encoders.
        space: The :attr:`space_id` of the encoder whose space this one was taught or exported
            into; empty for a space of its own.
    """

    name: str
    weights_sha256: str
    dimension: int
    metric: str
    preprocessing: dict[str, Any] = field(default_factory=dict)
    space: str = ""

    @property
    def space_id(self) -> str:
        """The space that its vectors lie in; equal ids, comparable vectors.

        A space of its own is named by the sha256 over the canonical JSON (sorted keys, no blanks)
        of what decides a vector: weights_sha256, dimension, metric and preprocessing. The name is
        no part of it: the same weights under another name give the same vectors.
        """
        if self.space:
            return self.space
        decisive = {
            "weights_sha256": self.weights_sha256,
            "dimension": self.dimension,
            "metric": self.metric,
            "preprocessing": self.preprocessing,
        }
        text = json.dumps(decisive, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode("utf-8")).hexdigest()

    def shares_space_with(self, other: "EncoderIdentity") -> bool:
        """Whether vectors of both may be compared with one another."""
        return (self.space_id, self.dimension, self.metric) == (
            other.space_id,
            other.dimension,
            other.metric,
        )
