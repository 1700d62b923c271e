"""Builds are compared query by query, each with the first."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.datasets import BenchmarkProduct, BenchmarkSet, load_products
from benchmarks.default_bits import (
    FIRST,
    Question,
    answers,
    compared,
    nearness,
    precision_at_5,
    questions_of_models,
    questions_of_views,
)
from benchmarks.provenance import DataSet
from furniture_prompter.bundled import held_out_families
from furniture_prompter.domain.rankings import same_label_retrieval

PAIRS = ["a", "a", "b", "b", "c", "c"]


def near_their_pairs() -> np.ndarray:
    angles = np.array([0.0, 0.1, 1.0, 1.1, 2.0, 2.1])
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def with_one_lost() -> np.ndarray:
    rows = near_their_pairs()
    # The second of "c" now lies where "a" is.
    rows[5] = near_their_pairs()[0]
    return rows


def test_a_build_is_compared_with_the_first_query_by_query() -> None:
    vectors = {"first": near_their_pairs(), "other": with_one_lost()}
    first, other = compared(vectors, Question("pairs", PAIRS, 2, FIRST), "made up")
    assert (first["build"], first["value"], first["queries"]) == ("first", 1.0, 6)
    assert "difference" not in first
    # The two of "c" lose each other, and one of "a" takes the lost one for its own.
    assert (other["value"], other["difference"]) == (0.5, -0.5)
    low, high = other["95 % low"], other["95 % high"]
    assert isinstance(low, float)
    assert isinstance(high, float)
    assert low < -0.5 < high <= 0


def test_only_photos_that_ask_are_counted_and_all_are_candidates() -> None:
    asking = np.array([False, False, True, True, False, True])
    question = Question("pairs", PAIRS, 2, FIRST, asking)
    assert answers(with_one_lost(), question)["R@1"].tolist() == [1, 1, 0]


def test_precision_counts_the_first_five_places() -> None:
    angles = np.arange(8, dtype=np.float32)[:, np.newaxis] / 10
    vectors = np.concatenate([np.cos(angles), np.sin(angles)], axis=1)
    labels = ["a", "a", "b", "a", "b", "b", "a", "b"]
    found = same_label_retrieval(vectors, vectors, labels, 4)
    # Nearest to the first are the second to the sixth: one a, b, a, b, b.
    assert precision_at_5(found)[0] == pytest.approx(0.4)


def test_cosines_are_told_of_every_build_but_the_first() -> None:
    rows = nearness({"first": near_their_pairs(), "other": with_one_lost()}, "made up")
    assert [(row["build"], row["of"]) for row in rows] == [("other", "first")]
    assert rows[0]["least"] == pytest.approx(np.cos(2.1), abs=1e-4)


def test_a_shops_model_is_the_family_of_its_pieces(tmp_path: Path) -> None:
    feed = tmp_path / "products.jsonl"
    rows = [
        f'{{"id": "{number}", "title": "t", "category": "chair", "model": "{model}", "image": "x"}}'
        for number, model in enumerate(["Abner", "Abner", ""])
    ]
    feed.write_text("\n".join(rows), "utf-8")
    kind, model = questions_of_models(load_products(feed, "shop"))
    assert kind.labels == ["chair"] * 3
    assert model.labels == ["Abner", "Abner", "2"]


def test_models_held_out_ask_among_all_renders() -> None:
    products = [
        BenchmarkProduct(str(number), "", "", "", "", f"model-{number}", (Path("a"), Path("b")))
        for number in range(60)
    ]
    everyone, apart = questions_of_views(BenchmarkSet(tuple(products), DataSet("made up", "", "")))
    held_out = held_out_families(each.family for each in products)
    assert everyone.asking is None
    assert apart.asking is not None
    assert 0 < apart.asking.sum() == 2 * len(held_out) < len(apart.labels) == 120
