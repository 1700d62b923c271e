"""What a measurement ran on: hardware, system, versions and commit."""

import importlib
import platform
import re
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from furniture_prompter.encoders.onnx_encoder import available_cpus
from furniture_prompter.errors import BenchmarkError, install_line
from furniture_prompter.evaluation.record import Machine

ROOT: Final = Path(__file__).resolve().parents[3]
"""Of the project's checkout, where this module lies in one."""

CPUINFO: Final = Path("/proc/cpuinfo")

PACKAGES: Final = (
    "furniture-prompter",
    "lancedb",
    "numpy",
    "onnx",
    "onnxruntime",
    "pillow",
    "pyarrow",
    "simplejpeg",
    "torch",
)
"""Whose versions are told, where they are installed."""

INSTRUCTION_SETS: Final = (
    *("sse4_2", "avx", "f16c", "fma", "avx2", "avx_vnni", "avx512f", "avx512bw", "avx512vl"),
    *("avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_tile", "amx_int8", "amx_bf16"),
    *("neon", "asimd", "asimdhp", "asimddp", "i8mm", "bf16", "sve", "sve2", "sme"),
)
"""Those that the arithmetic of encoders and of vector search is written in, by Linux' names
(arch/x86/include/asm/cpufeatures.h, Documentation/arch/arm64/elf_hwcaps.rst)."""

_APPLE_NAMES: Final = {
    "AdvSIMD": "asimd",
    "FEAT_FP16": "asimdhp",
    "FEAT_DotProd": "asimddp",
    "FEAT_I8MM": "i8mm",
    "FEAT_BF16": "bf16",
    "FEAT_SME": "sme",
    "AVX1.0": "avx",
    "AVX2": "avx2",
    "AVX512F": "avx512f",
    "AVX512BW": "avx512bw",
    "AVX512VL": "avx512vl",
    "AVX512VNNI": "avx512_vnni",
    "SSE4.2": "sse4_2",
}
"""What macOS calls them in ``hw.optional`` and ``machdep.cpu``."""

_GIT_LIMIT_S: Final = 60.0
_SYSCTL_LIMIT_S: Final = 10.0


def this_machine(threads: int, device: str = "CPU") -> Machine:
    """What this process runs on.

    Instruction sets and the processor's model are what Linux or macOS tell; on other systems the
    model is Python's own word for it and the instruction sets are left empty.

    Args:
        threads: That an encoder was given for one image.
        device: What encoders run on.

    Raises:
        BenchmarkError: a system without /proc, and psutil is not installed.
    """
    return Machine(
        device=device,
        processor=processor_name(),
        instruction_sets=instruction_sets(),
        cores=available_cpus(),
        threads=threads,
        memory_bytes=memory_bytes(),
        system=f"{platform.system()} {platform.release()}".strip(),
        versions=versions_of(PACKAGES),
        commit=commit_of(ROOT),
    )


def processor_name() -> str:
    """The processor's model, as far as the system tells; never empty."""
    found = ""
    if CPUINFO.is_file():
        found = processor_in(CPUINFO.read_text("utf-8", "replace"))
    elif platform.system() == "Darwin":
        found = _sysctl("-n", "machdep.cpu.brand_string").strip()
    return found or platform.processor() or platform.machine() or "unknown"


def processor_in(cpuinfo: str) -> str:
    """The model in a text of /proc/cpuinfo; "" where it names none.

    ARM kernels write numbers instead of a name: implementer and part, as in the register MIDR_EL1.
    """
    fields = _fields(cpuinfo)
    for name in ("model name", "cpu model"):
        if fields.get(name):
            return fields[name]
    if "CPU implementer" in fields and "CPU part" in fields:
        return f"ARM, implementer {fields['CPU implementer']}, part {fields['CPU part']}"
    return ""


def instruction_sets() -> tuple[str, ...]:
    """Those of :data:`INSTRUCTION_SETS` that the processor has; none where nobody tells."""
    if CPUINFO.is_file():
        return instruction_sets_in(CPUINFO.read_text("utf-8", "replace"))
    if platform.system() == "Darwin":
        return apple_instruction_sets_in(_sysctl("hw.optional", "machdep.cpu"))
    return ()


def instruction_sets_in(cpuinfo: str) -> tuple[str, ...]:
    """Those in a text of /proc/cpuinfo, of x86 or of ARM."""
    fields = _fields(cpuinfo)
    told = {word for name in ("flags", "Features") for word in fields.get(name, "").split()}
    return tuple(name for name in INSTRUCTION_SETS if name in told)


def apple_instruction_sets_in(sysctl: str) -> tuple[str, ...]:
    """Those in what macOS' ``sysctl hw.optional machdep.cpu`` writes."""
    told: set[str] = set()
    for line in sysctl.splitlines():
        name, _, value = line.partition(":")
        if name.startswith("hw.optional") and value.strip() == "1":
            told.add(name.rpartition(".")[2])
        elif name.endswith("features"):
            told.update(value.split())
    known = {_APPLE_NAMES.get(name, name.lower()) for name in told}
    return tuple(name for name in INSTRUCTION_SETS if name in known)


def memory_bytes() -> int:
    """Memory of the machine, or what its control group may use where that is less.

    Raises:
        BenchmarkError: a system without /proc, and psutil is not installed.
    """
    meminfo = Path("/proc/meminfo")
    if not meminfo.is_file():
        return int(psutil_or_refuse("the machine's memory").virtual_memory().total)
    told = re.search(r"^MemTotal:\s+(\d+) kB", meminfo.read_text("utf-8"), re.MULTILINE)
    if told is None:
        raise BenchmarkError(f"{meminfo} has no MemTotal. Mount /proc as Linux fills it.")
    own = Path("/proc/self/cgroup")
    groups = own.read_text("utf-8") if own.is_file() else ""
    limit = group_limit_bytes(groups, Path("/sys/fs/cgroup"))
    total = 1_024 * int(told[1])
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


def psutil_or_refuse(wanted: str) -> Any:
    """The package psutil, which tells what systems without /proc do not say in files.

    Raises:
        BenchmarkError: it is not installed.
    """
    try:
        return importlib.import_module("psutil")
    except ModuleNotFoundError as error:
        raise BenchmarkError(
            f"On {platform.system()}, {wanted} is told by psutil. {install_line('benchmark')}"
        ) from error


def _fields(cpuinfo: str) -> dict[str, str]:
    """Name → value, of the first processor that has the name."""
    found: dict[str, str] = {}
    for line in cpuinfo.splitlines():
        name, colon, value = line.partition(":")
        if colon:
            found.setdefault(name.strip(), value.strip())
    return found


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


def _sysctl(*arguments: str) -> str:
    """What macOS tells; "" where it does not."""
    try:
        done = subprocess.run(  # noqa: S603 (a program of the system and words of this module)
            ["/usr/sbin/sysctl", *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=_SYSCTL_LIMIT_S,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout


POWERCAP: Final = Path("/sys/class/powercap")

_PACKAGE: Final = re.compile(r"intel-rapl:\d+")
_MICROJOULES: Final = 1e6


@dataclass(frozen=True, slots=True)
class _Counter:
    """One package's counter: microjoules that start again at 0 after `range_uj`."""

    file: Path
    range_uj: int

    def read(self) -> int:
        return int(self.file.read_text("ascii"))


class EnergyMeter:
    """Counters of the processor's packages, of Intel and AMD (RAPL), as Linux shows them.

    A package is its cores, caches and what else is on the chip; memory, disks and power supplies
    are not in it, and everything else that the machine does is (the kernel's
    Documentation/power/powercap/powercap.rst). Counters move about once a millisecond. Since
    CVE-2020-8694 only root reads them on most systems.
    """

    def __init__(self, counters: tuple[_Counter, ...]) -> None:
        self._counters = counters

    @classmethod
    def open(cls, folder: Path = POWERCAP) -> "EnergyMeter | None":
        """The machine's meter; None where it has none or this process may not read it."""
        counters: list[_Counter] = []
        try:
            for zone in sorted(folder.iterdir()):
                # Zones within a package ("intel-rapl:0:0") are part of it, and the whole platform
                # ("psys") holds the packages.
                if not _PACKAGE.fullmatch(zone.name):
                    continue
                if not (zone / "name").read_text("ascii").startswith("package"):
                    continue
                largest = int((zone / "max_energy_range_uj").read_text("ascii"))
                counters.append(_Counter(zone / "energy_uj", largest))
                counters[-1].read()
        except (OSError, ValueError):
            return None
        return cls(tuple(counters)) if counters else None

    def read(self) -> tuple[int, ...]:
        """Where the counters stand, for :meth:`joules_since`."""
        return tuple(each.read() for each in self._counters)

    def joules_since(self, before: tuple[int, ...]) -> float:
        """Joules between two readings.

        A counter that started again in between is put right; it must not have done so twice, which
        takes a package of 200 W more than ten minutes.
        """
        total_uj = 0
        for each, first, last in zip(self._counters, before, self.read(), strict=True):
            total_uj += last - first if last >= first else last + each.range_uj - first
        return total_uj / _MICROJOULES
