"""What a training wrote down: records on disk, a picture, and TensorBoard's log."""

import json
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch.utils.tensorboard import SummaryWriter

from furniture_prompter.distillation.kept_rows import writing

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

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
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
    """Losses, held-out judgements and learning rate over steps, as a PNG.

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
