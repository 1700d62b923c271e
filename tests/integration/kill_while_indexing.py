"""A process that indexes with the fakes and kills itself at a named moment.

Arguments: catalog folder, photos folder, number of products, then the step and count at which to
die, or ``call`` and the function of the catalog that is not to be called any more.
"""

import importlib
import os
import signal
import sys
from pathlib import Path

from furniture_prompter.domain import IndexProgress
from furniture_prompter.encoders.prompt_encoder import StaticPromptEncoder
from furniture_prompter.encoders.registry import encoder_folder
from tests.fakes import make_rows
from tests.integration.conftest import Shop

catalog, photos, count, step, done = sys.argv[1:]


def die(progress: IndexProgress) -> None:
    """Die as a machine that loses power would."""
    if progress.step == step and progress.done >= int(done):
        os.kill(os.getpid(), signal.SIGKILL)


if step == "call":
    module, function = done.split(".")
    setattr(
        importlib.import_module(f"furniture_prompter.catalog.{module}"),
        function,
        lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL),
    )

Shop(Path(catalog), StaticPromptEncoder.load(encoder_folder("default-prompt"))).index(
    make_rows(Path(photos), int(count)), on_progress=die
)
