"""Learning from stains: the training run of a stain model."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from frugalseg.evaluation.pixel_scores import pearson_correlation
from frugalseg.learning.crop_batches import CropBatches, Crops, CropSample, Draw, check_batch
from frugalseg.learning.device import Device
from frugalseg.learning.fingerprint import fingerprint
from frugalseg.learning.from_labels.label_losses import mask_error
from frugalseg.learning.from_stains.stain_settings import StainSettings
from frugalseg.learning.seeded import seeded
from frugalseg.learning.snapshots import Snapshots
from frugalseg.learning.trainer import StepLoss, train
from frugalseg.learning.trainer_settings import TrainerSettings
from frugalseg.learning.training_record import OnProgress, TrainingRecord
from frugalseg.networks.heads import ScaledSigmoid
from frugalseg.networks.object_net import predict_maps_whole
from frugalseg.networks.pretrained import load_pretrained
from frugalseg.networks.unet import Unet


def stain_loss(network: Unet, batch: Crops) -> StepLoss:
    """Return the mean absolute difference between predicted and real stain, on the scale 0..1 (paper A)."""
    predicted = network(batch.images.contiguous(memory_format=torch.channels_last))
    difference = (predicted - batch.targets).abs() * batch.valid
    total = difference.sum() / (batch.valid.sum() * batch.targets.shape[1]).clamp(min=1)
    return StepLoss(total, {"L1": float(total.detach())})


def stain_mask_loss(network: Unet, batch: Crops) -> StepLoss:
    """Return the binary cross entropy of a stain's mask, whose probability is that of eq. 1 of paper A (paper B)."""
    logits = ScaledSigmoid().logits(network(batch.images.contiguous(memory_format=torch.channels_last)))
    total = mask_error(logits, batch.targets, batch.valid)
    return StepLoss(total, {"BCE": float(total.detach())})


def learn_from_stains(
    samples: Sequence[CropSample],
    validation: Sequence[CropSample],
    draw: Draw,
    settings: StainSettings,
    *,
    seed: int = 0,
    device: Device = "auto",
    checkpoint: Path | None = None,
    resume: bool = False,
    progress: OnProgress | None = None,
    snapshots: Snapshots[tuple[Unet, TrainingRecord]] | None = None,
    about: str = "",
) -> tuple[Unet, TrainingRecord, str]:
    """Train a network to predict a stain from label-free channels, without any label (paper A).

    Parameters
    ----------
    samples : sequence of CropSample
        Training fields at the model scale; one target, scaled to 0..1, or 0 and 1 for a mask.
    validation : sequence of CropSample
        Fields whose mean PCC decides which weights are kept. Empty: the last ones are.
    draw : callable
        Positions of the crops, such as `frugalseg.learning.crops.CropSampler`.
    settings : StainSettings
        Network, crops, loss.
    seed : int
        Of weights and batches.
    device, checkpoint, resume, progress, snapshots
        See `frugalseg.learning.trainer.train`.
    about : str
        What else decides the training: a checkpoint that was made with anything else is not continued.

    Returns
    -------
    network : Unet
        On the CPU, in evaluation mode.
    record : TrainingRecord
        Course of the training.
    started_from : str
        What the weights of the encoder were before.

    Raises
    ------
    InputError
        If there is no sample.
    Interrupted, BadModel, TrainingFailed, SettingsError, OutputFailed
        See `frugalseg.learning.trainer.train`.
    """
    with seeded(seed):
        network = Unet(settings.encoder, samples[0].planes.shape[0], 1)
        check_batch(settings.crop, settings.batch, network.stride)
        started_from = load_pretrained(network, settings.weights)
    batches = CropBatches(
        samples, draw, settings.crop, settings.batch, seed, settings.flips, settings.intensity_jitter
    )
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    is_mask = settings.target_scale == "mask"
    varied = any(np.ptp(one.targets) > 0 for one in validation)  # the PCC of a constant stain is not defined
    record = train(
        network,
        batches,
        stain_mask_loss if is_mask else stain_loss,
        TrainerSettings(
            max_steps=settings.max_steps,
            learning_rate=settings.learning_rate,
            schedule=settings.schedule,
            enough=settings.enough,
        ),
        device=device,
        checkpoint=checkpoint,
        resume=resume,
        validate=(lambda network: mean_correlation(network, validation, is_mask)) if varied else None,
        progress=progress,
        snapshots=snapshots,
        of=fingerprint(batches, ("images", "targets"), about) if checkpoint else "",
    )
    return network, record, started_from


def mean_correlation(network: Unet, samples: Sequence[CropSample], is_mask: bool = False) -> float:
    """Return the mean PCC (paper A, eq. 3) over samples, on the scale of training; of a mask, that of its probability.

    Samples of a constant stain are left out; a constant prediction counts 0.
    """
    values = ScaledSigmoid() if is_mask else torch.nn.Identity()
    scores = [
        pearson_correlation(
            values(torch.from_numpy(predict_maps_whole(network, one.planes)[0])).numpy(), one.targets[0]
        )
        for one in samples
        if np.ptp(one.targets[0]) > 0
    ]
    return float(np.mean(np.nan_to_num(scores))) if scores else 0.0
