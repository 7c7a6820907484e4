"""At which scale a network of whole images sees objects of a known size."""

from typing import Any

import pytest

from frugalseg.errors import InputError
from frugalseg.images.normalize import IntensityScale
from frugalseg.models.model_scale import scale_by_pixel_size, scale_for_objects
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


@pytest.mark.parametrize("card", [STAIN, CELLS], ids=["stain", "cells"])
@pytest.mark.parametrize(
    ("trained", "image", "ratio"),
    [
        ((0.5, 0.5), (0.25, 0.25), 0.5),
        ((0.5, 0.5), (0.25, 1.0), 1.0),  # the area of a pixel is the same
        ((0.5, 0.5), (1.0, 0.25), 1.0),
        ((0.2, 0.8), (0.8, 0.2), 1.0),
        ((0.5, 0.5), (0.5, 0.125), 0.5),
        ((0.5, 0.5), (5.0, 5.0), 10.0),
        ((0.65, 0.65), (650.0, 0.65), 31.6),
        ((0.5, 0.5), None, 1.0),
        (None, (0.5, 0.5), 1.0),
    ],
)
def test_images_are_scaled_by_the_area_of_their_pixels(
    card: Any, trained: Any, image: Any, ratio: float
) -> None:
    scale = scale_by_pixel_size(card.model_copy(update={"pixel_size": trained}), image)
    assert scale == pytest.approx(min(4.0, card.scale * ratio))


@pytest.mark.parametrize("image", [(650.0, 650.0), (1e-12, 1e-12), (0.65e-3, 0.65e-3)])
def test_pixel_sizes_that_can_not_both_be_right(image: tuple[float, float]) -> None:
    card = CELLS.model_copy(update={"pixel_size": (0.65, 0.65)})
    with pytest.raises(InputError, match=r"0.65 x 0.65 um, which can't both be right; correct the unit"):
        scale_by_pixel_size(card, image)
