import math
import subprocess
import sys

import numpy as np
import pytest

from furniture_prompter.evaluation.metrics import bootstrap_interval, per_query, success_by_chance

MEASURES = ("Success@1", "Success@3", "P@5", "R@3", "RR", "AP", "nDCG@3")


def one(ranking: list[str], relevant: set[str]) -> dict[str, float]:
    values = per_query({"q": ranking}, {"q": relevant}, MEASURES)
    return {name: by_query["q"] for name, by_query in values.items()}


def test_measures_equal_what_a_hand_computes() -> None:
    found = one(["x", "a", "y", "b", "z"], {"a", "b", "c", "d"})
    ideal = 1 + 1 / math.log2(3) + 1 / math.log2(4)
    assert found == pytest.approx(
        {
            "Success@1": 0,
            "Success@3": 1,
            "P@5": 2 / 5,
            "R@3": 1 / 4,
            "RR": 1 / 2,
            "AP": (1 / 2 + 2 / 4) / 4,
            "nDCG@3": (1 / math.log2(3)) / ideal,
        },
        abs=1e-6,
    )


def test_a_perfect_ranking_has_one_everywhere_but_where_too_few_are_relevant() -> None:
    found = one(["a", "b", "x", "y", "z"], {"a", "b"})
    assert found.pop("P@5") == pytest.approx(2 / 5)
    assert set(found.values()) == {1.0}


def test_a_ranking_shorter_than_the_cut_off_is_not_filled_up() -> None:
    found = one(["a"], {"a", "b"})
    assert (found["P@5"], found["R@3"], found["AP"]) == pytest.approx((1 / 5, 1 / 2, 1 / 2))


def test_a_query_that_found_nothing_counts_as_zero() -> None:
    values = per_query({"q": [], "r": ["a"]}, {"q": {"a"}, "r": {"a"}}, ["RR"])
    assert values == {"RR": {"q": 0.0, "r": 1.0}}


@pytest.mark.parametrize("ranking", [["a", "z"], ["z", "a"]])
def test_equal_products_keep_the_order_they_were_ranked_in(ranking: list[str]) -> None:
    # trec_eval itself would order ties by id, whichever came first.
    assert one(ranking, {"a"})["RR"] == 1 / (ranking.index("a") + 1)
    assert one(ranking, {"z"})["RR"] == 1 / (ranking.index("z") + 1)


def test_long_rankings_keep_their_order() -> None:
    ranking = [f"p{number}" for number in range(5_000)]
    assert one(ranking, {"p4999"})["RR"] == pytest.approx(1 / 5_000)


@pytest.mark.parametrize(
    ("rankings", "relevant", "measures", "words"),
    [
        ({"q": ["a"]}, {"r": {"a"}}, ["RR"], "same queries"),
        ({"q": ["a"]}, {"q": set()}, ["RR"], "no relevant product"),
        ({"q": ["a", "a"]}, {"q": {"a"}}, ["RR"], "ranked twice"),
        ({"q": ["a"]}, {"q": {"a"}}, ["Nonsense@3"], "Nonsense"),
        ({"q": ["a"]}, {"q": {"a"}}, ["P@@"], "P@@|Name measures"),
    ],
)
def test_what_cannot_be_judged_is_refused(
    rankings: dict[str, list[str]], relevant: dict[str, set[str]], measures: list[str], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        per_query(rankings, relevant, measures)


def test_the_interval_holds_the_mean_and_narrows_with_more_queries() -> None:
    values = np.array([0.0, 1.0] * 50)
    low, high = bootstrap_interval(values)
    assert low < 0.5 < high
    # The standard error of 100 coin tosses is 0.05.
    assert high - low == pytest.approx(2 * 1.96 * 0.05, rel=0.1)
    wide = bootstrap_interval(values[:20])
    assert wide[1] - wide[0] > 1.8 * (high - low)
    assert bootstrap_interval(values) == (low, high)


def test_equal_values_leave_no_interval() -> None:
    assert bootstrap_interval([0.25] * 7) == (0.25, 0.25)


def test_chance_equals_the_share_of_random_orders() -> None:
    assert success_by_chance(10, 1, 1) == pytest.approx(0.1)
    assert success_by_chance(10, 3, 2) == pytest.approx(1 - (7 / 10) * (6 / 9))
    assert success_by_chance(4, 1, 10) == 1.0
    rng = np.random.default_rng(0)
    orders = rng.permuted(np.tile(np.arange(20), (20_000, 1)), axis=1)[:, :5]
    assert success_by_chance(20, 3, 5) == pytest.approx((orders < 3).any(axis=1).mean(), abs=0.01)


def test_without_ir_measures_the_message_says_how_to_install_it() -> None:
    program = (
        "import sys; sys.modules['ir_measures'] = None\n"
        "from furniture_prompter.evaluation.metrics import per_query\n"
        "from furniture_prompter.errors import FurniturePrompterError\n"
        "try: per_query({'q': ['a']}, {'q': {'a'}}, ['RR'])\n"
        "except FurniturePrompterError as error: print(error)"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert "pip install -e '.[benchmark]'" in answer.stdout


def test_gains_count_in_ndcg_and_a_gain_of_nothing_is_no_answer() -> None:
    gains = {"q": {"a": 1, "b": 0, "c": 3}}
    values = per_query({"q": ["a", "b", "c"]}, gains, ("nDCG@3", "AP", "P@3"))
    assert values["nDCG@3"]["q"] == pytest.approx((1 + 3 / 2) / (3 + 1 / math.log2(3)))
    assert values["AP"]["q"] == pytest.approx((1 + 2 / 3) / 2)
    assert values["P@3"]["q"] == pytest.approx(2 / 3)
    with pytest.raises(ValueError, match="no relevant product"):
        per_query({"q": ["b"]}, {"q": {"b": 0}}, ["RR"])
