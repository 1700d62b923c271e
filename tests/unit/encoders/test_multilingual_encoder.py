"""The prompt encoder that ships: English as before, Turkish beside it, small and quick."""

import time
from pathlib import Path

import numpy as np
import pytest

from furniture_prompter.encoders.prompt_encoder import StaticPromptEncoder
from furniture_prompter.encoders.registry import encoder_folder
from furniture_prompter.unit_rows import unit_rows

LIMIT_BYTES = 24_000_000
LIMIT_MS = 1.0


@pytest.fixture(scope="module")
def shipped() -> StaticPromptEncoder:
    return StaticPromptEncoder.load(encoder_folder("default-prompt"))


@pytest.fixture(scope="module")
def english() -> StaticPromptEncoder:
    return StaticPromptEncoder.load(encoder_folder("minilm-static-256"))


@pytest.mark.parametrize(
    ("prompt", "same", "other"),
    [
        ("beyaz sandalye", "white chair", "white table"),
        ("siyah deri koltuk", "black leather armchair", "black leather bag"),
        ("gri halı", "grey rug", "grey sofa"),
        ("KIRMIZI PERDELER", "red curtains", "red cushion"),
        ("komodin", "bedside table", "wardrobe"),
        ("gardırop", "wardrobe", "bedside table"),
        ("ceviz yemek masası", "walnut dining table", "walnut bed"),
        ("çekmeceli şifonyer", "chest of drawers", "bookcase"),
        ("weißer Stuhl", "white chair", "white table"),
        ("canapé noir", "black sofa", "black chair"),
        ("armadio bianco", "white wardrobe", "white chair"),
        ("czarne krzesło", "black chair", "black table"),
        ("красный диван", "red sofa", "red lamp"),
        ("zwarte tafel", "black table", "black lamp"),
    ],
)
def test_prompts_of_other_languages_lie_near_their_english_ones(
    shipped: StaticPromptEncoder, prompt: str, same: str, other: str
) -> None:
    asked, near, far = shipped.encode([prompt, same, other])
    assert asked @ near > asked @ far + 0.05


def test_dictionary_words_mean_exactly_their_english_ones(shipped: StaticPromptEncoder) -> None:
    turkish, said = (
        shipped.encode([text]) for text in ("beyaz komodin, sandalye", "white bedside table chair")
    )
    assert (turkish @ said.T).item() > 0.95


def test_english_means_what_it_meant(
    shipped: StaticPromptEncoder, english: StaticPromptEncoder
) -> None:
    prompts = ["white wooden chair", "grey two-seat sofa with wooden legs", "brass floor lamp"]
    assert [shipped.pieces(each) for each in prompts] == [english.pieces(each) for each in prompts]
    first_part = unit_rows(shipped.encode(prompts)[:, :256].astype(np.float64))
    assert np.sum(first_part * english.encode(prompts), axis=1).min() > 0.999


def test_it_is_small_and_says_where_it_comes_from(shipped: StaticPromptEncoder) -> None:
    folder = encoder_folder("default-prompt")
    assert sum(file.stat().st_size for file in Path(folder).iterdir()) <= LIMIT_BYTES
    card = shipped.card
    assert card.languages[:2] == ("en", "tr")
    assert card.licence == "Apache-2.0"
    assert "universal-sentence-encoder-multilingual" in card.source
    assert {"use/weights.npz", "model.safetensors"} <= set(card.source_sha256)
    card.verify_files(folder)


def test_a_prompt_takes_less_than_a_millisecond(shipped: StaticPromptEncoder) -> None:
    prompt = ["üç çekmeceli beyaz komodin, meşe ayaklı"]
    shipped.encode(prompt)
    taken = []
    for _ in range(50):
        began = time.perf_counter()
        shipped.encode(prompt)
        taken.append(time.perf_counter() - began)
    assert min(taken) * 1e3 < LIMIT_MS
