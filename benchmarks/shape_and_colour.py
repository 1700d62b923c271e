"""What the axes, the noise and the colours of the default encoder gain and cost, on two shops.

Needs the extra ``train``: PyTorch reads the network's weights.
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.datasets import BenchmarkSet, bundled, card_hashes, real_shop, turkish_words
from benchmarks.encoder_selection.candidates import Candidate, float_graph, open_session
from benchmarks.multilingual_prompts import recall
from benchmarks.provenance import add_output_option, write_result
from furniture_prompter.bundled import held_out_families
from furniture_prompter.domain.catalog import fit_projection
from furniture_prompter.domain.product import RgbImage
from furniture_prompter.encoders.card import Preprocessing
from furniture_prompter.encoders.decoding import decode_photo, read_photo_bytes
from furniture_prompter.encoders.onnx_encoder import OnnxEncoder
from furniture_prompter.encoders.preprocessing import preprocess
from furniture_prompter.encoders.prompt_encoder import StaticPromptEncoder
from furniture_prompter.encoders.registry import encoder_folder
from furniture_prompter.evaluation.collection import DEGRADATIONS
from furniture_prompter.ingest.furniture_words import other_language
from furniture_prompter.unit_rows import unit_rows
from tools.encoder_builder import figures
from tools.encoder_builder.build import Recipe
from tools.encoder_builder.catalogs import CatalogImage
from tools.encoder_builder.graph import PartAxes
from tools.encoder_builder.noise import (
    fit_against_noise,
    fit_colour_axes,
    other_views,
    spoilt,
    weighed,
)

SHOPS: Final = ("ikea-dev", "shop2-dev")
SPOILT: Final = 300
SHOPS_SEED, RENDERS_SEED = 7, 5
RECIPE: Final = Recipe()
CANDIDATE: Final = Candidate("lite2", 256, "gem3", tail=True, body_pooling="mean")
WIDTH: Final = 352 + 1280
RIDGES: Final = (0.3, 1.0, 3.0, 10.0)
AXES: Final = (128, 256, 472, 640, 1024)
SHARES: Final = (0.0, 0.05, 0.1, 0.2)
PROMPT_LENGTHS: Final = (0.0, 0.45, 1.0, 2.5, 4.0)

METHOD: Final = f"""
Vectors by the float network, put along axes afterwards; "that ships" is the very file, int8. Exact
scan, each photo left out of its own ranking. kind@1: the nearest is of the same category (ikea-dev:
categories of five and more; shop2-dev: of two and more). model@1: of the same model, shop2-dev.
view@1: of the bundled catalog, every image of the models held out asks for the other image of its
product among all. Spoilt: {SPOILT} photos a shop, drawn once, each spoilt in the report's six ways
as there, first hit is the photo itself, among the whole shop. Everything is fitted to 788 bundled
renders and to nothing of these shops; but ridge, axes and share were chosen by looking at this
table, so its best row is a little better than it would be elsewhere. "without X in the noise": that
way of spoiling taught nothing, and only its own column is of interest. Prompts: "category, color"
in English and Turkish, fitted on English with the dictionary beside it on a random half and asked
for the other half, R@10, as in "Prompts in Turkish and English", by the length of the colours
beside a shape of length 1 in the fit.
"""

Vectors = NDArray[np.float32]
Put = Callable[[Vectors], NDArray[np.floating]]
"""Vectors as compared, from joined maps and colours of the network, shape (n, d)."""


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """Photos of a set as joined maps and colours, in the set's order.

    Attributes:
        clean: Shape (n, d).
        spoilt: By way, shape (m, d), of the photos at `asked`.
        asked: Shape (m,).
    """

    clean: Vectors
    spoilt: dict[str, Vectors]
    asked: NDArray[np.intp]


def squares(
    files: Sequence[Path], keys: Sequence[str], way: str | None, seed: int
) -> Iterator[RgbImage]:
    """Photos as the network takes them, spoilt in a way that stays the same for a seed."""
    spec = Preprocessing(side_px=CANDIDATE.side_px)
    images = [CatalogImage(file, key, "", key) for file, key in zip(files, keys, strict=True)]
    shown: Iterator[RgbImage]
    if way is None:
        shown = (decode_photo(read_photo_bytes(file), name=str(file)) for file in files)
    else:
        shown = spoilt(images, DEGRADATIONS[way], list(DEGRADATIONS).index(way), seed)
    return (preprocess(image, spec) for image in shown)


def encoded(
    files: Sequence[Path],
    keys: Sequence[str],
    asked: NDArray[np.intp],
    encode: Callable[[Sequence[RgbImage]], Vectors],
    kept: Path | None,
    seed: int,
) -> Encoded:
    """All photos, and those at `asked` spoilt in every way; kept in a file if one is named."""
    if kept is None or not kept.is_file():
        rows = {"clean": _batched(squares(files, keys, None, seed), encode)}
        some = [files[place] for place in asked]
        their = [keys[place] for place in asked]
        for way in DEGRADATIONS:
            rows[way.replace(" ", "_")] = _batched(squares(some, their, way, seed), encode)
            print(way, flush=True)
        if kept is not None:
            np.savez(kept, allow_pickle=False, asked=asked, **rows)
    else:
        with np.load(kept, allow_pickle=False) as stored:
            rows = {name: stored[name] for name in stored.files}
    return Encoded(rows["clean"], {way: rows[way.replace(" ", "_")] for way in DEGRADATIONS}, asked)


def _batched(
    images: Iterator[RgbImage], encode: Callable[[Sequence[RgbImage]], Vectors]
) -> Vectors:
    rows, batch = [], []
    for image in images:
        batch.append(image)
        if len(batch) == 8:
            rows.append(encode(batch))
            batch = []
    if batch:
        rows.append(encode(batch))
    return np.concatenate(rows)


@dataclass(frozen=True, slots=True, eq=False)
class Sets:
    """What everything is measured on, and the renders that axes are fitted to."""

    shops: dict[str, tuple[BenchmarkSet, Encoded]]
    renders: Encoded
    owners: list[str]
    held_out: NDArray[np.bool_]


def load(encode: Callable[[Sequence[RgbImage]], Vectors], cache: Path | None, name: str) -> Sets:
    """Encode both shops and the bundled renders."""

    def kept(what: str) -> Path | None:
        if cache is not None:
            cache.mkdir(parents=True, exist_ok=True)
        return None if cache is None else cache / f"{name}-{what}.npz"

    shops = {}
    for shop in SHOPS:
        found = real_shop(shop)
        files = [each.images[0] for each in found.products]
        asked = np.random.default_rng(11).permutation(len(files))[:SPOILT]
        keys = [each.id for each in found.products]
        shops[shop] = (found, encoded(files, keys, asked, encode, kept(shop), SHOPS_SEED))
    views = bundled()
    apart = held_out_families(each.family for each in views.products)
    files = [file for each in views.products for file in each.images]
    owners = [each.id for each in views.products for _ in each.images]
    held = np.array([each.family in apart for each in views.products for _ in each.images])
    renders = encoded(files, owners, np.arange(len(files)), encode, kept("bundled"), RENDERS_SEED)
    return Sets(shops, renders, owners, held)


def measure(sets: Sets, put: Put) -> dict[str, float]:
    """Figures of one way to compare."""
    row: dict[str, float] = {}
    for shop, (found, vectors) in sets.shops.items():
        rows = np.asarray(put(vectors.clean), np.float32)
        least = 5 if shop == "ikea-dev" else 2
        kinds = [each.category for each in found.products]
        row[f"{shop} kind@1"] = figures.same_type(rows, kinds, least_members=least)["r_at_1"]
        if shop == "shop2-dev":
            models = [each.family for each in found.products]
            row["shop2-dev model@1"] = figures.other_view(rows, models)["r_at_1"]
        for way, asked in vectors.spoilt.items():
            nearest = (np.asarray(put(asked), np.float32) @ rows.T).argmax(axis=1)
            row[f"{shop} {way}"] = float((nearest == vectors.asked).mean())
    renders = np.asarray(put(sets.renders.clean), np.float32)
    row["view@1"] = figures.other_view(renders, sets.owners, sets.held_out)["r_at_1"]
    return {name: round(value, 3) for name, value in row.items()}


def maps(rows: Vectors) -> Vectors:
    """The joined maps as unit rows."""
    return unit_rows(rows[:, :WIDTH].astype(np.float64))


def axes(
    sets: Sets,
    ridge: float = RECIPE.noise_ridge,
    components: int = RECIPE.components,
    share: float = RECIPE.colour_share,
    without: str = "",
) -> Put:
    """Along axes fitted to the renders that are learned from."""
    learned = np.flatnonzero(~sets.held_out)
    clean = maps(sets.renders.clean[learned])
    moved = {
        way: maps(rows[learned]) for way, rows in sets.renders.spoilt.items() if way != without
    }
    turned = other_views(clean, [sets.owners[place] for place in learned])
    noises = weighed(
        {way: rows.astype(np.float64) - clean for way, rows in moved.items()},
        turned,
        RECIPE.views_share,
    )
    seen = [clean, *moved.values()]
    shape = fit_against_noise(clean, noises, seen, components, ridge)
    colours = fit_colour_axes(
        unit_rows(sets.renders.clean[learned, WIDTH:].astype(np.float64)),
        RECIPE.colour_components,
    )
    parts = PartAxes(shape, colours, share)
    return lambda rows: parts.of(rows[:, :WIDTH], rows[:, WIDTH:])


def before(sets: Sets) -> Put:
    """As the encoder compared that shipped before: colours at 0.45, 256 principal axes."""

    def joined(rows: Vectors) -> Vectors:
        parts = np.hstack([np.sqrt(2) * maps(rows), 0.45 * rows[:, WIDTH:]])
        return unit_rows(parts.astype(np.float64))

    learned = sets.renders.clean[~sets.held_out]
    projection = fit_projection(joined(learned), 256)
    return lambda rows: projection.of(joined(rows))


def ways(sets: Sets) -> Iterator[tuple[str, Put]]:
    """Every way to compare, by what it is called."""
    yield "the maps alone", maps
    yield "before: colours at 0.45, 256 principal axes", before(sets)
    for ridge in RIDGES:
        yield f"472 axes, ridge {ridge}", axes(sets, ridge=ridge)
    for components in AXES:
        yield f"{components} axes", axes(sets, components=components)
    for share in SHARES:
        yield f"472 axes, colour's share {share}", axes(sets, share=share)
    for way in DEGRADATIONS:
        yield f"472 axes, without {way} in the noise", axes(sets, without=way)


def prompts(sets: Sets) -> list[dict[str, Any]]:
    """R@10 of prompts by the colours' length in the fit."""
    words = StaticPromptEncoder.load(encoder_folder("default-prompt"))
    shape = axes(sets, share=0.5)
    rows = []
    for shop, (found, vectors) in sets.shops.items():
        said = turkish_words(shop)
        both = [place for place, each in enumerate(found.products) if each.id in said]
        english = [
            ", ".join(filter(None, (found.products[place].category, found.products[place].color)))
            for place in both
        ]
        asked = {
            "English": words.encode(english),
            "Turkish": words.encode([said[found.products[place].id] for place in both]),
        }
        other = words.encode([other_language(each) for each in english])
        parts = np.sqrt(2) * np.asarray(shape(vectors.clean[both]))
        for length in PROMPT_LENGTHS:
            scaled = parts.astype(np.float32)
            scaled[:, RECIPE.components :] *= length
            rows.append(
                {"shop": shop, "colours' length": length, "products": len(both)}
                | {
                    f"{language} R@10": recall(asked["English"], each, scaled, other)
                    for language, each in asked.items()
                }
            )
            print(rows[-1], flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, help="folder that keeps vectors between runs")
    add_output_option(parser, "shape_and_colour")
    options = parser.parse_args()
    session = open_session(float_graph(CANDIDATE, 1.0).SerializeToString())

    def by_network(images: Sequence[RgbImage]) -> Vectors:
        (rows,) = session.run(["vector"], {"image": np.stack(images)})
        # Two maps and the colours, each of length 1.
        return np.asarray(rows * np.sqrt(3), np.float32)

    sets = load(by_network, options.cache, "network")
    rows = []
    for name, put in ways(sets):
        rows.append({"compared": name, **measure(sets, put)})
        print(rows[-1], flush=True)
    said = prompts(sets)
    ships = OnnxEncoder.load(encoder_folder("default"))
    own = load(ships.encode, options.cache, ships.card.weights_sha256[:12])
    rows.append({"compared": "the encoder that ships", **measure(own, lambda each: each)})
    write_result(
        options.out,
        title="Shape and colour apart",
        data=[*(found.source for found, _ in sets.shops.values()), bundled().source],
        method=METHOD,
        figures={"rows": rows, "prompts": said},
        encoders=card_hashes("default", "default-prompt"),
    )


if __name__ == "__main__":
    main()
