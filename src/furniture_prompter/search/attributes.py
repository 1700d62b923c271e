"""Ranking by what products' columns say of a prompt's colours, materials, counts and sizes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.catalog.filters import Filter
from furniture_prompter.catalog.reader import CatalogReader
from furniture_prompter.catalog.vector_index import Numbers, Scores
from furniture_prompter.domain import Variant
from furniture_prompter.domain.query import Understood
from furniture_prompter.understanding.lexicon import WORD, fold_letters
from furniture_prompter.understanding.prompts import IN_STOCK, named

ATTRIBUTE: Final = "attribute"

ATTRIBUTE_PEAK: Final = 3.0
"""Strength of a product that is all that the prompt's colours, counts and sizes say, in standard
deviations as the other retrievers'; the negative of it where it is none of that."""

_TOLERANCE: Final = 0.1
"""A size or price that is off by this share is neither wished for nor against."""
SEATS: Final = "seats"
_CLOSE_COUNTS: Final = frozenset({SEATS, "drawers"})
AVAILABILITY: Final = "availability"

Columns: TypeAlias = Mapping[str, Sequence[Any]]
"""Values of products by column, in one order of products."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A preference, and the catalog's columns that can tell: the first that a product has."""

    part: Understood
    columns: tuple[str, ...]
    type: str


class AttributeRetriever:
    """Products by what their columns say of the prompt's colours, materials, counts and sizes."""

    name = ATTRIBUTE
    reads_text = False

    def __init__(self, reader: CatalogReader, wishes: Sequence[Wish], weight: float) -> None:
        """Rank `reader`'s products by `wishes`."""
        self.weight = weight
        self._reader = reader
        self._wishes = wishes

    async def top(self, _count: int, _prefilter: Filter | None) -> Numbers:
        """See :class:`furniture_prompter.search.retrievers.Retriever`; it brings none itself."""
        return np.zeros(0, np.int64)

    async def strengths(self, numbers: Numbers) -> Scores:
        """See :class:`furniture_prompter.search.retrievers.Retriever`."""
        if not numbers.size:
            return np.zeros(0, np.float32)
        names = {name for wish in self._wishes for name in wish.columns}
        if any(wish.part.op in {"low", "high"} for wish in self._wishes):
            names.add("category")
        return _strengths(await self._reader.columns(numbers, sorted(names)), self._wishes)


def variant_fit(variant: Variant, wishes: Sequence[Wish]) -> float:
    """How much of some wishes a variant says of itself; 0 for none.

    What it says in the prompt's own words counts more: of a navy and a light blue one, "navy" means
    the first.
    """
    words = " ".join((variant.title, variant.color, *variant.options.values()))
    own = set(WORD.findall(fold_letters(words)))
    total = 0.0
    for wish in wishes:
        part = wish.part
        if wish.type == "texts":
            listed = variant.attributes.get(part.column)
            if (part.column, part.value) in named(words) or (
                isinstance(listed, tuple) and part.value in listed
            ):
                said = own.issuperset(WORD.findall(fold_letters(part.text)))
                total += 2.0 if said else 1.0
            continue
        values = {name: [_number_of(variant, name)] for name in wish.columns}
        # A limit holds or does not; a size that is asked for is met within a tenth.
        least = 1.0 if part.op in {"<", "<=", ">", ">=", "between"} else 0.0
        (fit,) = _fit(values, wish)
        total += 1.0 if fit > 0 and fit >= least else 0.0
    return total


def _number_of(variant: Variant, name: str) -> float | None:
    value = variant.attributes.get(name)
    return value if isinstance(value, float) else None


def _strengths(columns: Columns, wishes: Sequence[Wish]) -> Scores:
    rows = np.stack([_fit(columns, wish) for wish in wishes])
    for wide, deep in _sides(wishes):
        # "80x140 masa": which of two sides is the width nobody says.
        turned = np.stack(
            [
                _fit(columns, replace(wishes[to], part=replace(wishes[to].part, value=value)))
                for to, value in ((wide, wishes[deep].part.value), (deep, wishes[wide].part.value))
            ]
        )
        is_better = turned.sum(axis=0) > rows[[wide, deep]].sum(axis=0)
        rows[[wide, deep]] = np.where(is_better, turned, rows[[wide, deep]])
    known = ~np.isnan(rows)
    total = np.where(known, rows, 0).sum(axis=0)
    return np.where(
        known.any(axis=0), ATTRIBUTE_PEAK * total / len(wishes), np.float32(np.nan)
    ).astype(np.float32)


def _sides(wishes: Sequence[Wish]) -> Iterator[tuple[int, int]]:
    """Places of wishes for a width and a depth that were said in one breath."""
    for place, (wide, deep) in enumerate(pairwise(wishes)):
        columns = (wide.part.column, deep.part.column)
        if columns == ("width_cm", "depth_cm") and wide.part.text == deep.part.text:
            yield place, place + 1


def _fit(columns: Columns, wish: Wish) -> NDArray[np.float64]:
    """How well each product fits a wish: 1 fully, -1 not at all, NaN unknown; shape (n,)."""
    part, values = wish.part, columns[wish.columns[0]]
    if part.column == AVAILABILITY:
        told = zip(*(columns[name] for name in wish.columns), strict=True)
        return np.array([_in_stock(next(filter(None, each), each[-1])) for each in told])
    if wish.type != "number":
        # A list has the name itself; a text has it among its words.
        texts = values if wish.type == "texts" else [(text or "").lower() for text in values]
        return np.array(
            [float("nan") if not each else 1.0 if part.value in each else -1.0 for each in texts]
        )
    numbers = np.array(values, np.float64)
    for name in wish.columns[1:]:
        numbers = np.where(np.isnan(numbers), np.array(columns[name], np.float64), numbers)
    if part.op in {"low", "high"}:
        ranks = _ranks(numbers, columns["category"])
        return 1 - 2 * ranks if part.op == "low" else 2 * ranks - 1
    low = float(part.value)
    high = part.high if part.high is not None else low
    if part.column in _CLOSE_COUNTS:
        fits = np.where((numbers >= low) & (numbers <= high), 1.0, -1.0)
        return np.where(np.isnan(numbers), np.nan, fits)
    low = 0.0 if part.op in {"<", "<="} else low
    high = np.inf if part.op in {">", ">="} else high
    with np.errstate(divide="ignore", invalid="ignore"):
        off = np.maximum(np.log(low / numbers) if low else 0.0, np.log(numbers / high))
    fits = 1 - np.clip(off, 0, 2 * _TOLERANCE) / _TOLERANCE
    return np.asarray(np.where(np.isnan(numbers) | (numbers <= 0), np.nan, fits))


def _in_stock(told: str | float | None) -> float:
    """Of a text or a number of pieces, as :func:`_fit`."""
    if told is None or told == "":
        return float("nan")
    return 1.0 if told == IN_STOCK or (not isinstance(told, str) and told > 0) else -1.0


def _ranks(numbers: NDArray[np.float64], categories: Sequence[str]) -> NDArray[np.float64]:
    """Each number's rank within its category, from 0 for the least to 1; NaN of none."""
    ranks = np.full(len(numbers), np.nan)
    codes = np.unique(np.array(categories, dtype=object).astype(str), return_inverse=True)[1]
    for code in range(codes.max() + 1):
        places = np.flatnonzero((codes == code) & ~np.isnan(numbers))
        if len(places) > 1:
            order = np.argsort(np.argsort(numbers[places], kind="stable"), kind="stable")
            ranks[places] = order / (len(places) - 1)
        elif len(places):
            ranks[places] = 0.5
    return ranks
