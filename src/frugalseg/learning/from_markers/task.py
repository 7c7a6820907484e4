"""Learning from markers: the training run of a cutter."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from frugalseg.learning.fit import FitRecord, FitSettings, StepLoss, fit
from frugalseg.learning.from_markers.data import Batch, MarkerBatches, MarkerSample
from frugalseg.learning.from_markers.loss import border_length, marker_loss
from frugalseg.learning.from_markers.settings import WORKING_DIAMETER, CutterSettings
from frugalseg.networks.cutter import Cutter
from frugalseg.networks.patches import turned_back


def new_cutter(channels: int, settings: CutterSettings) -> Cutter:
    """Untrained cutter for images of so many channels."""
    return Cutter(channels + 1, settings.widths, settings.stride, settings.prior)


def cutter_loss(cutter: Cutter, batch: Batch, settings: CutterSettings) -> StepLoss:
    """Loss of one batch: eq. 1, and the border term where it has a weight.

    Everything is divided by the area of the batch's cells, so that the numbers do not depend on how many there are:
    about -1 is reached where every cell claims a square of the working diameter's side, without overlap; a disk gives -0.79.
    """
    patches = batch.patches.contiguous(memory_format=torch.channels_last)
    logits = turned_back(cutter(patches), batch.turns)
    terms = marker_loss(logits, batch.index, batch.foreground, settings.overlap, settings.outside)
    area = len(logits) * WORKING_DIAMETER**2
    total: Tensor = terms.total / area
    named = {name: float(getattr(terms, name).detach()) / area for name in ("claimed", "overlap", "outside")}
    if batch.ease is not None:
        border = settings.border * border_length(logits, batch.index, batch.ease) / area
        total = total + border
        named["border"] = float(border.detach())
    return StepLoss(total, named)


def learn_from_markers(
    samples: Sequence[MarkerSample],
    settings: CutterSettings,
    fitting: FitSettings,
    folder: Path | None = None,
) -> tuple[Cutter, FitRecord]:
    """Train a cutter on the very images it is to cut, with no label (paper B).

    Parameters
    ----------
    samples : sequence of MarkerSample
        One or more fields at the working scale.
    settings : CutterSettings
        Network, batches and loss.
    fitting : FitSettings
        Seed, device, progress, resuming.
    folder : Path, optional
        Where checkpoints go; None: there are none.

    Returns
    -------
    cutter : Cutter
        On the CPU, in evaluation mode.
    record : FitRecord
        Loss per step, time, why it stopped.

    Raises
    ------
    NoMarkers
        There is nothing to learn from.
    Interrupted
        The user stopped the run; the checkpoint is in `folder`.
    """
    torch.manual_seed(fitting.seed)
    cutter = new_cutter(samples[0].planes.shape[0] if samples else 1, settings)
    batches = MarkerBatches(samples, settings, fitting.seed)
    record = fit(
        cutter,
        batches,
        lambda network, batch: cutter_loss(network, batch, settings),
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
