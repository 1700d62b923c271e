"""Where a training stands, on disk: whole or not at all."""

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from pickle import UnpicklingError  # what torch says of a damaged file, though it unpickles none
from typing import Any, Final

import safetensors
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from furniture_prompter.distillation.kept_rows import writing
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
        judge_at: Step of the next judgement.
        best_step: After which the best judgement was made.
        best_overlap: That judgement.
        worse: Judgements since.
        trained_s: Seconds spent on steps and judgements, over all runs.
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
        """Keep the weights with the best judgement so far."""
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
