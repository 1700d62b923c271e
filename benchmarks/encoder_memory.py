"""What each encoder takes of memory and disk, in a process of its own."""

import argparse
import statistics
from pathlib import Path

from benchmarks.datasets import bundled
from benchmarks.provenance import add_output_option, write_result
from furniture_prompter.encoders.card import EncoderCard
from furniture_prompter.encoders.registry import encoder_folder
from furniture_prompter.evaluation.memory import measure_memory

PHOTOS = 24
RUNS = 3

METHOD = f"""
A fresh process loads one encoder by the call that searching makes and encodes {PHOTOS} bundled
photos one by one. Resident memory is what the process holds then (VmRSS) and the most it ever held
(VmHWM); "of it the encoder" is VmRSS less that of the same process before it loads the encoder,
with Python and the imports already there. Medians of {RUNS} processes. On disk is the weights file.
"""


def measure(name: str, files: list[Path]) -> dict[str, object]:
    """One row."""
    folder = encoder_folder(name)
    found = measure_memory(name, folder, files, RUNS, 0)
    card = EncoderCard.load(folder)

    def median_mb(each: tuple[int, ...]) -> float:
        return round(statistics.median(each) / 1e6, 1)

    return {
        "encoder": card.name,
        "parameters": card.parameters,
        "dimensions": card.dimension,
        "on disk, MB": round(card.weights_bytes / 1e6, 1),
        "resident, MB": median_mb(found.resident_bytes),
        "peak, MB": median_mb(found.peak_bytes),
        "of it the encoder, MB": median_mb(found.encoder_bytes),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("encoders", nargs="+", help="names or folders")
    add_output_option(parser, "encoder_memory")
    arguments = parser.parse_args()
    data = bundled()
    files = [product.images[0] for product in data.products[:PHOTOS]]
    rows = []
    for name in arguments.encoders:
        rows.append(measure(name, files))
        print(rows[-1])
    cards = [EncoderCard.load(encoder_folder(name)) for name in arguments.encoders]
    write_result(
        arguments.out,
        title="Memory of each encoder",
        data=[data.source],
        method=METHOD,
        figures={"rows": rows},
        encoders={card.name: card.weights_sha256 for card in cards},
    )


if __name__ == "__main__":
    main()
