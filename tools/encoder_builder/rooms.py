"""Learns what a room around a piece adds to its vector, from drawn rooms, and files it."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.domain.product import RgbImage
from furniture_prompter.encoders.card import EncoderCard
from furniture_prompter.encoders.onnx_encoder import ROOMS_FILE, OnnxEncoder, RoomNoise

Vectors = NDArray[np.float32]

RIDGE = 3.0
"""Of the noise's mean variance, added to each axis's: chosen on drawn rooms that were not fitted
to, and on half of ikea-dev's rooms (docs/experiments.md, "What a room adds to a piece")."""
AXES = 64
"""The noise's largest; those beyond lose less than 0.4 of their share."""


def fit_rooms(in_rooms: Vectors, alone: Vectors, *, ridge: float = RIDGE, axes: int = AXES) -> (
    RoomNoise
):  # fmt: skip
    """Within-class covariance normalisation along the noise's largest axes alone.

    Args:
        in_rooms: Vectors of pieces cut out of their rooms, shape (n, d).
        alone: Of the same pieces alone, in the same order.
        ridge: In mean variances of an axis: the more, the less is taken out.
        axes: Axes that are kept.
    """
    noise = in_rooms.astype(np.float64) - alone
    variances, ways = np.linalg.eigh(noise.T @ noise / len(noise))
    variances, ways = variances[::-1] / variances.mean(), ways[:, ::-1].T
    shares = variances[:axes] / (variances[:axes] + ridge)
    return RoomNoise((ways[:axes] * np.sqrt(shares)[:, np.newaxis]).astype(np.float32))


def add_rooms(
    folder: Path, pairs: Iterable[tuple[RgbImage, RgbImage]], report: Callable[[str], None]
) -> EncoderCard:
    """Fit the noise of rooms for the encoder in `folder`, and write it and its card.

    Args:
        folder: Of a built encoder; its weights, and so the catalogs made with it, stay.
        pairs: Pieces cut out of rooms, and alone.
        report: Told the figures.
    """
    encoder = OnnxEncoder.load(folder)
    rows = np.stack([encoder.encode(pair) for pair in pairs])
    in_rooms, alone = rows[:, 0], rows[:, 1]
    # By turns, every second pair is asked of what the others taught.
    own = [
        _own_first(fit_rooms(in_rooms[1 - half :: 2], alone[1 - half :: 2]),
                   in_rooms[half::2], alone[half::2])
        for half in (0, 1)
    ]  # fmt: skip
    before, after = np.mean(own, axis=0)
    figures = {"room_pieces_own_first": round(float(after), 6)}
    report(
        f"Of {len(rows):,} pieces of drawn rooms {before:.3f} found themselves alone, now "
        f"{after:.3f}"
    )
    path = folder / ROOMS_FILE
    np.save(path, fit_rooms(in_rooms, alone).axes, allow_pickle=False)
    card = replace(
        encoder.card,
        other_files={
            **encoder.card.other_files,
            ROOMS_FILE: hashlib.sha256(path.read_bytes()).hexdigest(),
        },
        figures={**encoder.card.figures, **figures},
    )
    card.save(folder)
    return card


def _own_first(noise: RoomNoise, in_rooms: Vectors, alone: Vectors) -> tuple[float, float]:
    """Share of pieces that are nearest to themselves alone, as they are and without the noise."""
    own = np.arange(len(alone))
    shares = [
        float(((rows @ alone.T).argmax(axis=1) == own).mean())
        for rows in (in_rooms, noise.without(in_rooms))
    ]
    return shares[0], shares[1]
