"""How many processors there are to encode with."""

import os
from typing import Final

_MOST_FOR_ONE_IMAGE: Final = 8


def threads_for_one_image() -> int:
    """Threads that encode an image when nobody says how many: more share too little work."""
    return min(available_cpus(), _MOST_FOR_ONE_IMAGE)


def available_cpus() -> int:
    """Processors this process may use, which a container may limit below the machine's."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
