"""Encoder metadata of a report, and end-to-end query latency."""

import importlib.util
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from furniture_prompter.distillation.networks import ARCHITECTURES
from furniture_prompter.encoders.card import EncoderCard, Runtime, identity_of
from furniture_prompter.encoders.protocols import Encoder
from furniture_prompter.errors import BenchmarkError
from furniture_prompter.evaluation.record import EncoderFacts, EndToEnd, Role

_RUNTIMES: dict[Runtime, str] = {
    "onnx": "ONNX Runtime",
    "hub": "PyTorch and transformers",
    "static": "a table of words",
}

# Bytes for each trained number; scales, zero points and names of an int8 graph add some.
_LARGEST_INT8, _LARGEST_16_BITS = 1.6, 3.0


def can_count_operations() -> bool:
    """Whether the packages of the extra ``train`` that count are installed."""
    return all(importlib.util.find_spec(name) is not None for name in ("torch", "onnx"))


def facts_of(encoder: Encoder, key: str, role: Role, folder: Path) -> EncoderFacts:
    """An encoder's row.

    The precision is told by how many bytes its weights file has for each trained number. Without
    the extra ``train``, multiply-adds are None.

    Args:
        encoder: Loaded.
        key: What other records call it.
        role: Its part in the comparison.
        folder: Where its card lies.

    Raises:
        BenchmarkError: its card has no preprocessing, as a prompt encoder's.
        DistillationError: its weights are no ONNX file though its card says so.
    """
    card = encoder.card
    if card.preprocessing is None:
        raise BenchmarkError(
            f"{card.name} is a {card.kind} encoder, and photos are what is measured. Name an "
            "image encoder; `furniture-prompter encoders` lists them."
        )
    known = ARCHITECTURES.get(card.architecture)
    identity = identity_of(card)
    parameters, multiply_adds = _counted(encoder, folder)
    return EncoderFacts(
        key=key,
        name=card.name,
        role=role,
        architecture=known.title if known else card.architecture or card.name,
        precision=_precision(card, parameters),
        runtime=_RUNTIMES[card.runtime],
        side_px=card.preprocessing.side_px,
        dimension=card.dimension,
        parameters=parameters,
        multiply_adds=multiply_adds,
        file_bytes=card.weights_bytes,
        weights_sha256=card.weights_sha256,
        licence=card.licence,
        space=card.space.name if card.space else card.name,
        space_id=identity.space_id,
        notes=card.description,
    )


def _counted(encoder: Encoder, folder: Path) -> tuple[int, int | None]:
    """Parameters, by the card where it says, and multiply-adds."""
    card = encoder.card
    weights = folder / card.weights_file
    if not can_count_operations() or not weights.is_file():
        return card.parameters, None
    from furniture_prompter.distillation.operations import (
        multiply_adds_of_encoder,
        parameters_of_graph,
    )

    parameters = card.parameters
    if not parameters and card.runtime == "onnx":
        parameters = parameters_of_graph(weights)
    return parameters, multiply_adds_of_encoder(encoder, folder)


def _precision(card: EncoderCard, parameters: int) -> str:
    if not parameters:
        return "unknown"
    each = card.weights_bytes / parameters
    if each < _LARGEST_INT8:
        return "int8"
    return "16 bits" if each < _LARGEST_16_BITS else "fp32"


WARM_UP: Final = 5
"""Queries before the first that counts."""


def measure_end_to_end(
    key: str,
    door: str,
    search: Callable[[Path], object],
    paths: Sequence[Path],
    queries: int | None = None,
) -> EndToEnd:
    """Time whole queries, one at a time.

    Args:
        key: The encoder's.
        door: ``library`` or ``HTTP``.
        search: Answers a photo file with hits.
        paths: Photos, asked in their order, from the first again when there are too few.
        queries: How many count; None asks each photo once. A few more come first.

    Raises:
        BenchmarkError: there are no photos.
    """
    count = len(paths) if queries is None else queries
    if not paths or count < 1:
        raise BenchmarkError(
            "Whole queries need a photo to ask with. Name a catalog with photos, or set "
            "end_to_end.queries = 0 in the suite."
        )
    times: list[float] = []
    for number in range(-min(WARM_UP, count), count):
        path = paths[number % len(paths)]
        began = time.perf_counter()
        search(path)
        if number >= 0:
            times.append(1_000 * (time.perf_counter() - began))
    return EndToEnd(encoder=key, door=door, ms=tuple(times))
