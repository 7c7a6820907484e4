"""What a training learns from, as a short text, so that no other training is continued from its checkpoint."""

import hashlib
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

#: Batches that are looked at: images may be read from disk when they are drawn, so not all of them.
_FIRST = 4


def checksum_of(*arrays: NDArray[Any] | None) -> int:
    """Return a checksum of arrays, of their values and shapes; such as the labels or stain (Y,X) of an image."""
    found = 0
    for one in arrays:
        found = zlib.crc32(str(None if one is None else one.shape).encode(), found)
        found = found if one is None else zlib.crc32(np.ascontiguousarray(one).tobytes(), found)
    return found


def fingerprint(batches: Callable[[int], Any], names: Sequence[str], about: str) -> str:
    """Return a checksum of the first batches and of what else decides a training.

    Parameters
    ----------
    batches : callable
        Makes batch number k.
    names : sequence of str
        Attributes of a batch that count; those that are no tensors are left out.
    about : str
        Settings, seed, and what the network started from.

    Examples
    --------
    >>> import torch
    >>> from types import SimpleNamespace
    >>> batches = lambda step: SimpleNamespace(images=torch.full((2, 2), step))
    >>> fingerprint(batches, ["images"], "seed 0") == fingerprint(batches, ["images"], "seed 1")
    False
    """
    found = hashlib.sha256(about.encode())
    for step in range(_FIRST):
        batch = batches(step)
        for name in names:
            tensor = getattr(batch, name)
            if isinstance(tensor, Tensor):
                found.update(f"{name} {tuple(tensor.shape)}".encode())
                found.update(tensor.contiguous().numpy().tobytes())
    return found.hexdigest()
