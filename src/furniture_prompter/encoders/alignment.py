"""Prompt-photo alignment: two linear maps that bring both kinds of vectors into one space.

Fitted on a catalog's own text by :func:`furniture_prompter.encoders.alignment.fit_alignment`.
"""

import hashlib
import json
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.atomic_files import replacing
from furniture_prompter.encoders.card import ColourPart
from furniture_prompter.errors import CatalogDamagedError, CatalogMismatchError, CatalogWriteError
from furniture_prompter.unit_rows import unit_rows

FORMAT = 1
REFIT_SHARE = 0.1

_ARRAYS = ("prompt_mean", "prompt_map", "photo_mean", "photo_map")


@dataclass(frozen=True, slots=True)
class AlignmentQuality:
    """How well prompts found photos of products that the fit had not seen.

    Products are dealt into folds; for each fold the maps are fitted on the others, and every
    product of the fold is asked for by its own text among one photo of each product of the fold.

    Attributes:
        products: Products asked for, over all folds.
        candidates: Photos in a fold, on average.
        recall_at_10: Share of products whose photo came among the first ten.
        recall_at_10_chance: The same for a random order.
        median_rank: 1 is best; half the candidates is chance.
        mean_percentile: Mean share of candidates ranked behind the right one; chance is 0.5.
    """

    products: int
    candidates: float
    recall_at_10: float
    recall_at_10_chance: float
    median_rank: float
    mean_percentile: float


@dataclass(frozen=True, slots=True)
class AlignmentRefusal:
    """Why a catalog gets no alignment, so that prompts search its texts and not its photos.

    Attributes:
        reason: A sentence for the person who indexes, with the cure.
        quality: What was measured, if it came to that.
    """

    reason: str
    quality: AlignmentQuality | None = None


@dataclass(frozen=True, eq=False)
class Alignment:
    """Maps from the prompt encoder's and the image encoder's space into a shared one.

    Attributes:
        prompt_mean: Shape (t,), float32.
        prompt_map: Shape (t, a), float32.
        photo_mean: Shape (d,), float32.
        photo_map: Shape (d, a), float32.
        products: Products with text that it was fitted on; see :func:`needs_refit`.
        quality: Measured on held-out products when it was fitted.
    """

    prompt_mean: NDArray[np.float32]
    prompt_map: NDArray[np.float32]
    photo_mean: NDArray[np.float32]
    photo_map: NDArray[np.float32]
    products: int
    quality: AlignmentQuality

    @property
    def dimension(self) -> int:
        """Components of an aligned vector."""
        return int(self.prompt_map.shape[1])

    @cached_property
    def fingerprint(self) -> str:
        """sha256 of all that decides an aligned vector; equal fingerprints, equal vectors."""
        digest = hashlib.sha256(f"alignment {FORMAT}".encode())
        for name in _ARRAYS:
            array = np.ascontiguousarray(getattr(self, name), np.float32)
            digest.update(f"{name} {array.shape}".encode())
            digest.update(array.tobytes())
        return digest.hexdigest()

    def align_prompts(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Map prompt vectors of shape (m, t) to unit rows of shape (m, a).

        A row of zeros, which is a prompt without a known word, stays zeros.

        Raises:
            CatalogMismatchError: the vectors are another encoder's.
        """
        return _project(vectors, self.prompt_mean, self.prompt_map, "prompt")

    def align_photos(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Map photo vectors of shape (m, d) to unit rows of shape (m, a), text or no text.

        Raises:
            CatalogMismatchError: the vectors are another encoder's.
        """
        return _project(vectors, self.photo_mean, self.photo_map, "photo")

    def save(self, path: Path) -> None:
        """Write an ``.npz`` without pickle; ``path`` is the old file or the new, never a part.

        Raises:
            CatalogWriteError: the disk is full, read-only or gone.
        """
        meta = {"format": FORMAT, "products": self.products, "quality": asdict(self.quality)}
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        try:
            with replacing(path, private=True) as file:
                np.savez(file, allow_pickle=False, meta=np.array(json.dumps(meta)), **arrays)
        except OSError as error:
            raise CatalogWriteError(
                f"Cannot write {path}: {error}. Make room or give a folder that can be written."
            ) from error

    @classmethod
    def load(cls, path: Path) -> "Alignment":
        """Read what :meth:`save` wrote.

        Raises:
            CatalogDamagedError: the file is missing, altered or of another format.
        """
        try:
            with path.open("rb") as handle:
                # What begins otherwise numpy takes for a pickle, and tells how to open that.
                if not zipfile.is_zipfile(handle):
                    raise ValueError("no archive of arrays")
                handle.seek(0)
                with np.load(handle, allow_pickle=False) as stored:
                    meta = json.loads(str(stored["meta"]))
                    arrays = {name: stored[name] for name in _ARRAYS}
            if meta["format"] != FORMAT or not _fit_together(arrays):
                raise ValueError(f"format {meta['format']} or shapes that do not fit")
            return cls(
                **arrays, products=meta["products"], quality=AlignmentQuality(**meta["quality"])
            )
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
            raise CatalogDamagedError(
                f"{path} is no alignment of this release ({error}). "
                "Run `furniture-prompter catalog repair`, which fits it anew."
            ) from error


def needs_refit(
    fitted_on: int, *, added: int, removed: int, changed: int, share: float = REFIT_SHARE
) -> bool:
    """Whether so many products came, went or changed their text that a fit is out of date.

    The maps are averages over the catalog, so a few products move them by no more than noise:
    the rule is more than ``share`` of the products of the last attempt. An attempt that was refused
    counts as well, with the products it had; one without any is made again at the first product.
    """
    return added + removed + changed > share * fitted_on


def _project(
    vectors: NDArray[np.float32],
    mean: NDArray[np.float32],
    matrix: NDArray[np.float32],
    what: str,
) -> NDArray[np.float32]:
    if vectors.ndim != 2 or vectors.shape[1] != len(mean):
        raise CatalogMismatchError(
            f"The alignment takes {what} vectors of {len(mean)} components, not an array of shape "
            f"{vectors.shape}. Index the catalog again with the encoders in use."
        )
    aligned = (np.asarray(vectors, np.float32) - mean) @ matrix
    aligned[~vectors.any(axis=1)] = 0
    return unit_rows(aligned.astype(np.float64))


def _fit_together(arrays: dict[str, NDArray[np.float32]]) -> bool:
    return (
        all(array.dtype == np.float32 for array in arrays.values())
        and arrays["prompt_map"].ndim == arrays["photo_map"].ndim == 2
        and arrays["prompt_map"].shape[1] == arrays["photo_map"].shape[1]
        and arrays["prompt_mean"].shape == arrays["prompt_map"].shape[:1]
        and arrays["photo_mean"].shape == arrays["photo_map"].shape[:1]
    )


Matrix = NDArray[np.float64]
Places = NDArray[np.intp]

_CHUNK_ROWS = 1_024
_SMALLEST_RIDGE = 0.01
_LEAST_PERCENTILE = 0.6
_STANDARD_ERRORS = 4.0


PROMPT_COLOUR_LENGTH = 2.5
"""Length of a photo's colours beside its shape when prompts are fitted to it: words say more of
colour than photos are compared by (benchmarks/shape_and_colour.py)."""


def photo_scale(part: ColourPart | None, dimension: int) -> NDArray[np.float32]:
    """What brings a photo's colours to PROMPT_COLOUR_LENGTH, for :func:`fit_alignment`.

    Args:
        part: Which of its components hold them; None for none.
        dimension: Of the vectors.

    Returns:
        Shape (dimension,).
    """
    scale = np.ones(dimension, np.float32)
    if part is not None:
        scale[-part.components :] = PROMPT_COLOUR_LENGTH * np.sqrt((1 - part.share) / part.share)
    return scale


@dataclass(frozen=True, slots=True)
class AlignmentSettings:
    """How an alignment is fitted.

    A ridge is given in products: a side's covariance is widened by ridge / n times its mean
    variance, n being the products fitted on. The prior then weighs as much as so many products,
    and one setting serves catalogs of 60 and of 100,000 (a fixed share of the variance does not).

    Attributes:
        dimension: Components of an aligned vector; fewer where the encoders have fewer.
        prompt_ridge_products: Ridge on the text's side.
        photo_ridge_products: Ridge on the photos' side.
        folds: Into which products are dealt to measure quality.
        least_products: Products with text below which nothing is fitted.
        least_texts: Distinct texts below which nothing is fitted.
        most_candidates: Products of a fold that are asked for, at most.
        seed: Of the dealing.
    """

    dimension: int = 128
    prompt_ridge_products: float = 150.0
    photo_ridge_products: float = 600.0
    folds: int = 5
    least_products: int = 40
    least_texts: int = 10
    most_candidates: int = 1_000
    seed: int = 0


_DEFAULTS = AlignmentSettings()


def fit_alignment(
    prompt_vectors: NDArray[np.float32],
    photo_vectors: NDArray[np.floating],
    product_ids: Sequence[str] | NDArray[np.str_],
    settings: AlignmentSettings = _DEFAULTS,
    *,
    rows: tuple[Places, Places] | None = None,
    weights: NDArray[np.float32] | None = None,
    photo_scale: NDArray[np.float32] | None = None,
) -> Alignment | AlignmentRefusal:
    """Fit on pairs of a product's text and one of its photos; seconds for 100,000 pairs.

    Args:
        prompt_vectors: Shape (n, t): row i is the text of the product that photo i shows. Rows of
            zeros (no text, or no known word) are left out.
        photo_vectors: Shape (n, d), of any float type.
        product_ids: Length n; photos of one product share folds, and its text. Of several pairs of
            a product the first is asked for when quality is measured.
        settings: See there.
        rows: For each of n pairs the row of its text and the row of its photo, shape (n,) each,
            where pairs share them and the vectors are not n; None where row i of both is pair i.
        weights: Length n, how much each pair counts; None where all count alike.
        photo_scale: Shape (d,): what each component of a photo is multiplied with before the fit,
            so that its ridge weighs on some less than on others; the maps take photos as they are.

    Returns:
        The alignment, or a refusal where the text is too little or does not tell photos apart.

    Raises:
        ValueError: the three differ in length.
    """
    text, photo = rows or (np.arange(len(prompt_vectors)), np.arange(len(photo_vectors)))
    if not len(text) == len(photo) == len(product_ids):
        raise ValueError(
            f"{len(text)} texts, {len(photo)} photos and {len(product_ids)} ids: "
            "give one of each for every pair."
        )
    told = np.asarray(prompt_vectors.any(axis=1))[text]
    scale = np.ones(photo_vectors.shape[1], np.float32) if photo_scale is None else photo_scale
    counts = np.ones(len(text)) if weights is None else weights.astype(np.float64)
    pairs = _Pairs(prompt_vectors, photo_vectors, scale, text[told], photo[told], counts[told])
    _, firsts, products = np.unique(
        np.asarray(product_ids, np.str_)[told], return_index=True, return_inverse=True
    )
    different = np.unique(pairs.text[firsts]).tolist()
    distinct = len({hash(prompt_vectors[row].tobytes()) for row in different})
    if len(firsts) < settings.least_products or distinct < settings.least_texts:
        return AlignmentRefusal(_too_little(len(set(product_ids)), len(firsts), distinct, settings))
    folds = np.random.default_rng(settings.seed).permutation(len(firsts)) % settings.folds
    parts = [
        _Moments.of(pairs, np.flatnonzero(folds[products] == fold))
        for fold in range(settings.folds)
    ]
    held_out = [firsts[folds == fold] for fold in range(len(parts))]
    quality = _cross_validate(parts, pairs, held_out, settings)
    margin = _STANDARD_ERRORS / np.sqrt(12 * quality.products)
    if quality.mean_percentile < max(_LEAST_PERCENTILE, 0.5 + margin):
        return AlignmentRefusal(
            "Words cannot search the pictures: the products' texts do not tell what their photos "
            "show. Give titles, categories or colours that say it. (Asked for by their own text, "
            f"products that were held back came at percentile {quality.mean_percentile:.2f} on "
            "average, where chance is 0.50.)",
            quality,
        )
    fitted = _solve(sum(parts[1:], parts[0]), len(firsts), settings)
    prompt_mean, prompt_map, photo_mean, photo_map = (
        np.ascontiguousarray(array, np.float32)
        for array in (*fitted[:2], fitted[2] / scale, fitted[3] * scale[:, np.newaxis])
    )
    return Alignment(
        prompt_mean, prompt_map, photo_mean, photo_map, products=len(firsts), quality=quality
    )


def _too_little(total: int, told: int, distinct: int, settings: AlignmentSettings) -> str:
    """Why nothing is fitted for `total` products, of which `told` have text in known words."""
    needed = settings.least_products
    if total < needed:
        return (
            f"Words cannot search the pictures yet: that takes {needed} products with text, and "
            f"this catalog has {total} products in all."
        )
    if told < needed:
        return (
            f"Words cannot search the pictures: that takes {needed} products whose text holds "
            f"words that are known, and of {total:,} products {told} have such. Give more of them "
            "a title, category or colour."
        )
    return (
        f"Words cannot search the pictures: that takes {settings.least_texts} different texts, and "
        f"this catalog has {distinct}. Give products titles, categories or colours that tell them "
        "apart."
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Pairs:
    """Pairs as they lie: vectors once, by the rows `text` and `photo` of each pair, and counts."""

    texts: NDArray[np.float32]
    photos: NDArray[np.floating]
    scale: NDArray[np.float32]
    text: Places
    photo: Places
    counts: Matrix

    def vectors(self, pairs: Places) -> tuple[Matrix, Matrix]:
        """Texts and scaled photos of some pairs, shapes (n, t) and (n, d)."""
        texts, photos = self.texts[self.text[pairs]], self.photos[self.photo[pairs]]
        return texts.astype(np.float64), photos.astype(np.float64) * self.scale


@dataclass(frozen=True, slots=True)
class _Moments:
    """Weighted sums over pairs, from which means and covariances follow; those of parts add up."""

    pairs: float
    x: Matrix
    y: Matrix
    xx: Matrix
    yy: Matrix
    xy: Matrix

    @classmethod
    def of(cls, pairs: _Pairs, chosen: Places) -> "_Moments":
        t, d = pairs.texts.shape[1], pairs.photos.shape[1]
        total = cls(
            0, np.zeros(t), np.zeros(d), np.zeros((t, t)), np.zeros((d, d)), np.zeros((t, d))
        )
        for start in range(0, len(chosen), _CHUNK_ROWS):
            chunk = chosen[start : start + _CHUNK_ROWS]
            x, y = pairs.vectors(chunk)
            each = pairs.counts[chunk, None]
            counted_x, counted_y = x * each, y * each
            total += cls(
                float(each.sum()),
                counted_x.sum(0),
                counted_y.sum(0),
                counted_x.T @ x,
                counted_y.T @ y,
                counted_x.T @ y,
            )
        return total

    def __add__(self, other: "_Moments") -> "_Moments":
        return _Moments(
            self.pairs + other.pairs,
            self.x + other.x,
            self.y + other.y,
            self.xx + other.xx,
            self.yy + other.yy,
            self.xy + other.xy,
        )


def _solve(
    moments: _Moments, products: int, settings: AlignmentSettings
) -> tuple[Matrix, Matrix, Matrix, Matrix]:
    """Means and maps of both sides, each direction weighted by its canonical correlation."""
    n = moments.pairs
    x, y = moments.x / n, moments.y / n
    white_x = _whitening(moments.xx / n - np.outer(x, x), settings.prompt_ridge_products, products)
    white_y = _whitening(moments.yy / n - np.outer(y, y), settings.photo_ridge_products, products)
    correlated = white_x @ (moments.xy / n - np.outer(x, y)) @ white_y.T
    # The squares of a correlation are told apart to 1e-16, and what is smaller weighs nothing.
    squares, directions = np.linalg.eigh(correlated @ correlated.T)
    kept = slice(None, -min(settings.dimension, *correlated.shape) - 1, -1)
    left, correlations = directions[:, kept], np.sqrt(np.maximum(squares[kept], 0))
    return x, white_x.T @ left * correlations, y, white_y.T @ (correlated.T @ left)


def _whitening(covariance: Matrix, ridge_products: float, products: int) -> Matrix:
    """The inverse of the Cholesky factor of a covariance widened by its ridge.

    Any whitening gives the same canonical directions; this one takes a tenth of the time of the
    symmetric root.
    """
    # A side without any variance has no directions; its ridge must still not be zero.
    variance = max(float(np.trace(covariance)) / len(covariance), np.finfo(np.float64).tiny)
    ridge = max(ridge_products / products, _SMALLEST_RIDGE) * variance
    widened = covariance + ridge * np.eye(len(covariance))
    return np.asarray(np.linalg.inv(np.linalg.cholesky(widened)))


def _cross_validate(
    parts: list[_Moments],
    pairs: _Pairs,
    held_out: list[Places],
    settings: AlignmentSettings,
) -> AlignmentQuality:
    ranks, sizes = [], []
    products = sum(len(rows) for rows in held_out)
    for fold, rows in enumerate(held_out):
        others = [part for index, part in enumerate(parts) if index != fold]
        fitted = _solve(sum(others[1:], others[0]), products - len(rows), settings)
        asked = rows[: settings.most_candidates]
        ranks.append(_ranks(fitted, *pairs.vectors(asked)))
        sizes.append(len(asked))
    all_ranks = np.concatenate(ranks)
    share_behind = np.concatenate(
        [1 - (rank - 1) / max(size - 1, 1) for rank, size in zip(ranks, sizes, strict=True)]
    )
    return AlignmentQuality(
        products=len(all_ranks),
        candidates=float(np.mean(sizes)),
        recall_at_10=float(np.mean(all_ranks <= 10)),
        recall_at_10_chance=float(np.average(np.minimum(10 / np.array(sizes), 1), weights=sizes)),
        median_rank=float(np.median(all_ranks)),
        mean_percentile=float(np.mean(share_behind)),
    )


def _ranks(fitted: tuple[Matrix, Matrix, Matrix, Matrix], texts: Matrix, photos: Matrix) -> Matrix:
    """Rank, from 1, of photo i for text i; photos that tie share the mean of their ranks."""
    prompt_mean, prompt_map, photo_mean, photo_map = fitted
    scores = (
        unit_rows((texts - prompt_mean) @ prompt_map)
        @ unit_rows((photos - photo_mean) @ photo_map).T
    )
    own = np.diagonal(scores)[:, None]
    return np.asarray(1 + np.sum(scores > own, axis=1) + (np.sum(scores == own, axis=1) - 1) / 2)
