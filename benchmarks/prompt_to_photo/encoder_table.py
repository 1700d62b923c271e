"""``python -m benchmarks.prompt_to_photo.encoder_table``: settings of the prompt encoder compared.

Needs the extra ``train``. The network is distilled once, at full dimension: principal components
come in order, so fewer dimensions are the first ones, and weights are divided out and in. Each row
is held against the network on the builder's prompts, and is the prompt side of the alignment with
the photo vectors of the image encoder that ships.
"""

import argparse
import dataclasses
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.prompt_to_photo.protocol import (
    WEIGHTS,
    MeasuringSet,
    Pairs,
    Vectors,
    image_encoder_folder,
    measure,
    provenance,
    ranks,
)
from furniture_prompter.encoders.alignment import AlignmentSettings
from furniture_prompter.encoders.card import EncoderCard
from furniture_prompter.encoders.onnx_encoder import OnnxEncoder
from furniture_prompter.encoders.prompt_encoder import (
    TOKENIZER_FILE,
    StaticPromptEncoder,
    WordPieceTokenizer,
)
from tools.prompt_encoder_builder.build import NAME
from tools.prompt_encoder_builder.checks import (
    rank_correlation,
    read_lines,
    read_triplets,
    triplets_right,
)
from tools.prompt_encoder_builder.distil import (
    Distilled,
    DistilSettings,
    Network,
    distil,
    find_source,
    quantise_rows,
)

ALMOST_UNWEIGHTED = 0.5
FULL_DIMENSION = 384
SETTINGS = [
    DistilSettings(dimension=dimension, sif_coefficient=sif)
    for dimension in (256, FULL_DIMENSION)
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
    whole = distil(source.folder, DistilSettings(FULL_DIMENSION, ALMOST_UNWEIGHTED))
    rotated = whole.embeddings / _weights(len(whole.embeddings), ALMOST_UNWEIGHTED)
    tokenizer = _tokenizer(whole)
    rows += [
        _row(settings, rotated, tokenizer, network, data, photos, options.seeds)
        for settings in SETTINGS
    ]
    command = "python -m benchmarks.prompt_to_photo.encoder_table"
    results = {"provenance": provenance(command, data, image_encoder.card), "rows": rows}
    options.out.write_text(json.dumps(results, indent=2, ensure_ascii=False) + "\n", "utf-8")
    print(json.dumps(rows, indent=2))


def _tokenizer(distilled: Distilled) -> WordPieceTokenizer:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, TOKENIZER_FILE)
        path.write_text(distilled.tokenizer.to_str(), encoding="utf-8")
        return WordPieceTokenizer.load(path)


def _row(
    settings: DistilSettings,
    rotated: Vectors,
    tokenizer: WordPieceTokenizer,
    network: Network,
    data: MeasuringSet,
    photos: Vectors,
    seeds: int,
) -> dict[str, Any]:
    weights = _weights(len(rotated), settings.sif_coefficient)
    rows = quantise_rows(np.asarray(rotated[:, : settings.dimension] * weights, np.float32))
    encoder = StaticPromptEncoder(_card(settings), tokenizer, rows)
    prompts = read_lines("check_prompts.txt")
    pairs = np.triu_indices(len(prompts), k=1)
    found, taught = encoder.encode(prompts), network.encode(prompts)
    return {
        "encoder": "static",
        "dimension": settings.dimension,
        "sif_coefficient": settings.sif_coefficient,
        "megabytes": round(rows.nbytes / 1e6, 1),
        "rank_correlation": round(
            rank_correlation((found @ found.T)[pairs], (taught @ taught.T)[pairs]), 4
        ),
        "triplets_right": round(triplets_right(encoder, read_triplets()), 4),
        **_figures(encoder, data, photos, seeds),
    }


def _weights(pieces: int, sif_coefficient: float) -> Any:
    """model2vec's weights for frequent word pieces, as a column."""
    from model2vec.distill.inference import compute_weights

    return compute_weights(pieces, sif_coefficient)[:, None]


def _card(settings: DistilSettings) -> EncoderCard:
    """A card for an encoder that is measured and thrown away."""
    return dataclasses.replace(
        EncoderCard.load(WEIGHTS / NAME), name="compared", dimension=settings.dimension
    )


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
