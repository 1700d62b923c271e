"""What a build must show before it may write an encoder. Plain numpy; every gate can fail."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEAST_EXPORT_COSINE = 0.9999
"""Worst image, exported float graph against the network in PyTorch."""

LEAST_MEAN_INT8_COSINE = 0.98
"""Mean over images, int8 graph against the float graph."""

LARGEST_RELATIVE_LOSS = 0.01
"""Of each retrieval figure, int8 against float."""


class GateError(Exception):
    """A build that may not ship; the message says which gate and by how much."""


@dataclass(frozen=True, slots=True)
class Parity:
    """Cosines between rows of two encoders for the same images."""

    mean: float
    least: float


def parity(left: NDArray[np.float32], right: NDArray[np.float32]) -> Parity:
    """Compare rows of shape (images, dimension).

    Raises:
        GateError: shapes differ, there are no rows, or a row is not finite or has no length.
    """
    if left.shape != right.shape or left.ndim != 2 or not len(left):
        raise GateError(f"Cannot compare vectors of shape {left.shape} and {right.shape}.")
    lengths = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    if not (np.isfinite(lengths).all() and (lengths > 0).all()):
        raise GateError("A vector is not finite or has no length: the graph is broken.")
    cosines = (left.astype(np.float64) * right).sum(axis=1) / lengths
    return Parity(float(cosines.mean()), float(cosines.min()))


def require_export(exported: Parity) -> None:
    """Refuse a float graph that is not the network it was written from."""
    if not exported.least >= LEAST_EXPORT_COSINE:
        raise GateError(
            f"The float graph differs from PyTorch: worst cosine {exported.least:.6f}, "
            f"at least {LEAST_EXPORT_COSINE} is needed."
        )


def require_int8(quantised: Parity) -> None:
    """Refuse an int8 graph whose vectors moved too far, from float or from an earlier build's."""
    if not quantised.mean >= LEAST_MEAN_INT8_COSINE:
        raise GateError(
            f"The int8 graph differs too much: mean cosine {quantised.mean:.4f}, "
            f"at least {LEAST_MEAN_INT8_COSINE} is needed."
        )


def require_figures(before: Mapping[str, float], after: Mapping[str, float]) -> None:
    """Refuse an int8 graph that finds less: every figure, relative to the float graph's."""
    if not before or before.keys() != after.keys():
        raise GateError(f"Cannot compare figures {sorted(before)} with {sorted(after)}.")
    for name, old in before.items():
        floor = old * (1 - LARGEST_RELATIVE_LOSS)
        if not (np.isfinite(old) and after[name] >= floor):
            raise GateError(
                f"int8 loses too much: {name} {after[name]:.4f} against {old:.4f} in float, "
                f"at least {floor:.4f} is needed."
            )
