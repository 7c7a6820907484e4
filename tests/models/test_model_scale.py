"""At which scale a network of whole images sees objects of a known size."""

from typing import Any

import pytest

from frugalseg.images.normalize import IntensityScale
from frugalseg.models.model_scale import scale_for_objects
from frugalseg.networks.cards import ObjectCard, StainCard, TrainingSummary

COMMON: dict[str, Any] = {
    "channels": ("phase",),
    "settings": {},
    "training": TrainingSummary(steps=3, stopped_because="s", seconds=1.5, seed=0, fields=("a",)),
}
GREYS = IntensityScale(how="percentile", centre=(101.25,), spread=(2000.5,), channels=("dapi",))
STAIN = StainCard(**COMMON, scale=0.5, target="dapi", target_scale=GREYS)
NUCLEI, CELLS = (ObjectCard(**COMMON, kind=kind, scale=0.75, diameter=31.5) for kind in ("nuclei", "cells"))


@pytest.mark.parametrize(
    ("target", "diameter", "scale"),
    [
        ("nuclei", 40.0, 0.5),  # 20 px wide
        ("cells", 40.0, 0.75),  # 30 px wide
        ("cells", 12.0, 1.0),  # never larger than they are
        ("cells", 900.0, 0.25),
    ],
)
def test_without_a_start_objects_get_the_usual_size(target: Any, diameter: float, scale: float) -> None:
    assert scale_for_objects(target, diameter, None) == scale


@pytest.mark.parametrize(
    ("target", "diameter", "start", "scale"),
    [
        ("cells", 63.0, CELLS, 0.375),  # objects are as large as at the start
        ("cells", 3.0, CELLS, 4.0),  # and not beyond what a card allows
        ("cells", 63.0, NUCLEI, 0.75),  # its images are taken alike
        ("nuclei", 63.0, STAIN, 0.5),
    ],
    ids=["cells", "tiny cells", "nuclei", "stain"],
)
def test_the_scale_of_a_start(target: Any, diameter: float, start: Any, scale: float) -> None:
    assert scale_for_objects(target, diameter, start) == scale
