"""What an export must show before it may be written: its vectors are the network's."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.errors import DistillationError

LEAST_EXPORT_COSINE = 0.9999
"""Worst image, exported float graph against the network in PyTorch."""

LEAST_MEAN_INT8_COSINE = 0.98
"""Mean over images not calibrated on, int8 graph against the float graph."""


@dataclass(frozen=True, slots=True)
class Parity:
    """Cosines between two encoders' vectors of the same images."""

    mean: float
    least: float


def parity(left: NDArray[np.float32], right: NDArray[np.float32]) -> Parity:
    """Compare rows (images, dimension).

    Raises:
        DistillationError: shapes differ, there are no rows, or a row is not finite or has no
            length.
    """
    if left.shape != right.shape or left.ndim != 2 or not len(left):
        raise DistillationError(
            f"Vectors of shape {left.shape} and {right.shape} cannot be compared: the exported "
            "graph gives something else than the network. Export a network of float vectors."
        )
    lengths = np.linalg.norm(left.astype(np.float64), axis=1)
    lengths *= np.linalg.norm(right.astype(np.float64), axis=1)
    if not (np.isfinite(lengths).all() and (lengths > 0).all()):
        raise DistillationError(
            "A vector is not finite or has no length. The training has diverged: start from the "
            "checkpoint before, with a lower learning rate."
        )
    cosines = (left.astype(np.float64) * right).sum(axis=1) / lengths
    return Parity(float(cosines.mean()), float(cosines.min()))


def require_export(exported: Parity) -> None:
    """Refuse a float graph that is not the network it was written from.

    Raises:
        DistillationError: the worst cosine lies below LEAST_EXPORT_COSINE.
    """
    if not exported.least >= LEAST_EXPORT_COSINE:
        raise DistillationError(
            f"The exported graph is not the network: worst cosine {exported.least:.6f}, at least "
            f"{LEAST_EXPORT_COSINE} is needed. Nothing was written; export with another version "
            "of torch or onnxscript."
        )


def require_int8(quantised: Parity) -> None:
    """Refuse an int8 graph whose vectors moved too far.

    Raises:
        DistillationError: the mean cosine lies below LEAST_MEAN_INT8_COSINE.
    """
    if not quantised.mean >= LEAST_MEAN_INT8_COSINE:
        raise DistillationError(
            f"The int8 graph is not the float one: mean cosine {quantised.mean:.4f}, at least "
            f"{LEAST_MEAN_INT8_COSINE} is needed. Nothing was written; export as fp32, or "
            "calibrate on more photos of the kind that will be asked with."
        )
