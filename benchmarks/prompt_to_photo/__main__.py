"""``python -m benchmarks.prompt_to_photo``: words to pictures with what ships.

Prompts are "category, color". No text is indexed: a prompt meets nothing but photo vectors.
"""

import argparse
import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.prompt_to_photo.protocol import (
    WEIGHTS,
    MeasuringSet,
    Pairs,
    image_encoder_folder,
    measure,
    measure_sizes,
    provenance,
)
from furniture_prompter.encoders.alignment import AlignmentSettings
from furniture_prompter.encoders.onnx_encoder import OnnxEncoder
from furniture_prompter.encoders.prompt_encoder import StaticPromptEncoder

PROMPT = ("category", "color")
FITTED_TEXTS = (
    PROMPT,
    ("category",),
    ("title",),
    ("title", "category", "color"),
    ("title", "category", "color", "description"),
)
DIMENSIONS = (16, 32, 64, 96, 128, 192, 256)
RIDGES = (50.0, 150.0, 500.0), (200.0, 600.0, 1_800.0)
SIZES = [60, 120, 240, 480, 840]
RIDGE_SHARES = [(x, y) for x in (0.1, 0.3, 1.0, 3.0) for y in (0.5, 2.0, 8.0)]


def main(arguments: list[str]) -> None:
    here = Path(__file__).parent
    parser = argparse.ArgumentParser(prog="python -m benchmarks.prompt_to_photo")
    parser.add_argument("--data", type=Path, default=Path("../shared/data/ikea-dev"))
    parser.add_argument("--out", type=Path, default=here / "results.json")
    parser.add_argument("--encoder", help="image encoder, if more than one ships")
    parser.add_argument("--prompt-encoder", default="multilingual-static-384")
    parser.add_argument("--seeds", type=int, default=5, help="random halves for the main figures")
    parser.add_argument("--table-seeds", type=int, default=2, help="the same for the tables")
    options = parser.parse_args(arguments)

    data = MeasuringSet.load(options.data)
    image_encoder = OnnxEncoder.load(image_encoder_folder(options.encoder))
    prompt_encoder = StaticPromptEncoder.load(WEIGHTS / options.prompt_encoder)
    prompts = prompt_encoder.encode(data.texts(*PROMPT))
    pairs = Pairs(prompts, prompts, data.encode_photos(image_encoder))

    def table(rows: list[tuple[dict[str, Any], Pairs, AlignmentSettings]]) -> list[dict[str, Any]]:
        return [
            {**name, **measure(chosen, settings, options.table_seeds)}
            for name, chosen, settings in rows
        ]

    settings = AlignmentSettings()
    results = {
        "provenance": provenance(
            "python -m benchmarks.prompt_to_photo", data, image_encoder.card, prompt_encoder.card
        ),
        "settings": dataclasses.asdict(settings),
        "prompt": ", ".join(PROMPT),
        "random_halves": options.seeds,
        **measure(pairs, settings, options.seeds),
        "table_random_halves": options.table_seeds,
        "by_text_fitted_on": table(
            [
                (
                    {"text": ", ".join(fields)},
                    dataclasses.replace(pairs, fitted=prompt_encoder.encode(data.texts(*fields))),
                    settings,
                )
                for fields in FITTED_TEXTS
            ]
        ),
        "by_dimension": table(
            [
                ({"dimension": size}, pairs, dataclasses.replace(settings, dimension=size))
                for size in DIMENSIONS
            ]
        ),
        "by_ridge": table(
            [
                (
                    {"prompt_ridge_products": x, "photo_ridge_products": y},
                    pairs,
                    dataclasses.replace(settings, prompt_ridge_products=x, photo_ridge_products=y),
                )
                for x in RIDGES[0]
                for y in RIDGES[1]
            ]
        ),
        "by_products_fitted_on": measure_sizes(
            pairs,
            lambda x, y: dataclasses.replace(
                settings, prompt_ridge_products=x, photo_ridge_products=y
            ),
            SIZES,
            RIDGE_SHARES,
            options.table_seeds,
        ),
    }
    options.out.write_text(json.dumps(results, indent=2, ensure_ascii=False) + "\n", "utf-8")
    print(json.dumps({key: results[key] for key in ("held_out_half", "all_products")}, indent=2))


if __name__ == "__main__":
    main(sys.argv[1:])
