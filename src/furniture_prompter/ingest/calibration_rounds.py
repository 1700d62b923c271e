"""Rounds of a calibration: kinds taken away, products held out, and what is left to answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.catalog.confidence import NEIGHBOURS, Neighbours, Vectors
from furniture_prompter.catalog.storage import CHUNK_ROWS
from furniture_prompter.catalog.stored import StoredVectors
from furniture_prompter.catalog.vector_index import BACKGROUND_ROWS, background_of
from furniture_prompter.understanding.thesaurus import folded_words

ROUNDS: Final = 6
_ASKED: Final = 60
"""Products of each sort that a round asks for; half as many are mixed."""
_HELD_OUT: Final = 0.2
_TAKEN_AWAY: Final = 0.12
_MOST_TAKEN: Final = 0.4
_LEAST_LETTERS: Final = 3
_RARE: Final = 0.02
"""Share of the titles that may have a word which names a model."""
_LEAST_TWINS: Final = 3
_MOST_TWINS: Final = 50


@dataclass(frozen=True, slots=True, eq=False)
class Rounds:
    """Who is asked for in which round, and what is left there.

    Attributes:
        left: Products that are left, shape (rounds, products).
        asked: Place of each product that is asked for, shape (n,).
        turn: Its round, shape (n,), rising.
        held_out: Whether it was held out, and not taken away with its kind, shape (n,).
        twins: Places of the products that share a rare word of its title.
    """

    left: NDArray[np.bool_]
    asked: NDArray[np.int64]
    turn: NDArray[np.int64]
    held_out: NDArray[np.bool_]
    twins: list[NDArray[np.int64]]

    @classmethod
    def of(
        cls,
        stored: StoredVectors,
        kinds: NDArray[np.str_],
        names: NDArray[np.str_],
        rng: np.random.Generator,
    ) -> "Rounds":
        """Deal a catalog's products of known kinds; `names` are the kinds there are, each once."""
        count = len(stored.titles)
        relations = _related(names)
        places = {name: np.flatnonzero(kinds == name) for name in names.tolist()}
        left, asked, turn, held_out = [], [], [], []
        for number in range(ROUNDS):
            gone = np.zeros(count, bool)
            chosen = np.zeros(count, bool)
            for place in rng.permutation(len(names)).tolist():
                own = places[names[place]]
                # Every second round what shares a word with the kind goes as well.
                also = relations[place] if number % 2 else (place,)
                further = np.concatenate([places[names[each]] for each in also])
                if (gone.sum() + len(further)) > _MOST_TAKEN * count:
                    continue
                gone[further] = True
                chosen[own] = True
                if chosen.sum() >= _TAKEN_AWAY * count:
                    break
            known = np.flatnonzero(~gone & (kinds != ""))
            most = min(_ASKED, int(_HELD_OUT * len(known)))
            held = rng.permutation(known)[:most]
            away = rng.permutation(np.flatnonzero(chosen))[:_ASKED]
            here = ~gone
            here[held] = False
            left.append(here)
            asked += [held, away]
            turn += [number] * (len(held) + len(away))
            held_out += [True] * len(held) + [False] * len(away)
        who = np.concatenate(asked).astype(np.int64)
        return cls(
            np.array(left), who, np.array(turn), np.array(held_out), _twins(stored, names, who)
        )


def _twins(
    stored: StoredVectors, names: NDArray[np.str_], asked: NDArray[np.int64]
) -> list[NDArray[np.int64]]:
    """For each product that is asked for those that share a rare word of its title.

    Words of kinds and colours name no model, however rare.
    """
    told = {word for text in (*names.tolist(), *{*stored.colors}) for word in folded_words(text)}
    own = [{*folded_words(stored.titles[place])} - told for place in asked.tolist()]
    most = min(_MOST_TWINS, max(_LEAST_TWINS, int(_RARE * len(stored.titles))))
    # No word's list grows past what is too many, and none is kept that nobody asks for.
    having: dict[str, list[int]] = {word: [] for words in own for word in words}
    for place, title in enumerate(stored.titles):
        for word in {*folded_words(title)}:
            places = having.get(word)
            if places is not None and len(places) <= most:
                places.append(place)
    found = []
    for words in own:
        shared = [having[word] for word in words]
        twins = {each for places in shared if len(places) <= most for each in places}
        found.append(np.array(sorted(twins), np.int64))
    return found


def _related(names: NDArray[np.str_]) -> list[tuple[int, ...]]:
    """For each kind the places of those that share a word with it, its own among them."""
    having: dict[str, list[int]] = {}
    words = [
        {word for word in folded_words(name) if len(word) >= _LEAST_LETTERS}
        for name in names.tolist()
    ]
    for place, own in enumerate(words):
        for word in own:
            having.setdefault(word, []).append(place)
    return [
        tuple(sorted({place, *(each for word in own for each in having[word])}))
        for place, own in enumerate(words)
    ]


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """What a space answered to the queries of one round.

    Attributes:
        near: Each query's neighbours.
        cosines: Of each query with each product, -inf where one is not left, shape (q, products).
    """

    near: list[Neighbours]
    cosines: NDArray[np.float32]


class Space:
    """One vector space: the catalog's rows in it, and the queries'."""

    def __init__(
        self,
        rows: NDArray[np.floating],
        starts: NDArray[np.int64],
        queries: Vectors,
        *,
        with_vectors: bool = False,
    ) -> None:
        """Take rows by product, where each product's begin, and the queries, shape (n, d)."""
        self._rows = rows
        self._starts = starts
        self._ends = np.append(starts[1:], len(rows))
        self._owner = np.repeat(np.arange(len(starts)), self._ends - starts)
        self._queries = queries
        self._known = np.asarray(rows.any(axis=1))
        self._with_vectors = with_vectors
        cuts = np.searchsorted(starts, np.arange(0, len(rows), CHUNK_ROWS))
        self._cuts = np.unique(np.append(cuts, len(starts))).tolist()

    def ask(
        self,
        queries: NDArray[np.int64],
        left: NDArray[np.bool_],
        kinds: NDArray[np.str_],
        twins: Sequence[NDArray[np.int64]],
    ) -> Answers:
        """Ask some queries, the first of products, among those that are left and no twins."""
        cosines, sample = self.cosines(queries, left, twins)
        near = []
        for place, query in enumerate(queries.tolist()):
            own = cosines[place].astype(np.float64)
            order = np.argsort(-own, kind="stable")[:NEIGHBOURS]
            order = order[np.isfinite(own[order])]
            vectors = self._nearest(self._queries[query], order) if self._with_vectors else None
            background = background_of(sample[place])
            near.append(Neighbours(order, own[order], kinds[order], background, vectors))
        return Answers(near, cosines)

    def cosines(
        self,
        queries: NDArray[np.int64],
        left: NDArray[np.bool_],
        twins: Sequence[NDArray[np.int64]],
    ) -> tuple[Vectors, Vectors]:
        """Each query's cosines with each product, and with a sample of the rows that are left."""
        asking = self._queries[queries]
        kept = self._known & left[self._owner]
        counted = np.flatnonzero(kept)
        sampled = counted[:: max(1, len(counted) // BACKGROUND_ROWS)]
        sample = np.empty((len(queries), len(sampled)), np.float32)
        cosines = np.empty((len(queries), len(self._starts)), np.float32)
        # A space of all photos is never there as float32, nor its cosines with all queries.
        for first, last in pairwise(self._cuts):
            start, end = self._starts[first], self._ends[last - 1]
            scores = asking @ self._rows[start:end, : asking.shape[1]].astype(np.float32).T
            here = slice(*np.searchsorted(sampled, (start, end)).tolist())
            sample[:, here] = scores[:, sampled[here] - start]
            scores[:, ~kept[start:end]] = -np.inf
            within = self._starts[first:last] - start
            cosines[:, first:last] = np.maximum.reduceat(scores, within, axis=1)
        for own, others in zip(cosines, twins, strict=False):
            own[others] = -np.inf
        return cosines, sample

    def _nearest(self, asking: Vectors, products: NDArray[np.int64]) -> Vectors:
        """Of each product the row that is nearest to a query, shape (k, d)."""
        nearest = []
        for start, end in zip(self._starts[products], self._ends[products], strict=True):
            rows = self._rows[start:end].astype(np.float32)
            scores = rows[:, : len(asking)] @ asking
            scores[~self._known[start:end]] = -np.inf
            nearest.append(rows[np.argmax(scores)])
        return np.array(nearest, np.float32).reshape(-1, self._rows.shape[1])
