from pathlib import Path

import numpy as np
import pytest
from pydantic import TypeAdapter

from furniture_prompter.errors import BenchmarkError
from furniture_prompter.evaluation.filing import FOLDER, KeptParts

STAMP = {"machine": "m", "data": "d"}
NUMBERS = TypeAdapter(tuple[float, ...])


class Counted:
    def __init__(self) -> None:
        self.calls = 0

    def numbers(self) -> tuple[float, ...]:
        self.calls += 1
        return (0.5, float(self.calls))

    def rows(self) -> np.ndarray:
        self.calls += 1
        return np.full((2, 3), self.calls, np.float32)


def test_what_was_measured_is_not_measured_again(tmp_path: Path) -> None:
    counted = Counted()
    for _ in range(2):
        parts = KeptParts.open(tmp_path, STAMP, restart=False)
        assert parts.records("times", NUMBERS, counted.numbers) == (0.5, 1.0)
    assert counted.calls == 1


def test_arrays_are_kept_too(tmp_path: Path) -> None:
    counted = Counted()
    first = KeptParts.open(tmp_path, STAMP, restart=False).rows("vectors", counted.rows)
    again = KeptParts.open(tmp_path, STAMP, restart=False).rows("vectors", counted.rows)
    assert np.array_equal(first, again)
    assert counted.calls == 1


def test_names_that_look_alike_do_not_share_a_file(tmp_path: Path) -> None:
    parts, counted = KeptParts.open(tmp_path, STAMP, restart=False), Counted()
    assert parts.records("a/b", NUMBERS, counted.numbers) == (0.5, 1.0)
    assert parts.records("a b", NUMBERS, counted.numbers) == (0.5, 2.0)
    assert {path.parent for path in tmp_path.rglob("a-b*")} == {tmp_path / FOLDER}


@pytest.mark.parametrize("name", ["machine", "data"])
def test_parts_of_another_run_are_never_put_together(tmp_path: Path, name: str) -> None:
    KeptParts.open(tmp_path, STAMP, restart=False)
    with pytest.raises(BenchmarkError, match=f"its {name} differs") as refused:
        KeptParts.open(tmp_path, STAMP | {name: "other"}, restart=False)
    assert "--restart" in str(refused.value)


def test_a_restart_drops_what_was_kept(tmp_path: Path) -> None:
    counted = Counted()
    KeptParts.open(tmp_path, STAMP, restart=False).records("times", NUMBERS, counted.numbers)
    parts = KeptParts.open(tmp_path, {"machine": "another"}, restart=True)
    assert parts.records("times", NUMBERS, counted.numbers) == (0.5, 2.0)


def test_a_part_that_was_damaged_is_measured_anew(tmp_path: Path) -> None:
    parts, counted = KeptParts.open(tmp_path, STAMP, restart=False), Counted()
    parts.records("times", NUMBERS, counted.numbers)
    parts.rows("vectors", counted.rows)
    for path in (tmp_path / FOLDER).iterdir():
        if path.name != "run.json":
            path.write_bytes(b"{")
    assert parts.records("times", NUMBERS, counted.numbers) == (0.5, 3.0)
    assert parts.rows("vectors", counted.rows)[0, 0] == 4


def test_a_stamp_that_was_damaged_is_refused(tmp_path: Path) -> None:
    KeptParts.open(tmp_path, STAMP, restart=False)
    (tmp_path / FOLDER / "run.json").write_bytes(b"{")
    with pytest.raises(BenchmarkError, match="damaged"):
        KeptParts.open(tmp_path, STAMP, restart=False)


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "report").write_text("a file")
    with pytest.raises(BenchmarkError, match="Cannot write"):
        KeptParts.open(tmp_path / "report", STAMP, restart=False)
