"""What goes with a piece: do its room mates come back, by kinds, by looks, by a shop's own rooms?

    python -m benchmarks.goes_with

Rooms are those of ikea-dev: products that stand together in a photo of the shop.
"""

import argparse
import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.datasets import IKEA_DEV, card_hashes, encode_files, real_shop
from benchmarks.provenance import DataSet, add_output_option, write_result
from furniture_prompter import Catalog, index
from furniture_prompter.atomic_files import sha256_of
from furniture_prompter.encoders.onnx_encoder import OnnxEncoder
from furniture_prompter.encoders.registry import encoder_folder
from furniture_prompter.settings import Settings
from furniture_prompter.understanding.rooms import kind_in, room_table
from furniture_prompter.understanding.thesaurus import thesaurus

METHOD = """
Leave one out: every product of a room asks for the other products of that room among all others of
the catalog, once for each room that it stands in. recall@50 is the share of its room mates among
the first fifty, hit@10 whether one of them is among the first ten; both are means over all
questions. Random: a random order. Visual neighbours: by the default encoder's cosine of the main
photos. Kinds table alone: by how likely the table that ships says that a room with a piece of the
one kind has one of the other, equal ones in random order, a second piece of a kind behind. As it
ships: `goes-with` with its weights, by kinds, colours of photos and colour columns (this feed
names no materials). With the shop's own rooms: the same, with the half of the rooms that the
asking room is not in as --rooms, so that no answer has seen the room that it is asked for
(two-fold). Products of the asking product's own kind are never in an answer of `goes-with`, and
rooms have some, which bounds its recall; so do products whose kind the thesaurus does not know, a
fifth of this feed. The table of kinds was written from general knowledge, before the rooms were
looked at, and was not changed by them; so were the weights. Of the feed, only which of its
categories the thesaurus knows had been looked at.
"""
FIRST = 50
SEED = 20_261_130


def questions(rooms: Sequence[Sequence[str]]) -> list[tuple[str, frozenset[str], int]]:
    """Every product of a room, its room mates, and the number of the room."""
    return [
        (each, frozenset(room) - {each}, number)
        for number, room in enumerate(rooms)
        for each in room
        if len(room) > 1
    ]


def measured(
    asked: Sequence[tuple[str, frozenset[str], int]],
    rank: Callable[[str, int], Sequence[str]],
) -> dict[str, float]:
    """recall@50 and hit@10 of a way to rank."""
    recalls, hits = [], []
    for product_id, mates, room in asked:
        first = list(rank(product_id, room))[:FIRST]
        recalls.append(len(mates & set(first)) / len(mates))
        hits.append(bool(mates & set(first[:10])))
    return {
        "recall@50": round(float(np.mean(recalls)), 3),
        "hit@10": round(float(np.mean(hits)), 3),
    }


def in_turn(likely: dict[str, float], ids: Sequence[str], kinds: Sequence[str]) -> list[str]:
    """Products by how likely their kind is, the second of a kind behind what is a third as likely.

    Args:
        likely: Of each kind.
        ids: In the order in which equal ones come.
        kinds: Of the same products.
    """
    before: dict[str, int] = {}
    scored = []
    for product_id, kind in zip(ids, kinds, strict=True):
        if kind in likely:
            rank = before.get(kind, 0)
            before[kind] = rank + 1
            scored.append((math.log(likely[kind]) - 1.2 * rank, product_id))
    return [each for _, each in sorted(scored, key=lambda pair: -pair[0])]


def main() -> None:
    """Measure the default encoder's catalog of the set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shop", type=Path, default=IKEA_DEV, help="folder of the set")
    parser.add_argument("--catalog", type=Path, help="its catalog, where it was indexed before")
    add_output_option(parser, "goes_with")
    options = parser.parse_args()
    products = real_shop(options.shop.name, options.shop.parent).products
    ids = [product.id for product in products]
    lines = (options.shop / "rooms.jsonl").read_text("utf-8").splitlines()
    rooms = [[each for each in json.loads(line)["product_ids"] if each in ids] for line in lines]
    asked = questions(rooms)
    random = np.random.default_rng(SEED)

    def by_chance(product_id: str, _: int) -> list[str]:
        return [ids[place] for place in random.permutation(len(ids)) if ids[place] != product_id]

    encoder = OnnxEncoder.load(encoder_folder("default"), threads=1)
    vectors = encode_files(encoder, [product.images[0] for product in products])
    cosines = vectors @ vectors.T

    def by_looks(product_id: str, _: int) -> list[str]:
        order = np.argsort(-cosines[ids.index(product_id)])
        return [ids[place] for place in order if ids[place] != product_id]

    words, table = thesaurus(), room_table()
    kinds = [table.place(kind_in((each.category, each.title), words)) for each in products]

    def by_kinds(product_id: str, _: int) -> list[str]:
        ties = table.ties(kinds[ids.index(product_id)])
        order = random.permutation(len(ids))
        likely = {kind: tie.likely for kind, tie in ties.items()}
        return in_turn(likely, [ids[x] for x in order], [kinds[x] for x in order])

    rows = []

    def measure(name: str, rank: Callable[[str, int], Sequence[str]]) -> None:
        rows.append({"way": name, **measured(asked, rank)})
        print(rows[-1], flush=True)

    measure("random", by_chance)
    measure("visual neighbours", by_looks)
    measure("kinds table alone", by_kinds)
    with TemporaryDirectory() as folder:
        path = options.catalog or Path(folder) / "catalog"
        if options.catalog is None:
            index(options.shop / "products.jsonl", path)
        answered: dict[tuple[str, int], list[str]] = {}

        def by(catalogs: Sequence[Catalog]) -> Callable[[str, int], Sequence[str]]:
            answered.clear()

            def rank(product_id: str, room: int) -> list[str]:
                key = product_id, room % len(catalogs)
                if key not in answered:
                    found = catalogs[key[1]].goes_with(product_id, limit=FIRST)
                    answered[key] = [each.product.id for each in found.companions]
                return answered[key]

            return rank

        with Catalog.open(path) as opened:
            measure("as it ships: kinds and colours", by([opened]))
        halves = []
        for half in (0, 1):
            file = Path(folder) / f"rooms-{half}.jsonl"
            others = [line for number, line in enumerate(lines) if number % 2 != half]
            file.write_text("\n".join(others), "utf-8")
            halves.append(Catalog.open(path, settings=Settings(rooms=file)))
        measure("with the shop's own rooms, two-fold", by(halves))
        for each in halves:
            each.close()
    write_result(
        options.out,
        title="What goes with a piece: its room mates",
        data=[
            DataSet(
                options.shop.name,
                sha256_of(options.shop / "rooms.jsonl"),
                f"{len(rooms)} rooms, {len(asked)} questions, {len(ids):,} products",
            )
        ],
        method=METHOD,
        figures={"rows": rows},
        encoders=card_hashes("default"),
    )


if __name__ == "__main__":
    main()
