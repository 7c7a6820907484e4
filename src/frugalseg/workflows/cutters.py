"""Between a trained cutter and what is on disk: its card, its training record, and the cells it cuts."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from frugalseg.errors import BadModel
from frugalseg.learning.device import Device, pick_device
from frugalseg.learning.from_markers.marker_batches import MarkerSample, marker_channels
from frugalseg.learning.from_markers.marker_settings import MarkerSettings
from frugalseg.learning.from_markers.marker_training import new_marker_network
from frugalseg.learning.training_record import TrainingRecord
from frugalseg.networks.cards import MarkerCard, TrainingSummary
from frugalseg.networks.marker_net import MarkerNetwork
from frugalseg.networks.store import CARD, load_card, load_weights
from frugalseg.prediction.marker_patches import labels_from_patches, patch_probabilities
from frugalseg.report import TrainingCurve
from frugalseg.workflows.cues import FieldCues


def segment_cells(
    cutter: MarkerNetwork, cues: FieldCues, sample: MarkerSample, cutting: MarkerSettings, device: Device
) -> NDArray[np.uint32]:
    """Labels (Y,X) uint32 of one field at the image's own scale."""
    positions = marker_channels(sample, cutting, cutting.side_in_use)
    probabilities, corners = patch_probabilities(
        cutter, sample.planes, positions, cutting.orientations, pick_device(device)
    )
    labels, _ = labels_from_patches(
        probabilities,
        corners,
        cues.markers.points,
        cues.foreground.mask,
        tuple(small / side for small, side in zip(sample.planes.shape[1:], cues.shape, strict=True)),
        cutting.assign_remaining,
        sample.planes[0] if cutting.trim_halo and sample.label_free else None,
    )
    return labels


def load_marker_network(folder: Path) -> tuple[MarkerCard, MarkerSettings, MarkerNetwork]:
    """Read a trained cutter; `BadModel` where the folder is none, incomplete or damaged."""
    card = load_card(folder)
    if not isinstance(card, MarkerCard):
        raise BadModel(f"{folder} is a model of kind '{card.kind}', and a marker network is needed here")
    try:
        # Older cards do not name these settings: their cutters know the disk, and patches as in training.
        cutting = MarkerSettings.model_validate({"regularization": None, "margin": 0} | card.settings)
        cutter = new_marker_network(len(card.channels), cutting)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, ("settings", *first["loc"])))
        raise BadModel(
            f"{folder / CARD} is damaged or of another version of frugalseg ({where}: {first['msg']})"
        ) from error
    return card, cutting, load_weights(folder, cutter)


def make_card(
    cues: FieldCues,
    fields: Sequence[str],
    diameter: float,
    markers_from: Mapping[str, str | None],
    cutting: MarkerSettings,
    training: TrainingRecord,
    seed: int,
) -> MarkerCard:
    """Card of a cutter learned from these fields, whose channels are normalised as those of `cues`.

    `markers_from` is of `CueSettings.markers_from`.
    """
    return MarkerCard(
        channels=cues.channels,
        modalities=cues.modalities,
        nuclei=markers_from["nuclei"],
        nuclei_from=markers_from["nuclei_from"],
        diameter=diameter,
        pixel_size=cues.pixel_size,
        settings=cutting.model_dump(mode="json"),
        training=TrainingSummary(
            steps=training.steps,
            stopped_because=training.stopped_because,
            seconds=round(training.seconds, 2),
            seed=seed,
            fields=tuple(fields),
        ),
    )


def brief(training: TrainingRecord) -> dict[str, Any]:
    """Give a training record without its curves, which stand beside the model."""
    return {
        "steps": training.steps,
        "stopped_because": training.stopped_because,
        "seconds": round(training.seconds, 2),
        "device": training.device,
        "last_loss": training.losses[-1] if training.losses else None,
        **({} if training.alpha is None else {"alpha": training.alpha}),
    }


def curve_of(name: str, training: TrainingRecord, history_name: str = "Validation score") -> TrainingCurve:
    """Loss curve of a training record, and the held-out score where there was one."""
    return TrainingCurve(
        name=name,
        steps=range(1, training.steps + 1),
        losses=training.losses,
        terms=training.terms,
        stopped_because=training.stopped_because,
        history=training.history,
        history_name=history_name,
    )
