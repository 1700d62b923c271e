"""Command line: ``python -m tools.proposer_builder build --help``."""

import argparse
import sys
from pathlib import Path

from furniture_prompter.errors import DistillationError
from tools.catalog_builder.libraries import DEFAULT_SOURCE
from tools.proposer_builder.building import Recipe, build, render_sets
from tools.proposer_builder.pieces import KINDS

_PACKAGE = Path(__file__).parents[2] / "src" / "furniture_prompter"
_TARGET = _PACKAGE / "encoders" / "detectors" / "rooms"


def main(arguments: list[str] | None = None) -> int:
    """Run the tool; 0 when a detector was written, 1 when a gate refused, 2 for a wrong call."""
    shipped = Recipe()
    parser = argparse.ArgumentParser(prog="python -m tools.proposer_builder")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, about in (
        ("render", "draw the rooms alone; hours on one core, and resumable"),
        ("build", "draw the rooms that are missing, train on them, and put the detector in place"),
    ):
        command = commands.add_parser(name, help=about)
        command.add_argument(
            "--photos", type=Path, default=Path("build/proposer"), help="folder of drawn rooms"
        )
        command.add_argument(
            "--tiles", type=Path, required=True,
            help="tiles of materials, a folder for each class: ambientCG's, CC0",
        )  # fmt: skip
        command.add_argument(
            "--source", type=Path, default=DEFAULT_SOURCE, help="Sweet Home 3D's libraries"
        )
    command.add_argument("--network", choices=("lite0", "lite2"), default=shipped.network)
    command.add_argument("--side-px", type=int, default=shipped.side_px)
    command.add_argument("--passes", type=float, default=shipped.passes)
    command.add_argument("--least-score", type=float, default=shipped.least_score)
    command.add_argument("--furniture", nargs="+", choices=KINDS, default=list(shipped.furniture))
    command.add_argument("--out", type=Path, default=_TARGET, help="folder, replaced")
    options = parser.parse_args(arguments)
    render_sets(options.photos, source=options.source, tiles_folder=options.tiles, report=print)
    if options.command == "render":
        return 0
    recipe = Recipe(
        network=options.network,
        side_px=options.side_px,
        passes=options.passes,
        least_score=options.least_score,
        furniture=tuple(options.furniture),
    )
    try:
        build(recipe, options.photos, options.out, report=print)
    except (DistillationError, FileNotFoundError, ValueError) as error:
        print(f"Nothing was written. {error}", file=sys.stderr)
        return 1
    print(f"Wrote {options.out}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
