"""The measuring set, its texts, and the photo vectors of the encoder that ships."""

import hashlib
import json
import os
import platform
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from furniture_prompter import encoders
from furniture_prompter.encoders.alignment import photo_scale
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
