"""Prompt-to-photo retrieval: the measuring set, and its two-fold cross-validation.

An alignment is fitted on one half and asked for the other half, and the other way round; over
several random halves.
"""

import dataclasses
import hashlib
import json
import os
import platform
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from furniture_prompter import encoders
from furniture_prompter.encoders.alignment import (
    Alignment,
    AlignmentRefusal,
    AlignmentSettings,
    fit_alignment,
    photo_scale,
)
from furniture_prompter.encoders.card import EncoderCard
from furniture_prompter.encoders.decoding import decode_photo, read_photo_bytes
from furniture_prompter.encoders.onnx_encoder import OnnxEncoder
from furniture_prompter.timing import utc_now

WEIGHTS = Path(encoders.__file__).parent / "weights"


@dataclass(frozen=True, slots=True)
class MeasuringSet:
    """Products with one photo each.

    Attributes:
        products: One JSON object a product: id, title, category, color, description, image.
        folder: What ``image`` is relative to.
        sha256: Of the list of products.
    """

    products: list[dict[str, str]]
    folder: Path
    sha256: str

    @classmethod
    def load(cls, folder: Path) -> "MeasuringSet":
        """Read ``products.jsonl`` in ``folder``."""
        data = (folder / "products.jsonl").read_bytes()
        products = [json.loads(line) for line in data.decode("utf-8").splitlines()]
        return cls(products, folder, hashlib.sha256(data).hexdigest())

    def texts(self, *fields: str) -> list[str]:
        """The named fields of each product, joined by commas; empty fields are left out."""
        return [
            ", ".join(product[name] for name in fields if product[name])
            for product in self.products
        ]

    def encode_photos(self, encoder: OnnxEncoder) -> NDArray[np.float32]:
        """As an alignment fits them, shape (products, dimension)."""
        side_px = encoder.card.input_side_px
        rows = []
        for product in self.products:
            data = read_photo_bytes(self.folder / product["image"])
            image = decode_photo(data, name=product["image"], target_side_px=side_px)
            rows.append(encoder.encode([image]))
        return np.concatenate(rows) * photo_scale(encoder.card.colour_part, encoder.card.dimension)


def image_encoder_folder(name: str | None) -> Path:
    """The named image encoder among those that ship, or the only one."""
    folders = [path.parent for path in sorted(WEIGHTS.glob("*/card.json"))]
    images = [folder for folder in folders if EncoderCard.load(folder).kind == "image"]
    chosen = [folder for folder in images if name in (None, folder.name)]
    if len(chosen) != 1:
        names = ", ".join(folder.name for folder in images)
        raise SystemExit(f"Name one of the image encoders that ship with --encoder: {names}.")
    return chosen[0]


def provenance(command: str, data: MeasuringSet, *cards: EncoderCard) -> dict[str, Any]:
    """What a reader needs to get the same figures again."""
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"],  # noqa: S607 - whichever git the person has
        check=True,
        capture_output=True,
        text=True,
    )
    return {
        "command": command,
        "commit": commit.stdout.strip(),
        "measured_at": utc_now(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "processors": os.cpu_count(),
        "data": {"name": data.folder.name, "products": len(data.products), "sha256": data.sha256},
        "encoders": {card.name: card.weights_sha256 for card in cards},
    }


Vectors = NDArray[np.float32]
Ranks = NDArray[np.float64]
Rows = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Pairs:
    """What an alignment is fitted on and asked with; row i of each belongs to product i.

    Attributes:
        fitted: Vectors of the text that is fitted on.
        asked: Vectors of the prompts.
        photos: Vectors of the photos.
    """

    fitted: Vectors
    asked: Vectors
    photos: Vectors


def halves(products: int, seeds: int) -> Iterator[tuple[Rows, Rows]]:
    """(fit, test) rows: two for each seed, the second with the roles swapped."""
    for seed in range(seeds):
        order = np.random.default_rng(seed).permutation(products)
        yield order[: products // 2], order[products // 2 :]
        yield order[products // 2 :], order[: products // 2]


def fit(pairs: Pairs, rows: Rows, settings: AlignmentSettings) -> Alignment:
    """Fit on the given rows, as an index run does; the maps do not depend on the folds."""
    settings = dataclasses.replace(settings, folds=2)
    ids = [str(row) for row in rows]
    outcome = fit_alignment(pairs.fitted[rows], pairs.photos[rows], ids, settings)
    if isinstance(outcome, AlignmentRefusal):
        raise SystemExit(outcome.reason)
    return outcome


def ranks(prompts: Vectors, photos: Vectors, own: Rows) -> Ranks:
    """Rank, from 1, of photo own[i] for prompt i; photos that tie share the mean rank."""
    scores = prompts @ photos.T
    score = scores[np.arange(len(own)), own][:, None]
    ahead, level = (scores > score).sum(axis=1), (scores == score).sum(axis=1)
    return np.asarray(1 + ahead + (level - 1) / 2)


def measure(pairs: Pairs, settings: AlignmentSettings, seeds: int) -> dict[str, dict[str, float]]:
    """Figures among the held-out half and among all products, with chance beside each.

    The asked-for product is one photo; others that fit the words as well count as wrong.
    """
    among_half, among_all = [], []
    for fitted_rows, rows in halves(len(pairs.photos), seeds):
        alignment = fit(pairs, fitted_rows, settings)
        prompts = alignment.align_prompts(pairs.asked[rows])
        photos = alignment.align_photos(pairs.photos)
        among_half.append(ranks(prompts, photos[rows], np.arange(len(rows))))
        among_all.append(ranks(prompts, photos, rows))
    everything = len(pairs.photos)
    return {
        "held_out_half": figures(among_half, everything / 2),
        "all_products": figures(among_all, everything),
    }


def figures(splits: list[Ranks], candidates: float) -> dict[str, float]:
    """Figures over all splits; the spread is that of recall between splits."""
    everything = np.concatenate(splits)
    return {
        "candidates": candidates,
        "recall_at_10": round(float(np.mean(everything <= 10)), 4),
        "recall_at_10_spread": round(float(np.std([np.mean(s <= 10) for s in splits])), 4),
        "recall_at_10_chance": round(10 / candidates, 4),
        "recall_at_1": round(float(np.mean(everything <= 1)), 4),
        "mrr": round(float(np.mean(1 / everything)), 4),
        "median_rank": float(np.median(everything)),
        "median_rank_chance": candidates / 2,
    }


def measure_sizes(
    pairs: Pairs,
    settings: Callable[[float, float], AlignmentSettings],
    sizes: list[int],
    ridges: list[tuple[float, float]],
    seeds: int,
) -> list[dict[str, float]]:
    """How the best ridge, as a share of the mean variance, depends on the products fitted on."""
    tested = 200
    table = []
    for size in sizes:
        for text_share, photo_share in ridges:
            found = []
            for seed in range(seeds):
                order = np.random.default_rng(100 + seed).permutation(len(pairs.photos))
                alignment = fit(
                    pairs, order[:size], settings(text_share * size, photo_share * size)
                )
                rows = order[-tested:]
                prompts = alignment.align_prompts(pairs.asked[rows])
                photos = alignment.align_photos(pairs.photos[rows])
                found.append(ranks(prompts, photos, np.arange(tested)))
            everything = np.concatenate(found)
            table.append(
                {
                    "products": size,
                    "text_ridge_share": text_share,
                    "photo_ridge_share": photo_share,
                    "recall_at_10_of_200": round(float(np.mean(everything <= 10)), 4),
                    "mean_log2_rank": round(float(np.mean(np.log2(everything))), 3),
                }
            )
    return table
