"""Build of the finder that ships: int8 network, head, graph, gates, card."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from PIL import Image
from safetensors.torch import save_file

from furniture_prompter.distillation.export import put_in_place
from furniture_prompter.encoders.card import CARD_FILE
from furniture_prompter.encoders.detector import Detector
from furniture_prompter.errors import DistillationError
from tools.proposer_builder.backbone import (
    CALIBRATION_PHOTOS,
    Backbone,
    Labelled,
    float_backbone,
    int8_backbone,
    listed,
    squares,
)
from tools.proposer_builder.graph import joined
from tools.proposer_builder.head import Head
from tools.proposer_builder.pieces import KINDS
from tools.proposer_builder.rendering import render
from tools.proposer_builder.training import keep, loss_on, together, train

WEIGHTS_FILE = "pieces.onnx"
HEAD_FILE = "head.safetensors"
"""The head as far as it is trained, beside the photos."""
MOST_BYTES = 6_000_000
LEAST_RECALL = 0.5
"""Of the pieces of validation rooms among the first ten boxes, below which nothing is written."""


SETS = (("training", 1, 900), ("training2", 11, 500), ("validation", 2, 100))
"""Folders of photos, the seeds of their rooms, and how many photos they have."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What to build; the defaults are the finder that ships.

    Attributes:
        network: The ImageNet network whose maps the head takes.
        side_px: Side of the square input.
        passes: How often the head sees each photo and its mirror image.
        seed: Of the head's first weights and the photos' order.
        least_score: Certainty from which a box is a piece.
        furniture: Kinds that count as pieces.
    """

    network: str = "lite0"
    side_px: int = 320
    passes: float = 4.5
    seed: int = 3
    least_score: float = 0.3
    furniture: tuple[str, ...] = KINDS


def render_sets(
    photos: Path, *, source: Path, tiles_folder: Path, report: Callable[[str], None]
) -> None:
    """Draw the photos that the sets lack; see `rendering.render`."""
    for name, seed, count in SETS:
        render(
            photos / name, count, source=source, tiles_folder=tiles_folder,
            held_out=name == "validation", seed=seed, report=report,
        )  # fmt: skip


def build(recipe: Recipe, photos: Path, target: Path, *, report: Callable[[str], None]) -> Path:
    """Train on rendered photos and put the finder into a folder.

    Args:
        recipe: What to build.
        photos: Folder with ``training`` and ``validation``, as `rendering.render` writes them;
            the maps are kept beside them.
        target: Replaced as a whole once the gates are passed.
        report: Told what happens.

    Raises:
        DistillationError: a gate refused; nothing was written.
        FileNotFoundError: there are no rendered photos.
    """
    *trained, validation = (listed(photos / name)[:count] for name, _, count in SETS)
    training = [photo for each in trained for photo in each]
    backbone = _backbone(recipe, training, photos, report)
    # The graph in the name: maps of another network are never taken for this one's.
    graph = hashlib.sha256(backbone.graph.SerializeToString(deterministic=True)).hexdigest()[:8]
    name = f"{recipe.network}-{recipe.side_px}-{graph}.f16"
    kept = [
        keep(
            backbone,
            each,
            recipe.side_px,
            photos / f"{SETS[place][0]}-{name}",
            mirror=True,
            report=report,
        )
        for place, each in enumerate(trained)
    ]
    unseen = keep(
        backbone, validation, recipe.side_px, photos / f"validation-{name}", mirror=False,
        report=report,
    )  # fmt: skip
    report(f"{len(training):,} photos to learn from")

    def check(found: Head) -> str:
        # What a long training has so far can be looked at while it goes on.
        save_file({k: v.contiguous() for k, v in found.state_dict().items()}, photos / HEAD_FILE)
        return f"unseen {loss_on(unseen, found, recipe.side_px):.3f}"

    head = train(
        together(kept), recipe.side_px, passes=recipe.passes, seed=recipe.seed, report=report,
        check=check,
    )  # fmt: skip
    return export(recipe, backbone, head, training, validation, target, report)


def _backbone(
    recipe: Recipe, training: Sequence[Labelled], photos: Path, report: Callable[[str], None]
) -> Backbone:
    exact = float_backbone(recipe.network, recipe.side_px)
    file = photos / f"backbone-{recipe.network}-{recipe.side_px}.onnx"
    if file.exists():
        return Backbone(onnx.load(file), exact.maps, exact.shapes, exact.network)
    # Of the first rooms, so that photos that are added change nothing.
    chosen = training[: 4 * CALIBRATION_PHOTOS : 4]
    report(f"Calibrating on {len(chosen)} photos")
    made = int8_backbone(exact, list(squares(chosen, recipe.side_px, mirror=False)))
    file.write_bytes(made.graph.SerializeToString(deterministic=True))
    return made


def export(
    recipe: Recipe,
    backbone: Backbone,
    head: Head,
    training: Sequence[Labelled],
    validation: Sequence[Labelled],
    target: Path,
    report: Callable[[str], None],
) -> Path:
    """Write graph and card, measure them as a user would run them, and put them in place.

    Raises:
        DistillationError: the file is too large, or finds too little in validation rooms.
    """
    model = joined(backbone, head.eval(), recipe.side_px)
    data = model.SerializeToString(deterministic=True)
    if len(data) > MOST_BYTES:
        raise DistillationError(f"The finder has {len(data):,} bytes, more than {MOST_BYTES:,}.")
    network = backbone.network
    card = {
        "name": target.name,
        "layout": "sides",
        "side_px": recipe.side_px,
        "kinds": list(KINDS),
        "furniture": list(recipe.furniture),
        "weights_file": WEIGHTS_FILE,
        "weights_sha256": hashlib.sha256(data).hexdigest(),
        "weights_bytes": len(data),
        "least_score": recipe.least_score,
        "passes_plain": True,
        "licence": network.licence,
        "source": (
            f"{network.source}, int8, under a head of our own (seed {recipe.seed}, {recipe.passes} "
            f"passes) trained on {len(training):,} photos of rooms (seeds "
            f"{' and '.join(str(seed) for _, seed, _ in SETS[:-1])}) rendered from Sweet Home 3D's "
            "models, CC0 and CC BY; built by tools/proposer_builder"
        ),
    }
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".building-") as work:
        built = Path(work, "built")
        built.mkdir()
        (built / WEIGHTS_FILE).write_bytes(data)
        (built / CARD_FILE).write_text(json.dumps(card, indent=2) + "\n", "utf-8")
        found = recall_on(Detector.load(built, threads=1), validation)
        report(f"Validation rooms: recall in ten {found:.3f}; {len(data):,} bytes")
        if found < LEAST_RECALL:
            raise DistillationError(f"It finds only {found:.2f} of the pieces of validation rooms.")
        put_in_place(built, target)
    return target


def recall_on(detector: Detector, photos: Sequence[Labelled], first: int = 10) -> float:
    """Share of the pieces in rendered photos that one of the first boxes overlaps by half."""
    hits = []
    for photo in photos:
        pieces = detector.find(np.asarray(Image.open(photo.path).convert("RGB")))[:first]
        found = np.array(
            [[p.box.x, p.box.y, p.box.x + p.box.width, p.box.y + p.box.height] for p in pieces]
        ).reshape(-1, 4)
        for box in photo.boxes:
            if not box.counts:
                continue
            edges = np.array([box.left, box.top, box.right, box.bottom])
            low, high = np.maximum(found[:, :2], edges[:2]), np.minimum(found[:, 2:], edges[2:])
            shared = (high - low).clip(0).prod(axis=1)
            areas = (found[:, 2:] - found[:, :2]).prod(axis=1)
            union = areas + (edges[2:] - edges[:2]).prod() - shared
            hits.append(bool((shared >= 0.5 * union).any()))
    return float(np.mean(hits))
