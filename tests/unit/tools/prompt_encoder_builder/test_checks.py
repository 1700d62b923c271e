import numpy as np
import pytest
from numpy.typing import NDArray

from tools.prompt_encoder_builder.checks import (
    CheckFailedError,
    CheckResult,
    check,
    rank_correlation,
    read_lines,
    read_triplets,
    triplets_right,
)


class LetterCounts:
    """Unit rows of letter counts: texts with the same letters are alike."""

    def encode(self, prompts: list[str], /) -> NDArray[np.float32]:
        counts = [[prompt.lower().count(chr(97 + i)) for i in range(26)] for prompt in prompts]
        rows = np.array(counts, np.float32)
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


class Opposite(LetterCounts):
    def encode(self, prompts: list[str], /) -> NDArray[np.float32]:
        return -super().encode(prompts)


def test_an_export_agrees_with_itself() -> None:
    result = check(LetterCounts(), LetterCounts(), LetterCounts())
    assert result.parity_min == pytest.approx(1)
    assert result.rank_correlation == pytest.approx(1)


def test_an_export_that_differs_from_its_reference_is_refused() -> None:
    result = check(LetterCounts(), Opposite(), LetterCounts())
    assert result.parity_min == pytest.approx(-1)
    with pytest.raises(CheckFailedError, match=r"parity with model2vec is -1\.0000, below 0\.999"):
        result.require()


def test_every_figure_that_is_too_low_is_named() -> None:
    with pytest.raises(CheckFailedError, match=r"rank correlation.*triplets.*Nothing was written"):
        CheckResult(parity_min=1, rank_correlation=0.1, triplets_right=0.2).require()


def test_good_figures_pass() -> None:
    CheckResult(parity_min=0.9999, rank_correlation=0.7, triplets_right=1).require()


def test_triplets_are_counted_by_which_text_is_closer() -> None:
    triplets = [("abc", "cab", "xyz"), ("abc", "xyz", "cab")]
    assert triplets_right(LetterCounts(), triplets) == 0.5


def test_rank_correlation_sees_order_only() -> None:
    rising = np.array([1, 2, 3, 4], np.float32)
    assert rank_correlation(rising, np.exp(rising)) == pytest.approx(1)
    assert rank_correlation(rising, -rising) == pytest.approx(-1)


def test_the_lists_hold_enough_to_measure_with() -> None:
    assert len(set(read_lines("check_prompts.txt"))) >= 50
    triplets = read_triplets()
    assert len(triplets) >= 40
    assert all(len({*triplet}) == 3 for triplet in triplets)
