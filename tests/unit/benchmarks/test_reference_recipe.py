from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks.reference_recipe import (
    DIMENSION,
    SIDE_PX,
    RecipeTurns,
    ReferenceRecipe,
    reference_recipes,
)
from furniture_prompter.distillation.networks import IMAGENET_MEAN, IMAGENET_SCALE
from furniture_prompter.domain import IndexProgress
from furniture_prompter.encoders.decoding import DEFAULT_LIMITS
from furniture_prompter.errors import InvalidPhotoError
from furniture_prompter.evaluation.latency import measure_latency
from furniture_prompter.evaluation.suite import LatencySettings
from tests.fakes import ColourGridEncoder


@pytest.fixture(scope="module")
def recipes() -> tuple[ReferenceRecipe, ...]:
    return reference_recipes(1)


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{number}.png" for number in range(3)]
    for number, path in enumerate(paths):
        Image.new("RGB", (80, 60), (40 * number, 90, 160)).save(path)
    return paths


def test_a_photo_becomes_a_square_then_planes_then_a_row(
    recipes: tuple[ReferenceRecipe, ...], photos: list[Path]
) -> None:
    for recipe in recipes:
        square = recipe.read(photos[1])
        assert square.shape == (SIDE_PX, SIDE_PX, 3)
        planes = recipe.preprocess([square, recipe.read(photos[2])])
        assert planes.shape == (2, 3, SIDE_PX, SIDE_PX)
        red = (40 - IMAGENET_MEAN[0]) / IMAGENET_SCALE[0]
        assert planes[0, 0] == pytest.approx(np.full((SIDE_PX, SIDE_PX), red), abs=1e-5)
        rows = recipe.encode(planes)
        assert rows.shape == (2, DIMENSION)
        assert rows.dtype == np.float32
        assert np.isfinite(rows).all()


def test_the_recipes_are_the_sizes_that_are_published(
    recipes: tuple[ReferenceRecipe, ...],
) -> None:
    teacher, student = recipes
    # torchvision's 25,557,032 and 11,689,512 with classifiers of 1,000 classes.
    assert teacher.parameters == 25_557_032 - (2_048 + 1) * 1_000
    assert student.parameters == 11_689_512 - (512 + 1) * 1_000 + (512 + 1) * DIMENSION
    assert teacher.multiply_adds == pytest.approx(4.09e9, rel=0.01)
    assert student.multiply_adds == pytest.approx(1.814e9, rel=0.01)


def test_making_recipes_leaves_the_callers_random_numbers_alone() -> None:
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    reference_recipes(1)
    assert torch.equal(torch.rand(1), expected)


def test_a_photo_that_cannot_be_read_is_named(
    recipes: tuple[ReferenceRecipe, ...], tmp_path: Path
) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"no photo")
    for name in ("broken.jpg", "gone.jpg"):
        with pytest.raises(InvalidPhotoError, match=name):
            recipes[0].read(tmp_path / name)


def test_the_recipe_takes_its_turns_first_in_its_own_batches(
    recipes: tuple[ReferenceRecipe, ...], photos: list[Path]
) -> None:
    student = recipes[1]
    pair = ReferenceRecipe(student.name, student.architecture, student.network, batch=2)
    told: list[IndexProgress] = []
    facts, times = measure_latency(
        [("grid", ColourGridEncoder())],
        photos,
        LatencySettings(photos=3, rounds=3, warm_up=1, batches=(1,)),
        DEFAULT_LIMITS,
        search={},
        on_progress=told.append,
        rivals=[RecipeTurns(pair)],
    )
    (row,) = facts
    assert (row.key, row.role, row.searches) == (student.name, "reference recipe", False)
    assert (row.precision, row.weights_sha256, row.notes) == (
        "fp32",
        "",
        "random weights: timing only",
    )
    recipe, grid = times
    assert (recipe.encoder, grid.encoder) == (student.name, "grid")
    assert (recipe.warm_up, grid.warm_up) == (2, 1)
    assert list(recipe.stages) == ["read and decode", "preprocess", "encode"]
    for number, total_s in enumerate(recipe.total_s):
        encode = recipe.stages["encode"][3 * number : 3 * number + 3]
        assert encode[0] == encode[1] != encode[2]
        parts_ms = sum(sum(each[3 * number : 3 * number + 3]) for each in recipe.stages.values())
        assert parts_ms <= 1_000 * total_s
