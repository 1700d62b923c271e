"""A teacher's image side as an ONNX encoder in the teacher's own space, served without PyTorch."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from furniture_prompter.distillation import ensemble_teacher
from furniture_prompter.distillation.export import CardFields, Precision, export_encoder
from furniture_prompter.domain import Feed, FeedRow, RgbImage
from furniture_prompter.encoders.card import CARD_FILE, EncoderCard, Space
from furniture_prompter.encoders.decoding import PhotoLimits, decode_photo, read_photo_bytes
from furniture_prompter.encoders.identity import identity_of
from furniture_prompter.errors import DistillationError, EncoderError, InvalidPhotoError

CALIBRATION_PHOTOS = 128
HELD_OUT_PHOTOS = 32
"""Photos that int8 is compared on; with those calibrated on, the most that are read."""


def export_teacher(
    source: Path,
    target: Path,
    *,
    precision: Precision = "fp32",
    photos: Feed | None = None,
    limits: PhotoLimits | None = None,
) -> EncoderCard:
    """Write the image side of the teacher in ``source`` as an encoder folder ``target``.

    Its vectors lie in the teacher's space, so that a catalog of one can be asked by the other.

    Args:
        source: Folder of a teacher from a hub, or of ``imagenet-ensemble``.
        target: Where the encoder goes; its name is the encoder's.
        precision: "fp32", or "int8", which needs photos.
        photos: Photos that int8 is calibrated on and compared on; such as the catalog's own.
        limits: What is refused of those.

    Returns:
        The card that was written; its figures tell how close the graph is to the network.

    Raises:
        EncoderError: ``source`` is no teacher, is damaged, or photos are missing for int8.
        DistillationError: a gate of the export failed; nothing was written.
        InvalidFeedError: the photos cannot be read at all.
    """
    card = EncoderCard.load(source)
    if precision == "int8" and photos is None:
        raise EncoderError(
            "int8 is made for photos: name a folder of some 160 with --calibrate, or export fp32."
        )
    if target.is_dir() and not (target / CARD_FILE).is_file() and any(target.iterdir()):
        raise EncoderError(f"{target} is there and holds no encoder. Name a new folder with --out.")
    side_px = card.input_side_px
    calibration, held_out = (
        _split(_some(photos, side_px, limits or PhotoLimits())) if photos is not None else ([], [])
    )
    if card.architecture == ensemble_teacher.NAME:
        return ensemble_teacher.build_imagenet_ensemble(
            target, precision=precision, calibration=calibration, held_out=held_out
        )
    if card.runtime != "hub" or card.preprocessing is None:
        raise EncoderError(
            f"{card.name} is no teacher of a hub: it already runs without PyTorch. Use its folder "
            f"as it is: {source}"
        )
    # The ensemble above needs no transformers.
    from furniture_prompter.encoders.hub.loading import load_hub_encoder

    space = card.space or Space(card.name, identity_of(card).space_id)
    encoder = load_hub_encoder(source, device="cpu")
    return export_encoder(
        encoder.image_network,
        target,
        identity=CardFields(
            name=target.name,
            licence=card.licence,
            source=f"{card.source}; image side exported",
            source_sha256=card.source_sha256,
            description=f"{card.description} Its image side in {precision}; prompts need "
            f"{card.name} itself (--text-tower) or a catalog's alignment.",
            architecture=card.architecture,
            space=space,
        ),
        preprocessing=card.preprocessing,
        precision=precision,
        calibration=calibration,
        held_out=held_out,
    )


def _some(photos: Feed, side_px: int | None, limits: PhotoLimits) -> Iterable[RgbImage]:
    """Up to as many photos as are wanted, spread evenly over the feed; unusable ones left out."""
    paths = [path for row in photos.items() if isinstance(row, FeedRow) for path in row.images]
    if not paths:
        raise DistillationError(f"{photos.name} has no photo to calibrate int8 on. Name another.")
    wanted = min(len(paths), CALIBRATION_PHOTOS + HELD_OUT_PHOTOS)
    for place in np.linspace(0, len(paths) - 1, wanted).round().astype(int):
        path = paths[place]
        try:
            data = read_photo_bytes(path, limits)
            yield decode_photo(data, name=str(path), target_side_px=side_px, limits=limits)
        except InvalidPhotoError:
            # One of many, for ranges of values only; a feed with too few is refused by the export.
            continue


def _split(images: Iterable[RgbImage]) -> tuple[list[RgbImage], list[RgbImage]]:
    """Every fifth is compared on, the others calibrated on."""
    calibration: list[RgbImage] = []
    held_out: list[RgbImage] = []
    for number, image in enumerate(images):
        (held_out if number % 5 == 4 else calibration).append(image)
    return calibration, held_out
