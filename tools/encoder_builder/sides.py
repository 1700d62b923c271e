"""Fits the orientation classifier of an encoder to renders that are turned, and files it."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from furniture_prompter.bundled import held_out_families
from furniture_prompter.encoders.card import EncoderCard
from furniture_prompter.encoders.onnx_encoder import (
    LEAST_PROBABILITY,
    SIDES,
    SIDES_FILE,
    OnnxEncoder,
    SideClassifier,
)
from tools.encoder_builder.catalogs import CatalogImage, encode_images, pixels

Vectors = NDArray[np.float32]

PENALTY = 0.5
"""Of a squared weight, against the sum of the losses. A tenth and ten times as much change the area
under the curve of two shops by less than a hundredth."""
_STEPS = 400


def fit_sides(rows: Vectors, penalty: float = PENALTY) -> SideClassifier:
    """Multinomial logistic regression with an L2 penalty, by L-BFGS.

    Args:
        rows: Vectors of each photo upright and turned clockwise by 90, 180 and 270 degrees, shape
            (n, SIDES, d).
        penalty: Of a squared weight; the constants are free.
    """
    count, _, dimension = rows.shape
    vectors = torch.from_numpy(rows.reshape(count * SIDES, dimension).astype(np.float64))
    sides = torch.arange(SIDES).repeat(count)
    weights = torch.zeros((dimension + 1, SIDES), dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([weights], max_iter=_STEPS, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        logits = vectors @ weights[:-1] + weights[-1]
        value = torch.nn.functional.cross_entropy(logits, sides, reduction="sum")
        value = value + penalty * weights[:-1].square().sum()
        value.backward()  # type: ignore[no-untyped-call]  # torch leaves it so
        return value

    optimiser.step(loss)  # type: ignore[no-untyped-call]  # torch leaves it so
    return SideClassifier(weights.detach().numpy().astype(np.float32))


def add_sides(
    folder: Path, images: Sequence[CatalogImage], report: Callable[[str], None]
) -> EncoderCard:
    """Fit the classifier of the encoder in `folder`, and write it and its card.

    Args:
        folder: Of a built encoder; its weights, and so the catalogs made with it, stay.
        images: Of the catalog; models held out measure and teach nothing.
        report: Told the figures.
    """
    encoder = OnnxEncoder.load(folder)
    apart = held_out_families(image.family for image in images)
    asked = np.array([image.family in apart for image in images])
    rows = _sides(encoder, images)
    classifier = fit_sides(rows[~asked])
    upright = classifier.probabilities(rows[asked].reshape(-1, rows.shape[2]))[:, 0]
    passed = (upright >= LEAST_PROBABILITY).reshape(-1, SIDES)
    figures = {
        "held_out_upright_told_so": round(float(passed[:, 0].mean()), 6),
        "held_out_turned_told_upright": round(float(passed[:, 1:].mean()), 6),
    }
    report(f"Sides of {len(passed):,} held-out renders: {figures}")
    path = folder / SIDES_FILE
    np.save(path, classifier.weights, allow_pickle=False)
    card = replace(
        encoder.card,
        other_files={
            **encoder.card.other_files,
            SIDES_FILE: hashlib.sha256(path.read_bytes()).hexdigest(),
        },
        figures={**encoder.card.figures, **figures},
    )
    card.save(folder)
    return card


def _sides(encoder: OnnxEncoder, images: Sequence[CatalogImage]) -> Vectors:
    """Vectors of each image on every side, shape (images, SIDES, d)."""
    turned = (
        np.ascontiguousarray(np.rot90(image, -quarters))
        for image in pixels(images, encoder.card.input_side_px)
        for quarters in range(SIDES)
    )
    return encode_images(encoder, turned).reshape(len(images), SIDES, -1)
