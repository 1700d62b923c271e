"""Training loop: batches in, optimiser steps, validation and checkpoints now and then."""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeVar, cast

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import broadcast_object_list
from numpy.typing import NDArray
from torch import nn
from torch.optim.swa_utils import AveragedModel

from furniture_prompter.distillation.augmentation import Batch, Batches
from furniture_prompter.distillation.networks.student import Student
from furniture_prompter.distillation.optimisation import (
    LossWeights,
    ValidationMetrics,
    Validator,
    averaged,
    rate_schedule,
    rate_share,
)
from furniture_prompter.distillation.options import DistillationOptions
from furniture_prompter.distillation.run_folder import Checkpoints, Progress
from furniture_prompter.distillation.training_data import TeacherVectors
from furniture_prompter.errors import DistillationError

Number = TypeVar("Number", int, float)

Images = Callable[[NDArray[np.intp]], NDArray[np.uint8]]
"""From places of photos, shape (n,), to an image of each, shape (n, side, side, 3)."""

_BANK_ROWS = 1024
_CHECKPOINT_S = 300.0
_RECORDS = 400
_MEASURED_STEPS = 3
_OFF_PLAN = 0.03


@dataclass(frozen=True, slots=True, eq=False)
class DataSplits:
    """Training batches and validation photos, with the teacher's vectors as targets.

    Attributes:
        batches: Augmented views of every step.
        indexed: Photos as indexing shows them, for the fit of the head.
        vectors: The teacher's of every view.
        validator: Compares rankings of the validation split.
        held: The validation split's photos as indexing shows them, shape (v, side, side, 3), in
            memory: they are looked at again and again.
    """

    batches: Batches
    indexed: Images
    vectors: TeacherVectors
    validator: Validator
    held: NDArray[np.uint8]


@dataclass(slots=True)
class Training:
    """One training of one student; :meth:`run` it once.

    Attributes:
        student: Trained in place; ends with the best running mean.
        splits: What is learned.
        options: How.
        accelerator: Device, precision and processes.
        checkpoints: Where it is kept.
        log: Takes every record: ``step``, ``seconds`` and numbers by name.
        head: What fitting the head gave, by name; empty where it was not fitted.
        on_step: Called with steps done and planned.
        step_s: Seconds of a step as measured before the first; 0 where epochs decide.
    """

    student: Student
    splits: DataSplits
    options: DistillationOptions
    accelerator: Accelerator
    checkpoints: Checkpoints
    log: Callable[[dict[str, Any]], None]
    head: dict[str, float]
    on_step: Callable[[int, int], None]
    step_s: float = field(default=0.0, init=False)

    def run(self) -> Progress:
        """Train, from the last checkpoint where the options say so.

        Raises:
            DistillationError: memory ran out, the loss is not finite, or the disk is full; the
                last checkpoint stands.
        """
        options, accelerator = self.options, self.accelerator
        torch.manual_seed(options.seed)
        mean = averaged(self.student, options.ema_decay)
        optimizer = torch.optim.AdamW(self._groups(), lr=options.highest_rate)
        progress = Progress()
        latest = self.checkpoints.latest() if options.resume else None
        state: dict[str, Any] = {}
        if latest is not None:
            progress, state = self.checkpoints.load(latest, self.student, mean.module)
            mean = averaged(mean.module, options.ema_decay, progress.step)
        network, optimizer = accelerator.prepare(self.student, optimizer)
        if state:
            optimizer.load_state_dict(state["optimizer"])
            if accelerator.scaler is not None and state.get("scaler"):
                accelerator.scaler.load_state_dict(state["scaler"])
        with _memory(options.batch_size):
            if not state:
                self._plan(progress, self._planned(network))
                self._validate(mean, progress, self.head)
            if progress.step < progress.steps and not self._stopped(progress):
                self._loop(network, optimizer, mean, progress)
        # Mixed precision is for training; what is exported computes in float32.
        accelerator.unwrap_model(network, keep_fp32_wrapper=False)
        self.checkpoints.load_best(self.student)
        return progress

    def _loop(
        self, network: nn.Module, optimizer: Any, mean: AveragedModel, progress: Progress
    ) -> None:
        options, splits = self.options, self.splits
        record_every = max(1, progress.steps // _RECORDS)
        sums: dict[str, list[float]] = {}
        saved_s = began_s = time.monotonic()
        weights = LossWeights(options.loss_relational, options.loss_contrastive, options.loss_rank)

        def share(step: int) -> float:
            return rate_share(step, progress.steps, options.warmup)

        schedule = rate_schedule(optimizer, share, options.highest_rate, progress.step)
        for batch in splits.batches.ahead(progress.step, options.workers):
            rate = options.highest_rate * share(progress.step)
            terms = self._step(network, optimizer, batch, progress.step, weights)
            progress.step += 1
            mean.update_parameters(self.student)
            for name, value in terms.items():
                sums.setdefault(name, []).append(value)
            due = progress.step in {progress.steps, progress.judge_at}
            if due or progress.step % record_every == 0:
                means = {name: float(np.mean(values)) for name, values in sums.items()}
                self._record(progress, {**means, "rate": rate})
                sums.clear()
            self.on_step(progress.step, progress.steps)
            if due:
                self._validate(mean, progress)
            now_s = time.monotonic()
            progress.trained_s += now_s - began_s
            began_s = now_s
            if due:
                self._fit_into_time(progress)
            if due or now_s - saved_s > _CHECKPOINT_S:
                self._save(mean, optimizer, progress)
                saved_s = began_s
            if progress.step >= progress.steps or self._stopped(progress):
                return
            schedule.step()

    def _stopped(self, progress: Progress) -> bool:
        """Whether it has not got better for too long."""
        return 0 < self.options.patience <= progress.worse

    def _step(
        self, network: nn.Module, optimizer: Any, batch: Batch, step: int, weights: LossWeights
    ) -> dict[str, float]:
        device = self.accelerator.device
        self._to_training(network)
        images = torch.from_numpy(batch.images).to(device, non_blocking=True)
        wanted = self.splits.vectors.of(batch.photos, batch.numbers)
        given = network(images)
        bank = self._bank(step) if weights.rank else given.detach()
        terms = weights.total(given, torch.from_numpy(wanted).to(device), bank)
        values = {name: value.item() for name, value in terms.items()}
        if not math.isfinite(values["loss"]):
            raise DistillationError(
                f"The loss is not finite any more at step {step + 1}. The last checkpoint stands: "
                "go on from it with --resume and a lower --lr, or with --precision fp32."
            )
        self.accelerator.backward(terms["loss"])
        self.accelerator.clip_grad_norm_(network.parameters(), self.options.clip_norm)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return values

    def _bank(self, step: int) -> torch.Tensor:
        train = self.splits.batches.train
        draw = np.random.default_rng([self.options.seed, 2, step])
        chosen = draw.choice(train, min(_BANK_ROWS, len(train)), replace=False)
        rows = self.splits.vectors.of(np.sort(chosen), np.zeros(len(chosen), np.intp))
        return torch.from_numpy(rows).to(self.accelerator.device)

    def _validate(
        self,
        mean: AveragedModel,
        progress: Progress,
        more: Mapping[str, float] = MappingProxyType({}),
    ) -> None:
        splits = self.splits
        rows = encode_images(
            cast("Student", mean.module),
            lambda places: splits.held[places],
            np.arange(len(splits.held)),
            self.accelerator,
            batch_size=splits.batches.batch_size,
        )
        validated: ValidationMetrics = splits.validator.asymmetric(rows)
        overlap = self._agreed(validated.overlap)
        values = {"held_out_overlap": overlap, "held_out_cosine": validated.cosine, **more}
        if overlap > progress.best_overlap:
            progress.best_overlap, progress.best_step = overlap, progress.step
            progress.worse = 0
            if self.accelerator.is_main_process:
                self.checkpoints.save_best(mean.module)
        else:
            progress.worse += 1
        self._record(progress, values)
        self.accelerator.wait_for_everyone()

    def _record(self, progress: Progress, values: dict[str, float]) -> None:
        record = {"step": progress.step, "seconds": round(progress.trained_s, 3), **values}
        progress.records.append(record)
        self.log(record)

    def _save(self, mean: AveragedModel, optimizer: Any, progress: Progress) -> None:
        if self.accelerator.is_main_process:
            scaler = self.accelerator.scaler
            state = {
                "optimizer": optimizer.state_dict(),
                "scaler": scaler.state_dict() if scaler is not None else {},
            }
            self.checkpoints.save(progress, self.student, mean.module, state)
        self.accelerator.wait_for_everyone()

    def _plan(self, progress: Progress, steps: int) -> None:
        """Decide how many steps there are and when the next validation is, for all processes."""
        progress.steps = self._agreed(steps)
        every = max(1, math.ceil(progress.steps / self.options.evaluations))
        progress.judge_at = progress.step + every

    def _agreed(self, value: Number) -> Number:
        """What the main process has found; clocks and sums differ from one to another."""
        agreed: Number = broadcast_object_list([value])[0]
        return agreed

    def _planned(self, network: nn.Module) -> int:
        """Steps of the whole training, by epochs or by the measured time of a step."""
        options, splits = self.options, self.splits
        if options.minutes is None:
            passes = options.epochs * len(splits.batches.train) / splits.batches.batch_size
            return math.ceil(passes)
        self.step_s = self._measured_step_s(network)
        return max(1, int(options.minutes * 60 / self.step_s))

    def _measured_step_s(self, network: nn.Module) -> float:
        """Seconds of a step without taking it: weights and statistics stay as they are."""
        device = self.accelerator.device
        before = {name: value.clone() for name, value in self.student.named_buffers()}
        self._to_training(network)
        times = []
        for step in range(1 + _MEASURED_STEPS):
            began_s = time.monotonic()
            batch = self.splits.batches.make(step)
            given = network(torch.from_numpy(batch.images).to(device))
            self.accelerator.backward(given.sum() * 0.0)
            network.zero_grad(set_to_none=True)
            if device.type == "cuda":
                torch.cuda.synchronize()
            times.append(time.monotonic() - began_s)
        with torch.no_grad():
            for name, value in self.student.named_buffers():
                value.copy_(before[name])
        return float(np.median(times[1:]))

    def _fit_into_time(self, progress: Progress) -> None:
        """Plan more or fewer steps where they take another time; the checkpoint remembers it."""
        if self.options.minutes is None:
            self._plan(progress, progress.steps)
            return
        left_s = self.options.minutes * 60 - progress.trained_s
        possible = progress.step + max(0, int(left_s / (progress.trained_s / progress.step)))
        if abs(possible - progress.steps) > _OFF_PLAN * progress.steps:
            self._plan(progress, possible)
        else:
            self._plan(progress, progress.steps)

    def _to_training(self, network: nn.Module) -> None:
        network.train()
        if self.options.frozen_statistics:
            for part in network.modules():
                if isinstance(part, nn.modules.batchnorm._BatchNorm):
                    part.eval()

    def _groups(self) -> list[dict[str, Any]]:
        """Parameters by share of the learning rate and by weight decay."""
        options = self.options
        groups: dict[tuple[float, float], list[nn.Parameter]] = {}
        for name, parameter in self.student.named_parameters():
            share = 1.0 if name.startswith("head.") else options.backbone_rate
            # Norms' weights and all biases have one axis.
            decay = options.weight_decay if parameter.ndim > 1 else 0.0
            groups.setdefault((share, decay), []).append(parameter)
        return [
            {"params": members, "share": share, "weight_decay": decay}
            for (share, decay), members in groups.items()
        ]


def encode_images(
    network: Student,
    images: Images,
    photos: NDArray[np.intp],
    accelerator: Accelerator,
    *,
    batch_size: int,
    features: bool = False,
) -> NDArray[np.float32]:
    """What the network gives for an image of each photo; shape (n, dimension or width).

    Vectors as training computes them; features in float32, for a closed form has no use for noise.

    Args:
        network: The student.
        images: Makes them.
        photos: Places of all.
        accelerator: Device and precision.
        batch_size: Images at a time.
        features: Whether what the head reads is wanted, instead of vectors.
    """
    network.eval()
    rows = []
    with torch.inference_mode(), nullcontext() if features else accelerator.autocast():
        for start in range(0, len(photos), batch_size):
            given = torch.from_numpy(images(photos[start : start + batch_size]))
            given = given.to(accelerator.device)
            made = network.features(given) if features else network(given)
            rows.append(made.float().cpu().numpy())
    return np.concatenate(rows)


@contextmanager
def _memory(batch_size: int) -> Iterator[None]:
    """Say what to do when memory runs out, on a GPU or beside the processor."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        words = str(error)
        if not isinstance(error, MemoryError | torch.OutOfMemoryError) and (
            "can't allocate memory" not in words
        ):
            raise
        raise DistillationError(
            f"Memory ran out with {batch_size} photos a step. Halve it: --batch-size "
            f"{max(2, batch_size // 2)}. The last checkpoint stands; --resume goes on from it."
        ) from error


def open_accelerator(options: DistillationOptions) -> Accelerator:
    """The device, precision and processes of one training.

    Raises:
        DistillationError: there is no such device, or it does not have that precision.
    """
    device = _device(options.device)
    precision = _precision(options.precision, device)
    if options.threads is not None:
        torch.set_num_threads(options.threads)
    # Accelerate remembers the precision of the first training in a process and refuses another.
    AcceleratorState._reset_state(reset_partial_state=True)
    return Accelerator(
        mixed_precision="no" if precision == "fp32" else precision,
        cpu=device == "cpu",
        split_batches=True,
    )


def _device(name: str) -> str:
    available = {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if name == "auto":
        return next(kind for kind in ("cuda", "mps", "cpu") if available[kind])
    if not available.get(name, False):
        there = ", ".join(kind for kind, found in available.items() if found)
        raise DistillationError(f"There is no device {name!r} here. Name one of auto, {there}.")
    return name


def _precision(name: str, device: str) -> str:
    if name == "auto":
        if device == "cuda":
            return "bf16" if torch.cuda.is_bf16_supported() else "fp16"
        return "bf16" if device == "cpu" and _processor_has_bf16() else "fp32"
    if name == "fp16" and device != "cuda":
        raise DistillationError("fp16 needs a CUDA device. Give --precision bf16 or fp32.")
    return name


def _processor_has_bf16() -> bool:
    """Whether the processor multiplies bfloat16 itself; emulating it is slower than float32.

    Early versions of torch that are allowed here cannot tell, and then float32 it is.
    """
    capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16"))
