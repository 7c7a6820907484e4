"""Learning from labels: losses against NumPy, what is not annotated, alpha, samples and scores, and that it learns."""

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from frugalseg.evaluation.scores import score_labels
from frugalseg.images.resize import resize_labels, resize_planes
from frugalseg.instances.maps import distance_target
from frugalseg.learning.crop_batches import CropBatches, Crops, CropSample
from frugalseg.learning.crops import CropSampler
from frugalseg.learning.from_labels.label_losses import distance_error, jaccard_loss, mask_error
from frugalseg.learning.from_labels.label_samples import label_sample
from frugalseg.learning.from_labels.label_settings import LabelSettings
from frugalseg.learning.from_labels.label_training import (
    FIRST_BATCHES,
    MASK_WEIGHT,
    cell_terms,
    initial_alpha,
    learn_from_labels,
    nucleus_loss,
    validation_score,
)
from frugalseg.learning.training_record import TrainingRecord
from frugalseg.networks.object_net import CellNetwork, NucleusNetwork, object_network, predict_maps_whole

FITTING: dict[str, Any] = {"seed": 0, "device": "cpu"}
Array = NDArray[Any]


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> object:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def drawn(channels: int = 1, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Outputs, targets of 0 and 1, and what is known."""
    random = np.random.default_rng(seed)
    outputs = random.normal(0, 2, (2, channels, 5, 6))
    targets = random.random((2, channels, 5, 6)) > 0.5
    valid = random.random((2, 1, 5, 6)) > 0.3
    return tuple(torch.from_numpy(one.astype(np.float32)) for one in (outputs, targets, valid))


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def test_jaccard_is_one_minus_the_soft_overlap_of_the_batch() -> None:
    logits, mask, valid = drawn()
    known = valid.numpy() > 0
    p, m = sigmoid(logits.numpy().astype(np.float64))[known], mask.numpy()[known]
    expected = 1 - (p * m).sum() / (p + m - p * m).sum()
    assert float(jaccard_loss(logits, mask, valid)) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("logit", "expected"), [(50.0, 0.0), (-50.0, 1.0)])
def test_jaccard_at_its_ends(logit: float, expected: float) -> None:
    ones = torch.ones(1, 1, 4, 4)
    assert float(jaccard_loss(logit * ones, ones, ones)) == pytest.approx(expected, abs=1e-6)


def test_both_terms_of_eq_2() -> None:
    outputs, targets, valid = drawn()
    known = valid.numpy() > 0
    o, t = outputs.numpy().astype(np.float64)[known], targets.numpy()[known]
    assert float(distance_error(outputs, targets, valid)) == pytest.approx(((o - t) ** 2).mean(), rel=1e-6)
    cross_entropy = -(t * np.log(sigmoid(o)) + (1 - t) * np.log(1 - sigmoid(o))).mean()
    assert float(mask_error(outputs, targets, valid)) == pytest.approx(cross_entropy, rel=1e-5)


@pytest.mark.parametrize("loss", [jaccard_loss, distance_error, mask_error])
def test_pixels_not_annotated_change_neither_loss_nor_gradient(loss: Any) -> None:
    outputs, targets, valid = drawn()
    outputs.requires_grad_()
    one = loss(outputs, targets, valid)
    (gradient,) = torch.autograd.grad(one, outputs)
    assert bool((gradient[valid == 0] == 0).all())
    assert bool((gradient[valid > 0] != 0).all())
    others = torch.where(valid > 0, targets, 1 - targets)
    assert torch.equal(loss(outputs, others, valid), one)
    nothing = loss(outputs, targets, torch.zeros_like(valid))
    assert bool(nothing.isfinite())
    assert not torch.autograd.grad(nothing, outputs)[0].any()


class Fixed(nn.Module):
    """Says the same maps whatever it is given."""

    def __init__(self, maps: Array) -> None:
        super().__init__()
        self.maps = nn.Parameter(torch.from_numpy(maps.astype(np.float32)))

    def forward(self, images: Tensor) -> Tensor:
        return self.maps.expand(len(images), -1, -1, -1)


def test_distance_comes_first_and_the_mask_second() -> None:
    outputs, targets, valid = drawn(2)
    crops = Crops(torch.zeros(1, 1, 5, 6), targets[:1], valid[:1])
    distance, mask = cell_terms(Fixed(outputs[0].numpy()), crops)
    assert torch.equal(distance, distance_error(outputs[:1, :1], targets[:1, :1], valid[:1]))
    assert torch.equal(mask, mask_error(outputs[:1, 1:], targets[:1, 1:], valid[:1]))
    nuclei = nucleus_loss(Fixed(outputs[0, :1].numpy()), Crops(crops.images, targets[:1, :1], valid[:1]))
    assert torch.equal(nuclei.total, jaccard_loss(outputs[:1, :1], targets[:1, :1], valid[:1]))
    assert nuclei.terms == {"Jaccard": nuclei.total.item()}


def disks(seed: int = 0, shape: tuple[int, int] = (72, 80)) -> tuple[Array, Array]:
    """Planes (1,Y,X) in which cells are dark, and their labels."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[0], : shape[1]]
    labels = np.zeros(shape, np.int32)
    grid = np.stack(np.meshgrid([12, 36, 60], [13, 39, 65]), axis=-1).reshape(-1, 2)
    for i, (cy, cx) in enumerate(grid + random.uniform(-3, 3, (9, 2)), start=1):
        labels[np.hypot(y - cy, x - cx) < 8] = i
    image = random.normal(0, 0.2, shape) - (labels > 0)
    return ((image - image.mean()) / image.std())[None].astype(np.float32), labels


def test_the_sample_of_nuclei_is_their_mask() -> None:
    planes, labels = disks()
    labels[:, :20] = -1
    sample = label_sample("a", planes, labels, "nuclei", 1.0)
    np.testing.assert_array_equal(sample.targets, (labels > 0)[None])
    np.testing.assert_array_equal(sample.valid, labels >= 0)
    np.testing.assert_array_equal(sample.planes, planes)
    assert (sample.name, sample.targets.dtype) == ("a", np.float32)


def test_the_sample_of_cells_is_distance_and_mask_at_the_networks_scale() -> None:
    planes, labels = disks()
    labels[:10] = -3
    sample = label_sample("a", planes, labels, "cells", 0.5)
    small = resize_labels(labels, (36, 40))
    np.testing.assert_array_equal(sample.targets[1], small > 0)
    np.testing.assert_allclose(sample.targets[0], distance_target(small) / 100, atol=1e-6)
    assert (sample.targets[0].min(), sample.targets[0].max()) == (0.0, 1.0)
    assert not sample.targets[0][small <= 0].any()
    np.testing.assert_array_equal(sample.valid, small >= 0)
    np.testing.assert_allclose(sample.planes, resize_planes(planes, (36, 40)))


def batches_of(target: str, seed: int = 0, **options: Any) -> CropBatches:
    sample = label_sample("a", *disks(seed), target, 1.0)
    draw = CropSampler([sample.targets[-1]], 32, 0, threshold=0.5)
    return CropBatches([sample], draw, 32, 2, 0, **options)


def test_alpha_is_the_ratio_at_the_beginning_and_leaves_the_network_as_it_was() -> None:
    torch.manual_seed(0)
    network, batches = CellNetwork("small", 1), batches_of("cells")
    before = {name: value.clone() for name, value in network.state_dict().items()}
    alpha = initial_alpha(network, batches)
    after = network.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    assert all(parameter.grad is None for parameter in network.parameters())
    network.train()
    with torch.no_grad():
        terms = [cell_terms(network, batches(step)) for step in range(FIRST_BATCHES)]
    distance, mask = (sum(float(one[i]) for one in terms) for i in (0, 1))
    assert alpha == pytest.approx(distance / mask, rel=1e-5)
    assert alpha * mask == pytest.approx(distance, rel=1e-5)  # both terms weigh the same in the first steps


def cells_of(labels: Array) -> Array:
    """Maps of a network that is right."""
    return np.stack([distance_target(labels) / 100, np.where(labels > 0, 5.0, -5.0)])


def test_a_perfect_network_has_the_highest_held_out_score() -> None:
    planes, labels = disks()
    sample = CropSample("a", planes, np.zeros((2, 72, 80), np.float32))
    settings = LabelSettings(target="cells")
    assert validation_score(Fixed(cells_of(labels)), [(sample, labels)], settings) == pytest.approx(1.01)
    nuclei = LabelSettings(target="nuclei")
    assert validation_score(Fixed(cells_of(labels)[1:]), [(sample, labels)], nuclei) == 1.0


def test_the_held_out_score_is_map_and_a_hundredth_of_the_masks_iou() -> None:
    planes, labels = disks()
    sample = CropSample("a", planes, np.zeros((2, 72, 80), np.float32))
    found = np.where(np.isin(labels, (1, 2)), 0, labels)  # two cells missed
    score = validation_score(Fixed(cells_of(found)), [(sample, labels)], LabelSettings(target="cells"))
    iou = np.count_nonzero(found) / np.count_nonzero(labels)
    assert score == pytest.approx(score_labels(labels, found).mAP + MASK_WEIGHT * iou)
    assert 0 < iou < 1
    both = [(sample, labels), (sample, found)]
    mean = validation_score(Fixed(cells_of(found)[1:]), both, LabelSettings(target="nuclei"))
    assert mean == pytest.approx((iou + 1) / 2)


def test_what_is_not_annotated_does_not_enter_the_held_out_score() -> None:
    planes, labels = disks()
    sample = CropSample("a", planes, np.zeros((2, 72, 80), np.float32))
    partly = np.where(np.isin(labels, (1, 2)), -1, labels)
    for target, first in (("nuclei", 1), ("cells", 0)):
        network = Fixed(cells_of(labels)[first:])
        perfect = validation_score(
            Fixed(cells_of(labels)[first:]), [(sample, labels)], LabelSettings(target=target)
        )
        assert validation_score(network, [(sample, partly)], LabelSettings(target=target)) == perfect


def learned(target: str, steps: int = 40, **changed: Any) -> tuple[nn.Module, TrainingRecord, LabelSettings]:
    settings = LabelSettings(target=target, crop=32, batch=4, max_steps=steps, learning_rate=4e-3, **changed)
    samples = [label_sample(f"f{seed}", *disks(seed), target, 1.0) for seed in (1, 2)]
    draw = CropSampler((one.targets[-1] for one in samples), 32, 0, threshold=0.5)
    torch.manual_seed(0)
    network = object_network(settings.target, "small", 1, settings.slope)
    held_out = [(label_sample("h", *disks(3), target, 1.0), disks(3)[1])]
    return network, learn_from_labels(network, samples, held_out, draw, settings, **FITTING), settings


def test_nuclei_that_can_be_learned_are_learned() -> None:
    network, record, settings = learned("nuclei", 30)
    planes, labels = disks(30)
    found = predict_maps_whole(network, planes)[0] > 0
    assert np.count_nonzero(found & (labels > 0)) / np.count_nonzero(found | (labels > 0)) > 0.8
    assert record.history[0][1] < 0.6 < 0.8 < max(score for _, score in record.history)
    kept = validation_score(network, [(label_sample("h", *disks(3), "nuclei", 1.0), disks(3)[1])], settings)
    assert kept == pytest.approx(max(score for _, score in record.history))
    assert record.terms["Jaccard"] == record.losses


def test_the_loss_of_cells_is_eq_2_with_the_alpha_that_is_given() -> None:
    _, record, _ = learned("cells", 2, alpha=3.0)
    distance, mask = (np.array(record.terms[name]) for name in ("distance", "mask"))
    np.testing.assert_allclose(record.losses, distance + 3.0 * mask, rtol=1e-5)


def test_cells_that_can_be_learned_are_learned() -> None:
    network, record, _ = learned("cells", 50)
    scores = [score for _, score in record.history]
    assert scores[0] < 0.1
    assert max(scores) > 0.4
    distance, mask, total = record.terms["distance"], record.terms["mask"], record.losses
    alpha = (total[0] - distance[0]) / mask[0]  # the initial ratio: the first steps weigh both terms alike
    assert np.mean(distance[:FIRST_BATCHES]) / np.mean(mask[:FIRST_BATCHES]) == pytest.approx(alpha, rel=0.5)
    assert not network.training
    assert isinstance(network, CellNetwork)


@pytest.mark.parametrize("target", ["nuclei", "cells"])
def test_labels_that_are_not_annotated_teach_nothing(target: str) -> None:
    """Whatever stands where nothing is annotated: the same first steps, to the last bit."""
    records = []
    for other in (False, True):
        planes, labels = disks(1)
        partly = np.where(np.arange(80) < 50, labels, -1)
        sample = label_sample("a", planes, partly, target, 1.0)
        if other:
            sample.targets[:, ~sample.valid] = 0.7
        draw = CropSampler([label_sample("a", planes, partly, target, 1.0).targets[-1]], 32, 0, threshold=0.5)
        torch.manual_seed(0)
        network = object_network("nuclei" if target == "nuclei" else "cells", "small", 1)
        settings = LabelSettings(target=target, crop=32, batch=2, max_steps=3, zoom=0.0)
        records.append(learn_from_labels(network, [sample], [], draw, settings, **FITTING).losses)
    assert records[0] == records[1]


def test_the_slope_of_eq_1_reaches_the_loss() -> None:
    torch.manual_seed(0)
    network, crops = NucleusNetwork("small", 1, slope=5.0), batches_of("nuclei")(0)
    network.eval()
    with torch.no_grad():
        stain = network.unet(crops.images)
        expected = jaccard_loss(5.0 * (stain - 0.5), crops.targets, crops.valid)
        assert nucleus_loss(network, crops).total.item() == pytest.approx(expected.item(), rel=1e-6)
