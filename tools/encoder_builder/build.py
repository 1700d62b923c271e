"""The recipe of an encoder: write the graph, quantise it, let it prove itself, put it in place."""

import hashlib
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from furniture_prompter.encoders.card import EncoderCard, Preprocessing
from furniture_prompter.encoders.onnx_encoder import OnnxEncoder
from furniture_prompter.encoders.preprocessing import preprocess
from tools.encoder_builder import figures, gates
from tools.encoder_builder.catalogs import CatalogImage, encode_catalog, pixels, read_catalog
from tools.encoder_builder.graph import Head, build_graph, output_dimension, serialise
from tools.encoder_builder.networks import Network, load_network
from tools.encoder_builder.quantise import quantise
from tools.encoder_builder.reference import reference_vectors

CALIBRATION_IMAGES = 128
EXPORT_PARITY_IMAGES = 24
WEIGHTS_FILE = "encoder.onnx"


@dataclass(frozen=True, slots=True)
class Recipe:
    """What to build; the defaults are the encoder that ships, chosen in decision record 0003.

    Attributes:
        network: One of NETWORK_NAMES.
        side_px: Side of the square input; a multiple of 32 with a colour part.
        tail: Whether the 1,280 channels before the classifier are used.
        head: Pooling and colour part.
        int8: Whether to quantise.
        float_blocks: How many of the first blocks stay float when the rest is quantised.
    """

    network: str = "lite2"
    side_px: int = 256
    tail: bool = False
    head: Head = field(default_factory=lambda: Head(pooling="mean", colour_weight=0.25))
    int8: bool = True
    float_blocks: int = 3


def build(
    recipe: Recipe,
    target: Path,
    *,
    catalog: Path,
    ikea_dev: Path | None,
    report: Callable[[str], None],
) -> EncoderCard:
    """Build the encoder into the folder ``target``, whose name becomes the encoder's.

    Args:
        recipe: What to build.
        target: Replaced as a whole, and only once every gate is passed.
        catalog: Folder with ``products.jsonl`` whose images calibrate the int8 graph and measure
            it by other views of the same product. Its licence must allow that use.
        ikea_dev: Measuring set for same-type figures; None gates on other views alone.
        report: Told what happens.

    Raises:
        GateError: the encoder failed a gate; nothing was written.
        FileNotFoundError: a package or an image is missing.
    """
    network = load_network(recipe.network, tail=recipe.tail)
    graph = build_graph(network, recipe.side_px, recipe.head)
    images = read_catalog(catalog)
    if ikea_dev is None:
        report("No measuring set given: the figures gated on are other views of the catalog alone.")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".building-") as work:
        built = Path(work, "float")
        encoder = _open(built, replace(recipe, int8=False), network, target.name, serialise(graph))
        exported = _export_parity(encoder, network, recipe, _spread(images, EXPORT_PARITY_IMAGES))
        report(f"Float graph against PyTorch, {EXPORT_PARITY_IMAGES} images: {exported}")
        gates.require_export(exported)
        measured = {"export_least_cosine": exported.least}
        found = _figures(encoder, images, ikea_dev)
        report(f"Float: {found}")
        if recipe.int8:
            exact, exact_found = encoder, found
            chosen = _spread(images, CALIBRATION_IMAGES)
            spec = Preprocessing(side_px=recipe.side_px)
            weights = quantise(
                graph,
                [preprocess(image, spec) for image in pixels(chosen, recipe.side_px)],
                float_blocks=network.blocks[: recipe.float_blocks],
            )
            built = Path(work, "int8")
            encoder = _open(built, recipe, network, target.name, weights)
            held_out = [image for image in images if image not in set(chosen)]
            moved = gates.parity(encode_catalog(exact, held_out), encode_catalog(encoder, held_out))
            report(f"int8 against float, {len(held_out)} images not calibrated on: {moved}")
            found = _figures(encoder, images, ikea_dev)
            report(f"int8: {found}")
            gates.require_int8(moved)
            gates.require_figures(exact_found, found)
            measured["int8_mean_cosine"] = moved.mean
            measured["int8_least_cosine"] = moved.least
            measured |= {f"float_{name}": value for name, value in exact_found.items()}
        card = replace(encoder.card, figures=_rounded(measured | found))
        card.save(built)
        _put_in_place(built, target, Path(work))
    return card


def _rounded(measured: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 6) for name, value in measured.items()}


def _open(folder: Path, recipe: Recipe, network: Network, name: str, weights: bytes) -> OnnxEncoder:
    """Write weights and card into a new folder and load them as a user would."""
    folder.mkdir()
    (folder / WEIGHTS_FILE).write_bytes(weights)
    precision = "int8" if recipe.int8 else "float"
    colours = " and the product's colours" if recipe.head.colour_weight > 0 else ""
    EncoderCard(
        name=name,
        kind="image",
        dimension=output_dimension(weights),
        preprocessing=Preprocessing(side_px=recipe.side_px),
        licence=network.licence,
        source=f"{network.source}, exported by tools/encoder_builder",
        source_sha256=network.source_sha256,
        weights_file=WEIGHTS_FILE,
        weights_sha256=hashlib.sha256(weights).hexdigest(),
        weights_bytes=len(weights),
        parameters=network.parameters,
        description=(
            f"{_TITLES[recipe.network]} trained on ImageNet: its last features, "
            f"{recipe.head.pooling}-pooled{colours}; {precision}."
        ),
    ).save(folder)
    return OnnxEncoder.load(folder)


def _export_parity(
    encoder: OnnxEncoder, network: Network, recipe: Recipe, images: Sequence[CatalogImage]
) -> gates.Parity:
    spec = Preprocessing(side_px=recipe.side_px)
    squares = [preprocess(image, spec) for image in pixels(images, recipe.side_px)]
    reference = reference_vectors(network, recipe.head, squares, tail=recipe.tail)
    return gates.parity(reference, encoder.encode(squares))


def _figures(
    encoder: OnnxEncoder, images: Sequence[CatalogImage], ikea_dev: Path | None
) -> dict[str, float]:
    """Retrieval figures, each named after the set it was measured on."""
    views = figures.other_view(encode_catalog(encoder, images), [image.product for image in images])
    measured = {f"catalog_other_view_{name}": value for name, value in views.items()}
    if ikea_dev is not None:
        products = read_catalog(ikea_dev)
        types = figures.same_type(
            encode_catalog(encoder, products), [product.category for product in products]
        )
        measured |= {f"ikea_dev_same_type_{name}": value for name, value in types.items()}
    return measured


def _spread(images: Sequence[CatalogImage], count: int) -> list[CatalogImage]:
    """``count`` images at even distances, so that every kind and creator is among them."""
    places = np.unique(np.linspace(0, len(images) - 1, count).round().astype(int))
    return [images[place] for place in places]


def _put_in_place(built: Path, target: Path, work: Path) -> None:
    """Swap the finished folder for the old one; both lie on one disk, so each step is atomic."""
    if target.exists():
        os.replace(target, work / "old")  # noqa: PTH105  # a pair of renames, read together
    os.replace(built, target)  # noqa: PTH105


_TITLES = {
    "lite0": "EfficientNet-Lite0",
    "lite1": "EfficientNet-Lite1",
    "lite2": "EfficientNet-Lite2",
    "mobilenetv2": "MobileNetV2",
}
