"""Teacher encoders: the ImageNet ensemble built from packages, and export of hub teachers."""

import hashlib
import importlib.metadata
import json
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx

from furniture_prompter.bundled import photos_to_learn_from
from furniture_prompter.distillation.export import (
    CardFields,
    Precision,
    export_encoder,
    open_graph,
)
from furniture_prompter.distillation.initial_weights import IMAGENET, load_initial
from furniture_prompter.distillation.networks import architecture
from furniture_prompter.distillation.networks.student import (
    GEM_POWER,
    MEMBERS,
    SIDE_PX,
    ImagenetEnsemble,
    parameter_count,
)
from furniture_prompter.distillation.onnx_graph import graph_before, set_values, write_graph
from furniture_prompter.domain import Feed, FeedRow, IndexProgress
from furniture_prompter.domain.catalog import fit_projection
from furniture_prompter.domain.product import RgbImage
from furniture_prompter.encoders.card import (
    CARD_FILE,
    EmbeddingSpace,
    EncoderCard,
    Preprocessing,
    own_space,
)
from furniture_prompter.encoders.decoding import (
    PhotoLimits,
    decode_photo,
    photo_id,
    read_photo_bytes,
)
from furniture_prompter.encoders.hub.catalogue import UNSTATED_LICENCE
from furniture_prompter.errors import DistillationError, EncoderError, InvalidPhotoError

NAME = "imagenet-ensemble"

_EXPORTERS = ("torch", "onnxscript")
_WEIGHT, _BIAS = "projection.weight", "projection.bias"
_BATCH = 8


def build_imagenet_ensemble(
    folder: Path,
    *,
    precision: Precision = "fp32",
    calibration: Sequence[RgbImage] = (),
    held_out: Sequence[RgbImage] = (),
    on_progress: Callable[[IndexProgress], None] = lambda _: None,
) -> EncoderCard:
    """Write the encoder ``imagenet-ensemble`` into ``folder``.

    Its projection is fitted to the bundled catalog's photos, but for those of the models held out.
    The graph is written once and encodes them itself, in a fifteenth of PyTorch's processor time
    (44 ms a photo for 668, both measured on two busy processors).

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
        on_progress: Told which step has begun, and how many photos are encoded.

    Returns:
        The card as written.

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
    on_progress(IndexProgress("exporting", 0, None, "networks"))
    graph = write_graph(network, SIDE_PX)
    photos_sha256 = _fit(network, graph, photos, preprocessing, on_progress)
    on_progress(IndexProgress("proving", 0, None, "photos"))
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
        space=EmbeddingSpace(NAME, _space_id(hashes, photos_sha256, network.dimension)),
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
        graph=graph,
    )


def _fit(
    network: ImagenetEnsemble,
    graph: onnx.ModelProto,
    photos: Sequence[Path],
    preprocessing: Preprocessing,
    on_progress: Callable[[IndexProgress], None],
) -> str:
    """Fit the projection of network and graph to photos; the sha256 over the photos' contents."""
    joined = graph_before(graph, _WEIGHT)
    rows, ids = [], []
    with tempfile.TemporaryDirectory() as work:
        fields = CardFields(
            name=NAME,
            licence=UNSTATED_LICENCE,
            source="packages",
            description="Before its projection.",
        )
        encoder = open_graph(
            Path(work, "joined"), joined, parameter_count(network), fields, preprocessing
        )
        for start in range(0, len(photos), _BATCH):
            on_progress(IndexProgress("fitting", start, len(photos), "photos"))
            images = []
            for path in photos[start : start + _BATCH]:
                data = read_photo_bytes(path)
                ids.append(photo_id(data))
                side_px = preprocessing.side_px
                images.append(decode_photo(data, name=str(path), target_side_px=side_px))
            rows.append(encoder.encode(images))
    on_progress(IndexProgress("fitting", len(photos), len(photos), "photos"))
    network.project(fit_projection(np.concatenate(rows), network.dimension))
    values = {_WEIGHT: network.projection.weight, _BIAS: network.projection.bias}
    set_values(graph, {name: value.detach().numpy() for name, value in values.items()})
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
    if card.architecture == NAME:
        return build_imagenet_ensemble(
            target, precision=precision, calibration=calibration, held_out=held_out
        )
    if card.runtime != "hub" or card.preprocessing is None:
        raise EncoderError(
            f"{card.name} is no teacher of a hub: it already runs without PyTorch. Use its folder "
            f"as it is: {source}"
        )
    # The ensemble above needs no transformers.
    from furniture_prompter.encoders.hub.encoder import load_hub_encoder

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
            space=own_space(card),
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
