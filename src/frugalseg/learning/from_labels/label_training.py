"""Learning from labels: the training run of a model of nuclei or cells."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from frugalseg.evaluation.pixel_scores import mask_iou
from frugalseg.evaluation.scores import compare_labels
from frugalseg.instances.map_labels import labels_from_maps
from frugalseg.learning.crop_batches import CropBatches, Crops, CropSample, Draw
from frugalseg.learning.device import Device
from frugalseg.learning.fingerprint import fingerprint
from frugalseg.learning.from_labels.label_losses import distance_error, jaccard_loss, mask_error
from frugalseg.learning.from_labels.label_settings import LabelSettings
from frugalseg.learning.snapshots import Snapshots
from frugalseg.learning.trainer import StepLoss, train
from frugalseg.learning.trainer_settings import TrainerSettings
from frugalseg.learning.training_record import OnProgress, TrainingRecord
from frugalseg.networks.heads import DISTANCE, MASK
from frugalseg.networks.object_net import CellNetwork, NucleusNetwork, predict_maps_whole

#: Number of batches over which the initial ratio of both terms of eq. 2 is measured.
FIRST_BATCHES = 4
#: Weight of the mask's IoU in the validation score of cells: it decides while no cell is found yet.
MASK_WEIGHT = 0.01

ObjectNetwork = NucleusNetwork | CellNetwork


def nucleus_loss(network: nn.Module, batch: Crops) -> StepLoss:
    """Return the Jaccard loss of a batch (paper A)."""
    total = jaccard_loss(network(_channels_last(batch.images)), batch.targets, batch.valid)
    return StepLoss(total, {"Jaccard": float(total.detach())})


def cell_terms(network: nn.Module, batch: Crops) -> tuple[Tensor, Tensor]:
    """Return both terms of eq. 2 of paper A, distance and mask, without weights."""
    maps = network(_channels_last(batch.images))
    distance = distance_error(maps[:, [DISTANCE]], batch.targets[:, [DISTANCE]], batch.valid)
    return distance, mask_error(maps[:, [MASK]], batch.targets[:, [MASK]], batch.valid)


def initial_alpha(network: nn.Module, batches: Callable[[int], Crops]) -> float:
    """Return the ratio of the distance's error to the mask's before training, which balances eq. 2 (paper A)."""
    network.train()  # as in the first step
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with torch.no_grad():
        terms = [cell_terms(network, batches(step)) for step in range(FIRST_BATCHES)]
    network.load_state_dict(before)  # the running means of batch norm have changed
    distance, mask = (float(sum(one)) for one in zip(*terms, strict=True))
    return distance / mask


def learn_from_labels(
    network: ObjectNetwork,
    samples: Sequence[CropSample],
    validation: Sequence[tuple[CropSample, NDArray[np.integer[Any]]]],
    draw: Draw,
    settings: LabelSettings,
    *,
    seed: int = 0,
    device: Device = "auto",
    checkpoint: Path | None = None,
    resume: bool = False,
    progress: OnProgress | None = None,
    snapshots: Snapshots[tuple[ObjectNetwork, TrainingRecord]] | None = None,
    about: str = "",
) -> TrainingRecord:
    """Train a network, in place, to find nuclei or cells (paper A).

    Parameters
    ----------
    network : NucleusNetwork or CellNetwork
        With the weights from which training starts.
    samples : sequence of CropSample
        From `frugalseg.learning.from_labels.label_samples.label_sample`.
    validation : sequence of (CropSample, labels)
        Decides which weights are kept; labels (Y,X) at the model scale. Empty: the last weights are kept.
    draw : callable
        Positions of the crops, such as `frugalseg.learning.crops.CropSampler`.
    settings : LabelSettings
        Crops, loss, augmentation.
    seed : int
        Of the batches.
    device, checkpoint, resume, progress, snapshots
        See `frugalseg.learning.trainer.train`.
    about : str
        What else decides the training: a checkpoint that was made with anything else is not continued.

    Returns
    -------
    TrainingRecord
        Course of the training; the first score of its history is that of the start.

    Raises
    ------
    InputError
        If there is no sample.
    Interrupted, BadModel, TrainingFailed, SettingsError, OutputFailed
        See `frugalseg.learning.trainer.train`.
    """
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    jitter = settings.flips, settings.intensity_jitter, settings.zoom
    batches = CropBatches(samples, draw, settings.crop, settings.batch, seed, *jitter)
    loss, alpha = nucleus_loss, None
    if settings.target == "cells":
        alpha = initial_alpha(network, batches) if settings.alpha is None else settings.alpha

        def loss(network: nn.Module, batch: Crops) -> StepLoss:
            distance, mask = cell_terms(network, batch)
            terms = {"distance": float(distance.detach()), "mask": float(mask.detach())}
            return StepLoss(distance + alpha * mask, terms)

    return train(
        network,
        batches,
        loss,
        TrainerSettings(
            max_steps=settings.max_steps, learning_rate=settings.learning_rate, schedule=settings.schedule
        ),
        device=device,
        checkpoint=checkpoint,
        resume=resume,
        validate=(lambda network: validation_score(network, validation, settings)) if validation else None,
        progress=progress,
        snapshots=snapshots,
        alpha=alpha,
        of=fingerprint(batches, ("images",), about) if checkpoint else "",
    )


def validation_score(
    network: ObjectNetwork,
    validation: Sequence[tuple[CropSample, NDArray[np.integer[Any]]]],
    settings: LabelSettings,
) -> float:
    """Return the mean IoU of nuclei (eq. 4) or mean AP of cells (eq. 5) over the validation set.

    To the latter a hundredth of the mask's IoU is added, so that the score rises before the first cell is found.
    """
    scores = []
    for sample, labels in validation:
        maps = predict_maps_whole(network, sample.planes)
        annotated = labels >= 0
        overlap = mask_iou((maps[-1] > 0) & annotated, labels > 0)
        if settings.target == "nuclei":
            scores.append(overlap)
        else:
            cells = labels_from_maps(maps, settings.target, settings.h)
            scores.append(compare_labels(labels, cells).mAP + MASK_WEIGHT * overlap)
    return float(np.mean(scores))


def _channels_last(images: Tensor) -> Tensor:
    return images.contiguous(memory_format=torch.channels_last)
