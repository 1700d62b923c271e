import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from furniture_prompter.errors import BenchmarkError, InvalidQueryError
from furniture_prompter.evaluation.metrics import bootstrap_interval
from furniture_prompter.evaluation.record import JUDGED
from furniture_prompter.evaluation.relevance import (
    EvaluationQuery,
    JudgedResults,
    RelevanceJudgment,
    judge,
    match_relevance_judgments,
    measures_at,
)

FILES = Path("queries.jsonl"), Path("qrels.tsv")
QUERIES = [
    EvaluationQuery(id="a", prompt="oak", line=1),
    EvaluationQuery(id="b", prompt="pine", line=2),
    EvaluationQuery(id="c", prompt="ash", line=3),
]
GAINS = {"a": {"p1": 1, "p3": 3, "p2": 0}, "b": {"p9": 1}, "c": {"p1": 1}}
HITS = {"a": ["p1", "p2", "p3"], "b": ["p1", "p2"], "c": []}


def asked() -> JudgedResults:
    def answer(query: EvaluationQuery, limit: int) -> Sequence[str]:
        return HITS[query.id][:limit]

    return judge(answer, QUERIES, GAINS, measures_at(3), limit=3, source=FILES[0])


def test_judged_queries_have_the_values_that_a_hand_computes() -> None:
    found = asked()
    by_hand = (1 + 3 / 2) / (3 + 1 / math.log2(3))
    assert found.values["nDCG@3"] == pytest.approx((by_hand, 0, 0), abs=1e-6)
    assert found.values["AP@3"] == pytest.approx(((1 + 2 / 3) / 2, 0, 0))
    assert found.values["RR@3"] == pytest.approx((1, 0, 0))
    assert found.values["P@3"] == pytest.approx((2 / 3, 0, 0))
    assert found.values["R@3"] == pytest.approx((1, 0, 0))
    assert found.values["Success@1"] == pytest.approx((1, 0, 0))
    # All three of a's hits were judged, none of b's, and c found nothing.
    assert found.values["Judged@3"] == pytest.approx((1, 0, 0))
    assert found.mean("Success@3") == pytest.approx(1 / 3)
    assert found.interval("RR@3") == bootstrap_interval(found.values["RR@3"])


def test_swapping_the_labels_of_two_products_changes_the_figure_as_computed() -> None:
    gains = {**GAINS, "a": {"p1": 3, "p3": 1, "p2": 0}}
    swapped = judge(
        lambda query, limit: HITS[query.id], QUERIES, gains, ("nDCG@3",), limit=3, source=FILES[0]
    )
    ideal = 3 + 1 / math.log2(3)
    change = swapped.values["nDCG@3"][0] - asked().values["nDCG@3"][0]
    assert change == pytest.approx((3 + 1 / 2 - 1 - 3 / 2) / ideal, abs=1e-6)


def test_the_worst_queries_come_first_and_equal_ones_in_their_order() -> None:
    worst = asked().worst("nDCG@3", 2)
    assert [(query.id, value) for query, value in worst] == [("b", 0), ("c", 0)]


def test_the_record_of_judged_queries_names_their_lines_and_chance() -> None:
    record = asked().as_answers("default", 10)
    assert (record.task, record.queries, record.candidates) == (JUDGED, (1, 2, 3), 10)
    # a has two answers of ten, b and c one.
    assert record.chance["Success@1"] == pytest.approx((0.2 + 0.1 + 0.1) / 3)
    assert record.chance["R@3"] == pytest.approx(0.3)
    assert "Judged@3" not in record.chance


def test_a_random_search_scores_chance() -> None:
    products = [f"p{number}" for number in range(40)]
    queries = [EvaluationQuery(id=str(number), prompt="x", line=number) for number in range(600)]
    rng = np.random.default_rng(3)
    gains = {query.id: {"p0": 3, "p1": 1, "p2": 1, "p3": 0} for query in queries}
    found = judge(
        lambda query, limit: list(rng.permutation(products)[:limit]),
        queries,
        gains,
        measures_at(10),
        limit=10,
        source=FILES[0],
    )
    for measure, expected in found.as_answers("e", 40).chance.items():
        low, high = bootstrap_interval(found.values[measure], level=0.999)
        assert low <= expected <= high, measure


def test_a_query_that_the_catalog_refuses_is_set_aside_and_the_rest_goes_on() -> None:
    def refusing(query: EvaluationQuery, limit: int) -> Sequence[str]:
        if query.id == "b":
            raise InvalidQueryError("There is no column 'cost'.")
        return HITS[query.id]

    found = judge(refusing, QUERIES, GAINS, ("RR@3",), limit=3, source=FILES[0])
    assert [query.id for query in found.queries] == ["a", "c"]
    assert found.values == {"RR@3": (1, 0)}
    (item,) = found.set_aside
    assert (item.source, item.line) == (FILES[0], 2)
    assert "no column 'cost'" in item.reason


def test_nothing_is_measured_when_every_query_is_refused() -> None:
    def refuse(query: EvaluationQuery, limit: int) -> Sequence[str]:
        raise InvalidQueryError("Too long.")

    with pytest.raises(BenchmarkError, match=r"No query of .* Too long"):
        judge(refuse, QUERIES, GAINS, ("RR@3",), limit=3, source=FILES[0])


def test_judgements_that_belong_to_nothing_are_set_aside_with_their_lines() -> None:
    judgements = [
        RelevanceJudgment("a", "p1", 2, 1),
        RelevanceJudgment("a", "gone", 1, 2),
        RelevanceJudgment("z", "p1", 1, 3),
        RelevanceJudgment("b", "p2", 0, 4),
    ]
    kept, gains, set_aside = match_relevance_judgments(QUERIES[:2], judgements, {"p1", "p2"}, FILES)
    assert [query.id for query in kept] == ["a"]
    assert gains == {"a": {"p1": 2}}
    told = [(item.source.name, item.line, item.reason) for item in set_aside]
    assert told == [
        ("qrels.tsv", 2, "The catalog has no product 'gone'."),
        ("qrels.tsv", 3, "There is no query 'z' to judge."),
        (
            "queries.jsonl",
            2,
            "No product of the catalog was judged to answer the query 'b'.",
        ),
    ]


def test_judging_one_hit_names_every_measure_once() -> None:
    assert measures_at(1).count("Success@1") == 1
