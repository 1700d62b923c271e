"""The comparison of students with their teacher."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.datasets import BenchmarkProduct, BenchmarkSet
from benchmarks.distillation import MeasuringSet, judged, split, summary, told
from benchmarks.provenance import DataSet
from furniture_prompter.bundled import HELD_OUT_EVERY
from tests.fakes import colour_card


def unit_rows(count: int, dimension: int, seed: int) -> NDArray[np.float32]:
    rows = np.random.default_rng(seed).normal(size=(count, dimension)).astype(np.float32)
    units: NDArray[np.float32] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return units


def a_set(count: int) -> MeasuringSet:
    return MeasuringSet(
        [Path(f"{n}.jpg") for n in range(count)], [str(n % 4) for n in range(count)], 2
    )


def test_finishes_of_one_model_are_never_on_both_sides_of_the_split() -> None:
    products = tuple(
        BenchmarkProduct(f"p{n}", "", "", "", "", f"model-{n // 3}", (Path(f"{n}.jpg"),))
        for n in range(60)
    )
    learned, held_out = split(BenchmarkSet(products, DataSet("all", "0" * 64, "")))
    assert len(learned.products) + len(held_out.products) == 60
    families = {product.family for product in held_out.products}
    assert len(families) == 20 // HELD_OUT_EVERY
    assert families.isdisjoint(product.family for product in learned.products)


def test_a_student_that_says_what_its_teacher_says_agrees_with_it_wholly() -> None:
    types, views = unit_rows(24, 8, 0), unit_rows(16, 8, 1)
    figures = judged((a_set(24), types, types), (a_set(16), views, views))
    for way in ("symmetric", "asymmetric"):
        assert figures[f"{way} overlap@10"] == 1
    assert figures["symmetric mAP"] == figures["asymmetric mAP"]
    assert figures["cosine to teacher"] == pytest.approx(1)


def test_a_student_that_learned_nothing_agrees_by_chance_only() -> None:
    types, views = unit_rows(200, 32, 0), unit_rows(16, 32, 1)
    figures = judged((a_set(200), unit_rows(200, 32, 2), types), (a_set(16), views, views))
    assert figures["symmetric overlap@10"] == pytest.approx(10 / 199, abs=0.03)
    assert abs(figures["cosine to teacher"]) < 0.05


def test_figures_of_several_seeds_come_with_their_spread_and_of_one_without() -> None:
    assert summary([{"mAP": 0.25}, {"mAP": 0.75}]) == {"mAP": "0.500 ± 0.354"}
    assert summary([{"mAP": 0.25}]) == {"mAP": "0.250"}


def test_how_a_student_was_trained_is_told_by_its_card(tmp_path: Path) -> None:
    training = {"options": {"epochs": 0.5, "views": 2}, "data": {"textures": "ab" * 32}}
    replace(colour_card(), architecture="resnet18", training=training).save(tmp_path)
    side = f"{colour_card().input_side_px} px"
    assert told(tmp_path) == (
        f"resnet18, 0.5 passes, 2 augmented views, textures behind white, {side}"
    )
