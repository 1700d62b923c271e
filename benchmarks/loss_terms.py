"""What each further loss adds to the regression: one student, one line a term.

``train`` trains the same small student with each loss; ``measure`` files what they find.
"""

import argparse
from pathlib import Path

from benchmarks.datasets import IKEA_DEV, encode_files, ikea_dev, load_products
from benchmarks.distillation import (
    TEACHER,
    Lesson,
    judged,
    split,
    train,
    types_of,
    views_of,
)
from benchmarks.provenance import add_output_option, write_result
from furniture_prompter.encoders.onnx_encoder import OnnxEncoder
from furniture_prompter.encoders.registry import encoder_folder

STUDENT = "mobilenetv2-small"
SEED = 0
LOSSES: dict[str, tuple[str, ...]] = {
    "regression": (),
    "with relational": ("--loss-relational", "1"),
    "with contrastive": ("--loss-contrastive", "0.1"),
    "with rank": ("--loss-rank", "0.5"),
}
WEIGHTS = {name: " ".join(options) or "none" for name, options in LOSSES.items()}

METHOD = f"""
{STUDENT} was trained by `furniture-prompter distill` on renders with the regression onto the
teacher's vector alone and with one further term beside it, everything else equal, one seed each.
Measured in float32 as in "Teacher and students", where the spread between seeds stands: differences
smaller than that say nothing. The references of the terms stand in
src/furniture_prompter/distillation/optimisation.py.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("step", choices=("train", "measure"))
    parser.add_argument("feed", type=Path, help="products.jsonl of the builder's full set")
    parser.add_argument("work", type=Path, help="folder that holds the students")
    parser.add_argument("--data", type=Path, default=IKEA_DEV, help="folder of the measuring set")
    parser.add_argument("--option", action="append", default=[], help="passed on to distill")
    add_output_option(parser, "loss_terms")
    arguments = parser.parse_args()
    lessons = {
        name: Lesson(f"loss-{name.rpartition(' ')[2]}", STUDENT, ("--seed", str(SEED), *options))
        for name, options in LOSSES.items()
    }
    if arguments.step == "train":
        train(arguments.feed, arguments.work, list(lessons.values()), arguments.option)
        return
    learned, held_out = split(load_products(arguments.feed, "renders"))
    photos = ikea_dev(arguments.data)
    types, views = types_of(photos), views_of(held_out)
    teacher = OnnxEncoder.load(encoder_folder(TEACHER))
    taught = encode_files(teacher, types.files), encode_files(teacher, views.files)
    rows, hashes = [], {teacher.card.name: teacher.card.weights_sha256}
    for name in LOSSES:
        folder = arguments.work / lessons[name].name
        encoder = OnnxEncoder.load(folder / "fp32")
        hashes[folder.name] = encoder.card.weights_sha256
        own = encode_files(encoder, types.files), encode_files(encoder, views.files)
        figures = judged((types, own[0], taught[0]), (views, own[1], taught[1]))
        shown = {figure: round(value, 4) for figure, value in figures.items()}
        rows.append({"loss": name, "options": WEIGHTS[name], **shown})
        print(rows[-1], flush=True)
    write_result(
        arguments.out,
        title="What each loss adds",
        data=[photos.source, learned.source, held_out.source],
        method=METHOD,
        figures={"rows": rows},
        encoders=hashes,
    )


if __name__ == "__main__":
    main()
