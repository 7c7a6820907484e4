"""The file of a model's weights: read, and compared with the network that they are for, before they are used."""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import RLock

import torch
from torch import Tensor, nn

from frugalseg.errors import BadModel
from frugalseg.images.memory import check_memory
from frugalseg.images.plain_files import shortened

#: PyTorch's default type and its generator of random numbers are one for all threads: weights that two of them make at once would be
#: those of neither seed.
_ONE_AT_A_TIME = RLock()


@contextmanager
def in_float32() -> Iterator[None]:
    """Make new weights float32 inside, as they are in model folders, whatever `torch.set_default_dtype` was told; one thread at a time.

    Examples
    --------
    >>> torch.set_default_dtype(torch.float64)
    >>> with in_float32():
    ...     inside = torch.zeros(1)
    >>> inside.dtype, torch.zeros(1).dtype
    (torch.float32, torch.float64)
    >>> torch.set_default_dtype(torch.float32)
    """
    with _ONE_AT_A_TIME:
        before = torch.get_default_dtype()
        torch.set_default_dtype(torch.float32)
        try:
            yield
        finally:
            torch.set_default_dtype(before)


def read_weights(file: Path, checksum: str, network: nn.Module) -> dict[str, Tensor]:
    """Read the weights of a network.

    Parameters
    ----------
    file
        A safetensors file.
    checksum
        Its sha256.
    network
        Has the names, shapes and number types that the weights must have; its own are not changed.

    Raises
    ------
    BadModel
        The file is damaged, or its weights are of another network or number type, or not all finite.
    NotEnoughMemory
        The file is too large.
    OSError
        It can't be opened.
    """
    from safetensors.torch import load

    check_memory(2 * file.stat().st_size, str(file))
    weights = file.read_bytes()
    if hashlib.sha256(weights).hexdigest() != checksum:
        raise BadModel(f"{file} is not what its card says (checksum); copy the whole model folder anew")
    try:
        tensors: dict[str, Tensor] = load(weights)
    except Exception as error:  # headers can name types that torch lacks
        reason = shortened(" ".join(str(error).split()) or type(error).__name__)
        raise BadModel(f"{file} is damaged ({reason}); copy the whole model folder anew") from error
    _check_fits(file, tensors, network)
    return tensors


def _check_fits(file: Path, tensors: Mapping[str, Tensor], network: nn.Module) -> None:
    """Raise `BadModel` unless the tensors are a network's, by name, shape and number type, and all finite."""
    wanted, given = (
        {name: f"{tuple(tensor.shape)} {str(tensor.dtype).removeprefix('torch.')}" for name, tensor in these}
        for these in (network.state_dict().items(), tensors.items())
    )
    differ = sorted(name for name in {*wanted, *given} if wanted.get(name) != given.get(name))
    if differ:
        name = differ[0]
        raise BadModel(
            f"{file} does not fit its card: {shortened(name)} is {given.get(name, 'missing')} and should be "
            f"{wanted.get(name, 'absent')} ({len(differ)} tensors differ); train again"
        )
    broken = first_not_finite(tensors)
    if broken is not None:
        raise BadModel(f"{file} can't be used: {broken} is not all finite numbers; train again")


def first_not_finite(tensors: Mapping[str, Tensor]) -> str | None:
    """Return the name of the first tensor with NaN or infinite values."""
    return next((name for name, tensor in tensors.items() if not tensor.isfinite().all()), None)
