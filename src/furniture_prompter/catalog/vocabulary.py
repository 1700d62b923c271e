"""The words of a catalog version: which products have each, and how the shop writes it."""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from furniture_prompter.catalog.columns import NUMBER, WORDS
from furniture_prompter.catalog.keywords import fold

LIMIT_PRODUCTS: Final = 100_000
"""Products whose words are read; a catalog that has more is known by these."""

OWN_COLUMNS: Final = ("title", "category", "color", "tags", "base_colors", "base_materials")
"""Columns in which a shop names things, in contrast to describing them."""

_MOST_OWN: Final = 50_000
_LEAST_MODEL_PRODUCTS: Final = 3
_LETTERS: Final = re.compile(r"[^\W\d_]{3,}")

Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Vocabulary:
    """Words of a catalog version.

    Attributes:
        products: How many products were read.
        own: Folded words of titles, categories, colours, tags and materials, each as the shop
            mostly writes it, with how many products have it.
        places: Each folded word's place in `starts`.
        starts: Where each word's products begin in `members`, and the end of all.
        members: Product numbers, rising within a word.
    """

    products: int
    own: Mapping[str, tuple[str, int]]
    places: Mapping[str, int]
    starts: NDArray[np.int64]
    members: Numbers

    def having(self, word: str) -> Numbers:
        """Numbers of the products that have a folded word, rising."""
        place = self.places.get(word)
        if place is None:
            return np.zeros(0, np.int64)
        return self.members[self.starts[place] : self.starts[place + 1]]

    def count(self, word: str) -> int:
        """How many products have a folded word."""
        place = self.places.get(word)
        return 0 if place is None else int(self.starts[place + 1] - self.starts[place])

    def rarity(self, count: int) -> float:
        """How much a word says that some number of products has, by BM25's inverse frequency."""
        return math.log1p((self.products - count + 0.5) / (count + 0.5))


def vocabulary_of(rows: pa.Table) -> Vocabulary:
    """Read the words of products.

    Args:
        rows: Columns NUMBER and WORDS, and those of OWN_COLUMNS that the catalog has.
    """
    lists = pc.utf8_split_whitespace(pc.fill_null(rows[WORDS].combine_chunks(), ""))
    words = pc.list_flatten(lists).dictionary_encode()
    numbers = rows[NUMBER].to_numpy().astype(np.int64)
    known = max(len(words.dictionary), 1)
    parents = pc.list_parent_indices(lists).to_numpy().astype(np.int64)
    order = np.argsort(np.argsort(numbers))
    pairs = words.indices.to_numpy().astype(np.int64) * max(len(numbers), 1) + order[parents]
    # np.unique hashes, which takes thirty times as long for these.
    pairs.sort()
    pairs = pairs[np.diff(pairs, prepend=-1) > 0]
    codes, ranks = np.divmod(pairs, max(len(numbers), 1))
    return Vocabulary(
        rows.num_rows,
        _own(rows),
        {word: place for place, word in enumerate(words.dictionary.to_pylist())},
        np.concatenate([[0], np.cumsum(np.bincount(codes, minlength=known))]),
        np.sort(numbers)[ranks] if len(numbers) else np.zeros(0, np.int64),
    )


def _own(rows: pa.Table) -> dict[str, tuple[str, int]]:
    counts: Counter[str] = Counter()
    models: Counter[str] = Counter()
    for name in OWN_COLUMNS:
        if name not in rows.column_names:
            continue
        for text, count in _cells(rows[name]):
            written = set(_LETTERS.findall(text))
            has_small = not text.isupper()
            for word in written:
                # "KALLAX Shelving unit": a word in capitals among others names a model.
                is_model = name == "title" and has_small and word.isupper()
                (models if is_model else counts)[word] += count
    counts.update({word: count for word, count in models.items() if count >= _LEAST_MODEL_PRODUCTS})
    spelled: dict[str, Counter[str]] = defaultdict(Counter)
    for word, count in counts.most_common(_MOST_OWN):
        spelled[word.lower() if word.isascii() else fold(word)][_small(word)] += count
    return {
        folded: (spellings.most_common(1)[0][0], spellings.total())
        for folded, spellings in spelled.items()
        if " " not in folded
    }


def _small(word: str) -> str:
    """A word that only begins with a capital, in small letters; others as they stand."""
    first, rest = word[0], word[1:]
    if not rest.islower():
        return word
    # "Işıklı" begins with the capital of ı, "Iron" with that of i.
    if first == "I" and "ı" in rest and "i" not in rest:
        return "ı" + rest
    return ("i" if first == "İ" else first.lower()) + rest


def _cells(column: pa.ChunkedArray) -> Iterator[tuple[str, int]]:
    """Texts of a column and how many products have each."""
    values: Any = column.combine_chunks()
    if pa.types.is_list(values.type):
        values = pc.list_flatten(values)
    counted = pc.value_counts(values.drop_null())
    yield from zip(counted.field(0).to_pylist(), counted.field(1).to_pylist(), strict=True)


def own_columns(columns: Mapping[str, str]) -> Sequence[str]:
    """Those of OWN_COLUMNS that a catalog has, by its columns' types."""
    return [name for name in OWN_COLUMNS if columns.get(name) in {"text", "texts"}]
