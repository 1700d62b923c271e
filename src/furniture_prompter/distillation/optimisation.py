"""Optimisation of a student: validation, ridge regression of its head, losses, schedule, EMA.

Every loss takes unit rows, the student's and the teacher's of the same views, float32 (n, d), and
gives one number with a gradient to the student's.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional
from torch.optim.lr_scheduler import LambdaLR
from torch.optim.swa_utils import AveragedModel

from furniture_prompter.distillation.networks.student import Student
from furniture_prompter.domain.rankings import nearest, overlap_at_k
from furniture_prompter.unit_rows import unit_rows

Rows = NDArray[np.float32]

DEPTH: Final = 10
"""Neighbours that are compared; fewer where there are not as many photos."""


@dataclass(frozen=True, slots=True)
class ValidationMetrics:
    """Agreement of a student with its teacher: means over the queries.

    Attributes:
        overlap: Share of the teacher's DEPTH nearest photos that the student finds as well.
        cosine: To the teacher's vector of the same photo.
        overlap_error: Standard error of the overlap; 0 for one query.
        cosine_error: That of the cosine.
    """

    overlap: float
    cosine: float
    overlap_error: float
    cosine_error: float


class Validator:
    """Compares rankings of held-out photos over a catalog, each left out of its own."""

    def __init__(self, queries: Rows, catalog: Rows, places: NDArray[np.intp]) -> None:
        """Take the teacher's rows.

        Args:
            queries: Of the photos that ask, shape (q, d).
            catalog: Of the photos that are searched, shape (n, d), n at least 2.
            places: For each query the place of its photo in the catalog, shape (q,).
        """
        self._queries = queries
        self._catalog = catalog
        self._places = places
        self.depth = min(DEPTH, len(catalog) - 1)
        self._wanted = nearest(queries, catalog, self.depth, places)

    def asymmetric(self, queries: Rows) -> ValidationMetrics:
        """The student's rows of the queries, shape (q, d), against the teacher's catalog."""
        return self._validate(queries, self._catalog)

    def symmetric(self, queries: Rows, catalog: Rows) -> ValidationMetrics:
        """The student's rows of the queries, (q, d), against its own of the catalog, (n, d)."""
        return self._validate(queries, catalog)

    def _validate(self, queries: Rows, catalog: Rows) -> ValidationMetrics:
        found = nearest(queries, catalog, self.depth, self._places)
        cosines = (queries * self._queries).sum(axis=1, dtype=np.float64)
        shares = overlap_at_k(self._wanted, found)
        return ValidationMetrics(
            float(shares.mean()), float(cosines.mean()), _error(shares), _error(cosines)
        )


def _error(values: NDArray[np.float64]) -> float:
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else 0.0


Tried = tuple[ValidationMetrics, float, NDArray[np.float64]]

REGULARISATIONS: Final = (1e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0, 10.0)
"""Tried in turn, times the mean variance of a feature."""

_LEAST_VARIANCE: Final = 1e-9

_LEAST_SHARE: Final = 1e-12
"""Of the largest variance: what lies below is rounding."""


@dataclass(frozen=True, slots=True)
class HeadFit:
    """What fitting the head gave.

    Attributes:
        head_regularisation: The one of REGULARISATIONS that was taken.
        head_overlap: Share of the teacher's nearest that held-out photos find with it.
        head_cosine: Mean cosine to the teacher on held-out photos.
    """

    head_regularisation: float
    head_overlap: float
    head_cosine: float


def fit_head(
    student: Student, features: Rows, vectors: Rows, held_features: Rows, validator: Validator
) -> HeadFit:
    """Set the student's head to the ridge regression of the teacher's vectors on its features.

    First the features are balanced: each of the student's parts varies as much in all as its last
    map's, so that ridge regression weighs neither few channels nor small numbers less.

    Hoerl & Kennard, Ridge regression (Technometrics 1970), with an intercept that is not
    punished, solved once for all regularisations along the features' principal axes.
    Of regularisations with which held-out photos come as near to the teacher's vectors as with the
    best, and find as many of its nearest, both within a standard error (the rule of Breiman et al.,
    Classification and regression trees, 1984), the least is taken: regularisation
    draws vectors together, and same-type search suffers before either figure does
    (docs/experiments.md, "What a student's head reads").

    Args:
        student: Its head is written.
        features: Of training views, not balanced yet, shape (n, width).
        vectors: The teacher's of the same views, shape (n, dimension).
        held_features: Of held-out photos, shape (v, width).
        validator: Of the held-out photos, in the same order.
    """
    balance = _balance(features, student.parts)
    mean_x, mean_y = features.mean(0, dtype=np.float64) * balance, vectors.mean(0, dtype=np.float64)
    x, y = features * balance - mean_x, vectors.astype(np.float64) - mean_y
    values, axes = _principal_axes(x)
    crossed = axes.T @ (x.T @ y / len(x))
    scale = max(float(values.sum()) / x.shape[1], 1e-12)
    tried: list[Tried] = []
    turned = (held_features * balance - mean_x) @ axes
    for regularisation in REGULARISATIONS:
        weights = crossed / (values + regularisation * scale)[:, np.newaxis]
        guessed = turned @ weights + mean_y
        validated = validator.asymmetric(unit_rows(guessed))
        tried.append((validated, regularisation, weights))
    chosen, regularisation, weights = least(tried)
    weight = axes @ weights
    bias = mean_y - mean_x @ weight
    # What follows makes rows of unit length, so the head's scale is free. It is set to that of
    # PyTorch's own first weights: the optimiser's steps are of one size whatever the weights'.
    factor = 1 / np.sqrt(3 * len(weight)) / max(float(np.sqrt((weight**2).mean())), 1e-12)
    with torch.no_grad():
        student.head.weight.copy_(torch.from_numpy((factor * weight.T).astype(np.float32)))
        student.head.bias.copy_(torch.from_numpy((factor * bias).astype(np.float32)))
        student.balance.copy_(torch.from_numpy(balance.astype(np.float32)))
    return HeadFit(regularisation, chosen.overlap, chosen.cosine)


def _principal_axes(x: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Variances along the principal axes of centred rows (n, width), and the axes as columns.

    Of fewer rows than columns the products of rows tell the same as those of columns, sooner: a
    shop's hundreds of photos have thousands of features. Axes along which nothing varies are then
    left out.
    """
    count, width = x.shape
    if count >= width:
        values, axes = np.linalg.eigh(x.T @ x / count)
        return np.maximum(values, 0), axes
    values, mixes = np.linalg.eigh(x @ x.T / count)
    varies = values > _LEAST_SHARE * values.max(initial=0.0)
    values = values[varies]
    return values, x.T @ mixes[:, varies] / np.sqrt(count * values)


def least(tried: list[Tried]) -> Tried:
    """The first that is as good as the best, as far as the held-out photos can tell.

    Args:
        tried: ValidationMetrics, regularisation and weights, the least regularisation first.
    """
    nearest = max((validated for validated, _, _ in tried), key=lambda validated: validated.cosine)
    near = [each for each in tried if each[0].cosine >= nearest.cosine - nearest.cosine_error]
    best = max((validated for validated, _, _ in near), key=lambda validated: validated.overlap)
    return next(each for each in near if each[0].overlap >= best.overlap - best.overlap_error)


def _balance(features: Rows, parts: Sequence[int]) -> NDArray[np.float64]:
    """A factor for each feature, alike within a part, 1 in the first; 1 where nothing varies."""
    variances = features.var(axis=0, dtype=np.float64)
    totals = np.array([part.sum() for part in np.split(variances, np.cumsum(parts)[:-1])])
    varies = totals > _LEAST_VARIANCE
    factors = np.ones(len(parts))
    if varies[0]:
        factors[varies] = np.sqrt(totals[0] / totals[varies])
    return np.repeat(factors, parts)


# --- Losses, schedule, mean of the weights -------------------------------------------------------

CONTRASTIVE_TEMPERATURE = 0.07
RANK_TEMPERATURE = 0.05


def regression(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """Mean of 1 - cosine of unit rows (n, d), half the squared distance; 0 at equality.

    Feature regression; the strongest single term in Yang et al., CLIP-KD: An empirical study of
    CLIP model distillation (CVPR 2024, arXiv 2307.12732), where it is called FD.
    """
    return 1 - (student * teacher).sum(dim=1).mean()


def relational(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """Distances between the rows (n, d) of a batch, against the teacher's; 0 at equality.

    The distance-wise loss of Park et al., Relational knowledge distillation (CVPR 2019, arXiv
    1904.05068), equations 6 to 8: distances divided by their mean over the batch, Huber's loss.
    """
    return functional.smooth_l1_loss(_distances(student), _distances(teacher))


def contrastive(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """Each student row of (n, d) must find its own teacher row among the batch's (InfoNCE).

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
        student: The student's rows, shape (n, d).
        teacher: The teacher's rows, shape (n, d).
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
        """Each term by name, unweighted, and their weighted sum as ``loss``; see :func:`rank`."""
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
