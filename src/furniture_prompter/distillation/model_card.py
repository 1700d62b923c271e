"""The model card beside a student, for people: Markdown after Mitchell et al. (FAT* 2019)."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from furniture_prompter.encoders.card import EncoderCard

_USE = """\
Its vectors lie in its teacher's space: a catalog that the teacher embedded can be asked by it, with
`--encoder` and this folder. `encoder.onnx` is int8; `fp32/` holds the same student in float32."""

_LICENCE = """\
Whether these weights may be given away depends on the licences of the photos, of the first weights
and of the teacher. This page knows only what is written above."""

_FIGURES = """\
On held-out photos of the same source: how well the student follows its teacher there, and nothing
of other photos. Overlap is the share of the teacher's nearest photos that the student finds as
well; asymmetric: the student's query, the teacher's catalog; symmetric: both the student's.
`encode_ms`: median milliseconds to encode one decoded photo on the machine named below."""

_LIMITS = """\
It can be no better than its teacher, and knows only furniture like that it saw. It was judged on
agreement with the teacher, not on what shoppers want. Measure it on photos of your own first."""


def model_card(card: EncoderCard, full: EncoderCard) -> str:
    """The page of a student.

    Args:
        card: Its int8 encoder, as it is in the student's folder.
        full: Its fp32 encoder, in ``fp32/``.
    """
    training = card.training
    teacher = training["teacher"]
    parts = [
        f"# {card.name}",
        card.description,
        "## What it is",
        _table(
            ("", ""),
            [
                ("architecture", card.architecture),
                ("teacher", teacher["name"]),
                ("vector", f"{card.dimension} components, compared by {card.metric}"),
                ("space", f"`{teacher['space']}`"),
                ("image", f"{card.input_side_px} x {card.input_side_px} px"),
                ("parameters", f"{card.parameters:,}"),
                ("size", f"{card.weights_bytes:,} bytes (int8), {full.weights_bytes:,} (fp32)"),
                ("licence of the first weights", card.licence),
                ("first weights", training["initial"]),
            ],
        ),
        _USE,
        "## Data",
        _data(training["data"]),
        _LICENCE,
        "## Figures",
        _FIGURES,
        _figures(card, full),
        "## Training",
        f"Command: `{training['command']}`",
        _code(training["options"]),
        _code(training["outcome"]),
        "## Environment",
        _table(("part", "version"), list(training["environment"].items())),
        "## Limits",
        _LIMITS,
    ]
    return "\n\n".join(parts) + "\n"


def _data(data: Mapping[str, Any]) -> str:
    return (
        f"{data['train']:,} photos to train on and {data['held_out']:,} held out, by product, of "
        f"{data['photos']:,} distinct ones; {data['set_aside']:,} files were set aside. SHA-256 "
        f"over the contents of all of them: `{data['sha256']}`."
    )


def _figures(card: EncoderCard, full: EncoderCard) -> str:
    rows = []
    for name, value in card.figures.items():
        exact = f"{full.figures[name]:.4f}" if name in full.figures else ""
        rows.append((name, f"{value:.4f}", exact))
    return _table(("figure", "int8", "fp32"), rows)


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def _code(values: Mapping[str, Any]) -> str:
    return f"```json\n{json.dumps(values, indent=2)}\n```"
