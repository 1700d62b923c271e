"""Words for a photo, from the votes of products near by."""

import numpy as np
import pytest

from furniture_prompter.domain.query import DescribedWord
from furniture_prompter.search.suggesting import _prompt, joined, shares, softmax


def test_shares_fall_by_e_for_each_temperature_and_add_up_to_one() -> None:
    found = softmax(np.array([0.9, 0.85, 0.8], np.float32), 0.05)
    weights = np.exp([0, -1, -2])
    assert found.tolist() == pytest.approx((weights / weights.sum()).tolist(), abs=1e-6)
    assert found.sum() == pytest.approx(1)


def test_a_products_vote_is_given_whole_to_each_of_its_words() -> None:
    votes = np.array([0.5, 0.3, 0.2])
    assert shares([["red", "blue", "red"], ["blue"], []], votes) == pytest.approx(
        {"red": 0.5 / 0.8, "blue": 1.0}
    )
    assert shares(["red, blue ", " ,", None], votes, ",") == {"red": 1.0, "blue": 1.0}
    assert shares(["oak, pine", "ash", "ash"], votes) == pytest.approx(
        {"oak, pine": 0.5, "ash": 0.5}
    )
    assert shares([None, "", []], votes) == {}


def test_votes_and_likeness_are_joined_six_to_four() -> None:
    voted = np.array([0.6, 0.2])
    found = joined(voted, np.array([0.1, 0.2]))
    near = np.exp([-1, 0]) / np.exp([-1, 0]).sum() * 0.8
    assert found.tolist() == pytest.approx((0.6 * voted + 0.4 * near).tolist())


def words(*told: tuple[str, float]) -> tuple[DescribedWord, ...]:
    return tuple(DescribedWord(text, confidence) for text, confidence in told)


def test_sure_words_make_a_prompt_and_the_kind_is_always_said() -> None:
    ranked = {
        "category": words(("sofa", 0.1), ("bed", 0.05)),
        "colors": words(("grey", 0.35), ("red", 0.3)),
        "materials": words(("linen", 0.349)),
    }
    assert _prompt(ranked) == "grey sofa"
    assert _prompt({**ranked, "materials": words(("oak", 0.9))}) == "grey oak sofa"
    assert _prompt({"category": (), "colors": (), "materials": ()}) == ""
