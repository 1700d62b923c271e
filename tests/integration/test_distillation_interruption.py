"""A training that was killed goes on as if nothing had happened."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = Path(__file__).parent / "kill_while_distilling.py"


def _run(*moments: tuple[Path, str, int, bool]) -> list[list[object]]:
    """Exit status of each, and whether it left a student."""
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *(json.dumps([str(each[0]), *each[1:]]) for each in moments)],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"], "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]


def _losses(folder: Path) -> list[tuple[int, float]]:
    lines = (folder / "student.run" / "metrics.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    return [(record["step"], record["loss"]) for record in records if "loss" in record]


@pytest.mark.slow
def test_a_training_killed_again_and_again_gives_the_same_student(tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    found = _run(
        (whole, "never", 0, False),
        (cut, "training", 8, False),
        # Killed while the finished student was being exported: nothing half appears.
        (cut, "measuring fp32", 0, True),
        (cut, "never", 0, True),
    )
    killed = [-signal.SIGKILL, False]
    assert found == [[0, True], killed, killed, [0, True]]
    assert _losses(cut) == _losses(whole)
    one, other = (
        json.loads((folder / "student" / "card.json").read_bytes()) for folder in (whole, cut)
    )
    assert one["weights_sha256"] == other["weights_sha256"]
    for card in (one, other):
        # The clock is the one thing that two runs do not share.
        assert card["figures"].pop("encode_ms") > 0
    assert one["figures"] == other["figures"]
