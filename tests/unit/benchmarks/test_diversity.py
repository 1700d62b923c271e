"""What the measurement of diversity says of a ranking."""

import pytest

from benchmarks.diversity import judged

MODELS = {each: each[0] for each in ("a1", "a2", "a3", "b1", "c1", "d1")}


def test_a_ranking_is_judged_by_its_right_ones_and_its_models() -> None:
    found = judged(["b1", "a1", "a2", "c1"], {"a1", "a2", "a3"}, MODELS)
    assert found == pytest.approx([0, 2 / 3, 1 / 2, 3])
    assert judged(["d1", "b1"], {"d1"}, MODELS) == [1, 1, 1, 2]
    assert judged(["d1"], {"b1"}, MODELS) == [0, 0, 0, 1]


def test_only_the_first_ten_count_for_recall_and_models() -> None:
    models = {f"m{place}": f"m{place}" for place in range(20)}
    ids = list(models)
    assert judged(ids, set(ids), models) == [1, 1, 1, 10]
    assert judged(ids, {"m12"}, models) == pytest.approx([0, 0, 1 / 13, 10])
