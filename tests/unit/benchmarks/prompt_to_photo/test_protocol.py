import numpy as np
import pytest

from benchmarks.prompt_to_photo.protocol import Pairs, figures, halves, measure, ranks
from furniture_prompter.encoders.alignment import AlignmentSettings


def test_every_product_is_tested_once_for_each_seed_and_never_fitted_on_then() -> None:
    splits = list(halves(11, seeds=3))
    assert len(splits) == 6
    for fitted, tested in splits:
        assert not {*fitted} & {*tested}
    for first, second in zip(splits[::2], splits[1::2], strict=True):
        assert sorted([*first[1], *second[1]]) == list(range(11))


def test_a_rank_counts_the_photos_ahead_and_shares_ties() -> None:
    prompts = np.array([[1, 0], [1, 0], [0, 1]], np.float32)
    photos = np.array([[0.5, 0], [0.9, 0], [0.9, 0]], np.float32)
    np.testing.assert_array_equal(ranks(prompts, photos, np.array([0, 1, 2])), [3, 1.5, 2])


def test_figures_carry_their_chance() -> None:
    found = figures([np.array([1.0, 30.0]), np.array([2.0, 10.0])], candidates=50)
    assert found["recall_at_10"] == 0.75
    assert found["recall_at_10_spread"] == 0.25
    assert found["recall_at_10_chance"] == 0.2
    assert found["median_rank"] == 6
    assert found["median_rank_chance"] == 25
    assert found["mrr"] == pytest.approx((1 + 1 / 30 + 1 / 2 + 1 / 10) / 4, abs=1e-4)


def test_more_candidates_make_the_same_search_harder() -> None:
    rng = np.random.default_rng(2)
    meaning = rng.normal(size=(300, 8))
    texts = meaning + rng.normal(size=meaning.shape) / 2
    photos = meaning @ rng.normal(size=(8, 20)) + rng.normal(size=(300, 20))
    pairs = Pairs(*(array.astype(np.float32) for array in (texts, texts, photos)))
    found = measure(pairs, AlignmentSettings(), seeds=1)
    half, everything = found["held_out_half"], found["all_products"]
    assert half["candidates"] == 150
    assert everything["candidates"] == 300
    assert half["recall_at_10"] > everything["recall_at_10"] > 0.3
