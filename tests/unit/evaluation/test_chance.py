import numpy as np
import pytest

from furniture_prompter.evaluation.metrics import by_chance, expected_ndcg, per_query

MEASURES = ("Success@1", "Success@5", "P@5", "P@10", "R@10", "RR", "AP", "nDCG@10", "RR@3", "AP@3")


@pytest.mark.parametrize(("candidates", "relevant"), [(12, 1), (12, 4), (7, 7), (30, 29)])
def test_chance_by_formula_is_the_mean_over_random_orders(candidates: int, relevant: int) -> None:
    rng = np.random.default_rng(1)
    orders = {
        str(number): [str(place) for place in rng.permutation(candidates)]
        for number in range(4_000)
    }
    answers = dict.fromkeys(orders, frozenset(map(str, range(relevant))))
    found = per_query(orders, answers, MEASURES)
    for measure in MEASURES:
        values = np.array(list(found[measure].values()))
        error = values.std() / np.sqrt(len(values))
        assert by_chance(measure, candidates, relevant) == pytest.approx(
            values.mean(), abs=4 * error + 1e-6
        )


def test_chance_of_two_candidates_is_what_a_hand_computes() -> None:
    # One of two is relevant: first or second, each half of the time.
    assert by_chance("RR", 2, 1) == pytest.approx((1 + 1 / 2) / 2)
    assert by_chance("AP", 2, 1) == pytest.approx((1 + 1 / 2) / 2)
    # Two of three: the odd one first, in the middle or last.
    by_hand = ((1 / 2 + 2 / 3) / 2 + (1 + 2 / 3) / 2 + 1) / 3
    assert by_chance("AP", 3, 2) == pytest.approx(by_hand)


def test_chance_among_many_candidates_stays_a_number() -> None:
    assert 0 < by_chance("RR", 100_000, 3) < 1e-2
    assert by_chance("AP", 100_000, 1_000) == pytest.approx(0.01, rel=0.05)


def test_chance_with_gains_of_one_is_that_without_gains() -> None:
    assert expected_ndcg((1, 1, 1), 40, 10) == pytest.approx(by_chance("nDCG@10", 40, 3))


def test_chance_with_gains_is_what_a_hand_computes() -> None:
    # Gains 2 and 0, one rank: the right one half of the time.
    assert expected_ndcg((2,), 2, 1) == pytest.approx(0.5)
    assert expected_ndcg((2, 1), 2, 1) == pytest.approx((1 + 0.5) / 2)


@pytest.mark.parametrize("measure", ["P", "Success", "Bpref", "overlap@10"])
def test_a_measure_without_a_formula_is_refused(measure: str) -> None:
    with pytest.raises(ValueError, match="not known"):
        by_chance(measure, 10, 2)


@pytest.mark.parametrize("relevant", [0, 11])
def test_impossible_counts_are_refused(relevant: int) -> None:
    with pytest.raises(ValueError, match="cannot be relevant"):
        by_chance("RR", 10, relevant)
