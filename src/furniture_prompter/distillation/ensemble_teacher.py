"""Builds the teacher that needs no hub, out of the packages that the extra ``train`` brings."""

import hashlib
import importlib.metadata
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from furniture_prompter.bundled.held_out import photos_to_learn_from
from furniture_prompter.distillation.export import CardFields, Precision, export_encoder
from furniture_prompter.distillation.initial_weights import IMAGENET, load_initial
from furniture_prompter.distillation.networks.backbone import GEM_POWER
from furniture_prompter.distillation.networks.ensemble import (
    MEMBERS,
    SIDE_PX,
    ImagenetEnsemble,
)
from furniture_prompter.distillation.networks.registry import architecture
from furniture_prompter.domain.images import RgbImage
from furniture_prompter.domain.projection import fit_projection
from furniture_prompter.encoders.card import EncoderCard, Preprocessing, Space
from furniture_prompter.encoders.decoding import decode_photo, photo_id, read_photo_bytes
from furniture_prompter.encoders.preprocessing import preprocess

NAME = "imagenet-ensemble"

_EXPORTERS = ("torch", "onnxscript")
_BATCH = 8


def build_imagenet_ensemble(
    folder: Path,
    *,
    precision: Precision = "fp32",
    calibration: Sequence[RgbImage] = (),
    held_out: Sequence[RgbImage] = (),
) -> EncoderCard:
    """Write the encoder ``imagenet-ensemble`` into ``folder``.

    Its projection is fitted to the bundled catalog's photos, but for those of the models held out,
    which takes most of the build's time.

    Its space is named after the packages' weights, the way they are joined and the photos that
    the projection is fitted to, not after the exported bytes: those differ with the versions of
    torch and onnxscript (which the card tells) and with the order in which threads sum, while
    vectors stay comparable (least cosine 0.999999 between builds with one thread and with two).
    The int8 build lies in the same space.

    Args:
        folder: Made or overwritten; 49 MB in fp32.
        precision: "fp32", or "int8", which then needs the photos.
        calibration: As in :func:`~furniture_prompter.distillation.export.export_encoder`.
        held_out: The same.

    Raises:
        DistillationError: a package is missing, or a gate of the export failed.
    """
    network = ImagenetEnsemble().eval()
    hashes: dict[str, str] = {}
    sources, licences = [], set()
    for name, member in zip(MEMBERS, network.backbones, strict=True):
        came = load_initial(member, name, IMAGENET)
        sources.append(came.source)
        hashes.update(came.source_sha256)
        licences.add(came.licence)
    preprocessing = Preprocessing(side_px=SIDE_PX)
    photos = photos_to_learn_from()
    photos_sha256 = _fit(network, photos, preprocessing)
    titles = [architecture(name).title for name in MEMBERS]
    identity = CardFields(
        name=NAME,
        licence=" AND ".join(sorted(licences)),
        source="; ".join(sources),
        source_sha256=hashes,
        description=(
            f"{', '.join(titles[:-1])} and {titles[-1]} trained on ImageNet: their last features "
            f"(GeM, p = {GEM_POWER:g}), joined, less the mean of furniture along "
            f"{network.dimension} principal axes; {precision}. A teacher that needs no model hub."
        ),
        architecture=NAME,
        space=Space(NAME, _space_id(hashes, photos_sha256, network.dimension)),
        training={
            "fine_tuning": "none",
            "projection": {
                "components": network.dimension,
                "fitted_on": f"{len(photos):,} bundled renders of models not held out",
                "images_sha256": photos_sha256,
            },
            "exported_with": {name: importlib.metadata.version(name) for name in _EXPORTERS},
        },
    )
    return export_encoder(
        network,
        folder,
        identity=identity,
        preprocessing=preprocessing,
        precision=precision,
        calibration=calibration,
        held_out=held_out,
    )


def _fit(network: ImagenetEnsemble, photos: Sequence[Path], preprocessing: Preprocessing) -> str:
    """Fit the network's projection to photos, and give the sha256 over their contents."""
    rows, ids = [], []
    for start in range(0, len(photos), _BATCH):
        squares = []
        for path in photos[start : start + _BATCH]:
            data = read_photo_bytes(path)
            ids.append(photo_id(data))
            image = decode_photo(data, name=str(path), target_side_px=preprocessing.side_px)
            squares.append(preprocess(image, preprocessing))
        with torch.inference_mode():
            rows.append(network.joined(torch.from_numpy(np.stack(squares))).numpy())
    network.project(fit_projection(np.concatenate(rows), network.dimension))
    return hashlib.sha256("".join(sorted(ids)).encode()).hexdigest()


def _space_id(hashes: Mapping[str, str], photos_sha256: str, dimension: int) -> str:
    """sha256 of everything that decides a vector but the arithmetic's last digits."""
    recipe = {
        "members": list(MEMBERS),
        "weights": dict(hashes),
        "pooling": f"gem{GEM_POWER:g}, unit length, joined, unit length",
        "projection": f"less the mean, {dimension} principal axes, unit length",
        "projection_photos": photos_sha256,
        "preprocessing": f"pad to {SIDE_PX} px on white, bicubic",
    }
    written = json.dumps(recipe, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(written.encode()).hexdigest()
