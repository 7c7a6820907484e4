"""Crops that are worth labelling: where the model is in doubt, where nuclei contradict it, and nothing twice."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import frugalseg as fs
from frugalseg.errors import BadModel, InputError, SettingsError, WrongShape
from frugalseg.learning.from_labels.label_settings import LabelSettings
from frugalseg.learning.training_record import TrainingRecord
from frugalseg.models.object_model import ObjectModel
from frugalseg.models.student_images import pixels_checksum
from frugalseg.networks.cards import Look, ObjectCard, TrainingSummary
from frugalseg.studies.suggestions.suggest import Suggestion

Draw = Callable[..., NDArray[np.uint8]]
#: Side of a crop with 2 x 2 cells.
CROP = 48
CORNER = ((2, 4), (2, 5), (3, 4), (3, 5))


#: Grey value of a cell that the network sees alike in every orientation, and of one that it does not.
SURE, DOUBTFUL = 200, 100
#: Side of a cell and its distance from the next, px.
SIDE, PITCH = 12, 24


class SidedNetwork(torch.nn.Module):
    """Finds bright cells where they are, and grey ones some px beside it, on the right: so flips of the image disagree on them."""

    def __init__(self, shift: int = 4) -> None:
        super().__init__()
        self.shift = shift
        self.unused = torch.nn.Parameter(torch.zeros(1))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        low, high = images.amin(), images.amax()
        level = (images[:, :1] - low) / (high - low)
        cells = (level > 0.75) | torch.roll((level > 0.25) & (level < 0.75), self.shift, dims=-1)
        logit = cells.float() * 2 - 1
        return torch.cat([cells.float(), logit], dim=1)


@pytest.fixture(scope="session")
def sided_model() -> ObjectModel:
    return sided_model_of(None)


def sided_model_of(record: TrainingRecord | None) -> ObjectModel:
    """A model with `SidedNetwork` and the record of a training."""
    training = TrainingSummary(steps=1, stopped_because="s", seconds=1.0, seed=0, fields=("a",))
    settings = LabelSettings(target="cells")
    about: dict[str, Any] = {"channels": ("phase",), "scale": 1.0, "training": training, "diameter": 12.0}
    card = ObjectCard(**about, kind="cells", settings=settings.model_dump(mode="json"))
    return ObjectModel(card, SidedNetwork(), settings, record, device="cpu")  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def draw() -> Callable[..., NDArray[np.uint8]]:
    """Draw an image (Y,X) of 4 x 6 square cells; those in `doubtful`, as (row, column), are grey, those in `missing` left out."""

    def of(doubtful: Any = (), missing: Any = ()) -> NDArray[np.uint8]:
        image = np.zeros((4 * PITCH, 6 * PITCH), np.uint8)
        for row, column in np.ndindex(4, 6):
            value = 0 if (row, column) in missing else DOUBTFUL if (row, column) in doubtful else SURE
            y, x = row * PITCH + 6, column * PITCH + 6
            image[y : y + SIDE, x : x + SIDE] = value
        return image

    return of


def holds(found: Suggestion, y: int, x: int) -> bool:
    """Whether a pixel lies in a crop."""
    return found.y <= y < found.y + found.height and found.x <= x < found.x + found.width


def nuclear(*places: tuple[int, int]) -> NDArray[np.float32]:
    """A nuclear stain with a round nucleus at each (row, column) of the cells of `draw`."""
    rows, columns = np.ogrid[: 4 * 24, : 6 * 24]
    stain = np.random.default_rng(0).normal(10, 0.5, (4 * 24, 6 * 24))
    for row, column in places:
        stain[(rows - row * 24 - 12) ** 2 + (columns - column * 24 - 12) ** 2 <= 16] = 200
    return stain.astype(np.float32)


def test_the_corner_in_which_orientations_disagree_comes_first(sided_model: Any, draw: Draw) -> None:
    found = fs.suggest(sided_model, draw(doubtful=CORNER), crop=CROP, n=3)
    first, second, third = found
    assert (first.y, first.x, first.height, first.width) == (48, 96, 48, 48)
    assert first.area == (slice(48, 96), slice(96, 144))
    assert first.disagreement > 0.5 > 0 == second.disagreement == third.disagreement
    assert first.objects == pytest.approx(4, abs=0.1)
    assert first.score == 1 > second.score >= third.score
    assert (
        first.reasons[0] == f"Flips and transposes of the image disagree on {first.disagreement:.1f} objects."
    )
    assert second.reasons == ()
    assert (first.misfits, first.look_distance) == (None, None)
    assert not any(holds(one, 72, 120) for one in (second, third))


def test_a_crop_whose_cells_are_seen_in_single_orientations_only_is_not_empty(
    sided_model: Any, draw: Draw, monkeypatch: Any
) -> None:
    monkeypatch.setattr(sided_model.network, "shift", 6)
    first = fs.suggest(sided_model, draw(doubtful=CORNER), crop=CROP, n=1)[0]
    assert (first.y, first.x, first.objects) == (48, 96, 0)
    assert first.disagreement == pytest.approx(2)  # 4 cells, each in one of two maps


def test_what_is_labelled_is_never_suggested(sided_model: Any, draw: Draw) -> None:
    image = draw(doubtful=CORNER)
    labels = np.full(image.shape, -1)
    labels[70:80, 100:130] = 0
    found = fs.suggest(sided_model, image, labels=labels, crop=CROP, n=20)
    assert found
    assert all((labels[one.area] < 0).all() for one in found)
    two = fs.suggest(sided_model, [image, draw()], labels=[np.zeros(image.shape, int), None], crop=CROP, n=9)
    assert {(one.image, one.name) for one in two} == {(1, "image 2")}
    with pytest.raises(InputError, match="`labels` leave no crop without a labelled pixel"):
        fs.suggest(sided_model, image, labels=np.zeros(image.shape, int), crop=CROP)


def test_nuclei_without_cells_raise_a_crop(sided_model: Any, draw: Draw) -> None:
    missed = ((0, 4), (0, 5))
    image = draw(missing=missed)
    stain = nuclear(*np.ndindex(4, 6))
    plain = fs.suggest(sided_model, image, crop=CROP, n=1)[0]
    first, second, *_ = fs.suggest(sided_model, image, stain, crop=CROP, n=9)
    assert not holds(plain, 12, 132)
    assert holds(first, 12, 108)
    assert holds(first, 12, 132)
    assert first.misfits == pytest.approx(2)
    assert second.misfits == 0
    assert "Objects and nuclei do not fit each other in 2 places." in first.reasons
    inside = nuclear(*(place for place in np.ndindex(4, 6) if place not in (*missed, (2, 2))))
    lonely = fs.suggest(sided_model, image, inside, crop=CROP, n=1)[0]
    assert (holds(lonely, 60, 60), lonely.misfits) == (True, 1.0)


def test_cells_in_which_rounds_differ_raise_a_crop_of_the_image_that_was_learned_from(draw: Draw) -> None:
    image, learned = draw(), draw().astype(np.float32)
    at = [
        (12.0, 132.0, 0.5),
        (12.0, 108.0, 0.25),
        (60.0, 12.0, 0.125),
        (500.0, 12.0, 9.0),
    ]  # the last is of no pixel
    record = TrainingRecord(rounds_differ={pixels_checksum(learned[None]): at})
    model = sided_model_of(record)
    first, *others = fs.suggest(model, image, crop=CROP, n=9)
    assert holds(first, 12, 132)
    assert holds(first, 12, 108)
    assert (first.rounds, others[0].rounds, others[-1].rounds) == (0.75, 0.12, 0.0)
    assert first.reasons == ("The last two rounds of self-training differ on 0.8 cells.",)
    assert others[0].reasons == ()
    shifted = np.roll(image, 1, axis=1)
    assert [one.rounds for one in fs.suggest(model, shifted, crop=CROP, n=2)] == [None, None]
    both = fs.suggest(model, [shifted, image], crop=CROP, n=1)[0]
    assert (both.image, holds(both, 12, 132)) == (1, True)
    first = fs.suggest(sided_model_of(None), image, crop=CROP, n=1)[0]
    assert (first.rounds, first.reasons) == (None, ())


def test_a_crop_whose_cells_the_last_round_has_lost_is_not_empty(draw: Draw) -> None:
    image = draw(missing=CORNER)
    record = TrainingRecord(rounds_differ={pixels_checksum(image[None].astype(np.float32)): [(95, 143, 0.5)]})
    first = fs.suggest(sided_model_of(record), image, crop=CROP, n=1)[0]
    assert (first.y, first.x, first.objects, first.rounds) == (48, 96, 0, 0.5)


def test_a_copy_of_a_suggested_crop_comes_after_all_others(sided_model: Any, draw: Draw) -> None:
    image, other = draw(doubtful=CORNER), draw(doubtful=CORNER[:2])[::-1, ::-1]
    at = np.zeros(image.shape, bool)
    at[48:96, 96:144] = True
    first, second = fs.suggest(sided_model, [image, image.copy(), other], crop=CROP, n=2)
    assert (first.image, first.score) == (0, pytest.approx(1, abs=0.02))
    assert (second.image, second.y, second.x) != (1, first.y, first.x)
    lone = fs.suggest(
        sided_model, [image, image.copy()], labels=[np.where(at, -1, 0), np.where(at, -1, 0)], crop=CROP
    )
    assert [(one.image, one.score) for one in lone] == [(0, pytest.approx(0.75)), (1, 0)]


def test_what_looks_like_a_labelled_image_is_worth_less(sided_model: Any, draw: Draw) -> None:
    image, other = draw(doubtful=CORNER), draw(doubtful=CORNER)
    other = np.where(other == 0, np.indices(other.shape).sum(axis=0) % 40, other).astype(np.uint8)
    plain, whole = fs.suggest(sided_model, [image, other], crop=CROP), np.zeros(image.shape, int)
    after = fs.suggest(sided_model, [image, image, other], labels=[whole, None, None], crop=CROP)
    assert [plain[0].image, after[0].image] == [0, 2]
    assert after[0].look_distance is not None


def test_a_look_unlike_all_that_was_learned_from_counts(
    sided_model: Any, draw: Draw, monkeypatch: Any
) -> None:
    image = draw(doubtful=CORNER)
    far = Look(values=(1.0,) * 10, spread=0.01)
    monkeypatch.setattr(sided_model, "card", sided_model.card.model_copy(update={"looks": (far,)}))
    found = fs.suggest(sided_model, image, crop=CROP, n=1)[0]
    assert found.look_distance is not None
    assert found.look_distance > 1
    assert found.reasons[-1].startswith("It looks unlike all that was learned from or labelled (distance")


def test_crops_do_not_overlap_and_empty_ones_come_last(sided_model: Any, draw: Draw) -> None:
    image = draw(missing=[(row, column) for row in range(4) for column in range(4)])
    image += np.random.default_rng(0).integers(0, 20, image.shape, np.uint8)
    found = fs.suggest(sided_model, image, crop=CROP, n=20)
    covered = np.zeros(image.shape, int)
    for one in found:
        covered[one.area] += 1
    assert covered.max() == 1
    assert [one.objects > 0 for one in found] == [True] * 2 + [False] * (len(found) - 2)
    assert [one.score > 0 for one in found] == [True] * 2 + [False] * (len(found) - 2)
    assert len(found) >= 4


def test_a_crop_is_clipped_to_a_smaller_image(sided_model: Any, draw: Draw) -> None:
    small = draw()[:40]
    found = fs.suggest(sided_model, [small, draw()], crop=CROP, n=9)
    assert {(one.height, one.width) for one in found if one.image == 0} == {(40, 48)}
    (whole,) = fs.suggest(sided_model, draw())  # 12 diameters of 12 px are wider than the image is high
    assert (whole.y, whole.x, whole.height, whole.width) == (0, 0, 96, 144)


def test_progress_is_told_after_every_image(sided_model: Any, draw: Draw) -> None:
    told: list[tuple[int, int]] = []
    fs.suggest(sided_model, [draw(), draw()], crop=CROP, progress=lambda *now: told.append(now))
    assert told == [(1, 2), (2, 2)]


@pytest.mark.parametrize(
    ("given", "changes", "error", "says"),
    [
        ([], {}, InputError, "`images` is an empty list; give at least one image"),
        (
            None,
            {"crop": 145},
            SettingsError,
            "`crop` is 145 px, and the largest image has 96 x 144 px; give at most 144",
        ),
        (None, {"crop": 4}, SettingsError, "`crop` is 4 px; give at least 16 px"),
        (None, {"n": 0}, SettingsError, "`n` is 0; ask for at least 1 crop"),
        (None, {"labels": np.zeros((3, 3), int)}, WrongShape, "`labels` has the shape"),
        (None, {"nuclei": np.ones((3, 3))}, WrongShape, "`nuclei` has the shape"),
        (None, {"nuclei": [np.ones((3, 3))]}, InputError, "`images` is one array and `nuclei` is a list"),
    ],
)
def test_what_can_not_be_is_said(
    sided_model: Any, draw: Draw, given: Any, changes: dict[str, Any], error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        fs.suggest(sided_model, draw() if given is None else given, **changes)


def test_a_model_that_finds_no_objects_is_refused(draw: Draw) -> None:
    stain = fs.StainModel.__new__(fs.StainModel)
    with pytest.raises(
        BadModel, match="`model` is a StainModel, and crops are suggested for a model that finds nuclei"
    ):
        fs.suggest(stain, draw())  # type: ignore[arg-type]
