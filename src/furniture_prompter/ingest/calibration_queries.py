"""What a calibration asks: prompts as people write them, of the shop's own and of other shops'."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.catalog.confidence import KindsOf
from furniture_prompter.catalog.stored import StoredVectors
from furniture_prompter.domain import RgbImage
from furniture_prompter.ingest.furniture_words import other_language
from furniture_prompter.understanding.spelling import everyday_words
from furniture_prompter.understanding.thesaurus import folded_words, thesaurus
from furniture_prompter.understanding.word_forms import word_forms

_LEAST_LETTERS: Final = 3
_ODD_PICTURES: Final = 40
ODD_SORTS: Final = 4
"""Sorts of pictures of nothing, dealt one after the other."""
ODD_SIDE_PX: Final = 256
# What no furniture shop sells, and what is said without asking for anything.
_OTHER_SHOPS: Final = (
    *("good morning", "how are you", "test", "qwerty", "lorem ipsum", "xyz abc", "help me please"),
    *("washing machine", "refrigerator", "vacuum cleaner", "mobile phone case", "laptop computer"),
    *("running shoes", "winter jacket", "blue jeans", "wrist watch", "car tyres", "mountain bike"),
    *("dog food", "orange juice", "pizza", "shampoo", "toothpaste", "football", "guitar strings"),
    *("flight tickets", "garden hose", "engine oil", "power drill", "novel by a french author"),
    *("merhaba nasılsın", "günaydın", "çamaşır makinesi", "buzdolabı", "elektrikli süpürge"),
    *(
        "telefon kılıfı",
        "spor ayakkabı",
        "kışlık mont",
        "kol saati",
        "araba lastiği",
        "kedi maması",
    ),
    *("portakal suyu", "şampuan", "diş macunu", "uçak bileti", "matkap", "gitar teli", "dfgh jkl"),
)
_SENTENCES: Final = {
    "english": "I am looking for a {} for my home",
    "turkish": "evim için {} arıyorum",
}


def shop_prompts(
    stored: StoredVectors,
    kinds_of: KindsOf,
    asked: NDArray[np.int64],
    language: str,
    rng: np.random.Generator,
) -> list[str]:
    """A prompt for each product, as people ask: by kind, colour, title, other words, a sentence."""
    sentence = _SENTENCES.get(language, "{}")
    prompts = []
    for turn, place in enumerate(asked.tolist()):
        title, color = stored.titles[place], stored.colors[place]
        kind = stored.categories[place] if kinds_of == "category" else title
        worded = f"{color} {kind}".strip() if color else kind
        ways = (
            kind,
            worded,
            title or kind,
            other_language(f"{kind}, {color}") or worded,
            f"{color} {_otherwise(kind, rng)}".strip(),
            sentence.format(worded),
        )
        prompts.append(ways[turn % len(ways)])
    return prompts


def _otherwise(kind: str, rng: np.random.Generator) -> str:
    """A kind by another word of the thesaurus; as it stands where that knows none."""
    words = folded_words(kind)
    for found in thesaurus().find(words):
        said = words[found.start : found.stop]
        others = [
            term.text
            for concept in found.concepts
            for term in concept.terms
            if term.same and term.words != said
        ]
        if others:
            other = others[int(rng.integers(len(others)))]
            return " ".join((*words[: found.start], other, *words[found.stop :]))
    return kind


def known_share(prompt: str, vocabulary: frozenset[str]) -> float:
    """Share of a prompt's words that products have, in other words of the thesaurus as well."""
    words = folded_words(prompt)
    answered = {at for at, word in enumerate(words) if not vocabulary.isdisjoint(word_forms(word))}
    for found in thesaurus().find(words):
        terms = (term for concept in found.concepts for term in concept.terms if term.same)
        if any(vocabulary.issuperset(term.words) for term in terms):
            answered.update(range(found.start, found.stop))
    counted = {
        at
        for at, word in enumerate(words)
        if word.isalpha() and len(word) >= _LEAST_LETTERS and word not in everyday_words()
    }
    return len(counted & answered) / len(counted) if counted else 1.0


def unsold_prompts(stored: StoredVectors) -> list[str]:
    """Prompts for what furniture shops do not sell, without those that this one has words for."""
    having = {word for words in stored.words for word in words.split()}
    return [prompt for prompt in _OTHER_SHOPS if not having.issuperset(folded_words(prompt))]


def odd_pictures(rng: np.random.Generator) -> list[RgbImage]:
    """Pictures of nothing: noise, gradients, flat colours, patches; 256 px."""
    ramp = np.linspace(0, 1, ODD_SIDE_PX)
    pictures = []
    for turn in range(_ODD_PICTURES):
        low, high = rng.uniform(0, 255, (2, 3))
        grain = (1, 2, 8, 32, 64)[turn // 4 % 5]
        cells = ODD_SIDE_PX // grain
        way = ramp[:, None, None] if turn % 8 < 4 else ramp[None, :, None]
        told = {
            0: np.kron(rng.uniform(0, 255, (cells, cells, 3)), np.ones((grain, grain, 1))),
            1: np.kron(rng.uniform(0, 255, (cells, cells, 1)), np.ones((grain, grain, 1))),
            2: low + (high - low) * way,
            3: low[None, None],
        }[turn % ODD_SORTS]
        picture = np.broadcast_to(told, (ODD_SIDE_PX, ODD_SIDE_PX, 3))
        pictures.append(np.ascontiguousarray(picture.astype(np.uint8)))
    return pictures
