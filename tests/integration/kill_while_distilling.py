"""Processes that distil a tiny student and kill themselves at named moments, one after the other.

Each argument is one of them, as JSON: folder, step and count at which to die ("never" finishes),
and whether it takes up what lies there. Prints for each the signal or exit status, and whether the
student is there. They are forked from one process that has imported everything.
"""

import json
import multiprocessing
import os
import signal
import sys
from pathlib import Path

from furniture_prompter.distillation.distilling import distill
from furniture_prompter.distillation.training_data import space_of
from furniture_prompter.domain import IndexProgress
from furniture_prompter.encoders.decoding import DEFAULT_LIMITS
from tests.fakes import ColourGridEncoder
from tests.unit.distillation.tiny_student import install, options, photos


def distilled(folder: Path, step: str, done: int, resume: bool) -> None:
    """Distil, and die as a machine that loses power would."""

    def die(progress: IndexProgress) -> None:
        if progress.step == step and progress.done >= done:
            os.kill(os.getpid(), signal.SIGKILL)

    install()
    teacher = ColourGridEncoder()
    distill(
        photos(folder / "photos", 40),
        space_of(teacher),
        teacher,
        folder / "student",
        options(epochs=3.0, evaluations=5, views=1, resume=resume),
        limits=DEFAULT_LIMITS,
        on_progress=die,
    )


for argument in sys.argv[1:]:
    name, step, done, resume = json.loads(argument)
    child = multiprocessing.get_context("fork").Process(
        target=distilled, args=(Path(name), step, done, resume)
    )
    sys.stdout.flush()
    child.start()
    child.join()
    sys.stdout.write(json.dumps([child.exitcode, Path(name, "student").exists()]) + "\n")
