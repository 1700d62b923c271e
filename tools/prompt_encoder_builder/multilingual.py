"""The multilingual table: the English encoder's rows, and rows for words of other languages.

A row has two parts. The first lies in the English encoder's space, so that English means what it
meant: an English piece keeps its row, a Turkish word of the dictionary has the rows of its English
words, and any other word those of the English words that the multilingual network puts nearest.
The second part is the multilingual network's own answer to the word, along principal axes.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tools.prompt_encoder_builder.words import Word

Rows = NDArray[np.float32]

_NEIGHBOURS: Final = 6
_TEMPERATURE: Final = 0.06
_CHUNK: Final = 2_000
# Pieces before this place are single letters, signs and words of other scripts.
_FIRST_ANCHOR: Final = 1_000


@dataclass(frozen=True, slots=True)
class MultilingualSettings:
    """What the table is made of; benchmarks/multilingual_prompts.py compares.

    Attributes:
        own_axes: Components of the second part.
        own_length: Length of the second part where that of the first is 1, on average.
        frequent_words: Words of other languages beside those of furniture.
        anchors: English words that the network is asked, the most frequent ones.
        sif_coefficient: As in :class:`tools.prompt_encoder_builder.distil.DistilSettings`.
    """

    own_axes: int = 128
    own_length: float = 0.5
    frequent_words: int = 8_000
    anchors: int = 8_000
    sif_coefficient: float = 3e-4


@dataclass(frozen=True, slots=True)
class Answers:
    """What the network said.

    Attributes:
        keys: Words as the tokenizer looks them up.
        vectors: Shape (len(keys), 512), unit rows.
    """

    keys: Sequence[str]
    vectors: Rows

    def of(self, keys: Sequence[str]) -> Rows:
        """The rows of some of the keys, in their order."""
        places = {key: place for place, key in enumerate(self.keys)}
        return self.vectors[[places[key] for key in keys]]


@dataclass(frozen=True, slots=True)
class Table:
    """A vocabulary with a row for each piece."""

    vocabulary: dict[str, int]
    rows: Rows


def shares(pieces: int) -> NDArray[np.float64]:
    """Each piece's share of a text by Zipf's law from its place, as model2vec has it."""
    inverse = 1 / np.arange(2, pieces + 2)
    return np.asarray(inverse / inverse.sum())


def multilingual_table(
    english: Table,
    words: Mapping[str, Word],
    said: Mapping[str, Sequence[int]],
    answers: Answers,
    anchors: Sequence[str],
    settings: MultilingualSettings,
) -> Table:
    """Put the two parts together.

    Args:
        english: The English encoder's vocabulary and weighted rows.
        words: Words of other languages that get a row, by key.
        said: Key → rows of the English words that say the same; these get a row too.
        answers: The network's, for every key of `words` and `anchors`.
        anchors: English words among the pieces.
        settings: See there.

    Returns:
        English pieces first, numbered as before.
    """
    pieces = len(english.vocabulary)
    weights = settings.sif_coefficient / (settings.sif_coefficient + shares(pieces))
    mean = answers.vectors.mean(axis=0)
    centred = answers.vectors - mean
    axes = np.linalg.eigh(centred.T @ centred)[1][:, ::-1][:, : settings.own_axes]
    own = Answers(answers.keys, np.asarray(centred @ axes, np.float32))
    turned = Answers(answers.keys, np.asarray(_unit(centred), np.float32))

    numbers = [english.vocabulary[anchor] for anchor in anchors]
    own_of_pieces = np.zeros((pieces, settings.own_axes), np.float32)
    own_of_pieces[numbers] = own.of(anchors) * weights[numbers, None]
    lengths = [float(np.sqrt(np.square(part[numbers]).sum(axis=1).mean()))
               for part in (english.rows, own_of_pieces)]  # fmt: skip
    scale = settings.own_length * lengths[0] / lengths[1]

    new = [key for key in words if key not in said]
    rarity = np.array(
        [settings.sif_coefficient / (settings.sif_coefficient + words[key].share) for key in new]
    )[:, None]
    meant = _nearest(
        turned.of(new), turned.of(anchors), english.rows[numbers] / weights[numbers, None]
    )
    own_of_pieces *= scale
    translated = [list(numbers_of) for numbers_of in said.values()]
    rows = np.hstack(
        [
            np.vstack([english.rows, meant * rarity, *_sums(english.rows, translated)]),
            np.vstack(
                [own_of_pieces, own.of(new) * rarity * scale, *_sums(own_of_pieces, translated)]
            ),
        ]
    )
    vocabulary = dict(english.vocabulary)
    for key in (*new, *said):
        vocabulary[key] = len(vocabulary)
    return Table(vocabulary, np.ascontiguousarray(rows, np.float32))


def _sums(rows: Rows, groups: list[list[int]]) -> list[Rows]:
    return [rows[group].sum(axis=0, keepdims=True) for group in groups]


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def _nearest(asked: Rows, anchors: Rows, meanings: NDArray[np.float64]) -> NDArray[np.float64]:
    """For each row of `asked` the mean meaning of its nearest anchors, weighted by nearness."""
    found = []
    for start in range(0, len(asked), _CHUNK):
        likeness = asked[start : start + _CHUNK] @ anchors.T
        nearest = np.argsort(-likeness, axis=1, kind="stable")[:, :_NEIGHBOURS]
        best = np.take_along_axis(likeness, nearest, axis=1)
        share = np.exp((best - best[:, :1]) / _TEMPERATURE)
        share /= share.sum(axis=1, keepdims=True)
        found.append(np.einsum("nk,nkd->nd", share, meanings[nearest]))
    return np.concatenate(found) if found else np.zeros((0, meanings.shape[1]), np.float32)


def anchors_among(vocabulary: Mapping[str, int], wanted: Iterable[str], most: int) -> list[str]:
    """The most frequent whole English words of a vocabulary, and those of `wanted` that it has."""
    words = [
        piece
        for piece, number in sorted(vocabulary.items(), key=lambda each: each[1])
        if number >= _FIRST_ANCHOR and len(piece) > 2 and piece.isascii() and piece.isalpha()
    ]
    known = (word for word in wanted if vocabulary.get(word, 0) >= _FIRST_ANCHOR)
    return list(dict.fromkeys((*words[:most], *known)))
