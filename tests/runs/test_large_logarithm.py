"""The logarithm of fluorescence needs the whole image: a field that is too large for that is refused."""

from typing import Any

import pytest

from frugalseg.errors import InputError
from frugalseg.images.field import Field
from frugalseg.models.object_model import ObjectModel
from frugalseg.networks.cards import ObjectCard, TrainingSummary
from frugalseg.runs.tiled_fields import find_large_objects


def test_the_channels_that_need_the_whole_image_are_named() -> None:
    nothing: Any = None
    card = ObjectCard(
        kind="cells",
        channels=("phase", "dapi", "actin"),
        settings={},
        training=TrainingSummary(steps=1, stopped_because="s", seconds=0, seed=0, fields=("a",)),
        scale=1.0,
        diameter=30,
        normalization=("zscore", "log", "log"),
    )
    model: Any = ObjectModel.__new__(ObjectModel)
    model.card = card
    field: Any = Field.__new__(Field)
    object.__setattr__(field, "name", "b")
    says = "^field 'b' is too large for this model, which sees the logarithm of 'dapi', 'actin' and needs the whole image for it"
    with pytest.raises(InputError, match=says):
        find_large_objects(nothing, field, nothing, model, 1.0)
