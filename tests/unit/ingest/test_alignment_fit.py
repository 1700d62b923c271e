"""What a catalog's alignment learns from its text: both languages, and nothing from numbers."""

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from furniture_prompter.encoders.alignment import Alignment, AlignmentRefusal
from furniture_prompter.encoders.prompt_encoder import StaticPromptEncoder
from furniture_prompter.encoders.registry import encoder_folder
from furniture_prompter.ingest import writing
from furniture_prompter.ingest.furniture_words import other_language
from furniture_prompter.ingest.writing import _fit

KINDS = {"chair": "sandalye", "coffee table": "orta sehpa", "wardrobe": "gardırop", "rug": "halı"}
KINDS |= {"floor lamp": "lambader", "bookcase": "kitaplık", "mirror": "ayna", "sofa": "kanepe"}
COLORS = {"white": "beyaz", "black": "siyah", "dark grey": "koyu gri", "red": "kırmızı"}
COLORS |= {"oak": "meşe", "light blue": "açık mavi"}


def looks(kinds: list[str], colors: list[str]) -> list[str]:
    return [f"{kind}, {color}" for kind, color in itertools.product(kinds, colors)]


ENGLISH = looks(list(KINDS), list(COLORS))
TURKISH = looks(list(KINDS.values()), list(COLORS.values()))


def photos() -> NDArray[np.float32]:
    """A direction for each kind and each colour, and noise."""
    rng = np.random.default_rng(0)
    kinds, colors = rng.normal(size=(len(KINDS), 32)), rng.normal(size=(len(COLORS), 32))
    rows = [kind + color for kind, color in itertools.product(kinds, colors)]
    shown = np.array(rows) + 0.3 * rng.normal(size=(len(rows), 32))
    return np.asarray(shown / np.linalg.norm(shown, axis=1, keepdims=True), np.float32)


def found_first_three(encoder: str, fitted: list[str], asked: list[str]) -> float:
    prompts = StaticPromptEncoder.load(encoder_folder(encoder))
    shown = photos()
    alignment = _fit(fitted, shown, np.arange(len(fitted)), prompts)
    assert isinstance(alignment, Alignment)
    scores = alignment.align_prompts(prompts.encode(asked)) @ alignment.align_photos(shown).T
    ranks = np.sum(scores > np.diagonal(scores)[:, None], axis=1)
    return float(np.mean(ranks < 3))


@pytest.mark.parametrize(("fitted", "asked"), [(ENGLISH, TURKISH), (TURKISH, ENGLISH)])
def test_prompts_of_the_other_language_find_photos(fitted: list[str], asked: list[str]) -> None:
    assert found_first_three("default-prompt", fitted, fitted) > 0.9
    assert found_first_three("default-prompt", fitted, asked) > 0.8


def test_an_encoder_of_one_language_learns_that_alone() -> None:
    assert found_first_three("minilm-static-256", ENGLISH, ENGLISH) > 0.9
    assert found_first_three("minilm-static-256", ENGLISH, TURKISH) < 0.5


@pytest.mark.parametrize("name", ["{:05}", "IMG_{:04}", "DSC{:05}.jpg"])
def test_names_of_files_that_count_teach_nothing(name: str) -> None:
    # Neighbours look alike here as they do in a shop's folder, which a fit on numbers would learn.
    prompts = StaticPromptEncoder.load(encoder_folder("default-prompt"))
    names = [name.format(number) for number in range(len(ENGLISH))]
    outcome = _fit(names, photos(), np.arange(len(names)), prompts)
    assert isinstance(outcome, AlignmentRefusal)
    assert "0 have such" in outcome.reason


def test_kinds_beside_numbers_are_learned_from() -> None:
    prompts = StaticPromptEncoder.load(encoder_folder("default-prompt"))
    names = [f"IMG_{number:04}, {look}" for number, look in enumerate(ENGLISH)]
    assert isinstance(_fit(names, photos(), np.arange(len(names)), prompts), Alignment)


def test_each_look_is_encoded_once_and_some_thousand_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    prompts = StaticPromptEncoder.load(encoder_folder("default-prompt"))
    asked: list[list[str]] = []

    def encode(texts: Sequence[str]) -> NDArray[np.float32]:
        asked.append([*texts])
        return np.ones((len(texts), prompts.card.dimension), np.float32)

    monkeypatch.setattr(writing, "CHUNK_ROWS", 20)
    monkeypatch.setattr(StaticPromptEncoder, "encode", lambda _, texts: encode(texts))
    shown = np.tile(photos(), (3, 1))
    _fit(ENGLISH * 3, shown, np.arange(len(shown)), prompts)
    told = [text for batch in asked for text in batch]
    assert told == [*ENGLISH, *map(other_language, ENGLISH)]
    assert [len(batch) for batch in asked[:-1]] == [20] * (len(asked) - 1)
