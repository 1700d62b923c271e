"""Where a figure comes from: written beside every result, so that it can be made again."""

import argparse
import json
import os
import platform
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from furniture_prompter.encoders.processors import available_cpus
from furniture_prompter.evaluation.machine import commit_of, processor_name, versions_of
from furniture_prompter.timing import utc_now

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"

_PACKAGES = ("lancedb", "numpy", "onnxruntime", "pillow", "pyarrow", "simplejpeg")


@dataclass(frozen=True, slots=True)
class DataSet:
    """What was measured on.

    Attributes:
        name: What the set is called in the project.
        fingerprint: SHA-256 of its ``products.jsonl``, or of what else defines it.
        note: Size and origin, in a sentence.
    """

    name: str
    fingerprint: str
    note: str


def add_output_option(parser: argparse.ArgumentParser, name: str) -> None:
    """Add ``--out``; results land in benchmarks/results unless it says otherwise."""
    parser.add_argument(
        "--out", type=Path, default=RESULTS / f"{name}.json", help="where the result is written"
    )


def write_result(
    out: Path,
    *,
    title: str,
    data: Sequence[DataSet],
    method: str,
    figures: Mapping[str, Any],
    encoders: Mapping[str, str] | None = None,
) -> None:
    """Write one result with its provenance as JSON and say where.

    Args:
        out: The file.
        title: What was measured, as a heading under docs/benchmarks.
        data: The data sets.
        method: Sentences that let somebody judge the figures: what was asked of what, what was
            left out, what a figure leaves open. Line breaks in it mean nothing.
        figures: Either name → number, or ``{"rows": [...]}`` for a table.
        encoders: Encoder name → SHA-256 of its weights.
    """
    result = {
        "title": title,
        "figures": figures,
        "method": " ".join(method.split()),
        "provenance": {
            "command": _command(),
            "date": utc_now(),
            "commit": _commit(),
            "data": [asdict(each) for each in data],
            "encoders": dict(encoders or {}),
            "machine": {
                "processor": processor_name(),
                "cores": available_cpus(),
                "system": platform.system(),
                # What numpy's BLAS was told to take the processor for, if anything.
                "openblas_coretype": os.environ.get("OPENBLAS_CORETYPE", ""),
            },
            # PyTorch only where something of the measurement ran in it.
            "versions": versions_of((*_PACKAGES, *(["torch"] if "torch" in sys.modules else []))),
        },
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(result, ensure_ascii=False, indent=2) + "\n", "utf-8")
    print(f"written: {out}", file=sys.stderr)


def _command() -> str:
    spec = sys.modules["__main__"].__spec__
    name = spec.name.removesuffix(".__main__") if spec else Path(sys.argv[0]).name
    return shlex.join(["python", "-m", name, *map(_portable, sys.argv[1:])])


def _portable(argument: str) -> str:
    """An absolute path by its name alone: where it lay on one machine tells a reader nothing."""
    path = Path(argument)
    if not path.is_absolute():
        return argument
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else f"…/{path.name}"


def _commit() -> str:
    """The commit that was measured, marked where tracked files differ from it."""
    commit = commit_of(ROOT)
    if not commit:
        raise SystemExit("A result names its commit. Measure in a git checkout, with git on PATH.")
    return commit
