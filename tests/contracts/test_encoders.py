"""One suite that every image encoder must pass; add an encoder to ENCODERS to hold it to it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from furniture_prompter.encoders import onnx_encoder
from furniture_prompter.encoders.onnx_encoder import OnnxEncoder
from furniture_prompter.encoders.protocols import Encoder, ForkingEncoder
from tests.fakes import ColourEncoder, ColourTeacher, colour_card

WEIGHTS = Path(onnx_encoder.__file__).parent / "weights"

ENCODERS: dict[str, Callable[[], Encoder]] = {
    "efficientnet-lite2": lambda: OnnxEncoder.load(WEIGHTS / "efficientnet-lite2"),
    "efficientnet-lite2, for several threads": lambda: OnnxEncoder.load(
        WEIGHTS / "efficientnet-lite2", threads=2
    ).for_several_threads(),
    "colour-teacher": lambda: ColourTeacher(colour_card(encodes_prompts=True)),
    "colour-student": lambda: ColourEncoder(colour_card("colour-student", "2")),
}


@pytest.fixture(scope="module", params=ENCODERS)
def encoder(request: pytest.FixtureRequest) -> Encoder:
    return ENCODERS[request.param]()


@pytest.fixture(scope="module")
def images() -> list[NDArray[np.uint8]]:
    """Smooth blobs of different colours and sizes; a network sees more in them than in noise."""
    generator = np.random.default_rng(7)
    made = []
    for height, width in ((300, 300), (120, 400), (260, 90), (64, 64), (513, 257)):
        image = np.full((height, width, 3), 255, np.uint8)
        top, left = generator.integers(0, height // 2), generator.integers(0, width // 2)
        image[top : top + height // 2, left : left + width // 2] = generator.integers(0, 256, 3)
        made.append(image)
    return made


def test_it_is_an_encoder(encoder: Encoder) -> None:
    assert isinstance(encoder, Encoder)
    assert encoder.card.kind == "image"


def test_rows_are_float32_of_the_promised_shape_and_unit_length(
    encoder: Encoder, images: list[NDArray[np.uint8]]
) -> None:
    vectors = encoder.encode(images)
    assert vectors.shape == (len(images), encoder.card.dimension)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3)


def test_no_images_give_no_rows(encoder: Encoder) -> None:
    vectors = encoder.encode([])
    assert vectors.shape == (0, encoder.card.dimension)
    assert vectors.dtype == np.float32


def test_a_batch_gives_what_one_by_one_gives(
    encoder: Encoder, images: list[NDArray[np.uint8]]
) -> None:
    together = encoder.encode(images)
    apart = np.concatenate([encoder.encode([image]) for image in images])
    np.testing.assert_allclose(together, apart, atol=1e-3)


def test_more_images_than_one_batch_holds_keep_their_order(
    encoder: Encoder, images: list[NDArray[np.uint8]]
) -> None:
    vectors = encoder.encode(images * 5)
    np.testing.assert_allclose(vectors, np.tile(encoder.encode(images), (5, 1)), atol=1e-3)


def test_reversed_images_give_reversed_rows(
    encoder: Encoder, images: list[NDArray[np.uint8]]
) -> None:
    np.testing.assert_allclose(
        encoder.encode(images[::-1]), encoder.encode(images)[::-1], atol=1e-3
    )


def test_twice_the_same_call_gives_the_same_rows(
    encoder: Encoder, images: list[NDArray[np.uint8]]
) -> None:
    assert (encoder.encode(images) == encoder.encode(images)).all()


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1), (2, 2)])
@pytest.mark.parametrize("level", [0, 128, 255])
def test_the_smallest_and_the_longest_images_give_unit_rows(
    encoder: Encoder, size: tuple[int, int], level: int
) -> None:
    vectors = encoder.encode([np.full((*size, 3), level, np.uint8)])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3)


def test_the_images_are_not_altered(encoder: Encoder, images: list[NDArray[np.uint8]]) -> None:
    before = [image.copy() for image in images]
    encoder.encode(images)
    for image, copy in zip(images, before, strict=True):
        assert (image == copy).all()


def test_different_images_give_different_rows(
    encoder: Encoder, images: list[NDArray[np.uint8]]
) -> None:
    likeness = encoder.encode(images) @ encoder.encode(images).T
    assert likeness[~np.eye(len(images), dtype=bool)].max() < 0.99


def test_a_mirrored_image_is_nearer_than_another_one(
    encoder: Encoder, images: list[NDArray[np.uint8]]
) -> None:
    first, mirrored, other = encoder.encode([images[0], images[0][:, ::-1], images[1]])
    assert first @ mirrored > first @ other


def test_a_forked_encoder_gives_the_same_vectors_to_threads_at_once(
    images: list[NDArray[np.uint8]],
) -> None:
    whole = OnnxEncoder.load(WEIGHTS / "efficientnet-lite2", threads=2)
    assert isinstance(whole, ForkingEncoder)
    forked = whole.for_several_threads()
    wanted = whole.encode(images)
    with ThreadPoolExecutor(4) as threads:
        rows = list(threads.map(lambda image: forked.encode([image])[0], images * 4))
    np.testing.assert_allclose(rows, np.tile(wanted, (4, 1)), atol=1e-3)
