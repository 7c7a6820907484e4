"""The device that computes: CPU, CUDA or MPS. Importing this module does not import torch."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from frugalseg.errors import SettingsError

if TYPE_CHECKING:
    import torch

Device = Literal["auto", "cpu", "cuda", "mps"]


def pick_device(device: Device) -> "torch.device":
    """Return the device to compute on; "auto" is CUDA or MPS where there is one.

    Raises
    ------
    SettingsError
        If CUDA or MPS is asked for and this machine has none, or there is no such kind of device.

    Examples
    --------
    >>> pick_device("cpu")
    device(type='cpu')
    """
    import torch

    present = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if device == "auto":
        return torch.device(next(name for name in ("cuda", "mps", "cpu") if present[name]))
    if device not in present:
        raise SettingsError(f"`device` is {device!r}; allowed are {['auto', *present]}")
    if not present[device]:
        usable = [name for name, found in present.items() if found]
        raise SettingsError(f"`device` '{device}' is not available on this machine; use one of {usable}")
    return torch.device(device)


@contextmanager
def without_denormals() -> Iterator[None]:
    """Take numbers below the smallest normal one for 0 inside, in this thread: on CPUs they are up to a hundred times slower.

    Outside it is as before; PyTorch has no way to ask, so a number is tried.

    Examples
    --------
    >>> import numpy as np
    >>> with without_denormals():
    ...     inside = np.float32(1e-40) * np.float32(1)
    >>> float(inside), float(np.float32(1e-40) * np.float32(1)) > 0
    (0.0, True)
    """
    import torch

    before = not bool(torch.tensor([1e-40]).mul(1.0).any())
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(before)
