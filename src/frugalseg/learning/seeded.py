"""Random weights that depend on a seed, and leave the random numbers of whoever calls alone."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from frugalseg.networks.weights import in_float32


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw PyTorch's random numbers on the CPU from a seed inside, as float32; outside they go on as if nothing had been drawn.

    Examples
    --------
    >>> state = torch.get_rng_state()
    >>> with seeded(0):
    ...     first = torch.rand(1)
    >>> bool((state == torch.get_rng_state()).all())
    True
    """
    # In this order: the random numbers that are kept are those of one thread at a time.
    with in_float32(), torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield
