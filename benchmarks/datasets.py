"""The data sets that are measured on, and their photos as vectors."""

import dataclasses
import json
import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.provenance import ROOT, DataSet
from furniture_prompter.atomic_files import sha256_of
from furniture_prompter.bundled import catalog_feed
from furniture_prompter.encoders.card import EncoderCard
from furniture_prompter.encoders.decoding import decode_photo, read_photo_bytes
from furniture_prompter.encoders.onnx_encoder import OnnxEncoder
from furniture_prompter.encoders.registry import encoder_folder

IKEA_DEV = ROOT.parent / "shared" / "data" / "ikea-dev"


@dataclass(frozen=True, slots=True)
class BenchmarkProduct:
    """A product with its images.

    Attributes:
        id: Unique in its set.
        title: What the shop calls it.
        category: Kind of furniture.
        color: Colour names.
        description: Free text, may be empty.
        family: Products that are one model in several finishes share it; else the id.
        images: Existing files, main one first.
    """

    id: str
    title: str
    category: str
    color: str
    description: str
    family: str
    images: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class BenchmarkSet:
    """Products and what identifies their list."""

    products: tuple[BenchmarkProduct, ...]
    source: DataSet


def load_products(feed: Path, name: str) -> BenchmarkSet:
    """Read a ``products.jsonl``; image paths in it are relative to its folder.

    Shops call a family a model.
    """
    products = []
    for line in feed.read_text("utf-8").splitlines():
        row = json.loads(line)
        images = row.get("images") or [row["image"]]
        products.append(
            BenchmarkProduct(
                id=row["id"],
                title=row["title"],
                category=row.get("category", ""),
                color=row.get("color", ""),
                description=row.get("description", ""),
                family=row.get("family") or row.get("model") or row["id"],
                images=tuple(feed.parent / image for image in images),
            )
        )
    photos = sum(len(product.images) for product in products)
    note = f"{len(products):,} products, {photos:,} photos"
    return BenchmarkSet(tuple(products), DataSet(name, sha256_of(feed), note))


def ikea_dev(folder: Path = IKEA_DEV) -> BenchmarkSet:
    """Real product photos for measuring only; see the README beside them."""
    feed = folder / "products.jsonl"
    if not feed.is_file():
        raise SystemExit(f"There is no {feed}. Name the folder of the measuring set with --data.")
    return load_products(feed, "ikea-dev")


def real_shop(name: str, data: Path = IKEA_DEV.parent) -> BenchmarkSet:
    """A measuring set of a shop's photos, for measuring only; colours off titles where need be.

    Args:
        name: ``ikea-dev`` or ``shop2-dev``, whose colours stand in the title beside the model.
        data: Folder that the sets lie in.
    """
    found = load_products(data / name / "products.jsonl", name)
    products = tuple(
        each
        if each.color or each.family == each.id
        else dataclasses.replace(each, color=" ".join(each.title.replace(each.family, "").split()))
        for each in found.products
    )
    return BenchmarkSet(products, found.source)


def turkish_words(shop: str) -> dict[str, str]:
    """What products of a measuring set are in Turkish, by id: ``category, color``, by hand."""
    file = Path(__file__).parent / "data" / f"{shop.replace('-', '_')}_turkish.tsv"
    lines = [line for line in file.read_text("utf-8").splitlines() if not line.startswith("#")]
    return {
        row[0]: ", ".join(part for part in row[1:] if part)
        for row in (line.split("\t") for line in lines)
    }


def bundled() -> BenchmarkSet:
    """The rendered catalog that ships with the package."""
    return load_products(catalog_feed(), "bundled catalog")


def write_feed(products: Iterable[BenchmarkProduct], folder: Path, fields: Sequence[str]) -> Path:
    """A feed in `folder` of id, title, images and the named fields; the feed's path.

    Images are hard links where the file system allows, for a feed may only name files below it.
    """
    folder.mkdir(parents=True)
    lines = []
    for number, product in enumerate(products):
        images = []
        for view, source in enumerate(product.images):
            target = folder / f"{number:05}-{view}{source.suffix}"
            try:
                os.link(source, target)
            except OSError:
                shutil.copyfile(source, target)
            images.append(target.name)
        row = {"id": product.id, "title": product.title, "images": images}
        lines.append(json.dumps(row | {name: getattr(product, name) for name in fields}))
    feed = folder / "products.jsonl"
    feed.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    return feed


def encode_files(encoder: OnnxEncoder, files: list[Path]) -> NDArray[np.float32]:
    """Vectors of photo files, shape (len(files), dimension), decoded as indexing decodes them."""
    preprocessing = encoder.card.preprocessing
    side_px = preprocessing.side_px if preprocessing else None
    rows = np.empty((len(files), encoder.card.dimension), np.float32)
    for row, file in enumerate(files):
        image = decode_photo(read_photo_bytes(file), name=str(file), target_side_px=side_px)
        rows[row] = encoder.encode([image])[0]
    return rows


def ranked_others(
    vectors: NDArray[np.float32], ids: list[str], query: int, count: int
) -> list[str]:
    """Ids of the `count` rows nearest to row `query`, best first, without that row itself.

    Exact float32 scan; equal cosines in the order of the rows.
    """
    scores = vectors @ vectors[query]
    scores[query] = -np.inf
    order = np.argsort(-scores, kind="stable")[:count]
    return [ids[row] for row in order]


def card_hashes(*encoders: str) -> dict[str, str]:
    """Name → SHA-256 of the weights, of encoders by name or folder."""
    cards = [EncoderCard.load(encoder_folder(name)) for name in encoders]
    return {card.name: card.weights_sha256 for card in cards}
