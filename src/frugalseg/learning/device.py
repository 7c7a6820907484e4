"""The device that computes: CPU, CUDA or MPS. Importing this module does not import torch."""

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
