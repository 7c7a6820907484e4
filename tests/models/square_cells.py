"""A field of square cells, and students that see them in one contrast only."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from frugalseg.learning.from_labels.label_settings import LabelSettings
from frugalseg.models.object_model import ObjectModel
from frugalseg.networks.cards import ObjectCard, TrainingSummary

#: Side of a cell, and its distance from the next, px.
SIDE, PITCH = 12, 24


class Contrasting(torch.nn.Module):
    """Finds what is bright, and what is dark some px beside it."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        cells = (images > 1.05) | torch.roll(images < -1.05, 4, dims=-1)
        return torch.cat([cells.float(), cells.float() * 2 - 1], dim=1)


def student_of(
    network: torch.nn.Module, self_trained: bool = True, usual: float | None = 0.9, **changed: Any
) -> ObjectModel:
    training = TrainingSummary(steps=1, stopped_because="s", seconds=1.0, seed=0, fields=("a",))
    settings = LabelSettings(target="cells", **changed)
    card = ObjectCard(
        channels=("phase",),
        scale=1.0,
        training=training,
        diameter=13.5,
        kind="cells",
        settings=settings.model_dump(mode="json"),
        self_trained=self_trained,
        usual_confidence=usual,
    )
    return ObjectModel(card, network, settings, device="cpu")  # type: ignore[arg-type]


def field() -> NDArray[np.uint32]:
    """4 x 6 square cells, as labels and, where above 0, as an image."""
    labels = np.zeros((4 * PITCH, 6 * PITCH), np.uint32)
    for number, (row, column) in enumerate(np.ndindex(4, 6), start=1):
        y, x = row * PITCH + 6, column * PITCH + 6
        labels[y : y + SIDE, x : x + SIDE] = number
    return labels
