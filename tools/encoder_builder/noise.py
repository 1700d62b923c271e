"""Axes chosen by what they tell apart against noise: how vectors move when a photo is spoilt.

Within-class covariance normalisation (Hatch et al., Interspeech 2006), the inner half of a linear
discriminant: directions in which the same product moves are shrunk, and of what remains the first
principal axes are kept. The noise is that of photos spoilt in every way that the report has a
column for, of other views of a product, and of int8 arithmetic.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.domain.catalog import Projection
from furniture_prompter.domain.product import RgbImage
from furniture_prompter.encoders.decoding import decode_photo, read_photo_bytes
from furniture_prompter.evaluation.collection import Degradation, fitted
from tools.encoder_builder.catalogs import CatalogImage

Vectors = NDArray[np.float32]
Differences = NDArray[np.float64]

CLUTTER_IMAGES = 64
"""Images drawn to stand around others."""

_SEED = 5


def spoilt(
    images: Sequence[CatalogImage], way: Degradation, number: int, seed: int = _SEED
) -> Iterator[RgbImage]:
    """Each image spoilt in one way, the same each time.

    Args:
        images: What to spoil.
        way: How.
        number: Of the way, so that each draws numbers of its own.
        seed: Of the drawing.
    """
    drawn = np.random.default_rng(seed).permutation(len(images))[:CLUTTER_IMAGES]
    around = [(images[place].product, fitted(_decoded(images[place]))) for place in drawn]
    for place, image in enumerate(images):
        others = [other for product, other in around if product != image.product]
        yield way(fitted(_decoded(image)), np.random.default_rng((seed, number, place)), others)


def _decoded(image: CatalogImage) -> RgbImage:
    return decode_photo(read_photo_bytes(image.path), name=str(image.path))


def other_views(vectors: Vectors, products: Sequence[str]) -> Differences:
    """How vectors of one product differ from its next one's, shape (pairs, d)."""
    names = np.asarray(products)
    pairs = np.flatnonzero(names[:-1] == names[1:])
    return vectors[pairs + 1].astype(np.float64) - vectors[pairs]


def weighed(
    noises: Mapping[str, Differences], turned: Differences, views_share: float
) -> dict[str, tuple[Differences, float]]:
    """Kinds of noise with what each counts, for :func:`fit_against_noise`.

    Args:
        noises: Differences of each kind, which all count alike.
        turned: Those of other views; without any, they count nothing.
        views_share: How much of the whole is theirs, 0 to 1.
    """
    counted = {name: (moved, 1.0) for name, moved in noises.items()}
    if not len(turned):
        return counted
    return {"other views": (turned, len(counted) * views_share / (1 - views_share)), **counted}


def fit_against_noise(
    clean: Vectors,
    noises: Mapping[str, tuple[Differences, float]],
    seen: Sequence[Vectors],
    components: int,
    ridge: float,
) -> Projection:
    """The mean of ``clean``, whitened by noise, along the first principal axes of what is seen.

    Args:
        clean: Vectors of unspoilt images, shape (n, d).
        noises: Differences of each kind, shape (m, d), and how much that kind counts.
        seen: Vectors that the axes are chosen on, spoilt ones among them: as shapes (n, d).
        components: Axes kept.
        ridge: Added to the noise's covariance, in units of its mean variance.

    Raises:
        ValueError: there are not more rows than components, or fewer dimensions.
    """
    width = clean.shape[1]
    rows = sum(len(each) for each in seen)
    if components > width or components >= rows:
        raise ValueError(
            f"{components} components need more rows than that and as many dimensions, not "
            f"({rows}, {width}): give more images or fewer components."
        )
    total = sum(weight for _, weight in noises.values())
    covariance = sum(
        (weight / total / len(moved) * (moved.T @ moved) for moved, weight in noises.values()),
        np.zeros((width, width)),
    )
    values, vectors = np.linalg.eigh(covariance)
    whitening = vectors / np.sqrt(np.maximum(values, 0) + ridge * values.mean())
    mean = clean.astype(np.float64).mean(axis=0)
    square = np.zeros((width, width))
    for each in seen:
        whitened = (each - mean) @ whitening
        square += whitened.T @ whitened
    _, directions = np.linalg.eigh(square / rows)
    axes = whitening @ directions[:, ::-1][:, :components]
    # The sign of an axis is free: the largest number is positive, so that builds are alike.
    axes *= np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(components)])
    # Rows become unit ones afterwards: their scale is free as well.
    axes /= np.linalg.norm(axes, axis=0).max()
    return Projection(axes.astype(np.float32), (-mean @ axes).astype(np.float32))


def fit_colour_axes(colours: Vectors, components: int) -> NDArray[np.float32]:
    """Principal axes of colour parts through the origin, so that their dot products stay.

    Args:
        colours: Unit rows, shape (n, c).
        components: Axes kept.

    Returns:
        Shape (c, components).

    Raises:
        ValueError: there are fewer colours than components.
    """
    if components > colours.shape[1]:
        raise ValueError(f"{components} components of {colours.shape[1]} colours: ask for fewer.")
    exact = colours.astype(np.float64)
    _, directions = np.linalg.eigh(exact.T @ exact)
    axes = directions[:, ::-1][:, :components]
    return np.asarray(
        axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(components)]), np.float32
    )
