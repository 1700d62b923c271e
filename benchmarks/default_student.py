"""Should a student become the default encoder? The one that ships against candidates, in one table.

``train`` distils the candidate from the best teacher without a hub; ``measure`` compares it, and
whatever other students are named, with the default.
"""

import argparse
import statistics
import time
from pathlib import Path

import numpy as np

from benchmarks.datasets import IKEA_DEV, encode_files, ikea_dev, load_products
from benchmarks.distillation import Lesson, split, train, types_of, views_of
from benchmarks.prompt_to_photo import protocol
from benchmarks.provenance import add_output_option, write_result
from furniture_prompter.bundled import HELD_OUT_EVERY
from furniture_prompter.domain.rankings import SameLabelRetrieval, same_label_retrieval
from furniture_prompter.encoders.alignment import AlignmentSettings
from furniture_prompter.encoders.onnx_encoder import OnnxEncoder
from furniture_prompter.encoders.prompt_encoder import StaticPromptEncoder
from furniture_prompter.encoders.registry import encoder_folder
from furniture_prompter.evaluation.metrics import bootstrap_interval

CANDIDATE = Lesson("efficientnet-lite2-0", "efficientnet-lite2", ("--seed", "0"))
HALVES = 1
SPEED_PHOTOS, SPEED_ROUNDS = 64, 5

METHOD = f"""
Candidates were distilled from `imagenet-ensemble` on renders alone, without the products of every
{HELD_OUT_EVERY}th model; the default is the same architecture as it came from ImageNet, its
last two maps and the colours along principal axes. Product
type: real photos, leave-one-out, {{queries}} queries, as in "Photo to product type". The difference
to the default is paired, query by query, with its 95 % bootstrap interval: a candidate wins a
column only where the interval lies above 0. Prompt: "category, color" against photos of the
held-out half, the alignment fitted on the other, {HALVES} random split both ways, as in "Prompt to
photo"; no text is indexed. Another view: renders of models held out from training. Milliseconds are
decoding, preprocessing and encoding of {SPEED_PHOTOS} photos one by one, in turns, medians of
{SPEED_ROUNDS} rounds. A candidate becomes the default when it wins product type or prompts and
loses neither, at no more milliseconds; or when it loses nothing and takes at most three quarters
of them.
"""


def rounds_ms(encoders: list[OnnxEncoder], files: list[Path]) -> list[list[float]]:
    """Milliseconds an image of each encoder in each round, all taking turns."""
    times: list[list[float]] = [[] for _ in encoders]
    for turn in range(SPEED_ROUNDS + 1):
        for place, encoder in enumerate(encoders):
            began = time.perf_counter()
            encode_files(encoder, files)
            if turn:
                times[place].append(1_000 * (time.perf_counter() - began) / len(files))
    return times


def prompt_recall(vectors: np.ndarray, prompts: np.ndarray) -> str:
    """R@10 among the held-out half, with its spread between halves."""
    pairs = protocol.Pairs(prompts, prompts, vectors)
    found = protocol.measure(pairs, AlignmentSettings(), HALVES)["held_out_half"]
    return f"{found['recall_at_10']:.3f} ± {found['recall_at_10_spread']:.3f}"


def gain(mine: np.ndarray, other: np.ndarray) -> str:
    """Mean paired difference and its interval."""
    low, high = bootstrap_interval(mine - other)
    return f"{float((mine - other).mean()):+.3f} [{low:+.3f}, {high:+.3f}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("step", choices=("train", "measure"))
    parser.add_argument("feed", type=Path, help="products.jsonl of the builder's full set")
    parser.add_argument("work", type=Path, help="folder that holds the students")
    parser.add_argument("others", nargs="*", type=Path, help="further students' folders")
    parser.add_argument("--data", type=Path, default=IKEA_DEV, help="folder of the measuring set")
    parser.add_argument("--option", action="append", default=[], help="passed on to distill")
    add_output_option(parser, "default_student")
    arguments = parser.parse_args()
    if arguments.step == "train":
        train(arguments.feed, arguments.work, [CANDIDATE], arguments.option)
        return
    learned, held_out = split(load_products(arguments.feed, "renders"))
    photos = ikea_dev(arguments.data)
    types, views = types_of(photos), views_of(held_out)
    prompt_encoder = StaticPromptEncoder.load(encoder_folder("default-prompt"))
    prompts = prompt_encoder.encode([f"{each.category}, {each.color}" for each in photos.products])
    folders = [
        encoder_folder("default"),
        arguments.work / CANDIDATE.name,
        *arguments.others,
    ]
    encoders = [OnnxEncoder.load(folder) for folder in folders]
    timed = rounds_ms(encoders, types.files[:: len(types.files) // SPEED_PHOTOS][:SPEED_PHOTOS])
    speeds = [statistics.median(each) for each in timed]
    rows: list[dict[str, object]] = []
    reference: SameLabelRetrieval | None = None
    for folder, encoder, took_ms in zip(folders, encoders, speeds, strict=True):
        vectors = encode_files(encoder, types.files)
        found = same_label_retrieval(vectors, vectors, types.labels, types.least)
        shown = encode_files(encoder, views.files)
        another = same_label_retrieval(shown, shown, views.labels, views.least)
        first = reference is None
        reference = reference or found
        rows.append(
            {
                "encoder": f"{encoder.card.name}, the default" if first else folder.name,
                "type R@1": f"{found.recall_at_1.mean():.3f}",
                "less the default's R@1": ""
                if first
                else gain(found.recall_at_1, reference.recall_at_1),
                "type mAP": f"{found.average_precision.mean():.3f}",
                "less the default's mAP": ""
                if first
                else gain(found.average_precision, reference.average_precision),
                "prompt R@10": prompt_recall(vectors, prompts),
                "other view R@1": f"{another.recall_at_1.mean():.3f}",
                "ms an image": round(took_ms, 2),
                "dimensions": encoder.card.dimension,
                "weights, MB": round(encoder.card.weights_bytes / 1e6, 1),
            }
        )
        print(rows[-1], flush=True)
    write_result(
        arguments.out,
        title="A student as the default encoder",
        data=[photos.source, learned.source, held_out.source],
        method=METHOD.format(queries=len(reference.places) if reference else 0),
        figures={"rows": rows},
        encoders={
            folder.name: encoder.card.weights_sha256
            for folder, encoder in zip(folders, encoders, strict=True)
        },
    )


if __name__ == "__main__":
    main()
