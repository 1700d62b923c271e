from pathlib import Path

import pytest

from furniture_prompter.errors import BenchmarkError
from furniture_prompter.evaluation.suite import ALL_TASKS, Suite, read_suite

TASKS_THAT_NEED_FILES = {"judged queries"}


def written(folder: Path, text: str) -> Path:
    path = folder / "suite.toml"
    path.write_text(text, "utf-8")
    return path


def test_the_standard_suite_asks_every_task_that_needs_no_further_files() -> None:
    suite = read_suite()
    assert suite.name == "standard"
    assert set(suite.quality.tasks) == set(ALL_TASKS) - TASKS_THAT_NEED_FILES


def test_a_suite_of_a_name_alone_takes_the_defaults(tmp_path: Path) -> None:
    suite = read_suite(written(tmp_path, 'name = "mine"'))
    assert suite == Suite(name="mine")
    assert suite.sha256 == Suite(name="mine").sha256
    assert suite.sha256 != Suite(name="other").sha256


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "name"),
        ("name = ", "no TOML"),
        ('name = "a/b"', "letters, digits and dashes"),
        ('name = "a"\n[quality]\ntasks = ["find it"]', "quality.tasks.0"),
        ('name = "a"\n[latency]\nrounds = 2', "3 or more"),
        ('name = "a"\n[latency]\nphotos = -1', "latency.photos must be 0 or more"),
        ('name = "a"\n[memory]\nprocesses = 0', "1 or more"),
        ('name = "a"\n[latency]\nbatches = [0]', "above 0"),
        ('name = "a"\n[index]\nsizes = [1]\npeers = true', "Delete sizes and peers from [index]"),
        ('name = "a"\n[index]\nqueries = -1', "index.queries must be 0 or more"),
        ('name = "a"\nspeed = 3', "speed"),
    ],
)
def test_a_suite_that_does_not_fit_is_refused_with_its_place(
    tmp_path: Path, text: str, told: str
) -> None:
    with pytest.raises(BenchmarkError, match=r"suite\.toml") as refused:
        read_suite(written(tmp_path, text))
    assert told in str(refused.value)


def test_a_missing_suite_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match="Cannot read the suite"):
        read_suite(tmp_path / "none.toml")
