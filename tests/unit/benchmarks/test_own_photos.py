"""Each query is answered by the student that did not learn from it."""

from pathlib import Path

import numpy as np

from benchmarks.datasets import BenchmarkProduct
from benchmarks.distillation import CUT_OFF
from benchmarks.own_photos import OVERLAP, PARTS, figures, joined, part_of, share
from furniture_prompter.domain.rankings import same_label_retrieval


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
    each = [
        {"R@1": np.arange(4.0) + student, "mAP": np.arange(4.0) * student} for student in (1, 2, 3)
    ]
    found = joined(each, np.array([2, 0, 1, 2]))
    assert {figure: values.tolist() for figure, values in found.items()} == {
        "R@1": [3, 2, 4, 6],
        "mAP": [0, 1, 4, 9],
    }


def test_asking_as_the_teacher_does_is_the_whole_share_and_asking_blindly_is_less() -> None:
    draw = np.random.default_rng(0)
    labels = [str(n % 4) for n in range(40)]
    rows = draw.normal(size=(40, 8)) + 3 * np.eye(8)[np.arange(40) % 4]
    teacher = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    blind = draw.normal(size=(40, 8)).astype(np.float32)
    best = same_label_retrieval(teacher, teacher, labels)
    taught = best.rankings[:, :CUT_OFF]
    same = figures(best, taught)
    worse = figures(same_label_retrieval(blind, teacher, labels), taught)
    assert same[OVERLAP].min() == 1
    assert worse[OVERLAP].mean() < 0.5
    assert share(same["mAP"], best.average_precision) == "1.000 [1.000, 1.000]"
    of_teacher = worse["mAP"].mean() / same["mAP"].mean()
    text = share(worse["mAP"], best.average_precision)
    low, high = map(float, text.partition("[")[2].rstrip("]").split(", "))
    assert text.startswith(f"{of_teacher:.3f} ")
    assert low < of_teacher < high < 1
