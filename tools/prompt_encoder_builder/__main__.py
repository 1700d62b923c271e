"""``python -m tools.prompt_encoder_builder build --out FOLDER_OF_ENCODERS``."""

import argparse
import json
import sys
from pathlib import Path

from tools.prompt_encoder_builder.build import build
from tools.prompt_encoder_builder.checks import CheckFailedError
from tools.prompt_encoder_builder.distil import DistilSettings
from tools.prompt_encoder_builder.source import SourceMissingError


def main(arguments: list[str]) -> int:
    """Run the command line; 0 when the encoder was written, 1 when it was refused."""
    defaults = DistilSettings()
    parser = argparse.ArgumentParser(prog="python -m tools.prompt_encoder_builder")
    build_parser = parser.add_subparsers(required=True).add_parser("build", help=build.__doc__)
    build_parser.add_argument("--out", type=Path, required=True, help="folder of encoders")
    build_parser.add_argument("--dimension", type=int, default=defaults.dimension)
    build_parser.add_argument("--sif", type=float, default=defaults.sif_coefficient)
    options = parser.parse_args(arguments)
    settings = DistilSettings(dimension=options.dimension, sif_coefficient=options.sif)
    try:
        card = build(options.out, settings)
    except (SourceMissingError, CheckFailedError) as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps(card.as_json(), indent=2, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
