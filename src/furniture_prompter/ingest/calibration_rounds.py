"""Rounds of a calibration: kinds taken away, products held out, and what may answer for them."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.catalog.stored import StoredVectors
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
    having: dict[str, list[int]] = {}
    for place, title in enumerate(stored.titles):
        for word in {*folded_words(title)} - told:
            having.setdefault(word, []).append(place)
    most = min(_MOST_TWINS, max(_LEAST_TWINS, int(_RARE * len(stored.titles))))
    found = []
    for place in asked.tolist():
        shared = [having.get(word, ()) for word in {*folded_words(stored.titles[place])} - told]
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
