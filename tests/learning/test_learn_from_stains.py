"""Learning a stain: the loss is the one of the paper, and training learns what can be learned."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from frugalseg.evaluation.pixel_scores import pearson_correlation
from frugalseg.learning.crop_batches import Crops, CropSample
from frugalseg.learning.crops import CropSampler
from frugalseg.learning.from_stains.stain_settings import StainSettings
from frugalseg.learning.from_stains.stain_training import (
    learn_from_stains,
    mean_correlation,
    stain_loss,
    stain_mask_loss,
)
from frugalseg.learning.training_record import TrainingRecord
from frugalseg.networks.object_net import predict_maps_whole
from frugalseg.networks.unet import Unet

TINY = StainSettings(crop=32, batch=4, max_steps=30, intensity_jitter=0.05)
FITTING: dict[str, Any] = {"seed": 0, "device": "cpu"}


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> object:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


class Echo(nn.Module):
    """Says what it is given, plus a number."""

    def __init__(self, added: float = 0.0) -> None:
        super().__init__()
        self.added = nn.Parameter(torch.tensor(added))

    def forward(self, images: Tensor) -> Tensor:
        return images[:, :1] + self.added


def batch(seed: int = 0) -> Crops:
    random = np.random.default_rng(seed)
    images = random.normal(size=(2, 1, 5, 6)).astype(np.float32)
    targets = random.normal(size=(2, 1, 5, 6)).astype(np.float32)
    valid = (random.random((2, 1, 5, 6)) > 0.3).astype(np.float32)
    return Crops(*(torch.from_numpy(one) for one in (images, targets, valid)))


def blobs(seed: int) -> CropSample:
    """A stain of smooth spots, of which the label-free image shows the negative, with noise."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:72, :80]
    centres = random.uniform(0, 80, (9, 2))
    stain = sum(np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / 50) for cy, cx in centres)
    stain = np.clip(stain / stain.max(), 0, 1).astype(np.float32)
    image = -stain + random.normal(0, 0.05, stain.shape)
    image = ((image - image.mean()) / image.std()).astype(np.float32)
    return CropSample(f"f{seed}", image[None], stain[None])


def test_the_loss_is_the_mean_absolute_difference_where_the_stain_is_known() -> None:
    crops = batch()
    images, targets, valid = (one.numpy() for one in (crops.images, crops.targets, crops.valid))
    loss = stain_loss(Echo(0.25), crops)
    expected = np.abs(images + 0.25 - targets)[valid > 0].mean()
    assert float(loss.total.detach()) == pytest.approx(expected, rel=1e-6)
    assert loss.terms == {"L1": pytest.approx(expected, rel=1e-6)}


def test_the_loss_of_a_mask_is_the_cross_entropy_of_the_paper_s_sigmoid() -> None:
    crops = batch()
    mask = (crops.targets > 0).float()
    loss = stain_mask_loss(Echo(), Crops(crops.images, mask, crops.valid))
    images, truth, valid = (one.numpy().astype(float) for one in (crops.images, mask, crops.valid))
    probability = 1 / (1 + np.exp(-(images - 0.5)))
    expected = -np.log(np.where(truth > 0, probability, 1 - probability))[valid > 0].mean()
    assert float(loss.total.detach()) == pytest.approx(expected, rel=1e-5)
    assert loss.terms == {"BCE": pytest.approx(expected, rel=1e-5)}


def test_a_mask_is_scored_by_its_probability() -> None:
    sample = blobs(1)
    mask = CropSample("f", 5 * sample.planes, (sample.targets > 0.3).astype(np.float32))
    probability = 1 / (1 + np.exp(-(mask.planes[0].astype(float) - 0.5)))
    scores = [mean_correlation(Echo(), [mask], is_mask) for is_mask in (True, False)]  # type: ignore[arg-type]
    assert scores[0] == pytest.approx(pearson_correlation(probability, mask.targets[0]), abs=1e-5)
    assert scores[1] == pytest.approx(pearson_correlation(mask.planes[0], mask.targets[0]), abs=1e-5)
    assert abs(scores[0] - scores[1]) > 0.02


def test_only_the_paper_s_mask_ends_at_its_cross_entropy() -> None:
    assert StainSettings.preset("paper", target_scale="mask").enough == 0.15
    assert StainSettings.preset("paper").enough is None
    assert StainSettings.preset("default", target_scale="mask").enough is None
    samples = [blobs(number) for number in range(2)]
    masks = [CropSample(s.name, s.planes, (s.targets > 0.3).astype(np.float32)) for s in samples]
    draw = CropSampler([one.targets[0] for one in masks], 32, 0, threshold=0.5)
    quick = TINY.model_copy(update={"target_scale": "mask", "max_steps": 60, "enough": 10.0})
    _, record, _ = learn_from_stains(masks, [], draw, quick, **FITTING)
    assert (record.steps, record.stopped_because) == (50, "the loss was low enough")
    assert list(record.terms) == ["BCE"]


def test_what_is_not_known_changes_nothing() -> None:
    crops, network = batch(), Echo()
    changed = torch.where(crops.valid > 0, crops.targets, torch.tensor(1e6))
    one, other = stain_loss(network, crops), stain_loss(network, Crops(crops.images, changed, crops.valid))
    assert torch.equal(one.total, other.total)
    nothing = stain_loss(network, Crops(crops.images, crops.targets, torch.zeros_like(crops.valid)))
    assert nothing.total.item() == 0.0  # and no NaN


def test_the_score_is_the_mean_correlation_over_fields() -> None:
    samples = [blobs(1), blobs(2)]
    expected = [np.corrcoef(s.planes[0].ravel(), s.targets[0].ravel())[0, 1] for s in samples]
    assert mean_correlation(Echo(), samples) == pytest.approx(np.mean(expected), abs=1e-5)


def test_a_constant_field_does_not_decide_which_weights_are_kept() -> None:
    """Correlation is not defined there; NaN would never be beaten."""
    constant = CropSample("c", blobs(3).planes, np.zeros((1, 72, 80), np.float32))
    judged = mean_correlation(Echo(), [blobs(1), constant])
    assert judged == mean_correlation(Echo(), [blobs(1)])
    _, record, _ = learned(max_steps=2, held_out=[constant])
    assert (record.history, record.best_step) == ([], None)  # as where nothing is held out


def test_a_constant_prediction_is_no_correlation() -> None:
    class Zero(Echo):
        def forward(self, images: Tensor) -> Tensor:
            return 0 * images[:, :1]

    assert mean_correlation(Zero(), [blobs(1)]) == 0.0


def learned(**changed: object) -> tuple[Unet, TrainingRecord, str]:
    samples = [blobs(1), blobs(2)]
    draw = CropSampler((one.targets[0] for one in samples), TINY.crop, 0)
    held_out = changed.pop("held_out", [blobs(7)])
    settings = TINY.model_copy(update=changed)
    return learn_from_stains(samples, held_out, draw, settings, **FITTING)


def test_a_stain_that_can_be_learned_is_learned() -> None:
    network, record, started_from = learned()
    assert started_from == "none"
    assert not network.training
    new = blobs(20)  # neither learned from nor looked at
    assert pearson_correlation(predict_maps_whole(network, new.planes)[0], new.targets[0]) > 0.9
    assert record.history[0][0] == 0
    assert record.history[0][1] < 0.6
    best = max(score for _, score in record.history)
    assert best > 0.9
    assert mean_correlation(network, [blobs(7)]) == pytest.approx(best, abs=1e-5)  # the best weights are kept
    assert np.mean(record.losses[-5:]) < 0.5 * np.mean(record.losses[:5])
    assert record.terms["L1"] == record.losses


def test_the_seed_decides_everything() -> None:
    one, other = learned(max_steps=3), learned(max_steps=3)
    assert one[1].losses == other[1].losses
    weights = (network.state_dict() for network in (one[0], other[0]))
    assert all(torch.equal(a, b) for a, b in zip(*(w.values() for w in weights), strict=True))


def test_nothing_held_out_keeps_the_last_weights() -> None:
    _, record, _ = learned(max_steps=3, held_out=[])
    assert (record.history, record.best_step, record.steps) == ([], None, 3)


def test_the_papers_network_learns_too() -> None:
    """One step with its encoder and rate; the weights of ImageNet are not at hand."""
    paper = StainSettings.preset("paper", weights="none", max_steps=1, batch=1, crop=64)
    samples = [blobs(1)]
    network, record, _ = learn_from_stains(
        samples, [], CropSampler([samples[0].targets[0]], 64, 0), paper, **FITTING
    )
    assert (network.encoder_name, record.steps) == ("densenet121", 1)
    assert np.isfinite(record.losses).all()
