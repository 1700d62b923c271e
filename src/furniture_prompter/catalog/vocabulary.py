"""The words of a catalog version: which products have each, and how the shop writes it."""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from furniture_prompter.catalog.columns import NUMBER, WORDS, places_array
from furniture_prompter.catalog.keywords import fold
from furniture_prompter.catalog.vector_index import Numbers, places_of

LIMIT_PRODUCTS: Final = 100_000
"""Products whose words are read; a catalog that has more is known by these."""

OWN_COLUMNS: Final = ("title", "category", "color", "tags", "base_colors", "base_materials")
"""Columns in which a shop names things, in contrast to describing them."""

_MOST_OWN: Final = 50_000
_LEAST_MODEL_PRODUCTS: Final = 3
_LETTERS: Final = re.compile(r"[^\W\d_]{3,}")


@dataclass(frozen=True, slots=True, eq=False)
class Written:
    """Words of the columns in which a shop names things, as they stand there.

    Attributes:
        counts: In how many cells each word is.
        models: The same of words that name models, in titles.
    """

    counts: Counter[str]
    models: Counter[str]

    @classmethod
    def of(cls, rows: pa.Table) -> "Written":
        """Count them; `rows` as of :func:`vocabulary_of`."""
        counts: Counter[str] = Counter()
        models: Counter[str] = Counter()
        for name in OWN_COLUMNS:
            if name not in rows.column_names:
                continue
            for text, count in _cells(rows[name]):
                has_small = not text.isupper()
                for word in set(_LETTERS.findall(text)):
                    # "KALLAX Shelving unit": a word in capitals among others names a model.
                    is_model = name == "title" and has_small and word.isupper()
                    (models if is_model else counts)[word] += count
        return cls(counts, models)

    def with_changed(self, before: "Written", now: "Written") -> "Written":
        """The words where those of some rows are now others than before."""
        return Written(
            self.counts - before.counts + now.counts, self.models - before.models + now.models
        )

    def own(self) -> dict[str, tuple[str, int]]:
        """See :class:`Vocabulary`."""
        counts = Counter(self.counts)
        for word, count in self.models.items():
            if count >= _LEAST_MODEL_PRODUCTS:
                counts[word] += count
        spelled: dict[str, Counter[str]] = defaultdict(Counter)
        for word, count in counts.most_common(_MOST_OWN):
            spelled[word.lower() if word.isascii() else fold(word)][_small(word)] += count
        return {
            folded: (spellings.most_common(1)[0][0], spellings.total())
            for folded, spellings in spelled.items()
            if " " not in folded
        }


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
        written: What `own` is made of: how often each word is written, and which names models.
    """

    products: int
    own: Mapping[str, tuple[str, int]]
    places: Mapping[str, int]
    starts: NDArray[np.int64]
    members: Numbers
    written: Written
    _stems: dict[Callable[[str], str], frozenset[str]] = field(default_factory=dict, repr=False)

    @property
    def is_whole(self) -> bool:
        """Whether these are all words of the version, and few enough to know each one's stem."""
        return self.products < LIMIT_PRODUCTS and len(self.places) <= _MOST_OWN

    def stems(self, stem: Callable[[str], str]) -> frozenset[str]:
        """What becomes of all words by a stemmer; kept."""
        if stem not in self._stems:
            self._stems[stem] = frozenset(map(stem, self.places))
        return self._stems[stem]

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

    def carried(self, before: pa.Table, now: pa.Table) -> "Vocabulary":
        """The words after some products changed; itself where their words are as they were.

        Args:
            before: Those that went or changed, as of :func:`vocabulary_of`, by rising number.
            now: Those that came or changed, as they are now, in the same way.
        """
        before, now = (each.combine_chunks() for each in (before, now))
        if before.equals(now):
            return self
        if self.products >= LIMIT_PRODUCTS:
            # Words of others were never read.
            known = np.isin(before[NUMBER].to_numpy(), self.members)
            before = before.take(places_array(np.flatnonzero(known)))
        added = vocabulary_of(now)
        kept = ~places_of(self.members, before[NUMBER].to_numpy())[1]
        starts = np.concatenate([[0], np.cumsum(kept)])[self.starts]
        members = self.members[kept]
        places = dict(self.places)
        for word in added.places:
            if word not in places:
                places[word] = len(starts) - 1
                starts = np.append(starts, starts[-1])
        having = sorted((places[word], added.having(word)) for word in added.places)
        for_each = [len(numbers) for _, numbers in having]
        at = [
            starts[place] + np.searchsorted(members[starts[place] : starts[place + 1]], numbers)
            for place, numbers in having
        ]
        if having:
            members = np.insert(
                members, np.concatenate(at), np.concatenate([numbers for _, numbers in having])
            )
            more = np.zeros(len(starts), np.int64)
            more[[place + 1 for place, _ in having]] = for_each
            starts = starts + np.cumsum(more)
        gone = set(np.flatnonzero(np.diff(starts) == 0).tolist())
        written = self.written.with_changed(Written.of(before), added.written)
        return Vocabulary(
            self.products - before.num_rows + now.num_rows,
            written.own(),
            {word: place for word, place in places.items() if place not in gone},
            starts,
            members,
            written,
        )


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
    written = Written.of(rows)
    return Vocabulary(
        rows.num_rows,
        written.own(),
        {word: place for place, word in enumerate(words.dictionary.to_pylist())},
        np.concatenate([[0], np.cumsum(np.bincount(codes, minlength=known))]),
        np.sort(numbers)[ranks] if len(numbers) else np.zeros(0, np.int64),
        written,
    )


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
