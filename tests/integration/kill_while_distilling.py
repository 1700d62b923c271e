"""A process that distils a tiny student and kills itself at a named moment.

Arguments: folder of everything, step and count at which to die; "never" finishes. More: "resume".
"""

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

folder, step, done, *more = sys.argv[1:]


def die(progress: IndexProgress) -> None:
    """Die as a machine that loses power would."""
    if progress.step == step and progress.done >= int(done):
        os.kill(os.getpid(), signal.SIGKILL)


install()
teacher = ColourGridEncoder()
distill(
    photos(Path(folder, "photos"), 40),
    space_of(teacher),
    teacher,
    Path(folder, "student"),
    options(epochs=3.0, evaluations=5, views=1, resume="resume" in more),
    limits=DEFAULT_LIMITS,
    on_progress=die,
)
