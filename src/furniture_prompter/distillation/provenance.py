"""Everything that made a student, as JSON values for its card."""

import platform
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator

from furniture_prompter.distillation.checkpoints import Progress
from furniture_prompter.distillation.initial_weights import InitialWeights
from furniture_prompter.distillation.material import Material, hash_of
from furniture_prompter.distillation.options import DistillationOptions

_DIGITS = 4


def training_facts(
    material: Material,
    options: DistillationOptions,
    first: InitialWeights,
    progress: Progress,
    accelerator: Accelerator,
    command: str,
) -> dict[str, Any]:
    """JSON values of everything that made the student."""
    found = material.found
    settings = {
        name: str(value) if isinstance(value, Path) else value
        for name, value in asdict(options).items()
    }
    outcome = {
        "steps": progress.step,
        "best_step": progress.best_step,
        "held_out_overlap": round(progress.best_overlap, _DIGITS),
        "trained_s": round(progress.trained_s, 1),
    }
    outcome |= {name: value for name, value in progress.records[0].items() if "head_" in name}
    return {
        "command": command,
        "teacher": {"name": material.vectors.space.name, "space": material.vectors.space.id},
        "initial": first.source,
        "data": {
            "photos": len(found.photos),
            "train": len(material.train),
            "held_out": len(material.held),
            "set_aside": len(found.set_aside),
            "sha256": found.fingerprint,
            "textures": hash_of(material.maker.textures),
        },
        "options": settings,
        "outcome": outcome,
        "environment": {
            "python": platform.python_version(),
            "machine": platform.machine(),
            "device": str(accelerator.device),
            "precision": accelerator.mixed_precision,
            "processes": accelerator.num_processes,
            "threads": torch.get_num_threads(),
            **{part: version(part) for part in ("torch", "accelerate", "onnxruntime", "numpy")},
        },
    }
