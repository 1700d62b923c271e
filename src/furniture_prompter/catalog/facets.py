"""Facets: how many products have each value of a column, or a number in each range."""

from collections.abc import Iterable
from itertools import pairwise
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from furniture_prompter.domain.query import Facet, FacetRange, FacetValue

LIMIT_VALUES: Final = 50
"""Values of a text column that are counted, the most frequent ones."""

RANGES: Final = 5
"""Ranges of a number column, at most, of about as many products each."""

_EDGE_DIGITS: Final = 2


def facet_of(values: pa.ChunkedArray, column_type: str) -> Facet:
    """Count the values of a column; products without one are in no count.

    Args:
        values: The column's value for each product.
        column_type: ``text``, ``texts``, ``number`` or ``boolean``.
    """
    if column_type == "number":
        return number_ranges(values.drop_null().to_numpy())
    if column_type == "texts":
        pairs = _once_a_list(values)
    else:
        counted = pc.value_counts(values.drop_null())
        pairs = zip(counted.field(0).to_pylist(), counted.field(1).to_pylist(), strict=True)
    known = [FacetValue(value, count) for value, count in pairs if value != ""]
    known.sort(key=lambda each: (-each.count, str(each.value)))
    return tuple(known[:LIMIT_VALUES])


def _once_a_list(lists: pa.ChunkedArray) -> Iterable[tuple[str, int]]:
    """Texts and how many lists have them; one that a list has twice counts once."""
    joined = lists.combine_chunks()
    texts = pc.list_flatten(joined).dictionary_encode()
    codes = texts.indices.to_numpy().astype(np.int64)
    parents = pc.list_parent_indices(joined).to_numpy().astype(np.int64)
    known = len(texts.dictionary)
    distinct = np.unique(parents * max(known, 1) + codes) % max(known, 1)
    counts = np.bincount(distinct, minlength=known).tolist()
    return zip(texts.dictionary.to_pylist(), counts, strict=True)


def number_ranges(numbers: np.ndarray[tuple[int], np.dtype[np.float64]]) -> tuple[FacetRange, ...]:
    """Ranges of about as many products each, their inner edges rounded to two digits.

    Args:
        numbers: Shape (n,), in any order; what is not finite is left out.
    """
    numbers = numbers[np.isfinite(numbers)]
    if not numbers.size:
        return ()
    low, high = float(numbers.min()), float(numbers.max())
    quantiles = np.quantile(numbers, np.arange(1, RANGES) / RANGES).tolist()
    rounded = {float(f"{edge:.{_EDGE_DIGITS}g}") for edge in quantiles}
    edges = [low, *sorted(edge for edge in rounded if low < edge < high), high]
    if low == high:
        edges = [low, high]
    counts = np.histogram(numbers, edges)[0] if low < high else np.array([numbers.size])
    return tuple(
        FacetRange(begin, end, int(count))
        for (begin, end), count in zip(pairwise(edges), counts, strict=True)
        if count
    )
