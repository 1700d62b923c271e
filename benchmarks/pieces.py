"""Pieces of rooms by detectors: how many real ones they find, and what a room's pieces find.

The detector that ships is measured, and beside it those whose folders ``--detector`` names.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.datasets import IKEA_DEV, card_hashes, encode_files, real_shop
from benchmarks.provenance import DataSet, add_output_option, write_result
from benchmarks.screenshots import overlap
from furniture_prompter.atomic_files import sha256_of
from furniture_prompter.domain.query import Crop
from furniture_prompter.encoders.decoding import decode_photo
from furniture_prompter.encoders.detector import Detector
from furniture_prompter.encoders.onnx_encoder import OnnxEncoder
from furniture_prompter.encoders.registry import encoder_folder
from furniture_prompter.search.pieces import SIDE_PX, is_room
from furniture_prompter.settings import SHIPPED_DETECTOR

METHOD = """
Recall is the share of the boxes drawn by hand on room-boxes-dev (chairs, tables, cabinets, couches,
whatever the detector calls them) that one of its first ten or twenty pieces overlaps by half of
their union or more; milliseconds of processor time a photo, median, one thread. Of ikea-dev's
photos of rooms: a product that stands in the room is among the first five hits of the whole photo;
or among five hits of its pieces, the surest pieces first, their best hits in turn, each product
once; and the share of the room's products among the first fifty so, the mean over rooms. As cut:
the same by the pieces' vectors as they are, with what the room around them adds. Chance is that of
five random products. Photos that are no rooms by their pieces (one that fills the photo, or none)
are searched whole in all. Taken for rooms: the share of every second
product photo of a shop, which show one product each, in which a room's pieces are seen, and the
milliseconds that looking costs such a photo.
"""
FIRST = 5
FURTHER = 50


def _lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def recall(detector: Detector, folder: Path) -> dict[str, float]:
    """What of the boxes drawn by hand is found, and how long it takes."""
    found: dict[int, list[bool]] = {10: [], 20: []}
    took_ms, counts = [], []
    for line in _lines(folder / "photos.jsonl"):
        image = np.asarray(Image.open(folder / line["image"]).convert("RGB"))
        began = time.process_time()
        pieces = detector.find(image)
        took_ms.append(1_000 * (time.process_time() - began))
        counts.append(len(pieces))
        height, width = image.shape[:2]
        for box in line["boxes"]:
            drawn = Crop(
                box["x"] / width, box["y"] / height, box["width"] / width, box["height"] / height
            )
            overlaps = [overlap(piece.box, drawn) >= 0.5 for piece in pieces]
            for most, hits in found.items():
                hits.append(any(overlaps[:most]))
    return {
        "boxes": len(found[10]),
        "recall@10": round(float(np.mean(found[10])), 3),
        "recall@20": round(float(np.mean(found[20])), 3),
        "pieces a photo": round(float(np.mean(counts)), 1),
        "ms": round(float(np.median(took_ms)), 1),
    }


def rooms(detector: Detector, shop: Path) -> dict[str, float]:
    """How many rooms find a product that stands in them, as a whole and by their pieces."""
    encoder = OnnxEncoder.load(encoder_folder("default"), threads=1)
    products = real_shop(shop.name, shop.parent).products
    ids = [product.id for product in products]
    vectors = encode_files(encoder, [product.images[0] for product in products])
    whole, chance, pieces_found = [], [], []
    first: dict[str, list[bool]] = {"": [], ", as cut": []}
    further: dict[str, list[float]] = {"": [], ", as cut": []}
    for line in _lines(shop / "rooms.jsonl"):
        file = shop / line["image"]
        image = decode_photo(file.read_bytes(), name=str(file), target_side_px=SIDE_PX)
        there = set(line["product_ids"])
        pieces = detector.find(image)
        rows = encoder.encode([image, *(piece.box.cut(image) for piece in pieces)])
        searched = pieces if is_room(pieces) else ()
        for how, cut in (("", encoder.without_room(rows[1:])), (", as cut", rows[1:])):
            order = np.argsort(-((cut if searched else rows[:1]) @ vectors.T), axis=1)[:, :FURTHER]
            # The best hit of each piece, then the second of each; each product once.
            told = [ids[place] for place in dict.fromkeys(order.T.ravel().tolist())][:FURTHER]
            first[how].append(bool(there & set(told[:FIRST])))
            further[how].append(len(there & set(told)) / len(there))
        order = np.argsort(-(rows[:1] @ vectors.T), axis=1)[0, :FIRST]
        whole.append(bool(there & {ids[place] for place in order}))
        absent = 1 - len(there) / len(ids)
        chance.append(1 - absent**FIRST)
        pieces_found.append(len(pieces))
    return {
        "rooms": len(whole),
        "in five, whole photo": round(float(np.mean(whole)), 3),
        **{
            f"in five, by pieces{how}": round(float(np.mean(told)), 3)
            for how, told in first.items()
        },
        "chance": round(float(np.mean(chance)), 3),
        **{
            f"in fifty, by pieces{how}": round(float(np.mean(each)), 3)
            for how, each in further.items()
        },
        "pieces a room": round(float(np.mean(pieces_found)), 1),
    }


def taken_for_rooms(detector: Detector, shop: Path) -> dict[str, float]:
    """Share of a shop's product photos that are searched as rooms, and what the look costs."""
    taken, took_ms = [], []
    for product in real_shop(shop.name, shop.parent).products[::2]:
        file = product.images[0]
        image = decode_photo(file.read_bytes(), name=str(file), target_side_px=SIDE_PX)
        began = time.process_time()
        pieces = detector.find(image)
        took_ms.append(1_000 * (time.process_time() - began))
        taken.append(is_room(pieces))
    return {
        f"taken for rooms, {shop.name}": round(float(np.mean(taken)), 4),
        f"ms, {shop.name}": round(float(np.median(took_ms)), 1),
    }


def main() -> None:
    """Measure the detector that ships, and others."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--detector", type=Path, action="append", default=[], help="folder of another detector"
    )
    parser.add_argument("--data", type=Path, default=IKEA_DEV.parent, help="folder of the sets")
    add_output_option(parser, "pieces")
    options = parser.parse_args()
    files = {
        "room-boxes-dev": "photos.jsonl",
        "ikea-dev": "rooms.jsonl",
        "shop2-dev": "products.jsonl",
    }
    rows, hashes = [], card_hashes("default")
    for folder in (SHIPPED_DETECTOR, *options.detector):
        detector = Detector.load(folder, threads=1)
        card = detector.card
        row: dict[str, Any] = {"detector": card.name, "from score": card.least_score}
        row |= recall(detector, options.data / "room-boxes-dev")
        row |= rooms(detector, options.data / "ikea-dev")
        for shop in ("ikea-dev", "shop2-dev"):
            row |= taken_for_rooms(detector, options.data / shop)
        print(row, flush=True)
        rows.append(row)
        hashes[card.name] = card.weights_sha256
    write_result(
        options.out,
        title="Pieces of rooms",
        data=[
            DataSet(name, sha256_of(options.data / name / file), "measuring set")
            for name, file in files.items()
        ],
        method=METHOD,
        figures={"rows": rows},
        encoders=hashes,
    )


if __name__ == "__main__":
    main()
