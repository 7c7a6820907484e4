"""Weights that are finite numbers and give none: an error, and never an empty result."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import frugalseg as fs
from frugalseg.errors import BadModel
from frugalseg.images.normalize import IntensityScale
from frugalseg.learning.from_markers.marker_settings import MarkerSettings
from frugalseg.learning.from_markers.marker_training import new_marker_network
from frugalseg.networks.cards import Card, MarkerCard, ObjectCard, StainCard, TrainingSummary
from frugalseg.networks.object_net import object_network
from frugalseg.networks.store import save_model
from frugalseg.networks.unet import Unet
from frugalseg.synthetic.cells import make_cells

DONE = TrainingSummary(steps=1, stopped_because="test", seconds=0, seed=0, fields=("a",))
SCALE = IntensityScale(centre=(10.0,), spread=(5.0,))
MARKERS = MarkerSettings(widths=(4, 8))


def of_objects(kind: Any) -> tuple[Card, nn.Module]:
    settings = {"target": kind}
    card = ObjectCard(kind=kind, channels=("phase",), settings=settings, training=DONE, scale=1, diameter=20)
    return card, object_network(kind, "small", 1)


def of_a_stain() -> tuple[Card, nn.Module]:
    card = StainCard(
        channels=("phase",), settings={}, training=DONE, scale=1, target="dapi", target_scale=SCALE
    )
    return card, Unet("small", 1, 1)


def of_markers() -> tuple[Card, nn.Module]:
    settings = MARKERS.model_dump(mode="json")
    card = MarkerCard(
        channels=("phase",), settings=settings, training=DONE, modalities=("label-free",), diameter=20
    )
    return card, new_marker_network(1, MARKERS)


def too_large(network: nn.Module) -> None:
    """Their products are beyond what 32 bits hold, and infinity minus infinity is no number."""
    for name, values in network.state_dict().items():
        if name.endswith(("weight", "bias")):
            values.mul_(1e30)


def negative_variance(network: nn.Module) -> None:
    for name, values in network.state_dict().items():
        if name.endswith("running_var"):
            values.fill_(-1.0)


@pytest.mark.parametrize("damage", [too_large, negative_variance])
@pytest.mark.parametrize(
    "make", [lambda: of_objects("cells"), lambda: of_objects("nuclei"), of_a_stain, of_markers]
)
def test_a_model_whose_output_is_no_number_finds_nothing_silently(
    tmp_path: Path, make: Callable[[], tuple[Card, nn.Module]], damage: Callable[[nn.Module], None]
) -> None:
    torch.manual_seed(0)
    card, network = make()
    with torch.no_grad():
        damage(network)
    save_model(tmp_path / "m", card, network)  # all weights are finite numbers
    model = fs.load_model(tmp_path / "m", device="cpu")
    cells = make_cells((64, 64), n_cells=4, dim_nuclei=0.0, seed=1)
    given = {"nuclei": cells.nuclear} if isinstance(model, fs.MarkerModel) else {}
    with pytest.raises(BadModel, match="the network's output is not all finite numbers") as told:
        model.predict(cells.phase, **given)
    assert "\n" not in str(told.value)
