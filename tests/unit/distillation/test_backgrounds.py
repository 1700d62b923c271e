"""White backgrounds: found, and replaced."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from furniture_prompter.distillation.augmentation import (
    draw_background,
    read_textures,
    white_background,
)
from furniture_prompter.errors import DistillationError


def test_white_that_hangs_together_with_the_border_is_background() -> None:
    image = np.full((40, 40, 3), 255, np.uint8)
    image[10:30, 10:30] = 90
    image[15:25, 15:25] = 255  # a white cushion inside
    found = white_background(image)
    assert found[0, 0] == 255
    assert (found[10:30, 10:30] == 0).all()
    assert (found == 255).sum() == 40 * 40 - 20 * 20


def test_the_way_in_may_turn() -> None:
    image = np.full((40, 40, 3), 50, np.uint8)
    image[0:30, 5:8] = image[27:30, 5:30] = image[10:30, 27:30] = image[10:13, 15:30] = 255
    assert (white_background(image) == 255).sum() == (image[..., 0] == 255).sum()


def test_a_room_has_no_white_background() -> None:
    image = np.full((30, 30, 3), 200, np.uint8)
    image[12:18, 12:18] = 255
    assert not white_background(image).any()


def test_it_gives_the_same_as_a_flood_fill() -> None:
    draw = np.random.default_rng(3)
    for _ in range(10):
        small = draw.random((8, 8)) < 0.6
        image = np.repeat(np.where(small, 255, 30).astype(np.uint8)[..., None], 3, axis=2)
        reached = white_background(image) == 255
        # Whatever is reached is white and connected; what it misses needs more turns than five.
        assert (image[reached] == 255).all()
        border = np.zeros((8, 8), bool)
        border[[0, -1]] = border[:, [0, -1]] = True
        assert (reached[border] == (image[..., 0] == 255)[border]).all()


def test_textures_are_read_and_shrunk(tmp_path: Path) -> None:
    Image.new("RGB", (700, 1400), (80, 60, 40)).save(tmp_path / "oak.png")
    Image.new("RGB", (40, 40), (200, 60, 40)).save(tmp_path / "brick.jpg")
    assert sorted(texture.shape for texture in read_textures(tmp_path)) == [
        (40, 40, 3),
        (1024, 512, 3),
    ]


def test_a_folder_without_textures_is_refused(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(DistillationError, match="no textures"):
            read_textures(folder)
    (tmp_path / "bad.jpg").write_bytes(b"no")
    with pytest.raises(DistillationError, match=r"bad\.jpg"):
        read_textures(tmp_path)


def test_a_background_may_show_a_texture() -> None:
    texture = np.zeros((64, 64, 3), np.uint8)
    texture[::2] = 255
    drawn = [
        np.asarray(draw_background(np.random.default_rng(seed), 64, [texture]))
        for seed in range(20)
    ]
    assert any(len(np.unique(image)) > 4 for image in drawn)
    assert any(len(np.unique(image)) <= 6 for image in drawn)
