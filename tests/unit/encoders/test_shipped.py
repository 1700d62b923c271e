"""The alignment that ships holds for the encoders that ship, and for no other."""

from dataclasses import replace

import numpy as np
import pytest

from furniture_prompter.encoders.card import EncoderCard
from furniture_prompter.encoders.registry import encoder_folder
from furniture_prompter.encoders.shipped import STATEMENT, borrowed_statement, shipped_alignment


@pytest.fixture(scope="module")
def cards() -> tuple[EncoderCard, EncoderCard]:
    names = ("default", "default-prompt")
    photo, prompt = (EncoderCard.load(encoder_folder(name)) for name in names)
    return photo, prompt


def test_it_takes_the_vectors_of_the_encoders_that_ship(
    cards: tuple[EncoderCard, EncoderCard],
) -> None:
    photo, prompt = cards
    alignment = shipped_alignment(photo, prompt)
    assert alignment is not None
    rows = alignment.align_prompts(np.ones((1, prompt.dimension), np.float32))
    assert rows.shape == alignment.align_photos(np.ones((1, photo.dimension), np.float32)).shape


def test_another_encoder_is_refused(cards: tuple[EncoderCard, EncoderCard]) -> None:
    photo, prompt = cards
    assert shipped_alignment(replace(photo, weights_sha256="0" * 64), prompt) is None
    assert shipped_alignment(photo, replace(prompt, weights_sha256="0" * 64)) is None


def test_what_it_says_begins_alike_and_gives_the_reason() -> None:
    said = borrowed_statement("Words cannot search the pictures yet: it has 3 products with text.")
    assert said.startswith(STATEMENT)
    assert said.endswith("Why not: it has 3 products with text.")
