import numpy as np
import pytest

from benchmarks.vector_engines.grown_vectors import Vectors, grown


def _real(count: int = 200, dimension: int = 16) -> Vectors:
    rng = np.random.default_rng(3)
    vectors = rng.normal(size=(count, dimension)) + 2 * rng.normal(size=dimension)
    unit: Vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return unit


def test_the_real_vectors_come_first_and_all_have_length_one() -> None:
    real = _real()
    vectors = grown(real, 1_000, seed=0)
    assert vectors.shape == (1_000, 16)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors[:200], real, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


def test_a_made_vector_is_one_plus_half_the_difference_of_two_others() -> None:
    # With three rows, x, y and z are a permutation of them: six vectors can come out.
    real = np.eye(3, dtype=np.float32)
    made = grown(real, 100, seed=0)[3:]
    unit = np.array([1, 0.5, -0.5]) / np.sqrt(1.5)
    possible = {
        tuple(np.round(unit[list(order)], 5))
        for order in np.ndindex(3, 3, 3)
        if len(set(order)) == 3
    }
    assert {tuple(row) for row in np.round(made.astype(np.float64), 5)} == possible


def test_growing_keeps_the_mean() -> None:
    real = _real()
    made = grown(real, 20_000, seed=1)[200:]
    # Before they are scaled the means agree but for the draw; scaling shortens both alike.
    mean, other = real.mean(axis=0), made.mean(axis=0)
    cosine = float(mean @ other / np.linalg.norm(mean) / np.linalg.norm(other))
    assert cosine > 0.999


def test_the_same_seed_gives_the_same_vectors_and_another_gives_others() -> None:
    real = _real()
    assert np.array_equal(grown(real, 500, seed=5), grown(real, 500, seed=5))
    assert not np.array_equal(grown(real, 500, seed=5), grown(real, 500, seed=6))


@pytest.mark.parametrize("block_rows", [1, 7, 200, 10_000])
def test_the_size_of_a_block_does_not_matter(block_rows: int) -> None:
    real = _real()
    whole = grown(real, 700, seed=2)
    assert np.array_equal(grown(real, 700, seed=2, block_rows=block_rows), whole)


def test_fewer_than_there_are_takes_the_first() -> None:
    real = _real()
    np.testing.assert_allclose(grown(real, 50, seed=0), real[:50], atol=1e-6)


def test_vectors_go_where_they_are_told_and_an_unfit_place_is_refused() -> None:
    real = _real()
    out = np.empty((300, 16), np.float32)
    assert grown(real, 300, seed=0, out=out) is out
    with pytest.raises(ValueError, match="out must be float32"):
        grown(real, 301, seed=0, out=out)


def test_two_vectors_are_too_few_to_grow() -> None:
    with pytest.raises(ValueError, match="three vectors at least, not 2"):
        grown(_real(2), 10, seed=0)
