"""The folder of one training: what it was begun with, its checkpoints, its logs."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

from furniture_prompter.distillation.checkpoints import Checkpoints
from furniture_prompter.distillation.kept_rows import writing
from furniture_prompter.distillation.options import DistillationOptions
from furniture_prompter.encoders.card import CARD_FILE, EncoderCard
from furniture_prompter.errors import DistillationError

_BEGUN: Final = "run.json"
_FREE: Final = frozenset(
    {"batch_size", "learning_rate", "precision"}
    | {"resume", "threads", "workers", "device", "patience", "name"}
)
"""Options that may differ when a training goes on. The first three are what one that diverged or
ran out of memory is told to change."""


class RunFolder:
    """Everything of one training but the student: ``<out>.run`` beside it.

    Attributes:
        path: The folder.
        checkpoints: In ``checkpoints/``.
        metrics: ``metrics.jsonl``, one record a line.
        curves: ``curves.png``.
        board: ``tensorboard/``.
        cache: ``cache/``, or where the caller keeps it: squares and teacher vectors.
    """

    def __init__(self, out: Path, cache: Path | None) -> None:
        self.path = out.absolute().parent / f"{out.name}.run"
        self.checkpoints = Checkpoints(self.path / "checkpoints")
        self.metrics = self.path / "metrics.jsonl"
        self.curves = self.path / "curves.png"
        self.board = self.path / "tensorboard"
        self.cache = cache or self.path / "cache"

    def begin(self, facts: Mapping[str, Any], options: DistillationOptions) -> None:
        """Write down what a new training is begun with, or hold a resumed one to it.

        Args:
            facts: JSON values of what is learned: photos, space, dimension.
            options: How.

        Raises:
            DistillationError: there is an unfinished training and nobody said to resume, there is
                none to resume, or it was begun with something else.
        """
        settings = {
            entry.name: _plain(getattr(options, entry.name))
            for entry in fields(options)
            if entry.name not in _FREE
        }
        now = {**facts, **settings}
        path = self.path / _BEGUN
        if self.checkpoints.latest() is None:
            with writing(self.path, "the training's folder"):
                self.path.mkdir(parents=True, exist_ok=True)
                shutil.rmtree(self.board, ignore_errors=True)
                path.write_text(json.dumps(now, indent=2) + "\n", "utf-8")
            return
        if not options.resume:
            raise DistillationError(
                f"An unfinished training lies in {self.path}. Give --resume to go on with it, or "
                f"remove {self.checkpoints.folder} to begin anew."
            )
        begun = self._begun(path)
        for name, value in now.items():
            if begun.get(name) != value:
                raise DistillationError(
                    f"The training in {self.path} was begun with {name} {begun.get(name)!r}, not "
                    f"{value!r}. Give what it was begun with, or remove {self.checkpoints.folder} "
                    "to begin anew."
                )

    def finish(self) -> None:
        """Drop the checkpoints of a training whose student is in place."""
        shutil.rmtree(self.checkpoints.folder)

    def _begun(self, path: Path) -> dict[str, Any]:
        try:
            begun: dict[str, Any] = json.loads(path.read_bytes())
        except (OSError, ValueError) as error:
            raise DistillationError(
                f"{path} is gone or damaged, so nobody knows what was being trained. Remove "
                f"{self.checkpoints.folder} to begin anew."
            ) from error
        return begun


def refuse_other_folder(out: Path) -> None:
    """Refuse to put a student in the place of something else.

    Raises:
        DistillationError: `out` is a file, a folder of other things, or another kind of encoder.
    """
    if not out.exists():
        return
    cure = "Name a folder that is not there yet, or a student's."
    if not out.is_dir():
        raise DistillationError(f"{out} is a file. {cure}")
    if not any(out.iterdir()):
        return
    if not (out / CARD_FILE).is_file():
        raise DistillationError(f"{out} is no student's folder: it holds no {CARD_FILE}. {cure}")
    if EncoderCard.load(out).space is None:
        raise DistillationError(f"{out} holds an encoder that is no student. {cure}")


def _plain(value: object) -> object:
    return str(value) if isinstance(value, Path) else value
