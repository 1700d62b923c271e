"""Hardware and software versions of a measurement."""

import importlib
import platform
import subprocess
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from furniture_prompter.encoders.processors import available_cpus
from furniture_prompter.errors import BenchmarkError, install_line
from furniture_prompter.evaluation.record import Machine

ROOT: Final = Path(__file__).resolve().parents[3]
"""Of the project's checkout, where this module lies in one."""

PACKAGES: Final = (
    *("furniture-prompter", "lancedb", "numpy", "onnx", "onnxruntime", "pillow", "pyarrow"),
    *("simplejpeg", "torch"),
)
"""Whose versions are told, where they are installed."""

INSTRUCTION_SETS: Final = (
    *("sse4_2", "avx", "f16c", "fma", "avx2", "avx_vnni", "avx512f", "avx512bw", "avx512vl"),
    *("avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_tile", "amx_int8", "amx_bf16"),
    *("neon", "asimd", "asimdhp", "asimddp", "i8mm", "bf16", "sve", "sve2", "sme"),
)
"""Those that the arithmetic of encoders and of vector search is written in, by Linux' names
(arch/x86/include/asm/cpufeatures.h, Documentation/arch/arm64/elf_hwcaps.rst)."""

_GIT_LIMIT_S: Final = 60.0


def this_machine(threads: int) -> Machine:
    """What this process runs on.

    Args:
        threads: That an encoder was given for one image.

    Raises:
        BenchmarkError: psutil or py-cpuinfo is not installed.
    """
    return Machine(
        device="CPU",
        processor=processor_name(),
        instruction_sets=instruction_sets(),
        cores=available_cpus(),
        threads=threads,
        memory_bytes=memory_bytes(),
        system=f"{platform.system()} {platform.release()}".strip(),
        versions=versions_of(PACKAGES),
        commit=commit_of(ROOT),
    )


@cache
def _processor() -> Mapping[str, Any]:
    """What py-cpuinfo knows; asking takes a second."""
    found: Mapping[str, Any] = package("cpuinfo").get_cpu_info()
    return found


def processor_name() -> str:
    """The processor's model, as far as the system tells; never empty."""
    told = str(_processor().get("brand_raw", ""))
    return told or platform.processor() or platform.machine() or "unknown"


def instruction_sets() -> tuple[str, ...]:
    """Those of :data:`INSTRUCTION_SETS` that the processor has; none where nobody tells."""
    flags = _processor().get("flags", ())
    return tuple(name for name in INSTRUCTION_SETS if name in flags)


def memory_bytes() -> int:
    """Memory of the machine, or what its control group may use where that is less.

    Raises:
        BenchmarkError: psutil is not installed.
    """
    own = Path("/proc/self/cgroup")
    groups = own.read_text("utf-8") if own.is_file() else ""
    limit = group_limit_bytes(groups, Path("/sys/fs/cgroup"))
    total = int(package("psutil").virtual_memory().total)
    return min(total, limit) if limit else total


def group_limit_bytes(groups: str, mounted: Path) -> int | None:
    """The least memory limit from a process's control group up to the root; None for none.

    Args:
        groups: Text of /proc/self/cgroup.
        mounted: /sys/fs/cgroup.
    """
    limits: list[int] = []
    for line in groups.splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers:
            top, file = mounted, "memory.max"
        elif "memory" in controllers.split(","):
            top, file = mounted / "memory", "memory.limit_in_bytes"
        else:
            continue
        group = top / path.lstrip("/")
        for folder in (group, *group.parents):
            if folder.is_relative_to(top) and (folder / file).is_file():
                told = (folder / file).read_text("ascii").strip()
                limits += [int(told)] if told.isdecimal() else []
    return min(limits, default=None)


def versions_of(packages: Iterable[str]) -> dict[str, str]:
    """Package → version, Python's first; packages that are not installed are left out."""
    found = {"python": platform.python_version()}
    for name in packages:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def commit_of(root: Path) -> str:
    """The commit that is checked out, marked where tracked files that are measured differ from it.

    Args:
        root: Of a checkout; "" is the answer for any other folder, and without git.
    """
    if not (root / ".git").exists():
        return ""
    measured = ("src", "benchmarks/*.py")
    try:
        head = _git(root, "rev-parse", "HEAD")
        changed = _git(root, "status", "--porcelain", "--untracked-files=no", "--", *measured)
    except (OSError, subprocess.SubprocessError):
        return ""
    return head + (" with uncommitted changes" if changed else "")


def package(name: str) -> Any:
    """A package of the extra ``benchmark``.

    Args:
        name: Of its module.

    Raises:
        BenchmarkError: it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise BenchmarkError(
            f"Benchmarking takes {name}, which is not installed. {install_line('benchmark')}"
        ) from error


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(  # noqa: S603 (git and words of this module)
        ["git", *arguments],  # noqa: S607 (git is found on PATH)
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
        timeout=_GIT_LIMIT_S,
    )
    return done.stdout.strip()
