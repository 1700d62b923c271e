"""Words to pictures: two linear maps that bring prompt and photo vectors into one space.

Fitted on a catalog's own text by :func:`furniture_prompter.encoders.alignment_fit.fit_alignment`.
"""

import hashlib
import json
import os
import tempfile
import zipfile
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.errors import CatalogDamagedError, CatalogMismatchError, CatalogWriteError

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


@dataclass(frozen=True)
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
        scratch: Path | None = None
        try:
            with tempfile.NamedTemporaryFile(
                dir=path.parent, prefix=f".{path.name}-", delete=False
            ) as handle:
                scratch = Path(handle.name)
                np.savez(handle, allow_pickle=False, meta=np.array(json.dumps(meta)), **arrays)
                handle.flush()
                os.fsync(handle.fileno())
            scratch.replace(path)
        except OSError as error:
            if scratch is not None:
                scratch.unlink(missing_ok=True)
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


def unit_rows(vectors: NDArray[np.float64]) -> NDArray[np.float32]:
    """Scale rows to length 1; a row of zeros stays zeros."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    units = np.divide(vectors, norms, out=np.zeros_like(vectors), where=norms > 0)
    return np.asarray(units, np.float32)


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
