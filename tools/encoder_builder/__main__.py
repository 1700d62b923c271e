"""Command line: ``python -m tools.encoder_builder build --help``."""

import argparse
import sys
from pathlib import Path
from typing import get_args

from furniture_prompter.encoders.colour_words import COLOUR_WORDS_FILE
from furniture_prompter.encoders.onnx_encoder import ROOMS_FILE, SIDES_FILE
from furniture_prompter.errors import DistillationError
from tools.catalog_builder.libraries import DEFAULT_SOURCE
from tools.encoder_builder.build import Recipe, build
from tools.encoder_builder.catalogs import read_catalog
from tools.encoder_builder.colour_words import make_colour_words
from tools.encoder_builder.graph import Head, Pooling
from tools.encoder_builder.networks import NETWORK_NAMES
from tools.encoder_builder.rooms import add_rooms
from tools.encoder_builder.sides import add_sides

_PACKAGE = Path(__file__).parents[2] / "src" / "furniture_prompter"
_TARGET = _PACKAGE / "encoders" / "weights" / "efficientnet-lite2"
_CATALOG = _PACKAGE / "bundled"


def main(arguments: list[str] | None = None) -> int:
    """Run the tool; 0 when an encoder was written, 1 when a gate refused, 2 for a wrong call."""
    shipped = Recipe()
    parser = argparse.ArgumentParser(prog="python -m tools.encoder_builder")
    commands = parser.add_subparsers(dest="command", required=True)
    sides = commands.add_parser(
        "sides", help="fit only what tells which side of a photo is up, beside a built encoder"
    )
    sides.add_argument("--out", type=Path, default=_TARGET, help="folder of the encoder")
    sides.add_argument("--catalog", type=Path, default=_CATALOG, help="images to fit to")
    rooms = commands.add_parser(
        "rooms", help="fit only what rooms add to their pieces' vectors, beside a built encoder"
    )
    rooms.add_argument("--out", type=Path, default=_TARGET, help="folder of the encoder")
    rooms.add_argument(
        "--photos", type=Path, default=Path("build/pairs"), help="folder of drawn rooms"
    )
    rooms.add_argument("--source", type=Path, default=DEFAULT_SOURCE, help="3D models")
    rooms.add_argument(
        "--tiles", type=Path, required=True, help="tiles of materials, a folder for each class"
    )
    words = commands.add_parser(
        "colour-words", help="fit only what colours are called, in the space of a built encoder"
    )
    words.add_argument("--encoder", type=Path, default=_TARGET, help="folder of the encoder")
    words.add_argument(
        "--out", type=Path, default=_PACKAGE / "encoders" / COLOUR_WORDS_FILE, help="file"
    )
    words.add_argument("--catalog", type=Path, default=_CATALOG, help="images to dye")
    make = commands.add_parser(
        "build", help="build an image encoder, check it, and put it in place"
    )
    make.add_argument("--network", choices=NETWORK_NAMES, default=shipped.network)
    make.add_argument("--side-px", type=int, default=shipped.side_px)
    make.add_argument("--pooling", choices=get_args(Pooling), default=shipped.head.pooling)
    make.add_argument(
        "--body-pooling",
        choices=(*get_args(Pooling), "none"),
        default=shipped.head.body_pooling,
        help="of the map before the last block",
    )
    make.add_argument("--colour-weight", type=float, default=shipped.head.colour_weight)
    make.add_argument(
        "--tail",
        action=argparse.BooleanOptionalAction,
        default=shipped.tail,
        help="the 1,280 channels before the classifier are the last block",
    )
    make.add_argument(
        "--components", type=int, default=shipped.components, help="axes of shape; 0 for none"
    )
    make.add_argument("--colour-components", type=int, default=shipped.colour_components)
    make.add_argument(
        "--colour-share", type=float, default=shipped.colour_share, help="of a likeness, 0 to 1"
    )
    make.add_argument("--float", action="store_true", help="do not quantise")
    make.add_argument(
        "--float-blocks",
        type=int,
        default=shipped.float_blocks,
        help="first blocks that stay float",
    )
    make.add_argument("--out", type=Path, default=_TARGET, help="folder, replaced as a whole")
    make.add_argument(
        "--catalog", type=Path, default=_CATALOG, help="images to fit, calibrate and measure on"
    )
    make.add_argument(
        "--space-of", type=Path, help="folder of an earlier build whose catalogs this one may ask"
    )
    make.add_argument("--ikea-dev", type=Path, help="measuring set for same-type figures")
    options = parser.parse_args(arguments)
    if options.command == "sides":
        card = add_sides(options.out, read_catalog(options.catalog), print)
        print(f"Wrote {SIDES_FILE} beside {card.name}; its catalogs stay as they are.")
        return 0
    if options.command == "rooms":
        # VTK, which draws, is loaded for this alone.
        from tools.proposer_builder.pairs import draw_pairs, read_pairs

        draw_pairs(options.photos, source=options.source, tiles_folder=options.tiles, report=print)
        card = add_rooms(options.out, read_pairs(options.photos), print)
        print(f"Wrote {ROOMS_FILE} beside {card.name}; its catalogs stay as they are.")
        return 0
    if options.command == "colour-words":
        images = read_catalog(options.catalog)
        make_colour_words(options.encoder, images, print).save(options.out)
        print(f"Wrote {options.out}.")
        return 0
    recipe = Recipe(
        network=options.network,
        side_px=options.side_px,
        tail=options.tail,
        head=Head(
            options.pooling,
            None if options.body_pooling == "none" else options.body_pooling,
            options.colour_weight,
        ),
        components=options.components,
        colour_components=options.colour_components,
        colour_share=options.colour_share,
        int8=not options.float,
        float_blocks=options.float_blocks,
    )
    try:
        card = build(
            recipe,
            options.out,
            catalog=options.catalog,
            ikea_dev=options.ikea_dev,
            report=print,
            space_of=options.space_of,
        )
    except (DistillationError, FileNotFoundError, ValueError) as error:
        print(f"Nothing was written. {error}", file=sys.stderr)
        return 1
    print(f"Wrote {card.name}: {card.dimension} components, {card.weights_bytes:,} bytes.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
