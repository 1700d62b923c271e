"""Rows that survive the process that made them."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from furniture_prompter.distillation.photos import KeptRows, writing
from furniture_prompter.errors import DistillationError


def _open(folder: Path, recipe: object = "a") -> KeptRows:
    return KeptRows.open(folder, "things", recipe, (5, 3), np.float32)


def test_rows_are_there_when_opened_again(tmp_path: Path) -> None:
    rows = _open(tmp_path)
    assert rows.missing().tolist() == [0, 1, 2, 3, 4]
    rows.put(np.array([1, 3]), np.arange(6.0).reshape(2, 3))
    again = _open(tmp_path)
    assert again.missing().tolist() == [0, 2, 4]
    assert again.rows[3].tolist() == [3, 4, 5]


def test_another_recipe_is_another_file(tmp_path: Path) -> None:
    _open(tmp_path).put(np.array([0]), np.ones((1, 3)))
    assert len(_open(tmp_path, "b").missing()) == 5
    assert len(_open(tmp_path).missing()) == 4


def test_marks_without_rows_mean_nothing(tmp_path: Path) -> None:
    rows = _open(tmp_path)
    rows.put(np.arange(5), np.ones((5, 3)))
    rows.path.unlink()
    assert len(_open(tmp_path).missing()) == 5


def test_a_full_disk_is_told_before_anything_is_computed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(DistillationError, match=r"disk is full.*5 photos.*Free some space"):
        _open(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DistillationError, match="Cannot write the things"):
        _open(tmp_path / "file")


def test_other_errors_pass_through(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="mine"), writing(tmp_path, "it"):
        raise ValueError("mine")
