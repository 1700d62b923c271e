"""A search result as the JSON that is promised: keys, types and order; see docs/json.md.

Both doors answer in these words, so that a script can move from one to the other.
"""

import math
import re
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from furniture_prompter.domain import AttributeValue, Hit, Photo, Product, Query, SearchResult
from furniture_prompter.domain.query import Crop, Facet, FacetRange
from furniture_prompter.errors import FurniturePrompterError
from furniture_prompter.query_options import OPTIONS

# More digits than two runs on one machine share; fewer make equal scores of different products.
SCORE_DIGITS = 6
TIMING_DIGITS = 3


def _path(photo: Photo) -> str:
    return photo.path


def answer(result: SearchResult, photo_of: Callable[[Photo], str] = _path) -> dict[str, Any]:
    """The promised object.

    ``query``, ``catalog``, ``hits``, ``timings_ms``, ``notes``, ``facets``, ``cursor``.

    Args:
        result: The hits.
        photo_of: What a hit says of its photo: its path, unless given.
    """
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
    }


def query_answer(query: Query) -> dict[str, Any]:
    """A query as it was answered: prompt, photo, the options that are repeated, crop, product."""
    return {
        "prompt": query.prompt,
        "photo": query.photo_name,
        **{name: getattr(query, name) for name, each in OPTIONS.items() if each.about.answered},
        "crop": crop_answer(query.crop),
        "similar_to": query.similar_to,
    }


def crop_answer(crop: Crop | None) -> dict[str, float] | None:
    """A crop as ``x``, ``y``, ``width`` and ``height``."""
    return None if crop is None else asdict(crop)


def facet_answer(facet: Facet) -> list[dict[str, Any]]:
    """Counts as ``value`` and ``count``, or ``from``, ``to`` and ``count`` for numbers."""
    return [
        {"from": each.low, "to": each.high, "count": each.count}
        if isinstance(each, FacetRange)
        else {"value": each.value, "count": each.count}
        for each in facet
    ]


def hit_answer(hit: Hit, photo_of: Callable[[Photo], str] = _path) -> dict[str, Any]:
    """One hit: ``rank``, ``score``, ``product``, ``photo``, ``matched``."""
    return {
        "rank": hit.rank,
        "score": round(hit.score, SCORE_DIGITS),
        "product": product_answer(hit.product),
        "photo": photo_of(hit.photo),
        "matched": list(hit.matched),
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
    }
    further = {
        name: _json_value(value)
        for name, value in sorted(product.attributes.items())
        if name not in known
    }
    return {**known, **further}


def error_answer(error: FurniturePrompterError) -> dict[str, str]:
    """An error as ``code`` (the class in snake case, without "error") and ``message``."""
    name = type(error).__name__.removesuffix("Error")
    return {"code": re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower(), "message": str(error)}


def _json_value(value: AttributeValue) -> AttributeValue | None:
    """JSON has no NaN and no infinity: they become null."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
