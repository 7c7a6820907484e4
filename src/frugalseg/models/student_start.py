"""How the student of self-training begins: its settings, scale and first weights, its own or those of another model."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self, TypeAlias

import numpy as np

from frugalseg.errors import SettingsError
from frugalseg.learning.from_labels.label_settings import LabelSettings
from frugalseg.models.allowed_starts import check_settings_of_start
from frugalseg.models.model_scale import (
    LARGEST_SCALE,
    SMALLEST_SCALE,
    normalization_of,
    scale_for_objects,
)
from frugalseg.models.model_settings import ObjectModelSettings, SelfTrainingSettings
from frugalseg.models.object_model import ObjectModel, check_start
from frugalseg.models.object_training import begin_network, channel_names
from frugalseg.models.stain_model import StainModel
from frugalseg.networks.cards import Normalization, ObjectCard, StainCard
from frugalseg.networks.inverted_input import invert_input
from frugalseg.networks.object_net import CellNetwork

#: Cells are this wide for a student, px: docs/decisions, 17. Networks that learn from outlines see them wider.
CELL_DIAMETER = 24.0
#: Crops of a step, and their side, px at the model scale.
BATCH, CROP = 4, 128
#: Steps of the first round.
STEPS = 300

Start: TypeAlias = StainModel | ObjectModel


@dataclass(frozen=True)
class Student:
    """A student, before its first round or while it learns.

    Attributes
    ----------
    network
        Trained in place.
    learning
        Settings of the first round.
    scale
        Network px per image px.
    diameter
        Of a typical cell, px of the images.
    normalization
        How the grey values of each channel are normalised.
    started_from
        For the card: the encoder's weights, or the kind and checksum of the start.
    """

    network: CellNetwork
    learning: LabelSettings
    scale: float
    diameter: float
    normalization: tuple[Normalization, ...]
    started_from: str

    @property
    def sees_fluorescence(self) -> bool:
        """Whether the first channel is fluorescent."""
        return self.normalization[0] == "log"

    def inverted(self) -> Self:
        """Return the student whose network sees bright for dark in label-free channels."""
        network = copy.deepcopy(self.network)
        invert_input(network, [way != "log" for way in self.normalization])
        return replace(self, network=network, started_from=f"{self.started_from}, inverted")


def check_student_start(start: Start | str | Path | None, settings: SelfTrainingSettings) -> Start | None:
    """Return the model to start from, loaded if its folder is given; None where there is none.

    Raises
    ------
    BadModel
        It is missing, damaged or of the wrong kind.
    SettingsError
        The settings ask for another encoder than the start's, or for weights beside it.
    """
    if start is None:
        return None
    encoder = settings.encoder if "encoder" in settings.model_fields_set else None
    asked = ObjectModelSettings(encoder=encoder, weights=settings.weights)
    found = check_start(start, asked)
    check_settings_of_start(asked, "cells", found.card.kind)
    return found


def begin_student(
    settings: SelfTrainingSettings,
    start: Start | None,
    normalization: Sequence[Normalization],
    diameter: float,
) -> Student:
    """Make the network of a student, with its first weights.

    Parameters
    ----------
    settings
        Encoder, weights, steps, seed.
    start
        Model to start from, from `check_student_start`: its encoder, and its scale where it finds other objects.
    normalization, diameter
        Of the images: how the grey values of each channel are normalised, and a typical cell's diameter, px.

    Raises
    ------
    SettingsError
        The start has another number of channels, or sees grey values normalised in another way.
    """
    learning, n_channels = first_round(settings), len(normalization)
    if start is None:
        network, started_from = begin_network(learning, n_channels, settings.seed)
        scale = float(np.clip(CELL_DIAMETER / diameter, SMALLEST_SCALE, LARGEST_SCALE))
    else:
        card = start.card
        channel_names(None, n_channels, card)  # for its check
        _check_normalization(card, normalization)
        encoder = {"encoder": card.settings.get("encoder", "small"), "weights": "none"}
        learning = learning.model_copy(update=encoder)
        network, started_from = begin_network(learning, n_channels, settings.seed, card, start.network)
        scale = scale_for_objects("cells", diameter, card)
    assert isinstance(network, CellNetwork)
    return Student(network, learning, scale, diameter, tuple(normalization), started_from)


def _check_normalization(start: StainCard | ObjectCard, of_student: Sequence[Normalization]) -> None:
    """Raise `SettingsError` at the first channel that a start and the student see in different ways."""
    plain = "z-scored grey values"
    ways: dict[Normalization, str] = {"log": "the logarithm of fluorescence", "zscore": plain, "even": plain}
    for name, one, other in zip(start.channels, normalization_of(start), of_student, strict=True):
        if ways[one] != ways[other]:
            which = "" if len(of_student) == 1 else f" of channel {name!r}"
            raise SettingsError(
                f"`start` was trained on {ways[one]}{which} and the student of these images sees {ways[other]}; start from a "
                "model that was trained on such images, or leave `start` out"
            )


def first_round(settings: SelfTrainingSettings) -> LabelSettings:
    """Return the settings of the first round: few short steps, as longer training fits the teacher's errors."""
    return LabelSettings.preset(
        "default",
        target="cells",
        encoder=settings.encoder,
        weights=settings.weights,
        crop=CROP,
        batch=BATCH,
        zoom=0.25,
        learning_rate=2e-3,
        schedule="budget",
        max_steps=settings.max_steps or STEPS,
    )


def later_round(learning: LabelSettings) -> LabelSettings:
    """Return the settings of a further round, which goes on from the weights of the one before."""
    halved = {"max_steps": max(1, learning.max_steps // 2), "learning_rate": learning.learning_rate / 2}
    return learning.model_copy(update=halved)
