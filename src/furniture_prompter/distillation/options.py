"""Hyperparameters and settings of a distillation, checked before anything is read."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, get_args

from furniture_prompter.errors import DistillationError

Precision = Literal["auto", "fp32", "bf16", "fp16"]
BatchNorm = Literal["auto", "frozen", "trained"]

LEAST_PHOTOS: Final = 16
"""Distinct usable photos: eight to calibrate int8 on and four held out, and a few to learn from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DistillationOptions:
    """How a student is trained; docs/distillation.md says when to change what.

    Attributes:
        student: Architecture, by the names of ``distillation.networks.registry``.
        name: What the student is called on its card; "" takes its folder's name.
        side_px: Side of the student's images; None takes the architecture's own.
        initial: First weights: ``imagenet``, ``random``, a folder or .safetensors file, or
            ``auto``: ImageNet's where a package carries this architecture's, else random ones.
        epochs: Passes over the photos; 0 leaves it at the head in closed form. ``minutes``, if
            given, decides instead.
        minutes: Time for the steps themselves; preparing and exporting come on top. None: epochs.
        batch_size: Photos a step, over all processes.
        learning_rate: Highest rate, that of the head; None takes 1e-4, and 1e-3 for random weights.
        backbone_rate: Share of it for the backbone.
        weight_decay: AdamW's, not on norms and biases.
        warmup: Share of the steps in which the rate rises.
        clip_norm: Longest gradient.
        ema_decay: Of the running mean of weights that is validated and exported.
        batch_norm: ``frozen`` keeps the first weights' statistics; ``trained`` follows the batches;
            ``auto`` freezes them unless the first weights are random.
        views: Augmented views of each photo that the teacher encodes as well; 0: every view is
            regressed onto the vector of the photo as it is.
        clean_share: Share of photos in a step that are shown as they are (without ``views``).
        backgrounds: Folder of textures to put behind white-background photos; None: colours only.
        loss_relational, loss_contrastive, loss_rank: Weights of further terms; 0 leaves one out.
        evaluations: Times that the student is validated on held-out photos.
        patience: Validations without a better one after which training stops; 0: never.
        held_out: Share of products that are not trained on.
        precision: Of the arithmetic; ``auto`` takes bf16 where the processor has it.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        threads: Threads of arithmetic; None leaves it to PyTorch.
        workers: Threads that prepare images.
        seed: Decides order and random weights, and the views unless the teacher encodes them.
        resume: Whether to go on from the last checkpoint.
    """

    student: str = "resnet18"
    name: str = ""
    side_px: int | None = None
    initial: str = "auto"
    epochs: float = 20.0
    minutes: float | None = None
    batch_size: int = 32
    learning_rate: float | None = None
    backbone_rate: float = 1.0
    weight_decay: float = 0.01
    warmup: float = 0.05
    clip_norm: float = 1.0
    ema_decay: float = 0.998
    batch_norm: BatchNorm = "auto"
    views: int = 0
    clean_share: float = 0.2
    backgrounds: Path | None = None
    loss_relational: float = 0.0
    loss_contrastive: float = 0.0
    loss_rank: float = 0.0
    evaluations: int = 20
    patience: int = 8
    held_out: float = 0.1
    precision: Precision = "auto"
    device: str = "auto"
    threads: int | None = None
    workers: int = 1
    seed: int = 0
    resume: bool = False

    def __post_init__(self) -> None:
        for name in ("clip_norm", "backbone_rate"):
            _refuse(name, getattr(self, name), "above 0", getattr(self, name) > 0)
        for name in ("loss_relational", "loss_contrastive", "loss_rank", "weight_decay"):
            _refuse(name, getattr(self, name), "0 or more", getattr(self, name) >= 0)
        for name in ("epochs", "views", "patience", "seed"):
            _refuse(name, getattr(self, name), "0 or more", getattr(self, name) >= 0)
        for name in ("batch_size", "evaluations", "workers"):
            _refuse(name, getattr(self, name), "1 or more", getattr(self, name) >= 1)
        for name in ("warmup", "ema_decay"):
            _refuse(name, getattr(self, name), "from 0 to below 1", 0 <= getattr(self, name) < 1)
        _refuse("clean_share", self.clean_share, "from 0 to 1", 0 <= self.clean_share <= 1)
        _refuse("held_out", self.held_out, "above 0 and at most 0.5", 0 < self.held_out <= 0.5)
        for name in ("minutes", "threads", "learning_rate", "side_px"):
            value = getattr(self, name)
            _refuse(name, value, "above 0", value is None or value > 0)
        if self.random_start and not self.epochs and self.minutes is None:
            raise DistillationError(
                "Without passes only the head is fitted, and random weights give it nothing to "
                "read. Give --epochs, or trained weights by --initial."
            )
        _refuse("batch_size", self.batch_size, "2 or more", self.batch_size >= 2)
        for name, allowed in (("precision", Precision), ("batch_norm", BatchNorm)):
            names = get_args(allowed)
            _refuse(name, getattr(self, name), f"one of {', '.join(names)}", self._in(name, names))

    def _in(self, name: str, names: tuple[str, ...]) -> bool:
        return getattr(self, name) in names

    @property
    def random_start(self) -> bool:
        """Whether the backbone starts from random weights."""
        return self.initial == "random"

    @property
    def view_seed(self) -> int:
        """Seed of the views: the training's own, or one for all where the teacher encodes them.

        So it encodes them once, whatever the seeds.
        """
        return 0 if self.views else self.seed

    @property
    def frozen_statistics(self) -> bool:
        """Whether batch norms keep the statistics that they came with."""
        if self.batch_norm == "auto":
            return not self.random_start
        return self.batch_norm == "frozen"

    @property
    def highest_rate(self) -> float:
        """The highest learning rate.

        A fitted head is nearly right and must not be shaken: on 900 renders, MobileNetV2 at 128 px,
        3e-4 lost a tenth of the held-out overlap before it came back, 1e-4 gained from the start.
        """
        if self.learning_rate is not None:
            return self.learning_rate
        return 1e-3 if self.random_start else 1e-4


def _refuse(name: str, value: object, wanted: str, holds: bool) -> None:
    if not holds:
        raise DistillationError(f"{name} must be {wanted}, not {value!r}.")
