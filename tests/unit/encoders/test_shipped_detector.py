"""The detector that ships: its card, rooms put together of bundled renders, and product photos."""

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from furniture_prompter.bundled import catalog_feed
from furniture_prompter.domain.product import RgbImage
from furniture_prompter.domain.query import Piece
from furniture_prompter.encoders.detector import Detector
from furniture_prompter.encoders.registry import find_encoder_folder
from furniture_prompter.search.pieces import is_room
from furniture_prompter.settings import SHIPPED_DETECTOR, Settings

Box = tuple[int, int, int, int]
"""Left, top, right and bottom in pixels."""

MOST_BYTES = 6_000_000
# Where pieces stand in a room of 640 x 480, and how high they are.
SPOTS = ((40, 400, 210), (250, 380, 170), (430, 420, 230))


@cache
def renders() -> dict[str, list[Path]]:
    """First pictures of the bundled products by category."""
    found: dict[str, list[Path]] = {}
    feed = catalog_feed()
    for line in feed.read_text("utf-8").splitlines():
        row = json.loads(line)
        found.setdefault(row["category"], []).append(feed.parent / row["images"][0])
    return found


@pytest.fixture(scope="module")
def detector() -> Detector:
    return Detector.load(SHIPPED_DETECTOR, threads=1)


def room(pictures: Sequence[Path], seed: int) -> tuple[RgbImage, list[Box]]:
    """Pieces on a floor before a wall, each with the box that it fills."""
    rng = np.random.default_rng(seed)
    canvas = np.empty((480, 640, 3), np.float64)
    canvas[:330] = rng.uniform(110, 220, 3)
    canvas[330:] = rng.uniform(60, 150, 3)
    canvas *= np.linspace(0.85, 1.1, 640)[None, :, None]
    boxes = []
    for file, (left, bottom, high) in zip(pictures, SPOTS, strict=True):
        with Image.open(file) as image:
            image.thumbnail((170, high))
            pixels = np.asarray(image.convert("RGB"), np.float64)
        shown = (pixels < 245).any(axis=2)
        height, width = shown.shape
        part = canvas[bottom - height : bottom, left : left + width]
        part[shown] = pixels[shown] * 0.9
        rows, columns = np.nonzero(shown)
        top = bottom - height
        boxes.append(
            (left + columns.min(), top + rows.min(), left + columns.max() + 1, top + rows.max() + 1)
        )
    noise = rng.normal(0, 3, canvas.shape)
    return (canvas + noise).clip(0, 255).astype(np.uint8), boxes


def found(pieces: Sequence[Piece], box: Box) -> bool:
    """Whether a piece covers half of a box and itself, in a photo of 640 x 480."""
    for piece in pieces:
        left, top = piece.box.x * 640, piece.box.y * 480
        right, bottom = left + piece.box.width * 640, top + piece.box.height * 480
        across, down = (
            min(right, box[2]) - max(left, box[0]),
            min(bottom, box[3]) - max(top, box[1]),
        )
        shared = max(across, 0.0) * max(down, 0.0)
        both = (right - left) * (bottom - top) + (box[2] - box[0]) * (box[3] - box[1])
        if shared >= 0.5 * (both - shared):
            return True
    return False


def test_its_card_says_what_it_is_and_where_it_comes_from(detector: Detector) -> None:
    card = detector.card
    assert card.layout == "sides"
    assert card.passes_plain
    assert card.licence == "Apache-2.0"
    assert "rendered" in card.source
    assert (SHIPPED_DETECTOR / card.weights_file).stat().st_size == card.weights_bytes <= MOST_BYTES


def test_it_is_what_the_settings_name_and_no_encoder() -> None:
    assert Settings().detector == SHIPPED_DETECTOR
    assert find_encoder_folder(SHIPPED_DETECTOR.name, Settings().encoder_cache) is None


def test_a_room_put_together_is_one_and_most_of_its_pieces_are_found(detector: Detector) -> None:
    kinds = ("armchair", "table", "dresser", "chair", "sofa", "bookcase", "desk", "cabinet")
    hits = []
    for seed in range(8):
        chosen = [kinds[(seed + step) % len(kinds)] for step in (0, 3, 5)]
        image, boxes = room([renders()[kind][seed % 2] for kind in chosen], seed)
        pieces = detector.find(image)
        assert is_room(pieces)
        assert len({piece.box for piece in pieces}) == len(pieces)
        hits += [found(pieces, box) for box in boxes]
    assert np.mean(hits) >= 0.7, hits


def test_a_photo_of_one_product_is_no_room(detector: Detector) -> None:
    for kind in ("sofa", "table", "wardrobe", "floor lamp", "rug"):
        with Image.open(renders()[kind][0]) as image:
            pixels = np.asarray(image.convert("RGB"))
        assert not is_room(detector.find(pixels)), kind


def test_nothing_is_no_room(detector: Detector) -> None:
    rows = np.linspace(60, 200, 480)[:, None, None] * np.ones((1, 640, 3))
    assert not is_room(detector.find(rows.astype(np.uint8)))
