"""Learning from labels: the training run of a model of nuclei or cells."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from frugalseg.evaluation.pixel_scores import mask_iou
from frugalseg.evaluation.scores import score_labels
from frugalseg.instances.map_labels import labels_from_maps
from frugalseg.learning.crop_batches import CropBatches, Crops, CropSample, Draw
from frugalseg.learning.from_labels.label_losses import distance_error, jaccard_loss, mask_error
from frugalseg.learning.from_labels.label_settings import LabelSettings
from frugalseg.learning.trainer import StepLoss, TrainerSettings, TrainingRecord, fit, with_step_budget
from frugalseg.networks.heads import DISTANCE, MASK
from frugalseg.networks.object_net import CellNetwork, NucleusNetwork, predict_maps_whole

#: Alpha is the ratio of both terms of eq. 2 over so many batches.
FIRST_BATCHES = 4
#: Weight of the mask's IoU in the held-out score of cells: it decides while no cell is found yet.
MASK_WEIGHT = 0.01

ObjectNetwork = NucleusNetwork | CellNetwork


def nucleus_loss(network: nn.Module, batch: Crops) -> StepLoss:
    """Jaccard loss of a batch (paper A)."""
    total = jaccard_loss(network(_channels_last(batch.images)), batch.targets, batch.valid)
    return StepLoss(total, {"Jaccard": float(total.detach())})


def cell_terms(network: nn.Module, batch: Crops) -> tuple[Tensor, Tensor]:
    """Both terms of eq. 2, without weights."""
    maps = network(_channels_last(batch.images))
    distance = distance_error(maps[:, [DISTANCE]], batch.targets[:, [DISTANCE]], batch.valid)
    return distance, mask_error(maps[:, [MASK]], batch.targets[:, [MASK]], batch.valid)


def initial_alpha(network: nn.Module, batches: Callable[[int], Crops]) -> float:
    """Ratio of the distance's error to the mask's before training, which balances eq. 2 (paper A)."""
    network.train()  # as in the first step
    kept = {name: value.clone() for name, value in network.state_dict().items()}
    with torch.no_grad():
        terms = [cell_terms(network, batches(step)) for step in range(FIRST_BATCHES)]
    network.load_state_dict(kept)  # the running means of batch norm moved
    distance, mask = (float(sum(one)) for one in zip(*terms, strict=True))
    return distance / mask


def learn_from_labels(
    network: ObjectNetwork,
    samples: Sequence[CropSample],
    held_out: Sequence[tuple[CropSample, NDArray[np.integer[Any]]]],
    draw: Draw,
    settings: LabelSettings,
    fitting: TrainerSettings,
    folder: Path | None = None,
) -> TrainingRecord:
    """Train a network, in place, to find nuclei or cells (paper A).

    Parameters
    ----------
    network : NucleusNetwork or CellNetwork
        With the weights that it starts from.
    samples : sequence of CropSample
        From `frugalseg.learning.from_labels.label_samples.label_sample`.
    held_out : sequence of (CropSample, labels)
        What decides which weights are kept; labels (Y,X) at the samples' scale. May be empty: then the last are.
    draw : callable
        Where crops are taken.
    settings : LabelSettings
        Crops, loss, augmentation.
    fitting : TrainerSettings
        Seed, device, progress, resuming, how often the held-out score is looked at.
    folder : Path, optional
        Where checkpoints go.

    Returns
    -------
    TrainingRecord
        What happened; its first look is the score of the start.
    """
    torch.manual_seed(fitting.seed)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    batches = CropBatches(
        samples,
        draw,
        settings.crop,
        settings.batch,
        fitting.seed,
        settings.turn,
        settings.intensity_jitter,
        settings.zoom,
    )
    loss, alpha = nucleus_loss, None
    if settings.target == "cells":
        alpha = initial_alpha(network, batches) if settings.alpha is None else settings.alpha

        def loss(network: nn.Module, batch: Crops) -> StepLoss:
            distance, mask = cell_terms(network, batch)
            return StepLoss(
                distance + alpha * mask, {"distance": float(distance.detach()), "mask": float(mask.detach())}
            )

    record = fit(
        network,
        batches,
        loss,
        with_step_budget(fitting, settings.max_steps, settings.learning_rate, settings.schedule),
        folder,
        (lambda one: validation_score(one, held_out, settings)) if held_out else None,
    )
    record.alpha = alpha
    return record


def validation_score(
    network: ObjectNetwork,
    held_out: Sequence[tuple[CropSample, NDArray[np.integer[Any]]]],
    settings: LabelSettings,
) -> float:
    """Mean IoU of nuclei (eq. 4) or mean AP of cells (eq. 5) over what is held out.

    To the latter a hundredth of the mask's IoU is added, so that a network improves before it finds its first cell.
    """
    scores = []
    for sample, labels in held_out:
        found = predict_maps_whole(network, sample.planes)
        known = labels >= 0
        overlap = mask_iou((found[-1] > 0) & known, labels > 0)
        if settings.target == "nuclei":
            scores.append(overlap)
        else:
            cells = labels_from_maps(found, settings.target, settings.h)
            scores.append(score_labels(labels, cells).mAP + MASK_WEIGHT * overlap)
    return float(np.mean(scores))


def _channels_last(images: Tensor) -> Tensor:
    return images.contiguous(memory_format=torch.channels_last)
