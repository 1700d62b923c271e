"""Where and in which precision a training runs."""

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState

from furniture_prompter.distillation.options import DistillationOptions
from furniture_prompter.errors import DistillationError


def open_accelerator(options: DistillationOptions) -> Accelerator:
    """The device, precision and processes of one training.

    Raises:
        DistillationError: there is no such device, or it does not have that precision.
    """
    device = _device(options.device)
    precision = _precision(options.precision, device)
    if options.threads is not None:
        torch.set_num_threads(options.threads)
    # Accelerate remembers the precision of the first training in a process and refuses another.
    AcceleratorState._reset_state(reset_partial_state=True)
    return Accelerator(
        mixed_precision="no" if precision == "fp32" else precision,
        cpu=device == "cpu",
        split_batches=True,
    )


def _device(name: str) -> str:
    available = {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if name == "auto":
        return next(kind for kind in ("cuda", "mps", "cpu") if available[kind])
    if not available.get(name, False):
        there = ", ".join(kind for kind, found in available.items() if found)
        raise DistillationError(f"There is no device {name!r} here. Name one of auto, {there}.")
    return name


def _precision(name: str, device: str) -> str:
    if name == "auto":
        if device == "cuda":
            return "bf16" if torch.cuda.is_bf16_supported() else "fp16"
        return "bf16" if device == "cpu" and _processor_has_bf16() else "fp32"
    if name == "fp16" and device != "cuda":
        raise DistillationError("fp16 needs a CUDA device. Give --precision bf16 or fp32.")
    return name


def _processor_has_bf16() -> bool:
    """Whether the processor multiplies bfloat16 itself; emulating it is slower than float32.

    Early versions of torch that are allowed here cannot tell, and then float32 it is.
    """
    capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16"))
