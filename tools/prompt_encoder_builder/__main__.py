"""``python -m tools.prompt_encoder_builder build --out FOLDER``, then ``build-multilingual``."""

import argparse
import json
import sys
from pathlib import Path

from furniture_prompter.encoders.registry import WEIGHTS_FOLDER
from tools.prompt_encoder_builder.build import NAME, build, build_alignment
from tools.prompt_encoder_builder.checks import CheckFailedError
from tools.prompt_encoder_builder.distil import DistilSettings, SourceMissingError
from tools.prompt_encoder_builder.multilingual import MultilingualSettings, build_multilingual


def main(arguments: list[str]) -> int:
    """Run the command line; 0 when the encoder was written, 1 when it was refused."""
    defaults = DistilSettings()
    parser = argparse.ArgumentParser(prog="python -m tools.prompt_encoder_builder")
    commands = parser.add_subparsers(required=True, dest="command")
    build_parser = commands.add_parser("build", help=build.__doc__)
    build_parser.add_argument("--out", type=Path, required=True, help="folder of encoders")
    build_parser.add_argument("--dimension", type=int, default=defaults.dimension)
    build_parser.add_argument("--sif", type=float, default=defaults.sif_coefficient)
    both_parser = commands.add_parser("build-multilingual", help=build_multilingual.__doc__)
    both_parser.add_argument("--out", type=Path, required=True, help="folder of encoders")
    both_parser.add_argument(
        "--english", type=Path, default=WEIGHTS_FOLDER / NAME, help="folder of the English encoder"
    )
    shipped_parser = commands.add_parser("build-alignment", help=build_alignment.__doc__)
    shipped_parser.add_argument("--out", type=Path, required=True, help="folder of the alignment")
    options = parser.parse_args(arguments)
    if options.command == "build-alignment":
        print(json.dumps(build_alignment(options.out), indent=2))
        return 0
    try:
        if options.command == "build":
            settings = DistilSettings(dimension=options.dimension, sif_coefficient=options.sif)
            card = build(options.out, settings)
        else:
            card = build_multilingual(options.out, options.english, MultilingualSettings(), _tell)
    except (SourceMissingError, CheckFailedError) as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps(card.as_json(), indent=2, ensure_ascii=False))
    return 0


def _tell(sentence: str) -> None:
    print(sentence, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
