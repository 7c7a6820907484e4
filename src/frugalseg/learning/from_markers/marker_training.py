"""Learning from markers: the training run of a marker network."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from frugalseg.learning.device import Device
from frugalseg.learning.fingerprint import checksum_of, fingerprint
from frugalseg.learning.from_markers.marker_batches import Batch, MarkerBatches, MarkerSample
from frugalseg.learning.from_markers.marker_losses import boundary_length, marker_loss, nuclei_loss
from frugalseg.learning.from_markers.marker_settings import TARGET_DIAMETER, MarkerSettings
from frugalseg.learning.seeded import seeded
from frugalseg.learning.snapshots import Snapshots
from frugalseg.learning.trainer import StepLoss, train
from frugalseg.learning.trainer_settings import TrainerSettings
from frugalseg.learning.training_record import OnProgress, TrainingRecord
from frugalseg.networks.marker_net import MarkerNetwork
from frugalseg.networks.patches import invert_flips


def new_marker_network(channels: int, settings: MarkerSettings) -> MarkerNetwork:
    """Return an untrained marker network for images with a number of channels."""
    return MarkerNetwork(channels + 1, settings.widths, settings.stride, settings.prior)


def marker_step_loss(network: MarkerNetwork, batch: Batch, settings: MarkerSettings) -> StepLoss:
    """Return the loss of one batch: eq. 1 of paper B, and boundary and nuclei terms where they have a weight.

    All terms are divided by the number of cells times the area of a square of `TARGET_DIAMETER`, so that they do not
    depend on how many cells a batch has. About -1 is reached where each cell covers such a square without overlap; disks
    give -0.79.
    """
    patches = batch.patches.contiguous(memory_format=torch.channels_last)
    logits = invert_flips(network(patches), batch.flips)
    terms = marker_loss(logits, batch.index, batch.foreground, settings.overlap, settings.background)
    area = len(logits) * TARGET_DIAMETER**2
    total: Tensor = terms.total / area
    named = {
        name: float(getattr(terms, name).detach()) / area for name in ("coverage", "overlap", "background")
    }
    if batch.boundary_cost is not None:
        boundary = settings.boundary * boundary_length(logits, batch.index, batch.boundary_cost) / area
        total = total + boundary
        named["boundary"] = float(boundary.detach())
    if batch.known is not None:
        nuclei = settings.nuclei * nuclei_loss(logits, batch.known) / area
        total = total + nuclei
        named["nuclei"] = float(nuclei.detach())
    return StepLoss(total, named)


def learn_from_markers(
    samples: Sequence[MarkerSample],
    settings: MarkerSettings,
    *,
    seed: int = 0,
    device: Device = "auto",
    checkpoint: Path | None = None,
    resume: bool = False,
    progress: OnProgress | None = None,
    snapshots: Snapshots[tuple[MarkerNetwork, TrainingRecord]] | None = None,
    about: str = "",
) -> tuple[MarkerNetwork, TrainingRecord]:
    """Train a marker network, without labels, on the images that it is to segment (paper B).

    Parameters
    ----------
    samples : sequence of MarkerSample
        One or more fields at the model scale.
    settings : MarkerSettings
        Network, batches and loss.
    seed : int
        Of weights and batches.
    device, checkpoint, resume, progress, snapshots
        See `frugalseg.learning.trainer.train`.
    about : str
        What else decides the training: a checkpoint that was made with anything else is not continued.

    Returns
    -------
    network : MarkerNetwork
        On the CPU, in evaluation mode.
    record : TrainingRecord
        Course of the training.

    Raises
    ------
    NoMarkers
        If there is no sample.
    Interrupted, BadModel, TrainingFailed, SettingsError, OutputFailed
        See `frugalseg.learning.trainer.train`.
    """
    with seeded(seed):
        network = new_marker_network(samples[0].planes.shape[0] if samples else 1, settings)
    batches = MarkerBatches(samples, settings, seed)
    learned = [checksum_of(one.planes, one.points, one.foreground, one.nuclei) for one in samples]
    record = train(
        network,
        batches,
        lambda network, batch: marker_step_loss(network, batch, settings),
        TrainerSettings(
            max_steps=settings.steps_for(sum(len(one.points) for one in samples)),
            learning_rate=settings.learning_rate,
            schedule=settings.schedule,
        ),
        device=device,
        checkpoint=checkpoint,
        resume=resume,
        progress=progress,
        snapshots=snapshots,
        of=fingerprint(batches, ("patches", "index"), f"{about} {learned}") if checkpoint else "",
    )
    return network, record
