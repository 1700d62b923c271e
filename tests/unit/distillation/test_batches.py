"""Which views a step sees."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from furniture_prompter.distillation.augmentation import CLEAN, Batches, ViewMaker
from furniture_prompter.distillation.photos import TrainingPhoto

PHOTOS = tuple(TrainingPhoto(Path(f"{n}"), f"{n:064x}", f"{n}") for n in range(14))
TRAIN = np.arange(2, 14)
SQUARES = np.random.default_rng(0).integers(0, 256, (14, 36, 36, 4), np.uint8)


def _batches(
    views: int = 0, rank: int = 0, processes: int = 1, size: int = 5, seed: int = 3
) -> Batches:
    places = np.arange(14)
    return Batches(
        PHOTOS, TRAIN, SQUARES, places, ViewMaker(3), seed, views, 0.25, size, 32, rank, processes
    )


def test_every_pass_shows_every_photo_once() -> None:
    shown = np.concatenate([_batches(size=4).plan(step)[0] for step in range(6)])
    assert Counter(shown.tolist()) == dict.fromkeys(TRAIN.tolist(), 2)


def test_a_step_is_the_same_whenever_it_is_made() -> None:
    batches = _batches()
    ahead = batches.ahead(2, 2)
    second = next(ahead)
    ahead.close()
    again = _batches().make(2)
    assert (again.photos == second.photos).all()
    assert (again.numbers == second.numbers).all()
    assert (again.images == second.images).all()


def test_without_views_some_are_clean_and_no_view_comes_twice() -> None:
    plans = [_batches().plan(step) for step in range(60)]
    pairs = [
        (int(photo), int(number))
        for photos, numbers in plans
        for photo, number in zip(photos, numbers, strict=True)
    ]
    clean = [pair for pair in pairs if pair[1] == CLEAN]
    assert 0.1 < len(clean) / len(pairs) < 0.4
    others = [pair for pair in pairs if pair[1] != CLEAN]
    assert len(set(others)) == len(others)


def test_with_views_every_photo_walks_through_all_of_them() -> None:
    plans = [_batches(views=3, size=12).plan(step) for step in range(4)]
    seen: dict[int, list[int]] = {}
    for photos, numbers in plans:
        for photo, number in zip(photos, numbers, strict=True):
            seen.setdefault(int(photo), []).append(int(number))
    assert all(sorted(numbers) == [0, 1, 2, 3] for numbers in seen.values())


@pytest.mark.parametrize("step", [0, 2, 7])
def test_processes_divide_a_step(step: int) -> None:
    whole = _batches().plan(step)[0]
    parts = [_batches(rank=rank, processes=2).plan(step)[0] for rank in (0, 1)]
    assert sorted(np.concatenate(parts)) == sorted(whole)


def test_another_seed_is_another_order_over_the_same_views() -> None:
    one, other = _batches(views=2, seed=3), _batches(views=2, seed=4)
    assert (one.plan(0)[0] != other.plan(0)[0]).any()
    photos, numbers = np.array([5, 6]), np.array([1, 2])
    assert (one.images(photos, numbers) == other.images(photos, numbers)).all()
