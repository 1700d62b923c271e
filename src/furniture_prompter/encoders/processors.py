"""Processor counts: what this process may use, by affinity and control groups."""

import math
import os
from pathlib import Path
from typing import Final

_MOST_FOR_ONE_IMAGE: Final = 8


def threads_for_one_image() -> int:
    """Threads that encode an image when nobody says how many: more share too little work."""
    return min(available_cpus(), _MOST_FOR_ONE_IMAGE)


def available_cpus() -> int:
    """Processors this process may use, which a container may limit below the machine's.

    By the processors that it may run on, and by the share of their time that its control groups
    grant, rounded up: a container with ``--cpus 2`` may run on all, for two's time together.
    """
    if hasattr(os, "sched_getaffinity"):
        allowed = len(os.sched_getaffinity(0))
    else:
        allowed = os.cpu_count() or 1
    return max(1, math.ceil(min(allowed, granted_cpus())))


def granted_cpus(
    groups: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")
) -> float:
    """Processors' time a second that control groups grant; infinity where they limit nothing.

    Args:
        groups: Where control groups are mounted. Version 2 has ``cpu.max`` in the process's own
            group and those above it (Linux, Documentation/admin-guide/cgroup-v2.rst); of version 1
            the container's own group is read (Documentation/scheduler/sched-bwc.rst).
        own: What names the process's groups.
    """
    paths = [line[4:] for line in _text(own).splitlines() if line.startswith("0::/")]
    group = groups.joinpath(*paths)
    # Up to the mount, which is the container's own group where the path is told as from outside.
    within = [each for each in (group, *group.parents) if each.is_relative_to(groups)]
    limits = [_share(*_text(each / "cpu.max").split()) for each in within]
    first = groups / "cpu"
    limits.append(_share(_text(first / "cpu.cfs_quota_us"), _text(first / "cpu.cfs_period_us")))
    return min(limits)


def _share(*limit: str) -> float:
    """A quota by its period; infinity for "max", -1 and what cannot be read."""
    try:
        quota, period = (int(part) for part in limit)
    except ValueError:
        return math.inf
    return quota / period if quota > 0 and period > 0 else math.inf


def _text(file: Path) -> str:
    try:
        return file.read_text("ascii")
    except (OSError, UnicodeDecodeError):
        return ""
