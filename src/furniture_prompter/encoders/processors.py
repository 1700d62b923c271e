"""How many processors there are to encode with."""

import os


def available_cpus() -> int:
    """Processors this process may use, which a container may limit below the machine's."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
