"""Learning from markers: the training run of a cutter."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from frugalseg.learning.from_markers.marker_batches import Batch, MarkerBatches, MarkerSample
from frugalseg.learning.from_markers.marker_losses import boundary_length, marker_loss
from frugalseg.learning.from_markers.marker_settings import TARGET_DIAMETER, MarkerSettings
from frugalseg.learning.trainer import StepLoss, TrainerSettings, TrainingRecord, fit
from frugalseg.networks.marker_net import MarkerNetwork
from frugalseg.networks.patches import invert_flips


def new_marker_network(channels: int, settings: MarkerSettings) -> MarkerNetwork:
    """Untrained cutter for images of so many channels."""
    return MarkerNetwork(channels + 1, settings.widths, settings.stride, settings.prior)


def marker_step_loss(cutter: MarkerNetwork, batch: Batch, settings: MarkerSettings) -> StepLoss:
    """Loss of one batch: eq. 1, and the border term where it has a weight.

    Everything is divided by the area of the batch's cells, so that the numbers do not depend on how many there are:
    about -1 is reached where every cell claims a square of the working diameter's side, without overlap; a disk gives -0.79.
    """
    patches = batch.patches.contiguous(memory_format=torch.channels_last)
    logits = invert_flips(cutter(patches), batch.flips)
    terms = marker_loss(logits, batch.index, batch.foreground, settings.overlap, settings.outside)
    area = len(logits) * TARGET_DIAMETER**2
    total: Tensor = terms.total / area
    named = {name: float(getattr(terms, name).detach()) / area for name in ("claimed", "overlap", "outside")}
    if batch.boundary_cost is not None:
        border = settings.border * boundary_length(logits, batch.index, batch.boundary_cost) / area
        total = total + border
        named["border"] = float(border.detach())
    return StepLoss(total, named)


def learn_from_markers(
    samples: Sequence[MarkerSample],
    settings: MarkerSettings,
    fitting: TrainerSettings,
    folder: Path | None = None,
) -> tuple[MarkerNetwork, TrainingRecord]:
    """Train a cutter on the very images it is to cut, with no label (paper B).

    Parameters
    ----------
    samples : sequence of MarkerSample
        One or more fields at the working scale.
    settings : MarkerSettings
        Network, batches and loss.
    fitting : TrainerSettings
        Seed, device, progress, resuming.
    folder : Path, optional
        Where checkpoints go; None: there are none.

    Returns
    -------
    cutter : MarkerNetwork
        On the CPU, in evaluation mode.
    record : TrainingRecord
        Loss per step, time, why it stopped.

    Raises
    ------
    NoMarkers
        There is nothing to learn from.
    Interrupted
        The user stopped the run; the checkpoint is in `folder`.
    """
    torch.manual_seed(fitting.seed)
    cutter = new_marker_network(samples[0].planes.shape[0] if samples else 1, settings)
    batches = MarkerBatches(samples, settings, fitting.seed)
    record = fit(
        cutter,
        batches,
        lambda network, batch: marker_step_loss(network, batch, settings),
        fitting.model_copy(
            update={
                "max_steps": settings.steps_for(sum(len(one.points) for one in samples)),
                "learning_rate": settings.learning_rate,
                "schedule": settings.schedule,
            }
        ),
        folder,
    )
    return cutter, record
