"""Optimisation of a student: distillation losses, learning rate schedule, mean of its weights.

Every loss takes unit rows, the student's and the teacher's of the same views, float32 (n, d), and
gives one number with a gradient to the student's.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torch.optim.lr_scheduler import LambdaLR
from torch.optim.swa_utils import AveragedModel

CONTRASTIVE_TEMPERATURE = 0.07
RANK_TEMPERATURE = 0.05


def regression(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """Mean of 1 - cosine, which for unit rows is half the squared distance; 0 at equality.

    Feature regression; the strongest single term in Yang et al., CLIP-KD: An empirical study of
    CLIP model distillation (CVPR 2024, arXiv 2307.12732), where it is called FD.
    """
    return 1 - (student * teacher).sum(dim=1).mean()


def relational(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """Distances between the views of a batch, against the teacher's; 0 at equality.

    The distance-wise loss of Park et al., Relational knowledge distillation (CVPR 2019, arXiv
    1904.05068), equations 6 to 8: distances divided by their mean over the batch, Huber's loss.
    """
    return functional.smooth_l1_loss(_distances(student), _distances(teacher))


def contrastive(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """Each student row must find its own teacher row among those of the batch (InfoNCE).

    van den Oord et al., Representation learning with contrastive predictive coding (arXiv
    1807.03748), from student to teacher as in Tian et al., Contrastive representation distillation
    (ICLR 2020, arXiv 1910.10699). It is not 0 at equality: other photos are near as well.
    """
    cosines = student @ teacher.T / CONTRASTIVE_TEMPERATURE
    return functional.cross_entropy(cosines, torch.arange(len(student), device=student.device))


def rank(student: torch.Tensor, teacher: torch.Tensor, bank: torch.Tensor) -> torch.Tensor:
    """Neighbours in the teacher's catalog must be as near to the student as to the teacher.

    Kullback-Leibler divergence between the softmax of cosines to `bank`, 0 at equality: Fang et
    al., SEED: Self-supervised distillation for visual representation (ICLR 2021, arXiv
    2101.04731), with the teacher's rows on the catalog's side, as in asymmetric search.

    Args:
        student: The student's rows.
        teacher: The teacher's rows.
        bank: The teacher's rows of other photos, shape (m, d).
    """
    wanted = functional.log_softmax(teacher @ bank.T / RANK_TEMPERATURE, dim=1)
    given = functional.log_softmax(student @ bank.T / RANK_TEMPERATURE, dim=1)
    return functional.kl_div(given, wanted, reduction="batchmean", log_target=True)


@dataclass(frozen=True, slots=True)
class LossWeights:
    """Weights of the terms beside the regression, whose weight is 1."""

    relational: float = 0.0
    contrastive: float = 0.0
    rank: float = 0.0

    def total(
        self, student: torch.Tensor, teacher: torch.Tensor, bank: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        """Each term by name, unweighted, and their weighted sum as ``loss``."""
        terms = {"regression": regression(student, teacher)}
        loss = terms["regression"]
        if self.relational:
            terms["relational"] = relational(student, teacher)
            loss = loss + self.relational * terms["relational"]
        if self.contrastive:
            terms["contrastive"] = contrastive(student, teacher)
            loss = loss + self.contrastive * terms["contrastive"]
        if self.rank:
            terms["rank"] = rank(student, teacher, bank)
            loss = loss + self.rank * terms["rank"]
        return {**terms, "loss": loss}


def _distances(rows: torch.Tensor) -> torch.Tensor:
    """Distances between different rows, divided by their mean; shape (n * (n - 1),)."""
    squared = 2 - 2 * rows @ rows.T
    others = ~torch.eye(len(rows), dtype=torch.bool, device=rows.device)
    # The root's slope is without bound at 0, where two views are the same.
    distances = squared[others].clamp_min(1e-6).sqrt()
    return distances / distances.mean()


def averaged(network: nn.Module, decay: float, step: int = 0) -> AveragedModel:
    """A copy of a network that keeps the mean of its weights, as Polyak & Juditsky (1992) do.

    The decay begins low and rises to its value, (1 + step) / (10 + step) as in TensorFlow's
    ExponentialMovingAverage, so that first weights are soon forgotten. Statistics of batch norms
    are copied.

    Args:
        network: Whose weights; they are the first mean.
        decay: The highest.
        step: Steps that are in the mean already, of a training that goes on.

    Returns:
        torch's own; call ``update_parameters(network)`` after each step.
    """

    def update(means: Sequence[torch.Tensor], now: Sequence[torch.Tensor], step: Any) -> None:
        weight = 1 - min(decay, (1 + int(step)) / (10 + int(step)))
        for mean, new in zip(means, now, strict=True):
            mean.lerp_(new, weight)

    model = AveragedModel(network, multi_avg_fn=update)
    model.eval().requires_grad_(requires_grad=False)
    # The count of the step to come: at 0 torch would take its weights as they are.
    model.n_averaged.fill_(step + 1)
    return model


def rate_share(step: int, steps: int, warmup: float) -> float:
    """Share of the highest learning rate at `step`, 0-based, of `steps`.

    It rises in a straight line over the first `warmup` share of the steps (Goyal et al., arXiv
    1706.02677) and falls to 0 along half a cosine (Loshchilov & Hutter, SGDR, ICLR 2017) after.
    """
    rising = math.ceil(warmup * steps)
    if step < rising:
        return (step + 1) / rising
    done = (step - rising) / max(1, steps - rising)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


def rate_schedule(
    optimizer: torch.optim.Optimizer, share: Callable[[int], float], highest: float, step: int
) -> LambdaLR:
    """Torch's schedule of each parameter group's rate: the highest, times the group's own share.

    Args:
        optimizer: Whose groups have a ``share``; the rates that it was saved with do not count.
        share: Of the highest rate at a step, 0-based; what it reads may change between steps.
        highest: The rate.
        step: Steps done; the rates are those of the next one from now on.
    """
    for group in optimizer.param_groups:
        group["initial_lr"] = group["lr"] = highest * group["share"]
    return LambdaLR(optimizer, share, last_epoch=step - 1)
