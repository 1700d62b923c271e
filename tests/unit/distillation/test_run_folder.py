"""What a training was begun with is what it goes on with."""

from pathlib import Path
from typing import Any

import pytest
from torch import nn

from furniture_prompter.distillation.run_folder import Progress, RunFolder, refuse_other_folder
from furniture_prompter.encoders.card import EmbeddingSpace
from furniture_prompter.errors import DistillationError
from tests.fakes import colour_card
from tests.unit.distillation.tiny_student import options

FACTS = {"photos": "ab" * 32, "space": "cd" * 32, "dimension": 27}


def _begun(folder: Path) -> RunFolder:
    run = RunFolder(folder / "s", None)
    run.begin(FACTS, options())
    run.checkpoints.save(Progress(1, 2), nn.Linear(1, 1), nn.Linear(1, 1), {})
    return run


def test_an_unfinished_training_is_not_written_over(tmp_path: Path) -> None:
    run = _begun(tmp_path)
    with pytest.raises(DistillationError, match=r"unfinished training.*--resume"):
        run.begin(FACTS, options())
    assert run.checkpoints.latest() is not None


@pytest.mark.parametrize(
    ("facts", "changes", "name"),
    [
        ({"dimension": 99}, {}, "dimension"),
        ({"space": "ef" * 32}, {}, "space"),
        ({"photos": "ef" * 32}, {}, "photos"),
        ({}, {"student": "resnet18"}, "student"),
        ({}, {"seed": 4}, "seed"),
        ({}, {"views": 2}, "views"),
    ],
)
def test_another_training_is_not_gone_on_with(
    tmp_path: Path, facts: dict[str, Any], changes: dict[str, Any], name: str
) -> None:
    run = _begun(tmp_path)
    with pytest.raises(DistillationError, match=f"was begun with {name}"):
        run.begin({**FACTS, **facts}, options(resume=True, **changes))


def test_what_a_diverged_training_is_told_to_change_may_change(tmp_path: Path) -> None:
    cure = {"batch_size": 4, "learning_rate": 1e-6, "precision": "bf16", "threads": 2}
    _begun(tmp_path).begin(FACTS, options(resume=True, **cure))


def test_a_training_whose_beginning_is_lost_says_so(tmp_path: Path) -> None:
    run = _begun(tmp_path)
    (run.path / "run.json").write_text("{")
    with pytest.raises(DistillationError, match=r"run\.json is gone or damaged"):
        run.begin(FACTS, options(resume=True))


def test_resuming_what_never_began_begins(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "s", None)
    run.begin(FACTS, options(resume=True))
    assert (run.path / "run.json").is_file()


def test_a_finished_training_keeps_its_logs_alone(tmp_path: Path) -> None:
    run = _begun(tmp_path)
    run.metrics.write_text("{}\n")
    run.finish()
    assert sorted(path.name for path in run.path.iterdir()) == ["metrics.jsonl", "run.json"]


def test_a_student_takes_no_other_things_place(tmp_path: Path) -> None:
    refuse_other_folder(tmp_path / "new")
    (tmp_path / "empty").mkdir()
    refuse_other_folder(tmp_path / "empty")
    (tmp_path / "file").write_text("")
    with pytest.raises(DistillationError, match="is a file"):
        refuse_other_folder(tmp_path / "file")
    with pytest.raises(DistillationError, match="no student's folder"):
        refuse_other_folder(tmp_path)
    colour_card().save(tmp_path / "empty")
    with pytest.raises(DistillationError, match="an encoder that is no student"):
        refuse_other_folder(tmp_path / "empty")
    colour_card(space=EmbeddingSpace("teacher", "ab" * 32)).save(tmp_path / "empty")
    refuse_other_folder(tmp_path / "empty")
