"""The processors that may be used; asked without loading anything heavy."""

import os


def usable_cpus() -> int:
    """Return how many CPUs this process may use, which can be fewer than the machine has."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1
