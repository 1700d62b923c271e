"""Photos that lie on their side: how many find their product, and what upright ones lose.

The photos come as pixels, so that nothing says which side is up.
"""

import argparse
import asyncio
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.datasets import IKEA_DEV, BenchmarkProduct, card_hashes, real_shop
from benchmarks.provenance import DataSet, add_output_option, write_result
from furniture_prompter.atomic_files import sha256_of
from furniture_prompter.catalog.vector_index import ExactIndex
from furniture_prompter.domain import RgbImage
from furniture_prompter.encoders.decoding import decode_photo
from furniture_prompter.encoders.onnx_encoder import OnnxEncoder
from furniture_prompter.encoders.registry import encoder_folder
from furniture_prompter.evaluation.collection import degradation
from furniture_prompter.search.query_vectors import Upright, quarter_turns

Rows = NDArray[np.float32]
SHOPS = ("ikea-dev", "shop2-dev")
ASKED = 200
DEGRADED = ("phone light", "crop", "clutter")
SEED = 22

METHOD = f"""
Every second product of a shop is the catalog. {ASKED} of its own photos (seed {SEED}) are asked as
they are, spoilt (one third each in phone light, too near, before clutter), and so are {ASKED}
photos of products that the catalog has not. Each is asked upright and lying on each other side.
"First" is how often the first hit is the product itself, or one of its kind, without ("as it is")
and with the search for the upright side; "turned back" is the share of photos lying on a side that
were turned upright, "wrongly turned" of upright ones that were turned. "Tries" is the share for
which three more turns were encoded: photos near to no product whose vector does not say either that
they are upright. Rooms are whole photos of rooms, whose kind is unknown. Pieces
such as rugs, cushions and round tables look alike on several sides, so that some count as wrongly
turned whose hits are the same.
"""


class _Catalog:
    """A catalog of vectors alone, for the code that searches turn photos with."""

    def __init__(self, vectors: Rows, encoder: OnnxEncoder) -> None:
        self.vectors = vectors
        self.encoder = encoder
        self._index = ExactIndex(vectors, np.arange(len(vectors), dtype=np.int64))

    async def photo_index(self) -> ExactIndex:
        return self._index


async def _asked(catalog: _Catalog, rows: Rows) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """By how many quarters each photo of each side is turned, shape (n, 4), and whether it tried.

    Args:
        catalog: What is asked.
        rows: Shape (n, 4, d): as it is, and turned clockwise by 90, 180 and 270 degrees.
    """
    upright = Upright(catalog, catalog.encoder.looks_upright)  # type: ignore[arg-type]  # it reads nothing but the index
    quarters = np.zeros(rows.shape[:2], np.intp)
    tried = np.zeros(rows.shape[:2], np.bool_)
    for photo, sides in enumerate(rows):
        for side in range(4):
            lying = np.roll(sides, -side, axis=0)
            tried[photo, side] = not await upright.convinces(lying[0])
            if tried[photo, side]:
                quarters[photo, side] = await upright.quarters(lying)
    return quarters, tried


def _encoded(encoder: OnnxEncoder, image: RgbImage) -> Rows:
    return encoder.encode([image, *quarter_turns(image)])


def _pixels(file: Path, side_px: int | None) -> RgbImage:
    return decode_photo(file.read_bytes(), name=str(file), target_side_px=side_px)


def _row(
    what: str, catalog: _Catalog, rows: Rows, names: NDArray[np.str_], right: NDArray[np.str_]
) -> dict[str, object]:
    """What is found of photos by their first hit.

    Args:
        what: What they are.
        catalog: What is asked.
        rows: See :func:`_asked`.
        names: Of each product of the catalog, what is compared: its id or its kind.
        right: The same of each photo; empty where nothing is known.
    """
    quarters, tried = asyncio.run(_asked(catalog, rows))
    sides = np.arange(4)
    chosen = np.take_along_axis(rows, ((sides + quarters) % 4)[:, :, np.newaxis], axis=1)
    row: dict[str, object] = {"photos": what, "number": len(rows)}
    if right.size:
        before = names[(rows @ catalog.vectors.T).argmax(axis=2)] == right[:, np.newaxis]
        after = names[(chosen @ catalog.vectors.T).argmax(axis=2)] == right[:, np.newaxis]
        row |= {
            "first, upright, as it is": round(float(before[:, 0].mean()), 3),
            "first, upright": round(float(after[:, 0].mean()), 3),
            "first, on a side, as it is": round(float(before[:, 1:].mean()), 3),
            "first, on a side": round(float(after[:, 1:].mean()), 3),
            "turned back": round(float(((sides + quarters) % 4 == 0)[:, 1:].mean()), 3),
        }
    return row | {
        "wrongly turned": round(float((quarters[:, 0] != 0).mean()), 3),
        "tries, upright": round(float(tried[:, 0].mean()), 3),
    }


def measure(shop: str, data: Path) -> list[dict[str, object]]:
    """Rows of one shop."""
    encoder = OnnxEncoder.load(encoder_folder("default"), threads=1)
    side_px = encoder.card.input_side_px
    products = real_shop(shop, data).products
    known, unknown = products[::2], products[1::2]
    catalog = _Catalog(
        np.stack([encoder.encode([_pixels(each.images[0], side_px)])[0] for each in known]),
        encoder,
    )
    rng = np.random.default_rng(SEED)
    ids = np.array([each.id for each in known])
    kinds = np.array([each.category for each in known])

    def some(of: Sequence[BenchmarkProduct]) -> list[BenchmarkProduct]:
        return [of[place] for place in rng.choice(len(of), min(ASKED, len(of)), replace=False)]

    own, other = some(known), some(unknown)
    images = [_pixels(each.images[0], side_px) for each in own]
    clutter = [_pixels(each.images[0], side_px) for each in some(unknown)[:20]]
    spoilt = [
        degradation(DEGRADED[n % len(DEGRADED)])(image, rng, clutter)
        for n, image in enumerate(images)
    ]
    own_ids = np.array([each.id for each in own])
    other_kinds = np.array([each.category for each in other])
    other_rows = np.stack([_encoded(encoder, _pixels(each.images[0], side_px)) for each in other])
    clean = np.stack([_encoded(encoder, image) for image in images])
    bad = np.stack([_encoded(encoder, image) for image in spoilt])
    found = [
        _row("the catalog's own: own first", catalog, clean, ids, own_ids),
        _row("the same, spoilt: own first", catalog, bad, ids, own_ids),
        _row("of other products: kind first", catalog, other_rows, kinds, other_kinds),
    ]
    rooms = data / shop / "rooms"
    if rooms.is_dir():
        files = sorted(rooms.iterdir())
        seen = np.stack([_encoded(encoder, _pixels(file, side_px)) for file in files])
        found.append(_row("rooms", catalog, seen, ids, np.array([], np.str_)))
    for row in found:
        print(shop, row, flush=True)
    return [{"shop": shop, **row} for row in found]


def main() -> None:
    """Measure both shops."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=IKEA_DEV.parent, help="folder of the sets")
    add_output_option(parser, "turned_photos")
    options = parser.parse_args()
    rows = [row for shop in SHOPS for row in measure(shop, options.data)]
    write_result(
        options.out,
        title="Photos that lie on their side",
        data=[
            DataSet(shop, sha256_of(options.data / shop / "products.jsonl"), "measuring set")
            for shop in SHOPS
        ],
        method=METHOD,
        figures={"rows": rows},
        encoders=card_hashes("default"),
    )


if __name__ == "__main__":
    main()
