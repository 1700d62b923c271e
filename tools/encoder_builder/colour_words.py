"""Fits what colours are called to renders dyed in colours whose name is known.

Half of the renders are dyed whole, half in the darker or the lighter of the two clusters of their
colours; what stays as it was is neither right nor wrong. Light and shade are the render's own,
white balance and exposure vary. A dye's name is the one that the catalog builder gives to flat
colour, so that nothing of any shop's photos or words goes in.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper

from furniture_prompter.encoders.card import identity_of
from furniture_prompter.encoders.colour_words import ColourWords
from furniture_prompter.encoders.onnx_encoder import OnnxEncoder
from furniture_prompter.encoders.preprocessing import preprocess
from furniture_prompter.feeds.values.vocabulary import base_colors
from tools.catalog_builder.colours import LEAST_SHARE, PLAIN, WOOD, name_pixels, srgb_to_lab
from tools.encoder_builder.catalogs import CatalogImage, pixels
from tools.encoder_builder.colour import CELLS, GAMMA, TO_XYZ, Floats, colour_shares

DYES: Final = 8
"""Dyed pictures of each render."""
PENALTY: Final = 1e-5
"""Of a squared weight, against the mean loss. Ten times as much finds a twentieth fewer of the
pairs of benchmarks/photo_and_colour.py."""
_STEPS: Final = 300
_PALETTE: Final = 40_000
_PICTURE_PX: Final = 2 * CELLS
_GROUND: Final = 251
_LEAST_PIXELS: Final = 40
_LEAST_PART: Final = 0.35
_MASKED: Final = -1e9

Mask = NDArray[np.bool_]


def dyes(random: np.random.Generator) -> dict[str, Floats]:
    """Linear sRGB colours, 0 to 1, by base colour, shape (n, 3) each.

    Half of them are nearly grey and two in five of the hues of wood, as furniture is.
    """
    count = 8 * _PALETTE
    lightness = random.uniform(6, 97, count)
    hue = np.where(
        random.random(count) < 0.6, random.uniform(0, 360, count), random.normal(75, 22, count)
    )
    chroma = np.where(
        random.random(count) < 0.45, random.uniform(0, 12, count), random.uniform(4, 70, count)
    )
    angle = np.radians(hue)
    y = (lightness + 16) / 116
    roots = np.stack(
        [y + chroma * np.cos(angle) / 500, y, y - chroma * np.sin(angle) / 200], axis=1
    )
    linear = roots.clip(0) ** 3 @ np.linalg.inv(TO_XYZ.T)
    linear = linear[((linear >= 0) & (linear <= 1)).all(axis=1)][:_PALETTE]
    substances = np.where(random.random(len(linear)) < 0.3, WOOD, PLAIN).astype(np.uint8)
    named = name_pixels(_bytes(linear), substances)
    found: dict[str, list[Floats]] = {}
    for name in np.unique(named):
        for base in base_colors(str(name))[:1]:
            found.setdefault(base, []).append(linear[named == name])
    return {base: np.concatenate(parts) for base, parts in sorted(found.items())}


def dyed(
    image: NDArray[np.uint8], dye: Floats, random: np.random.Generator
) -> tuple[NDArray[np.uint8], frozenset[str]] | None:
    """A render on white in another colour, and the base colours that it has beside it.

    Args:
        image: Shape (side, side, 3).
        dye: Linear sRGB, shape (3,).
        random: Chooses what is dyed, and under what light.

    Returns:
        The picture, and names; None where the render is all but empty.
    """
    piece = image.min(axis=2) < _GROUND
    if piece.sum() < _LEAST_PIXELS:
        return None
    linear = (image[piece] / 255.0) ** GAMMA
    part = np.ones(len(linear), np.bool_)
    if random.random() < 0.5:
        darker = _darker(image[piece])
        half = darker if random.random() < 0.5 else ~darker
        part = half if half.mean() >= _LEAST_PART else part
    light = linear[part] @ TO_XYZ[1]
    shade = (light / max(float(np.quantile(light, 0.7)), 1e-3)) ** random.uniform(0.5, 1.1)
    linear[part] = dye * shade.clip(0, 1.6)[:, np.newaxis]
    if random.random() < 0.3:
        linear[part] = 0.95 * linear[part] + 0.05 * random.uniform(0, 0.6)
    linear *= (1 + random.uniform(-0.08, 0.08, 3)) * random.uniform(0.8, 1.15)
    left = _bytes(linear[~part])
    names, counts = np.unique(name_pixels(left, np.zeros(len(left), np.uint8)), return_counts=True)
    beside = (
        base
        for name, seen in zip(names, counts, strict=True)
        if seen >= LEAST_SHARE * len(part)
        for base in base_colors(str(name))[:1]
    )
    picture = image.copy()
    picture[piece] = _bytes(linear)
    return picture, frozenset(beside)


def fit_colour_words(
    parts: Floats, names: Sequence[str], shown: NDArray[np.int64], unsure: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Multinomial logistic regression with an L2 penalty, by L-BFGS, names counting alike.

    Args:
        parts: Colour parts of pictures, unit rows, shape (n, components).
        names: The names.
        shown: The place of each picture's dye among `names`, shape (n,).
        unsure: Names that say neither yes nor no of a picture, shape (n, names).

    Returns:
        Shape (components + 1, names); the constants, which stand last, are free.
    """
    rows, places = torch.from_numpy(parts), torch.from_numpy(shown)
    barred = torch.where(torch.from_numpy(unsure), _MASKED, 0.0)
    counts = torch.bincount(places, minlength=len(names)).double()
    weights = torch.zeros((parts.shape[1] + 1, len(names)), dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([weights], max_iter=_STEPS, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        logits = rows @ weights[:-1] + weights[-1] + barred
        value = torch.nn.functional.cross_entropy(logits, places, weight=1 / counts)
        value = value + PENALTY * weights[:-1].square().sum()
        value.backward()  # type: ignore[no-untyped-call]  # torch leaves it so
        return value

    optimiser.step(loss)  # type: ignore[no-untyped-call]  # torch leaves it so
    return weights.detach().numpy().astype(np.float32)


def make_colour_words(
    folder: Path, images: Sequence[CatalogImage], report: Callable[[str], None], seed: int = 1
) -> ColourWords:
    """Dye renders and fit the names in the space of the encoder in `folder`.

    Raises:
        ValueError: the encoder keeps no colours apart.
    """
    card = OnnxEncoder.load(folder).card
    if card.preprocessing is None or card.colour is None:
        raise ValueError(f"{card.name} keeps shapes and colours in one; name another encoder.")
    graph = onnx.load(folder / card.weights_file).graph
    (axes,) = (
        numpy_helper.to_array(each).astype(np.float64)
        for each in graph.initializer
        if each.name == "projection.colour_axes"
    )
    random = np.random.default_rng(seed)
    palette = dyes(random)
    names = list(palette)
    shares, shown, unsure = [], [], []
    for image in pixels(images, card.preprocessing.side_px):
        square = preprocess(image, card.preprocessing)
        step = len(square) // _PICTURE_PX
        small = square.reshape(_PICTURE_PX, step, _PICTURE_PX, step, 3).mean(axis=(1, 3))
        for _ in range(DYES):
            place = int(random.integers(len(names)))
            of_name = palette[names[place]]
            dye = of_name[random.integers(len(of_name))]
            found = dyed(small.round().astype(np.uint8), dye, random)
            if found is not None:
                shares.append(colour_shares(found[0]))
                shown.append(place)
                unsure.append([name in found[1] and name != names[place] for name in names])
    parts = np.array(shares) @ axes
    parts /= np.linalg.norm(parts, axis=1, keepdims=True)
    weights = fit_colour_words(parts, names, np.array(shown), np.array(unsure))
    right = (parts @ weights[:-1] + weights[-1]).argmax(axis=1) == shown
    report(f"{len(parts):,} dyed renders in {len(names)} colours, told right: {right.mean():.1%}.")
    return ColourWords(identity_of(card).space_id, tuple(names), weights)


def _bytes(linear: Floats) -> NDArray[np.uint8]:
    """Levels in sRGB of linear values, shape (n, 3)."""
    return np.asarray((linear.clip(0, 1) ** (1 / GAMMA) * 255).round(), np.uint8)


def _darker(pixels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """The darker of the two clusters that pixels (n, 3) fall into by CIELAB, shape (n,)."""
    lab = srgb_to_lab(pixels) * (0.5, 1.0, 1.0)
    order = lab[:, 0].argsort()
    centres = lab[order[[0, -1]]]
    for _ in range(10):
        darker: NDArray[np.bool_] = ((lab - centres[0]) ** 2).sum(axis=1) < (
            (lab - centres[1]) ** 2
        ).sum(axis=1)
        if darker.all() or not darker.any():
            break
        centres = np.stack([lab[darker].mean(axis=0), lab[~darker].mean(axis=0)])
    return darker
