"""Each query is answered by the student that did not learn from it."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.datasets import BenchmarkProduct
from benchmarks.distillation import MeasuringSet
from benchmarks.own_photos import PARTS, Found, asked, joined, part_of, share


def a_product(folder: Path, number: int, content: str) -> BenchmarkProduct:
    photo = folder / f"{number}.jpg"
    photo.write_text(content)
    return BenchmarkProduct(str(number), "", "", "", "", str(number), (photo,))


def test_parts_are_about_alike_and_one_photo_is_in_one_part_whoever_sells_it(
    tmp_path: Path,
) -> None:
    products = [a_product(tmp_path, number, f"photo {number}") for number in range(300)]
    sizes = np.bincount([part_of(product) for product in products], minlength=PARTS)
    assert len(sizes) == PARTS
    assert sizes.min() > 30
    twin = a_product(tmp_path, 300, "photo 7")
    assert part_of(twin) == part_of(products[7])


def test_a_query_takes_the_value_of_its_own_parts_student() -> None:
    each = [Found(*(np.arange(4.0) + 10 * student,) * 3) for student in range(3)]
    found = joined(each, np.array([2, 0, 1, 2]))
    assert found.average_precision.tolist() == [20, 1, 12, 23]
    assert found.recall_at_1.tolist() == found.overlap.tolist() == [20, 1, 12, 23]


def test_asking_as_the_teacher_does_is_the_whole_share_and_asking_blindly_is_less() -> None:
    draw = np.random.default_rng(0)
    labels = [str(n % 4) for n in range(40)]
    rows = draw.normal(size=(40, 8)) + 3 * np.eye(8)[np.arange(40) % 4]
    teacher = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    blind = draw.normal(size=(40, 8)).astype(np.float32)
    data = MeasuringSet([Path(f"{n}.jpg") for n in range(40)], labels, 2)
    best, worse = asked(data, teacher, teacher, teacher), asked(data, blind, teacher, teacher)
    assert best.overlap.min() == 1
    assert share(best.average_precision, best.average_precision) == (1, 1, 1)
    of_teacher, low, high = share(worse.average_precision, best.average_precision)
    assert of_teacher == pytest.approx(
        worse.average_precision.mean() / best.average_precision.mean()
    )
    assert low < of_teacher < high < 1
