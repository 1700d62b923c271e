from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from furniture_prompter.domain import rankings as module
from furniture_prompter.domain.rankings import (
    average_precision,
    ndcg_at_k,
    nearest,
    overlap_at_k,
    recall_at_1,
    same_label_retrieval,
)


def unit_rows(count: int, dimension: int, seed: int) -> NDArray[np.float32]:
    rows = np.random.default_rng(seed).normal(size=(count, dimension)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def test_nearest_ranks_by_dot_product_whatever_the_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    queries, candidates = unit_rows(7, 5, 1), unit_rows(20, 5, 2)
    expected = np.argsort(-(queries @ candidates.T), axis=1)
    np.testing.assert_array_equal(nearest(queries, candidates, 20), expected)
    monkeypatch.setattr(module, "_BLOCK_SCORES", 40)
    np.testing.assert_array_equal(nearest(queries, candidates, 3), expected[:, :3])


@pytest.mark.parametrize(("block", "rows"), [(100, [5, 2]), (40, [2, 2, 2, 1]), (7, [1] * 7)])
def test_no_more_scores_are_held_than_a_block_has_but_for_a_query_at_least(
    block: int, rows: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[int] = []
    argsort = np.argsort

    def noted(scores: NDArray[np.float32], **how: Any) -> NDArray[np.intp]:
        held.append(len(scores))
        return argsort(scores, **how)

    monkeypatch.setattr(module, "_BLOCK_SCORES", block)
    monkeypatch.setattr(np, "argsort", noted)
    nearest(unit_rows(7, 5, 1), unit_rows(20, 5, 2), 3)
    assert held == rows


def test_nearest_leaves_out_what_a_query_must_not_find() -> None:
    vectors = unit_rows(6, 4, 3)
    found = nearest(vectors, vectors, 5, np.arange(6))
    assert all(place not in row for place, row in enumerate(found.tolist()))
    assert all(len(set(row)) == 5 for row in found.tolist())
    everything = nearest(vectors, vectors, 5, np.full(6, -1))
    np.testing.assert_array_equal(everything[:, 0], np.arange(6))


def test_the_earlier_of_equal_candidates_comes_first() -> None:
    same = np.ones((4, 2), np.float32)
    np.testing.assert_array_equal(nearest(same[:1], same, 3), [[0, 1, 2]])


@pytest.mark.parametrize("count", [0, 4])
def test_more_places_than_candidates_are_refused(count: int) -> None:
    vectors = unit_rows(4, 3, 4)
    with pytest.raises(ValueError, match="between 1 and 3"):
        nearest(vectors, vectors, count, np.arange(4))


def test_all_candidates_can_be_asked_for_and_one_fewer_where_one_is_left_out() -> None:
    vectors = unit_rows(4, 3, 4)
    assert nearest(vectors, vectors, 4).shape == (4, 4)
    assert nearest(vectors, vectors, 1).shape == (4, 1)
    assert nearest(vectors, vectors, 3, np.arange(4)).shape == (4, 3)
    with pytest.raises(ValueError, match="between 1 and 4, not 5"):
        nearest(vectors, vectors, 5)


def test_a_single_vector_is_no_rows() -> None:
    with pytest.raises(ValueError, match="alike"):
        nearest(np.ones(3, np.float32), unit_rows(4, 3, 0), 1)
    with pytest.raises(ValueError, match="alike"):
        nearest(unit_rows(4, 3, 0), np.ones(3, np.float32), 1)
    with pytest.raises(ValueError, match="one shape"):
        overlap_at_k(np.zeros(3, np.intp), np.zeros(3, np.intp))
    with pytest.raises(ValueError, match="one shape"):
        overlap_at_k(np.zeros((3, 0), np.intp), np.zeros((3, 0), np.intp))


def test_labels_are_asked_for_from_two_items_on_whatever_is_said() -> None:
    vectors = unit_rows(5, 3, 6)
    for least in (0, 1, 2):
        asked = same_label_retrieval(vectors, vectors, ["a", "a", "b", "c", "d"], least=least)
        np.testing.assert_array_equal(asked.places, [0, 1])
    np.testing.assert_array_equal(
        same_label_retrieval(vectors, vectors, ["a", "a", "b", "c", "d"]).places, [0, 1]
    )


def test_rows_of_two_dimensions_are_refused() -> None:
    with pytest.raises(ValueError, match="alike"):
        nearest(unit_rows(2, 3, 0), unit_rows(2, 4, 0), 1)


def test_an_exclusion_for_other_queries_is_refused() -> None:
    with pytest.raises(ValueError, match="exclude"):
        nearest(unit_rows(2, 3, 0), unit_rows(4, 3, 0), 1, np.arange(3))


def test_overlap_counts_what_two_rankings_share_whatever_the_order() -> None:
    left = np.array([[0, 1, 2, 3], [0, 1, 2, 3], [0, 1, 2, 3]])
    right = np.array([[3, 2, 1, 0], [0, 9, 8, 1], [6, 7, 8, 9]])
    np.testing.assert_allclose(overlap_at_k(left, right), [1.0, 0.5, 0.0])


def test_rankings_of_two_depths_have_no_overlap() -> None:
    with pytest.raises(ValueError, match="one shape"):
        overlap_at_k(np.zeros((1, 2), np.intp), np.zeros((1, 3), np.intp))


# Ranks of the relevant candidates: first query 1 and 3 of two, second 2 of one.
RANKINGS = np.array([[4, 0, 2, 1, 3], [1, 3, 0, 2, 4]])
RELEVANT = np.array([[False, False, True, False, True], [False, False, False, True, False]])


def test_metrics_have_the_values_worked_out_by_hand() -> None:
    np.testing.assert_allclose(recall_at_1(RANKINGS, RELEVANT), [1, 0])
    np.testing.assert_allclose(average_precision(RANKINGS, RELEVANT), [(1 + 2 / 3) / 2, 1 / 2])
    ideal = 1 + 1 / np.log2(3)
    np.testing.assert_allclose(
        ndcg_at_k(RANKINGS, RELEVANT, 3), [(1 + 1 / 2) / ideal, 1 / np.log2(3)]
    )
    np.testing.assert_allclose(ndcg_at_k(RANKINGS, RELEVANT, 1), [1, 0])


def test_a_relevant_candidate_that_is_not_ranked_counts_as_missed() -> None:
    np.testing.assert_allclose(average_precision(RANKINGS[:, :2], RELEVANT), [1 / 2, 1 / 2])


def test_metrics_agree_with_ir_measures() -> None:
    ir_measures = pytest.importorskip("ir_measures")
    generator = np.random.default_rng(5)
    order = np.stack([generator.permutation(30) for _ in range(12)])
    relevant = generator.random((12, 30)) < 0.2
    relevant[:, 0] = True
    names = ["Success@1", "AP", "nDCG@10"]
    parsed = [ir_measures.parse_measure(name) for name in names]
    judged = {str(q): {str(c): int(relevant[q, c]) for c in range(30)} for q in range(12)}
    run = {str(q): {str(c): -float(r) for r, c in enumerate(order[q])} for q in range(12)}
    expected: dict[str, dict[str, float]] = {name: {} for name in names}
    for metric in ir_measures.iter_calc(parsed, judged, run):
        expected[str(metric.measure)][metric.query_id] = metric.value
    found = [
        recall_at_1(order, relevant),
        average_precision(order, relevant),
        ndcg_at_k(order, relevant, 10),
    ]
    for name, values in zip(names, found, strict=True):
        np.testing.assert_allclose(values, [expected[name][str(q)] for q in range(12)], atol=1e-9)


def test_a_query_without_an_answer_is_refused() -> None:
    nothing = np.zeros_like(RELEVANT)
    with pytest.raises(ValueError, match="no relevant"):
        average_precision(RANKINGS, nothing)
    with pytest.raises(ValueError, match="no relevant"):
        ndcg_at_k(RANKINGS, nothing, 3)


def test_fewer_ranked_than_asked_for_is_refused() -> None:
    with pytest.raises(ValueError, match="10 places"):
        ndcg_at_k(RANKINGS, RELEVANT, 10)


def test_relevance_of_other_queries_is_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        recall_at_1(RANKINGS, RELEVANT[:1])


def test_items_ask_for_their_label_and_never_find_themselves() -> None:
    vectors = np.array([[1, 0], [0.9, 0.1], [0, 1], [0.1, 0.9], [0.7, 0.7]], np.float32)
    labels = ["chair", "chair", "lamp", "lamp", "rug"]
    asked = same_label_retrieval(vectors, vectors, labels)
    np.testing.assert_array_equal(asked.places, [0, 1, 2, 3])
    assert asked.rankings.shape == (4, 4)
    np.testing.assert_array_equal(asked.recall_at_1, np.ones(4))
    np.testing.assert_array_equal(asked.average_precision, np.ones(4))
    np.testing.assert_array_equal(asked.ndcg_at_k(3), np.ones(4))


def test_labels_with_too_few_items_do_not_ask_but_are_candidates() -> None:
    vectors = unit_rows(5, 3, 6)
    asked = same_label_retrieval(vectors, vectors, ["a", "a", "a", "b", "b"], least=3)
    np.testing.assert_array_equal(asked.places, [0, 1, 2])
    assert set(np.unique(asked.rankings).tolist()) == {0, 1, 2, 3, 4}


def test_a_student_asks_its_teachers_vectors() -> None:
    teacher = unit_rows(12, 6, 7)
    labels = [str(place % 3) for place in range(12)]
    both = same_label_retrieval(unit_rows(12, 6, 8), teacher, labels)
    own = same_label_retrieval(teacher, teacher, labels)
    assert not np.array_equal(both.rankings, own.rankings)
    np.testing.assert_array_equal(both.relevant, own.relevant)


def test_labels_that_nobody_shares_are_refused() -> None:
    with pytest.raises(ValueError, match="shared by 2"):
        same_label_retrieval(unit_rows(2, 3, 0), unit_rows(2, 3, 0), ["a", "b"])


def test_labels_of_other_items_are_refused() -> None:
    with pytest.raises(ValueError, match="same items"):
        same_label_retrieval(unit_rows(2, 3, 0), unit_rows(2, 3, 0), ["a"])
