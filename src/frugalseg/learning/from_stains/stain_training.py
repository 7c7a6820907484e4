"""Learning from stains: the training run of a stain model."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from frugalseg.evaluation.pixel_scores import pearson_correlation
from frugalseg.learning.crop_batches import CropBatches, Crops, CropSample, Draw
from frugalseg.learning.from_stains.stain_settings import StainSettings
from frugalseg.learning.trainer import StepLoss, TrainerSettings, TrainingRecord, fit, with_step_budget
from frugalseg.networks.object_net import predict_maps_whole
from frugalseg.networks.pretrained import load_pretrained
from frugalseg.networks.unet import Unet


def stain_loss(network: Unet, batch: Crops) -> StepLoss:
    """Mean absolute difference between predicted and real stain, on the scale 0..1 (paper A)."""
    predicted = network(batch.images.contiguous(memory_format=torch.channels_last))
    difference = (predicted - batch.targets).abs() * batch.valid
    total = difference.sum() / (batch.valid.sum() * batch.targets.shape[1]).clamp(min=1)
    return StepLoss(total, {"L1": float(total.detach())})


def learn_from_stains(
    samples: Sequence[CropSample],
    held_out: Sequence[CropSample],
    draw: Draw,
    settings: StainSettings,
    fitting: TrainerSettings,
    folder: Path | None = None,
) -> tuple[Unet, TrainingRecord, str]:
    """Train a network to predict a stain from label-free channels, without any label (paper A).

    Parameters
    ----------
    samples : sequence of CropSample
        Training fields at the network's scale; one target, scaled to 0..1.
    held_out : sequence of CropSample
        Fields that decide which weights are kept, by their mean PCC; may be empty.
    draw : callable
        Where crops are taken, such as `CropSampler`.
    settings : StainSettings
        Network, crops, loss.
    fitting : TrainerSettings
        Seed, device, progress, resuming.
    folder : Path, optional
        Where checkpoints go.

    Returns
    -------
    network : Unet
        On the CPU, in evaluation mode.
    record : TrainingRecord
        What happened.
    started_from : str
        What the encoder's weights were before.
    """
    torch.manual_seed(fitting.seed)
    network = Unet(settings.encoder, samples[0].planes.shape[0], 1)
    started_from = load_pretrained(network, settings.weights)
    batches = CropBatches(
        samples, draw, settings.crop, settings.batch, fitting.seed, settings.turn, settings.intensity_jitter
    )
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    varied = any(np.ptp(one.targets) > 0 for one in held_out)  # else there is no correlation to judge by
    judge = (lambda one: mean_correlation(one, held_out)) if varied else None
    record = fit(
        network,
        batches,
        stain_loss,
        with_step_budget(fitting, settings.max_steps, settings.learning_rate, settings.schedule),
        folder,
        judge,
    )
    return network, record, started_from


def mean_correlation(network: Unet, samples: Sequence[CropSample]) -> float:
    """Mean PCC (paper A, eq. 3) over samples; without those of a constant stain, 0 for a constant prediction."""
    found = [
        pearson_correlation(predict_maps_whole(network, one.planes)[0], one.targets[0])
        for one in samples
        if np.ptp(one.targets[0]) > 0
    ]
    return float(np.mean(np.nan_to_num(found))) if found else 0.0
