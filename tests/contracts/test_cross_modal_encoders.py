"""One suite that every encoder with a text tower must pass beside test_encoders.py."""

from collections.abc import Callable

import numpy as np
import pytest

from furniture_prompter.encoders.protocols import CrossModalEncoder
from tests.fakes import COLOURS, ColourTeacher, colour_card

ENCODERS: dict[str, Callable[[], CrossModalEncoder]] = {
    "colour-teacher": lambda: ColourTeacher(colour_card(encodes_prompts=True)),
}
PROMPTS = ["a red chair", "blue", "something else", "kırmızı koltuk 🛋", "BLACK TABLE"]


@pytest.fixture(scope="module", params=ENCODERS)
def encoder(request: pytest.FixtureRequest) -> CrossModalEncoder:
    return ENCODERS[request.param]()


def test_it_is_a_cross_modal_encoder_and_its_card_says_so(encoder: CrossModalEncoder) -> None:
    assert isinstance(encoder, CrossModalEncoder)
    assert encoder.card.encodes_prompts


def test_prompts_give_unit_rows_of_the_photos_dimension(encoder: CrossModalEncoder) -> None:
    vectors = encoder.encode_prompts(PROMPTS)
    assert vectors.shape == (len(PROMPTS), encoder.card.dimension)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3)


def test_no_prompts_give_no_rows(encoder: CrossModalEncoder) -> None:
    vectors = encoder.encode_prompts([])
    assert vectors.shape == (0, encoder.card.dimension)
    assert vectors.dtype == np.float32


@pytest.mark.parametrize("prompt", ["", "   ", "\n\t"])
def test_an_empty_prompt_gives_a_row_of_zeros_and_leaves_the_others_alone(
    encoder: CrossModalEncoder, prompt: str
) -> None:
    vectors = encoder.encode_prompts([PROMPTS[0], prompt, PROMPTS[1]])
    assert not vectors[1].any()
    np.testing.assert_allclose(vectors[[0, 2]], encoder.encode_prompts(PROMPTS[:2]), atol=1e-3)


def test_a_batch_of_prompts_gives_what_one_by_one_gives(encoder: CrossModalEncoder) -> None:
    together = encoder.encode_prompts(PROMPTS * 5)
    apart = np.concatenate([encoder.encode_prompts([prompt]) for prompt in PROMPTS])
    np.testing.assert_allclose(together, np.tile(apart, (5, 1)), atol=1e-3)


def test_a_prompt_of_any_length_is_accepted(encoder: CrossModalEncoder) -> None:
    vectors = encoder.encode_prompts(["red chair " * 2_000])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3)


def test_one_string_is_no_sequence_of_prompts(encoder: CrossModalEncoder) -> None:
    with pytest.raises(TypeError):
        encoder.encode_prompts("red")


def test_prompts_and_images_meet_in_one_space(encoder: CrossModalEncoder) -> None:
    plain = [np.full((32, 32, 3), colour, np.uint8) for colour in COLOURS.values()]
    images, prompts = encoder.encode(plain), encoder.encode_prompts(list(COLOURS))
    assert images.shape == prompts.shape


def test_the_fake_knows_its_colours() -> None:
    teacher = ENCODERS["colour-teacher"]()
    plain = [np.full((32, 32, 3), colour, np.uint8) for colour in COLOURS.values()]
    likeness = teacher.encode_prompts(list(COLOURS)) @ teacher.encode(plain).T
    np.testing.assert_array_equal(likeness.argmax(axis=1), np.arange(len(COLOURS)))
