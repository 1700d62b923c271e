"""Build of the default image encoder: graph, projection, int8, parity gates, card."""

import hashlib
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from furniture_prompter.bundled import held_out_families
from furniture_prompter.distillation.export import (
    CardFields,
    Parity,
    open_graph,
    parity,
    put_in_place,
    quantise,
    require_export,
    require_int8,
)
from furniture_prompter.encoders.card import (
    ColourPart,
    EncoderCard,
    Preprocessing,
    own_space,
)
from furniture_prompter.encoders.onnx_encoder import OnnxEncoder
from furniture_prompter.encoders.preprocessing import preprocess
from furniture_prompter.evaluation.collection import DEGRADATIONS
from tools.encoder_builder import colour, figures
from tools.encoder_builder.catalogs import (
    CatalogImage,
    encode_catalog,
    encode_images,
    pixels,
    read_catalog,
)
from tools.encoder_builder.graph import Head, PartAxes, Pooling, build_graph
from tools.encoder_builder.networks import Block, Network, blocks_of, load_backbone, load_network
from tools.encoder_builder.noise import (
    fit_against_noise,
    fit_colour_axes,
    other_views,
    spoilt,
    weighed,
)
from tools.encoder_builder.sides import add_sides

CALIBRATION_IMAGES = 128
EXPORT_PARITY_IMAGES = 24

_ALL_RENDERS, _HELD_OUT = "catalog", "held_out"


@dataclass(frozen=True, slots=True)
class Recipe:
    """What to build; the defaults are the encoder that ships, chosen in decision record 0003.

    Attributes:
        network: One of NETWORK_NAMES.
        side_px: Side of the square input; a multiple of 32 with a colour part.
        tail: Whether the 1,280 channels before the classifier are the last block.
        head: Pooling, the map before the last block, and colour part; with components its colour
            weight says no more than that there is one.
        components: Axes that the shape is expressed in; 0 leaves the vector as it is.
        colour_components: Axes that the colour is expressed in.
        colour_share: What the colour adds to the cosine of a vector with itself.
        noise_ridge: Added to the noise's covariance, in units of its mean variance.
        views_share: How much of the noise is that of other views of a product.
        int8: Whether to quantise.
        float_blocks: How many of the first blocks stay float when the rest is quantised.
    """

    network: str = "lite2"
    side_px: int = 256
    tail: bool = True
    head: Head = field(default_factory=lambda: Head("gem3", "mean", colour_weight=1.0))
    components: int = 472
    colour_components: int = 40
    colour_share: float = 0.05
    noise_ridge: float = 1.0
    views_share: float = 0.2
    int8: bool = True
    float_blocks: int = 3


def build(
    recipe: Recipe,
    target: Path,
    *,
    catalog: Path,
    ikea_dev: Path | None,
    report: Callable[[str], None],
    space_of: Path | None = None,
) -> EncoderCard:
    """Build the encoder into the folder ``target``, whose name becomes the encoder's.

    Args:
        recipe: What to build.
        target: Replaced as a whole, and only once every gate is passed.
        catalog: Folder with ``products.jsonl``. Its images calibrate the int8 graph, and the
            projection is fitted to them, but for the models held out: those measure it, by other
            views of the same product. Its licence must allow that use.
        ikea_dev: Measuring set for same-type figures; None gates on other views alone.
        report: Told what happens.
        space_of: Folder of an earlier build whose catalogs the new encoder may ask, behind the
            gate of int8 against float; None gives it a space of its own.

    Raises:
        DistillationError: the encoder failed a gate, with all blocks in float there is nothing to
            quantise, or a package is missing; nothing was written.
        FileNotFoundError: an image is missing.
        ValueError: the catalog has too few images for the components.
    """
    network = load_network(recipe.network, tail=recipe.tail)
    images = read_catalog(catalog)
    apart = held_out_families(image.family for image in images)
    learned = [image for image in images if image.family not in apart]
    if ikea_dev is None:
        report("No measuring set given: the figures gated on are other views of the catalog alone.")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".building-") as work:
        plan = Plan(recipe, network, target.name, Path(work))
        axes, training = _axes(plan, learned, report)
        colour = ColourPart(axes.colour.shape[1], axes.colour_share) if axes is not None else None
        graph = build_graph(network, recipe.side_px, recipe.head, axes)
        built = Path(work, "float")
        encoder = _open(plan, built, "float", graph, training, colour)
        exported = _export_parity(plan, encoder, axes, _spread(images, EXPORT_PARITY_IMAGES))
        report(f"Float graph against PyTorch, {EXPORT_PARITY_IMAGES} images: {exported}")
        require_export(exported)
        measured = {"export_least_cosine": exported.least}
        found = _figures(encoder, images, apart, ikea_dev)
        report(f"Float: {found}")
        if recipe.int8:
            exact, exact_found = encoder, found
            built = Path(work, "int8")
            small = _quantised(plan, graph, learned)
            encoder = _open(plan, built, "int8", small, training, colour)
            calibrated_on = set(_spread(learned, CALIBRATION_IMAGES))
            others = [image for image in images if image not in calibrated_on]
            moved = parity(encode_catalog(exact, others), encode_catalog(encoder, others))
            report(f"int8 against float, {len(others)} images not calibrated on: {moved}")
            found = _figures(encoder, images, apart, ikea_dev)
            report(f"int8: {found}")
            require_int8(moved)
            figures.require_figures(_gated(exact_found), _gated(found))
            measured["int8_mean_cosine"] = moved.mean
            measured["int8_least_cosine"] = moved.least
            measured |= {f"float_{name}": value for name, value in exact_found.items()}
        card = replace(encoder.card, figures=_rounded(measured | found))
        if space_of is not None:
            card = in_space_of(OnnxEncoder.load(space_of), encoder, card, images, report)
        card.save(built)
        card = add_sides(built, images, report)
        put_in_place(built, target)
    return card


def in_space_of(
    earlier: OnnxEncoder,
    encoder: OnnxEncoder,
    card: EncoderCard,
    images: Sequence[CatalogImage],
    report: Callable[[str], None],
) -> EncoderCard:
    """The card of ``encoder``, in the space of an earlier build of it.

    Raises:
        DistillationError: their vectors of ``images`` are not near enough to be compared.
    """
    near = parity(encode_catalog(earlier, images), encode_catalog(encoder, images))
    report(f"Against {earlier.card.name} of before, {len(images)} images: {near}")
    require_int8(near)
    figures = {"earlier_build_mean_cosine": near.mean, "earlier_build_least_cosine": near.least}
    return replace(
        card, space=own_space(earlier.card), figures={**card.figures, **_rounded(figures)}
    )


def float_layers(blocks: Sequence[Block]) -> tuple[str, ...]:
    """What an int8 graph leaves float: ``blocks``, the colour part and the projection.

    The last two are a hundredth of the work, and cubes and roots do not survive 256 levels.
    """
    named = (f"{layer.name}.weight" for block in blocks for layer in block.layers)
    return (*named, "colour.", "projection")


def _rounded(measured: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 6) for name, value in measured.items()}


def _gated(found: Mapping[str, float]) -> dict[str, float]:
    """Without other views of renders that the axes are fitted to, which flatter the float graph."""
    return {name: value for name, value in found.items() if not name.startswith(_ALL_RENDERS)}


@dataclass(frozen=True, slots=True)
class Plan:
    """What every step of a build needs to know.

    Attributes:
        recipe: What to build.
        network: Its layers.
        name: The encoder's.
        work: Folder for what is not finished.
    """

    recipe: Recipe
    network: Network
    name: str
    work: Path


def _quantised(
    plan: Plan, graph: onnx.ModelProto, learned: Sequence[CatalogImage]
) -> onnx.ModelProto:
    recipe = plan.recipe
    chosen = _spread(learned, CALIBRATION_IMAGES)
    spec = Preprocessing(side_px=recipe.side_px)
    return quantise(
        graph,
        [preprocess(image, spec) for image in pixels(chosen, recipe.side_px)],
        float_layers=float_layers(plan.network.blocks[: recipe.float_blocks]),
    )


def _axes(
    plan: Plan, learned: Sequence[CatalogImage], report: Callable[[str], None]
) -> tuple[PartAxes | None, dict[str, Any]]:
    """Axes of what the graph gives without them, and the card's word on them."""
    recipe = plan.recipe
    if not recipe.components:
        return None, {}
    graph = build_graph(plan.network, recipe.side_px, recipe.head)
    encoder = _open(plan, plan.work / "joined", "float", graph, {})
    exact = encoder
    if recipe.int8:
        # What int8 does to a vector is noise like any other.
        small = _quantised(plan, graph, learned)
        encoder = _open(plan, plan.work / "joined-int8", "int8", small, {})
    maps, colours = _parts(plan, encode_catalog(encoder, learned))
    noises = {}
    seen = [maps]
    for number, (name, way) in enumerate(DEGRADATIONS.items()):
        rows, _ = _parts(plan, encode_images(encoder, spoilt(learned, way, number)))
        noises[name] = rows.astype(np.float64) - maps
        seen.append(rows)
        report(f"Spoilt {len(rows):,} renders: {name}.")
    if exact is not encoder:
        noises["int8"] = maps.astype(np.float64) - _parts(plan, encode_catalog(exact, learned))[0]
    turned = other_views(maps, [image.product for image in learned])
    counted = weighed(noises, turned, recipe.views_share)
    axes = PartAxes(
        fit_against_noise(maps, counted, seen, recipe.components, recipe.noise_ridge),
        fit_colour_axes(colours, recipe.colour_components),
        recipe.colour_share,
    )
    hashes = hashlib.sha256()
    for image in learned:
        hashes.update(image.path.read_bytes())
    told = {
        "shape_components": recipe.components,
        "colour_components": recipe.colour_components,
        "noise": sorted(counted),
        "noise_ridge": recipe.noise_ridge,
        "other_views_share": recipe.views_share,
        "fitted_on": f"{len(learned):,} renders of {len({i.product for i in learned}):,} products",
        "images_sha256": hashes.hexdigest(),
    }
    return axes, {"axes": told}


def _parts(plan: Plan, rows: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
    """Joined maps and colour parts of a graph without axes, each as unit rows."""
    network, head = plan.network, plan.recipe.head
    width = network.width + (network.body_width if head.body_pooling is not None else 0)
    parts = (rows[:, :width], rows[:, width:])
    return tuple(part / np.linalg.norm(part, axis=1, keepdims=True) for part in parts)


def _open(
    plan: Plan,
    folder: Path,
    precision: str,
    graph: onnx.ModelProto,
    training: Mapping[str, Any],
    colour: ColourPart | None = None,
) -> OnnxEncoder:
    """Write graph and card into a new folder and load them as a user would."""
    network = plan.network
    fields = CardFields(
        name=plan.name,
        licence=network.licence,
        source=f"{network.source}, exported by tools/encoder_builder",
        source_sha256=network.source_sha256,
        description=_description(plan.recipe, precision),
        training=training,
        colour=colour,
    )
    spec = Preprocessing(side_px=plan.recipe.side_px)
    return open_graph(folder, graph, network.parameters, fields, spec)


def _description(recipe: Recipe, precision: str) -> str:
    head = recipe.head
    features = f"its last features, {head.pooling}-pooled"
    if head.body_pooling is not None:
        features += f", those before them, {head.body_pooling}-pooled"
    if head.colour_weight > 0:
        features += ", and the product's colours"
    if recipe.components:
        features += (
            f", {recipe.components} axes of shape and {recipe.colour_components} of colour, chosen "
            "against the noise of spoilt photos"
        )
    return f"{_TITLES[recipe.network]} trained on ImageNet: {features}; {precision}."


def _export_parity(
    plan: Plan,
    encoder: OnnxEncoder,
    axes: PartAxes | None,
    images: Sequence[CatalogImage],
) -> Parity:
    recipe = plan.recipe
    spec = Preprocessing(side_px=recipe.side_px)
    squares = [preprocess(image, spec) for image in pixels(images, recipe.side_px)]
    reference = reference_vectors(plan.network, recipe.head, axes, squares, tail=recipe.tail)
    return parity(reference, encoder.encode(squares))


def _figures(
    encoder: OnnxEncoder,
    images: Sequence[CatalogImage],
    apart: frozenset[str],
    ikea_dev: Path | None,
) -> dict[str, float]:
    """Retrieval figures, each named after the set it was measured on."""
    vectors, owners = encode_catalog(encoder, images), [image.product for image in images]
    asking = np.array([image.family in apart for image in images])
    views = figures.other_view(vectors, owners)
    measured = {f"{_ALL_RENDERS}_other_view_{name}": value for name, value in views.items()}
    views = figures.other_view(vectors, owners, asking)
    measured |= {f"{_HELD_OUT}_other_view_{name}": value for name, value in views.items()}
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


_TITLES = {
    "lite0": "EfficientNet-Lite0",
    "lite1": "EfficientNet-Lite1",
    "lite2": "EfficientNet-Lite2",
    "mobilenetv2": "MobileNetV2",
}


def reference_vectors(
    network: Network,
    head: Head,
    axes: PartAxes | None,
    images: Sequence[NDArray[np.uint8]],
    *,
    tail: bool,
) -> NDArray[np.float32]:
    """Vectors (images, dimension) of square images (side, side, 3), float arithmetic throughout.

    Raises:
        ValueError: the map before the last block is asked for and ``tail`` is not.
    """
    if head.body_pooling is not None and not tail:
        raise ValueError("Only the map before the 1,280 channels can be joined to another.")
    *body, last = blocks_of(load_backbone(network.name)[0])
    rows = []
    for image in images:
        mean, scale = np.array(network.mean), np.array(network.scale)
        values = ((image - mean) / scale).astype(np.float32)
        with torch.inference_mode():
            before = torch.from_numpy(values.transpose(2, 0, 1)[None].copy())
            for block in body:
                before = block(before)
            after = last(before) if tail else before
        parts = [_pooled(after, head.pooling)]
        if head.body_pooling is not None:
            parts.insert(0, _pooled(before, head.body_pooling))
        if axes is not None:
            rows.append(axes.of(np.hstack(parts)[None], colour.colour_shares(image)[None])[0])
            continue
        if head.colour_weight > 0:
            parts.append(head.colour_weight * colour.colour_shares(image))
        joined = np.concatenate(parts)
        rows.append(joined / np.linalg.norm(joined))
    return np.stack(rows).astype(np.float32)


def _pooled(features: torch.Tensor, pooling: Pooling) -> NDArray[np.float64]:
    """A map (1, channels, height, width) as one unit vector."""
    values = features.numpy()[0].astype(np.float64)
    values = values.reshape(len(values), -1)
    if pooling == "max":
        pooled = values.max(axis=1)
    elif pooling == "gem3":
        pooled = np.cbrt((np.maximum(values, 0) ** 3).mean(axis=1))
    else:
        pooled = values.mean(axis=1)
    return np.asarray(pooled / np.linalg.norm(pooled))
