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


def _run(folder: Path, *moment: str) -> int:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(folder), *moment],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"], "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in {0, -signal.SIGKILL}, done.stderr
    return done.returncode


def _losses(folder: Path) -> list[tuple[int, float]]:
    lines = (folder / "student.run" / "metrics.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    return [(record["step"], record["loss"]) for record in records if "loss" in record]


@pytest.mark.slow
def test_a_training_killed_again_and_again_gives_the_same_student(tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    assert _run(whole, "never", "0") == 0
    assert _run(cut, "training", "8") == -signal.SIGKILL
    assert not (cut / "student").exists()
    # Killed while the finished student was being exported: nothing half appears.
    assert _run(cut, "measuring fp32", "0", "resume") == -signal.SIGKILL
    assert not (cut / "student").exists()
    assert _run(cut, "never", "0", "resume") == 0
    assert _losses(cut) == _losses(whole)
    one, other = (
        json.loads((folder / "student" / "card.json").read_bytes()) for folder in (whole, cut)
    )
    assert one["weights_sha256"] == other["weights_sha256"]
    for card in (one, other):
        # The clock is the one thing that two runs do not share.
        assert card["figures"].pop("encode_ms") > 0
    assert one["figures"] == other["figures"]
