"""Images of which a student is not sure: seen in another contrast or with adapted batch norms where that makes it surer."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tests.models.square_cells import PITCH, Contrasting, field, student_of

import frugalseg as fs
from frugalseg.images.normalize import zscore
from frugalseg.learning.from_labels.label_settings import LabelSettings
from frugalseg.models.cell_prediction import INVERTED
from frugalseg.models.looks import image_look
from frugalseg.models.object_model import ObjectModel
from frugalseg.models.object_scale import ImageScale
from frugalseg.models.seeded_cells import SeededCells, cells_at
from frugalseg.models.seen_image import SeenImage, see_image, seen_by
from frugalseg.models.surer_sight import surer_sight
from frugalseg.networks.heads import MASK

SETTINGS = LabelSettings(target="cells")


class Sided(torch.nn.Module):
    """Finds what is bright behind a batch norm, and what is less bright some px beside it: flips of an image disagree on that.

    z-scored cells of `field` have the value 1.7 and background -0.6. Behind a norm with a mean of `usual_mean` the cells are
    bright if that is 0.3, and less bright if it is 0.8; a norm that has met them half-way makes them bright.
    """

    def __init__(self, usual_mean: float) -> None:
        super().__init__()
        self.norm = torch.nn.BatchNorm2d(1)
        torch.nn.init.constant_(self.norm.running_mean, usual_mean)  # type: ignore[arg-type]

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        level = self.norm(images)
        cells = (level > 1.05) | torch.roll((level > 0.5) & (level <= 1.05), 4, dims=-1)
        logit = cells.float() * 2 - 1
        return torch.cat([cells.float(), logit], dim=1)


def model(usual_mean: float, **changed: Any) -> ObjectModel:
    return student_of(Sided(usual_mean), **changed)


def nuclei(cells: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """The middle of each cell."""
    inside = np.zeros(cells.shape, bool)
    inside[np.ix_(np.arange(len(cells)) % PITCH // 4 == 2, np.arange(cells.shape[1]) % PITCH // 4 == 2)] = (
        True
    )
    return np.where(inside, cells, 0).astype(np.uint32)


def see(model: ObjectModel, image: NDArray[np.float32]) -> SeenImage:
    return see_image(model.card, model.network, model.settings, image, "a")


def mean_iou(cells: NDArray[np.uint32], found: NDArray[np.uint32]) -> float:
    return fs.score_labels(cells, found).cell_miou


Find = Callable[[ObjectModel, NDArray[np.float32], NDArray[np.uint32]], NDArray[np.uint32]]
WAYS: dict[str, Find] = {
    "alone": lambda model, image, _: model.predict(image),
    "around nuclei": lambda model, image, cells: model.predict(image, nuclei=nuclei(cells)),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_student_that_is_not_sure_meets_the_image_half_way(way: str) -> None:
    cells = field()
    image, find = (cells > 0).astype(np.float32), WAYS[way]
    assert mean_iou(cells, find(model(0.3), image, cells)) > 0.98  # corners of cells are rounded
    assert mean_iou(cells, find(model(0.8), image, cells)) > 0.98
    # others see every image alike: those that learned from outlines, that do not say what is usual, that see one orientation
    for other in (model(0.8, self_trained=False), model(0.8, usual=None), model(0.8, orientations=1)):
        assert mean_iou(cells, find(other, image, cells)) < 0.8


@pytest.mark.parametrize("way", WAYS)
def test_an_image_of_the_other_contrast_is_seen_inverted(way: str) -> None:
    cells = field()
    bright, dark = ((sign * (cells > 0)).astype(np.float32) for sign in (1, -1))
    student, find = Contrasting(), WAYS[way]
    for image in (bright, dark):
        assert mean_iou(cells, find(student_of(student), image, cells)) > 0.98
    # so do models that learned from outlines; others, which can't tell, see it as it is
    assert mean_iou(cells, find(student_of(student, self_trained=False), dark, cells)) > 0.98
    for other in (student_of(student, orientations=1), student_of(student, usual=None)):
        assert mean_iou(cells, find(other, dark, cells)) < 0.8


class Dazzled(torch.nn.Module):
    """Finds what is a little brighter than the background, and what is much brighter some px beside it.

    z-scored cells of `field` have the value 1.7, and with 0.6 times the contrast 1.0.
    """

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        cells = ((images > 0.8) & (images < 1.2)) | torch.roll(images > 1.2, 4, dims=-1)
        return torch.cat([cells.float(), cells.float() * 2 - 1], dim=1)


@pytest.mark.parametrize("way", WAYS)
def test_an_image_of_too_much_contrast_is_seen_with_less(way: str) -> None:
    cells = field()
    image, find = (cells > 0).astype(np.float32), WAYS[way]
    assert mean_iou(cells, find(student_of(Dazzled()), image, cells)) > 0.98
    for other in (
        student_of(Dazzled(), self_trained=False),
        student_of(Dazzled(), usual=None),
        student_of(Dazzled(), orientations=1),
    ):
        assert mean_iou(cells, find(other, image, cells)) < 0.8


def test_the_prediction_says_in_which_contrast_an_image_was_seen() -> None:
    image = (field() > 0).astype(np.float32)
    found = student_of(Dazzled()).find_objects(image)
    assert (found.contrast, found.inverted, found.doubts) == (0.6, False, ())
    assert student_of(Contrasting()).find_objects(image).contrast == 1
    assert student_of(Contrasting()).find_objects(-image).contrast == -1
    around = student_of(Dazzled()).segment(fs.find_cues(image, nuclei(field()) > 0, diameter=13.5))
    assert (around.contrast, around.inverted) == (0.6, False)


def test_contrast_is_lowered_of_channels_without_a_stain_in_students_only() -> None:
    seen = replace(sight(), planes=np.ones((2, 64, 64), np.float32), normalization=("log", "even"))
    less = seen.with_less_contrast()
    assert less is not None
    assert less.planes[:, 0, 0].tolist() == pytest.approx([1.0, 0.6])
    inverted = less.with_inverted_contrast()
    assert inverted is not None
    assert inverted.planes[:, 0, 0].tolist() == pytest.approx([1.0, -0.6])
    assert [(one.contrast, one.inverted) for one in (less, inverted)] == [(0.6, False), (-0.6, True)]
    assert replace(seen, normalization=("log", "log")).with_less_contrast() is None
    assert replace(seen, may_adapt=False).with_less_contrast() is None


def test_the_prediction_says_that_an_image_was_seen_inverted() -> None:
    cells = field()
    bright, dark = ((sign * (cells > 0)).astype(np.float32) for sign in (1, -1))
    student = student_of(Contrasting())
    as_it_is, other = student.find_objects(bright), student.find_objects(dark)
    assert (as_it_is.inverted, other.inverted) == (False, True)
    assert INVERTED in other.doubts
    assert INVERTED not in as_it_is.doubts
    # the look is that of the image as it was seen
    student.card = student.card.model_copy(update={"looks": (image_look(zscore(bright[None])),)})
    assert student.find_objects(dark).look_distance == student.find_objects(bright).look_distance == 0.0


def test_what_is_scored_is_what_is_predicted_in_either_contrast() -> None:
    cells, student = field(), student_of(Contrasting())
    for sign in (1, -1):
        image = (sign * (cells > 0)).astype(np.float32)
        (part,) = student.evaluate(image, cells)
        np.testing.assert_array_equal(part.labels, student.predict(image))
        assert part.scores.cell_miou > 0.98


def test_fluorescence_is_not_inverted() -> None:
    seen = replace(sight(), normalization=("log",))
    assert seen.with_inverted_contrast() is None
    assert sight().with_inverted_contrast() is None  # nothing is known of how it was normalised
    both = replace(seen, planes=np.ones((2, 64, 64), np.float32), normalization=("log", "zscore"))
    inverted = both.with_inverted_contrast()
    assert inverted is not None
    assert inverted.planes[:, 0, 0].tolist() == [1.0, -1.0]
    again = inverted.with_inverted_contrast()
    assert again is not None
    assert (inverted.inverted, again.inverted, again.planes.min()) == (True, False, 1.0)


@pytest.mark.parametrize("alone", [False, True])
def test_norms_are_adapted_to_the_inverted_image(alone: bool) -> None:
    seen = see(model(0.8), (field() > 0).astype(np.float32))
    seen = replace(seen, seen_anew=None) if alone else seen
    inverted = seen.with_inverted_contrast()
    assert inverted is not None
    both = inverted.with_adapted_norms()
    assert both is not None
    assert [(one.inverted, one.adapted) for one in (inverted, both)] == [(True, False), (True, True)]
    np.testing.assert_array_equal(both.planes, -seen.planes)
    assert both.usual_confidence == seen.usual_confidence == 0.9


def test_bare_nuclei_on_which_all_agree_do_not_count() -> None:
    """A network that sees nothing in the image has the nuclei as cells, whatever the orientation."""
    cells = field()
    image = (cells > 0).astype(np.float32)
    nothing = cells_at(see(model(9.0), image), nuclei(cells))
    assert set(nothing.confidence.values()) == {1.0}
    assert nothing.sure == dict.fromkeys(range(1, 25), 0.0)
    found = cells_at(see(model(0.3), image), nuclei(cells))
    assert found.sure == found.confidence == dict.fromkeys(range(1, 25), 1.0)


def test_the_confidence_is_that_of_the_cells_that_are_returned() -> None:
    cells = field()
    image = (cells > 0).astype(np.float32)
    assert model(0.8).find_objects(image).confidence == dict.fromkeys(range(1, 25), 1.0)
    unsure = model(0.8, usual=None).find_objects(image).confidence
    assert unsure is not None
    assert max(unsure.values()) < 0.9


def test_the_models_own_network_stays_as_it_is() -> None:
    student, image = model(0.8), (field() > 0).astype(np.float32)
    student.predict(image)
    assert student.network.norm.running_mean.item() == pytest.approx(0.8)  # type: ignore[union-attr, operator]


def sight(usual: float | None = 0.9, shape: tuple[int, int] = (96, 144)) -> SeenImage:
    planes = np.zeros((1, *shape), np.float32)
    return SeenImage(Sided(0.0), SETTINGS, planes, ImageScale(1.0), 20.0, True, usual)  # type: ignore[arg-type]


def cells_with(*confidence: float) -> SeededCells:
    return SeededCells(np.zeros((1, 1), np.uint32), [], dict(enumerate(confidence, start=1)))


@pytest.mark.parametrize(
    ("before", "after", "taken"),
    [
        ((0.5, 0.95, 0.95, 0.95), (0.6, 0.95, 0.95, 0.95), True),
        ((0.5, 0.95, 0.95, 0.95), (0.56, 0.95, 0.95, 0.95), False),  # 0.015 more
        ((0.5, 0.95, 0.95, 0.95), (), False),
        ((0.5, *[0.95] * 4), (1.0,) * 5, None),  # one in five, twice what is usual
        ((), (1.0,) * 5, None),
    ],
)
def test_what_is_surer_counts(before: Any, after: Any, taken: bool | None) -> None:
    asked = list[SeenImage]()

    def find(seen: SeenImage) -> SeededCells:
        asked.append(seen)
        return cells_with(*after)

    image, found = sight(), cells_with(*before)
    seen, best = surer_sight(image, found, find)
    assert len(asked) == (
        taken is not None
    )  # nothing is known of how the image was normalised: only norms adapt
    assert (seen is image, best is found) == ((False, False) if taken else (True, True))


def test_an_image_that_tells_nothing_is_not_met() -> None:
    assert sight(shape=(63, 200)).with_adapted_norms() is None
    seen = sight(shape=(64, 200)).with_adapted_norms()
    assert seen is not None
    assert seen.at.maps is None


def test_what_pads_an_image_does_not_count() -> None:
    seen = sight(shape=(70, 100))
    seen.planes[:, 64:], seen.planes[:, :, 96:] = 100.0, 100.0
    adapted = seen.with_adapted_norms()
    assert adapted is not None
    assert (mean_of(adapted.network), mean_of(seen.network)) == (0.0, 0.0)
    seen.planes[:, :64, :96] = 1.0
    adapted = seen.with_adapted_norms()
    assert adapted is not None
    assert mean_of(adapted.network) == pytest.approx(0.3)


def mean_of(network: Any) -> float:
    return float(network.norm.running_mean)


def test_the_scale_is_found_anew_by_the_adapted_network(monkeypatch: pytest.MonkeyPatch) -> None:
    student, image = model(0.8), (field() > 0).astype(np.float32)

    def scale_of(network: Any, *_: Any) -> ImageScale:
        return ImageScale(1.0 if mean_of(network) == pytest.approx(0.8) else 0.75)

    monkeypatch.setattr("frugalseg.models.seen_image.image_scale", scale_of)
    seen = see_image(student.card, student.network, student.settings, image, "a", (0.5, 0.5))
    adapted = seen.with_adapted_norms()
    assert adapted is not None
    assert (seen.at.scale, adapted.at.scale) == (1.0, 0.75)
    assert (seen.diameter, adapted.diameter) == (13.5, 18.0)
    assert mean_of(adapted.network) < 0.8


def test_only_students_adapt_their_norms() -> None:
    for one, may_adapt in ((model(0.3), True), (model(0.3, self_trained=False), False)):
        planes = np.zeros((1, 64, 64), np.float32)
        seen = seen_by(one.card, one.network, one.settings, planes, ImageScale(1.0))
        assert (seen.usual_confidence, seen.may_adapt) == (0.9, may_adapt)
        assert (seen.with_adapted_norms() is None) != may_adapt


def test_the_mask_is_that_of_the_cells() -> None:
    cells = field()
    maps = model(0.8).find_objects((cells > 0).astype(np.float32)).maps
    np.testing.assert_array_equal(maps[MASK] > 0, cells > 0)
