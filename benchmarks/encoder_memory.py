"""What each encoder takes of memory and disk, in a process of its own."""

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

from benchmarks.datasets import bundled
from benchmarks.provenance import ROOT, add_output_option, write_result
from furniture_prompter.encoders.card import EncoderCard
from furniture_prompter.encoders.registry import encoder_folder

PHOTOS = 24
RUNS = 3

METHOD = f"""
A fresh process loads one encoder by the call that searching makes and encodes {PHOTOS} bundled
photos one by one. Resident memory is what the process holds then (VmRSS) and the most it ever held
(VmHWM); "of it the encoder" is VmRSS less that of the same process before it loads the encoder,
with Python and the imports already there. Medians of {RUNS} processes. On disk is the weights file.
"""

PROGRAM = """
import json, sys
from pathlib import Path
from furniture_prompter.assembly import load_encoder
from furniture_prompter.encoders.decoding import decode_photo, read_photo_bytes
import furniture_prompter.encoders.onnx_encoder
def status(key):
    return int(open("/proc/self/status").read().split(key + ":")[1].split()[0]) * 1024 / 1e6
before = status("VmRSS")
encoder = load_encoder(sys.argv[1], None)
for name in sys.argv[2:]:
    side = encoder.card.input_side_px
    encoder.encode([decode_photo(read_photo_bytes(Path(name)), name=name, target_side_px=side)])
print(json.dumps({"resident_mb": status("VmRSS"), "peak_mb": status("VmHWM"),
                  "encoder_mb": status("VmRSS") - before}))
"""


def measure(name: str, files: list[Path]) -> dict[str, object]:
    """One row."""
    runs = []
    for _ in range(RUNS):
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, name, *map(str, files)],
            capture_output=True,
            text=True,
            check=True,
            cwd=ROOT,
        )
        runs.append(json.loads(done.stdout))
    card = EncoderCard.load(encoder_folder(name))

    def median(key: str) -> float:
        return round(float(statistics.median(run[key] for run in runs)), 1)

    return {
        "encoder": card.name,
        "parameters": card.parameters,
        "dimensions": card.dimension,
        "on disk, MB": round(card.weights_bytes / 1e6, 1),
        "resident, MB": median("resident_mb"),
        "peak, MB": median("peak_mb"),
        "of it the encoder, MB": median("encoder_mb"),
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
