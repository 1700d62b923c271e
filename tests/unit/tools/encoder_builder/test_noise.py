from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from furniture_prompter.evaluation.collection import DEGRADATIONS
from tests.unit.tools.encoder_builder.tiny import some_images
from tools.encoder_builder import noise
from tools.encoder_builder.catalogs import CatalogImage
from tools.encoder_builder.noise import (
    fit_against_noise,
    fit_colour_axes,
    other_views,
    spoilt,
    weighed,
)

Vectors = NDArray[np.float32]


def cosines(rows: Vectors, others: NDArray[np.float64]) -> NDArray[np.float64]:
    products = (rows * others).sum(axis=1)
    return np.asarray(
        products / np.linalg.norm(rows, axis=1) / np.linalg.norm(others, axis=1), np.float64
    )


def shop(seed: int = 0) -> tuple[Vectors, Vectors]:
    """Products that differ in all of twelve directions, and the same moved along the first two."""
    rng = np.random.default_rng(seed)
    clean = rng.normal(size=(200, 12)).astype(np.float32) + 3
    moved = clean.copy()
    moved[:, :2] += rng.normal(size=(200, 2)) * 3
    return clean, moved


def test_what_spoiling_moves_tells_no_products_apart() -> None:
    clean, moved = shop()
    moves = moved.astype(np.float64) - clean
    fitted = fit_against_noise(clean, {"moved": (moves, 1.0)}, [clean, moved], 8, 0.1)
    assert np.abs(fitted.axes[:2]).max() < 0.3 * np.abs(fitted.axes[2:]).max()
    other_clean, other_moved = shop(seed=1)
    before = cosines(other_moved - 3, other_clean.astype(np.float64) - 3).mean()
    after = cosines(fitted.of(other_moved).astype(np.float32), fitted.of(other_clean)).mean()
    assert after > before + 0.1


def test_a_kind_of_noise_counts_by_its_weight() -> None:
    clean, moved = shop()
    moves = moved.astype(np.float64) - clean
    other = np.roll(moves, 6, axis=1)
    heavy, light = (
        fit_against_noise(clean, {"a": (moves, a), "b": (other, b)}, [clean], 12, 0.1)
        for a, b in ((9.0, 1.0), (1.0, 9.0))
    )
    reach = [
        np.linalg.norm(each.axes[:2]) / np.linalg.norm(each.axes[6:8]) for each in (heavy, light)
    ]
    assert reach[0] < 0.7 < 1 / 0.7 < reach[1]


def test_fewer_images_than_components_are_refused() -> None:
    clean, moved = shop()
    moves = moved.astype(np.float64) - clean
    with pytest.raises(ValueError, match="more images or fewer components"):
        fit_against_noise(clean[:4], {"moved": (moves, 1.0)}, [clean[:4]], 5, 0.1)


def test_other_views_are_those_of_one_product() -> None:
    rows = np.arange(10, dtype=np.float32).reshape(5, 2) ** 2
    found = other_views(rows, ["a", "a", "b", "c", "c"])
    assert found.tolist() == [(rows[1] - rows[0]).tolist(), (rows[4] - rows[3]).tolist()]


def test_colour_axes_keep_dot_products_as_far_as_they_reach() -> None:
    rng = np.random.default_rng(2)
    colours = np.abs(rng.normal(size=(50, 3)) @ rng.normal(size=(3, 9))).astype(np.float32)
    axes = fit_colour_axes(colours, 9)
    np.testing.assert_allclose(
        (colours @ axes) @ (colours @ axes).T, colours @ colours.T, rtol=1e-3
    )
    with pytest.raises(ValueError, match="ask for fewer"):
        fit_colour_axes(colours, 10)


def test_an_image_is_spoilt_the_same_each_time_and_never_by_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    held = {str(number): image for number, image in enumerate(some_images(4, 64))}
    monkeypatch.setattr(noise, "_decoded", lambda image: held[image.product])
    images = [CatalogImage(Path(name), name, "", name) for name in held]
    twice = [list(spoilt(images, DEGRADATIONS["clutter"], 4)) for _ in range(2)]
    assert all((left == right).all() for left, right in zip(*twice, strict=True))
    seen: list[int] = []

    def counting(image: object, _: object, others: object) -> object:
        seen.append(len(others))  # type: ignore[arg-type]  # a sequence of images
        return image

    list(spoilt(images, counting, 0))  # type: ignore[arg-type]  # as loose as this
    assert seen == [3, 3, 3, 3]


def test_other_views_are_their_share_of_the_noise_and_nothing_without_any() -> None:
    clean, moved = shop()
    moves = moved.astype(np.float64) - clean
    counted = weighed({"a": moves, "b": moves, "c": moves}, moves[:5], 0.25)
    total = sum(weight for _, weight in counted.values())
    assert counted["other views"][1] / total == pytest.approx(0.25)
    assert {counted[name][1] for name in "abc"} == {1.0}
    assert list(weighed({"a": moves}, moves[:0], 0.25)) == ["a"]
