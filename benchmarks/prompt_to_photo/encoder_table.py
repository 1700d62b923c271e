"""``python -m benchmarks.prompt_to_photo.encoder_table``: settings of the prompt encoder compared.

Needs the extra ``train``. Each row is distilled anew, held against the network it comes from, and
used as the prompt side of the alignment with the photo vectors of the image encoder that ships.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.prompt_to_photo.data import MeasuringSet, image_encoder_folder, provenance
from benchmarks.prompt_to_photo.protocol import Pairs, Vectors, measure, ranks
from furniture_prompter.encoders.alignment_fit import AlignmentSettings
from furniture_prompter.encoders.onnx_encoder import OnnxEncoder
from furniture_prompter.encoders.prompt_encoder import StaticPromptEncoder
from tools.prompt_encoder_builder.build import NAME, write_encoder
from tools.prompt_encoder_builder.checks import check
from tools.prompt_encoder_builder.distil import DistilSettings, distil
from tools.prompt_encoder_builder.network import Network
from tools.prompt_encoder_builder.source import Source, find_source

ALMOST_UNWEIGHTED = 0.5
SETTINGS = [
    DistilSettings(dimension=dimension, sif_coefficient=sif)
    for dimension in (256, 384)
    for sif in (1e-4, 3e-4, 1e-3, ALMOST_UNWEIGHTED)
]


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.prompt_to_photo.encoder_table")
    parser.add_argument("--data", type=Path, default=Path("../shared/data/ikea-dev"))
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "encoder_table.json")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args(arguments)

    data, source = MeasuringSet.load(options.data), find_source()
    network = Network(source.folder)
    image_encoder = OnnxEncoder.load(image_encoder_folder(None))
    photos = data.encode_photos(image_encoder)
    rows = [
        {"encoder": "all-MiniLM-L6-v2 itself", **_figures(network, data, photos, options.seeds)}
    ]
    rows += [_row(settings, source, network, data, photos, options.seeds) for settings in SETTINGS]
    command = "python -m benchmarks.prompt_to_photo.encoder_table"
    results = {"provenance": provenance(command, data, image_encoder.card), "rows": rows}
    options.out.write_text(json.dumps(results, indent=2, ensure_ascii=False) + "\n", "utf-8")
    print(json.dumps(rows, indent=2))


def _row(
    settings: DistilSettings,
    source: Source,
    network: Network,
    data: MeasuringSet,
    photos: Vectors,
    seeds: int,
) -> dict[str, Any]:
    distilled = distil(source.folder, settings)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / NAME
        folder.mkdir()
        write_encoder(folder, distilled, source, figures={})
        encoder = StaticPromptEncoder.load(folder)
        checked = check(encoder, distilled.reference, network)
        figures = _figures(encoder, data, photos, seeds)
        megabytes = sum(path.stat().st_size for path in folder.iterdir()) / 1e6
    return {
        "encoder": "static",
        "dimension": settings.dimension,
        "sif_coefficient": settings.sif_coefficient,
        "megabytes": round(megabytes, 1),
        "rank_correlation": round(checked.rank_correlation, 4),
        "triplets_right": round(checked.triplets_right, 4),
        **figures,
    }


def _figures(
    encoder: Network | StaticPromptEncoder, data: MeasuringSet, photos: Vectors, seeds: int
) -> dict[str, Any]:
    """Prompt to photo, and prompt to the full text of its own product among all products."""
    prompts = encoder.encode(data.texts("category", "color"))
    descriptions = encoder.encode(data.texts("category", "color", "size", "description"))
    found = ranks(prompts, descriptions, np.arange(len(prompts)))
    return {
        **measure(Pairs(prompts, prompts, photos), AlignmentSettings(), seeds),
        "prompt_to_description_mrr": round(float((1 / found).mean()), 4),
    }


if __name__ == "__main__":
    main(sys.argv[1:])
