"""Run folder of a training: options it began with, checkpoints, metrics log, curves."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from pickle import UnpicklingError  # what torch says of a damaged file, though it unpickles none
from typing import Any, Final, Self

import safetensors
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from safetensors.torch import load_file, save_file
from torch import nn
from torch.utils.tensorboard import SummaryWriter

from furniture_prompter.distillation.options import DistillationOptions
from furniture_prompter.distillation.photos import writing
from furniture_prompter.encoders.card import CARD_FILE, EncoderCard
from furniture_prompter.errors import DistillationError

_NAME: Final = "step-"
_KEPT: Final = 2
_STATE: Final = "state.pt"
_BEST: Final = "best.safetensors"
_UNREADABLE: Final = (
    OSError,
    EOFError,
    RuntimeError,
    KeyError,
    TypeError,
    UnpicklingError,
    safetensors.SafetensorError,
)


@dataclass(slots=True)
class Progress:
    """What a training has done, beside its weights.

    Attributes:
        step: Steps done.
        steps: Steps planned.
        judge_at: Step of the next validation.
        best_step: After which the best validation was made.
        best_overlap: Its overlap.
        worse: Validations since.
        trained_s: Seconds spent on steps and validation, over all runs.
        records: One for each line of the metrics file.
    """

    step: int = 0
    steps: int = 0
    judge_at: int = 0
    best_step: int = 0
    best_overlap: float = -1.0
    worse: int = 0
    trained_s: float = 0.0
    records: list[dict[str, Any]] = field(default_factory=list)


class Checkpoints:
    """Checkpoints of one training, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def latest(self) -> Path | None:
        """The newest whole checkpoint; None where there is none."""
        found = [path for path in self.folder.glob(f"{_NAME}*") if (path / _STATE).is_file()]
        return max(found, key=lambda path: int(path.name.removeprefix(_NAME)), default=None)

    def save(
        self,
        progress: Progress,
        network: nn.Module,
        mean: nn.Module,
        state: dict[str, Any],
    ) -> None:
        """Write weights, running mean, progress and the optimiser's state; drop older ones.

        Raises:
            DistillationError: the disk is full or cannot be written; the last one stands.
        """
        target = self.folder / f"{_NAME}{progress.step:08d}"
        work = self.folder / f".{target.name}.new"
        shutil.rmtree(work, ignore_errors=True)
        with writing(self.folder, "a checkpoint"):
            work.mkdir(parents=True)
            _save(network, work / "student.safetensors")
            _save(mean, work / "mean.safetensors")
            values = {name: getattr(progress, name) for name in Progress.__slots__}
            torch.save({"progress": values, **state}, work / _STATE)
            shutil.rmtree(target, ignore_errors=True)
            work.rename(target)
        whole = sorted(path for path in self.folder.glob(f"{_NAME}*") if path != target)
        for path in whole[: 1 - _KEPT or None]:
            shutil.rmtree(path, ignore_errors=True)

    def load(
        self, path: Path, network: nn.Module, mean: nn.Module
    ) -> tuple[Progress, dict[str, Any]]:
        """Put a checkpoint's weights back; progress and the optimiser's state.

        Raises:
            DistillationError: it cannot be read, or is another network's.
        """
        try:
            network.load_state_dict(load_file(path / "student.safetensors"))
            mean.load_state_dict(load_file(path / "mean.safetensors"))
            state = torch.load(path / _STATE, map_location="cpu", weights_only=True)
            progress = Progress(**state.pop("progress"))
        except _UNREADABLE as error:
            reason = str(error).splitlines()[0][:200]
            raise DistillationError(
                f"The checkpoint {path} cannot be read ({reason}). Remove that folder to go on "
                "from the one before, or start again without --resume."
            ) from error
        return progress, state

    def save_best(self, network: nn.Module) -> None:
        """Keep the weights with the best validation so far."""
        target = self.folder / _BEST
        with writing(self.folder, "the best weights"):
            self.folder.mkdir(parents=True, exist_ok=True)
            temporary = target.with_suffix(".new")
            _save(network, temporary)
            temporary.replace(target)

    def load_best(self, network: nn.Module) -> None:
        """Put the best weights into `network`."""
        network.load_state_dict(load_file(self.folder / _BEST))


def _save(network: nn.Module, path: Path) -> None:
    state = {
        name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()
    }
    try:
        save_file(state, path)
    except safetensors.SafetensorError as error:
        # It wraps what the system says; only the words tell a full disk.
        raise OSError(28 if "No space" in str(error) else 5, str(error)) from error


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


_NOT_DRAWN = frozenset({"step", "seconds", "head_cosine", "head_regularisation"})


class RunLog:
    """Takes every record of a training; use with ``with``."""

    def __init__(
        self, metrics: Path, board: Path, earlier: list[dict[str, Any]], *, silent: bool = False
    ) -> None:
        """Begin the log.

        Args:
            metrics: JSON lines, written anew with the `earlier` records.
            board: Folder of TensorBoard's events.
            earlier: Records of a training that goes on.
            silent: Write nothing, as a second process must.
        """
        self._silent = silent
        if silent:
            return
        with writing(metrics.parent, "the metrics"):
            metrics.parent.mkdir(parents=True, exist_ok=True)
            self._file = metrics.open("w", encoding="utf-8")
        self._board = SummaryWriter(
            str(board), purge_step=earlier[-1]["step"] + 1 if earlier else None
        )
        for record in earlier:
            self._write(record)

    def __enter__(self) -> Self:
        """Nothing further to prepare."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the files."""
        if not self._silent:
            self._file.close()
            self._board.close()

    def __call__(self, record: dict[str, Any]) -> None:
        """Write one record to both."""
        if self._silent:
            return
        self._write(record)
        for name, value in record.items():
            if name not in _NOT_DRAWN:
                self._board.add_scalar(name, value, record["step"])

    def _write(self, record: dict[str, Any]) -> None:
        self._file.write(json.dumps(record) + "\n")
        self._file.flush()


def draw_curves(records: list[dict[str, Any]], path: Path) -> None:
    """Losses, held-out validation and learning rate over steps, as a PNG.

    Raises:
        DistillationError: the disk is full or cannot be written.
    """
    figure = Figure(figsize=(9, 8), layout="constrained")
    FigureCanvasAgg(figure)
    names = {name for record in records for name in record} - _NOT_DRAWN
    held = sorted(name for name in names if name.startswith("held_out"))
    losses = sorted(names - set(held) - {"rate"})
    groups = (("loss", losses), ("held-out photos", held), ("learning rate", ["rate"]))
    axes = figure.subplots(len(groups), 1, sharex=True, squeeze=False)[:, 0]
    for axis, (title, members) in zip(axes, groups, strict=True):
        for name in members:
            points = [(record["step"], record[name]) for record in records if name in record]
            mark = "." if len(points) < 50 else ""
            axis.plot(*zip(*points, strict=True), label=name, marker=mark) if points else None
        axis.set_ylabel(title)
        axis.grid(visible=True, alpha=0.3)
        if any(name in record for record in records for name in members):
            axis.legend(fontsize="small")
    axes[-1].set_xlabel("step")
    with writing(path.parent, "the curves"):
        figure.savefig(path, dpi=110)
