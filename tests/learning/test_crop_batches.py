"""Crops hold what the field holds there, and images, targets and what is known stay on one pixel grid."""

import numpy as np
import pytest
import torch

from frugalseg.errors import InputError, WrongShape
from frugalseg.learning.crop_batches import CropBatches, Crops, CropSample, Draw

SHAPE = (50, 60)


def numbered(shape: tuple[int, int] = SHAPE) -> CropSample:
    """Every pixel has a value of its own: its number, in the image, its negative and the target."""
    number = np.arange(shape[0] * shape[1], dtype=np.float32).reshape(shape)
    valid = number % 7 != 0
    return CropSample("a", np.stack([number, -number]), number[None] + 0.5, valid)


def ramps(shape: tuple[int, int] = (80, 90)) -> CropSample:
    """Images are their own coordinates, y and x, and so is the target (y + x)."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    return CropSample("a", np.stack([y, x]), (y + x)[None])


def at(*corners: tuple[int, int, int]) -> Draw:
    return lambda _step, count: corners[:count]


def made(sample: CropSample, corner: tuple[int, int, int], size: int = 16, **options: object) -> Crops:
    return CropBatches([sample], at(corner), size, 1, 3, **{"flips": False, **options})(0)


def test_a_crop_holds_the_pixels_of_its_corner() -> None:
    sample = numbered()
    crops = CropBatches([sample], at((0, 3, 5), (0, 34, 44)), 16, 2, 0, flips=False)(0)
    assert crops.images.shape == (2, 2, 16, 16)
    for i, (y, x) in enumerate([(3, 5), (34, 44)]):
        area = np.s_[y : y + 16, x : x + 16]
        np.testing.assert_array_equal(crops.images[i].numpy(), sample.planes[:, *area])
        np.testing.assert_array_equal(crops.targets[i, 0].numpy(), sample.targets[0][area])
        np.testing.assert_array_equal(crops.valid[i, 0].numpy(), sample.valid[area])
    assert {one.dtype for one in (crops.images, crops.targets, crops.valid)} == {torch.float32}


def test_a_field_smaller_than_a_crop_is_known_only_where_it_is() -> None:
    sample = numbered((10, 40))
    crops = made(sample, (0, 0, 2))
    np.testing.assert_array_equal(crops.images[0, :, :10].numpy(), sample.planes[:, :, 2:18])
    np.testing.assert_array_equal(crops.images[0, :, 10:].numpy(), sample.planes[:, 9:3:-1, 2:18])  # mirrored
    np.testing.assert_array_equal(crops.valid[0, 0, :10].numpy(), sample.valid[:, 2:18])
    assert not crops.valid[0, 0, 10:].any()
    assert not crops.targets[0, 0, 10:].any()


def test_everything_is_known_without_a_mask() -> None:
    assert bool((made(ramps(), (0, 1, 1)).valid == 1).all())


@pytest.mark.parametrize("seed", range(8))
def test_turns_are_the_same_for_images_targets_and_what_is_known(seed: int) -> None:
    sample = numbered()
    crops = CropBatches([sample], at((0, 3, 5)), 16, 1, seed)(0)
    number = crops.images[0, 0]
    assert torch.equal(crops.targets[0, 0], number + 0.5)
    assert torch.equal(crops.valid[0, 0], (number % 7 != 0).float())
    assert sorted(number.ravel().tolist()) == sorted(sample.planes[0, 3:19, 5:21].ravel().tolist())


def test_every_one_of_the_eight_turns_comes() -> None:
    batches = CropBatches([numbered()], at((0, 3, 5)), 16, 1, 0)
    seen = {tuple(batches(step).images[0, 0, [0, 0, -1, -1], [0, -1, 0, -1]].tolist()) for step in range(60)}
    assert len(seen) == 8


def test_the_same_step_gives_the_same_batch_and_another_step_another() -> None:
    def batches(seed: int = 0) -> CropBatches:
        return CropBatches(
            [ramps()], at((0, 20, 20)), 16, 1, seed, flips=False, intensity_jitter=0.3, zoom=0.2
        )

    first, again = batches()(5), batches()(5)
    assert all(torch.equal(getattr(first, n), getattr(again, n)) for n in ("images", "targets", "valid"))
    assert not torch.equal(first.images, batches()(6).images)
    assert not torch.equal(first.images, batches(1)(5).images)


def test_zoom_keeps_the_centre_and_the_grid() -> None:
    corner, size = (0, 30, 40), 16
    centre = np.array([30, 40]) + (size - 1) / 2
    batches = CropBatches([ramps()], at(corner), size, 1, 0, flips=False, zoom=0.3)
    widths = []
    for step in range(20):
        crops = batches(step)
        y, x = crops.images[0].numpy()
        assert np.abs([y.mean() - centre[0], x.mean() - centre[1]]).max() <= 0.5
        np.testing.assert_allclose(crops.targets[0, 0].numpy(), y + x, atol=1e-3)
        assert bool((crops.valid == 1).all())
        widths.append(float(x.max() - x.min()))
    assert min(widths) < 13 < 15 < 17 < max(widths)  # both closer and farther
    assert size * np.exp(-0.6) - 2 < min(widths)  # at most two standard deviations
    assert max(widths) < size * np.exp(0.6) + 1


def test_a_zoomed_window_stays_in_the_field() -> None:
    for corner in ((0, 0, 0), (0, 64, 74)):
        batches = CropBatches([ramps()], at(corner), 16, 1, 0, flips=False, zoom=0.3)
        assert all(bool((batches(step).valid == 1).all()) for step in range(20))


def test_zooming_makes_no_pixel_known_that_is_not() -> None:
    known = np.zeros((80, 90), bool)
    known[:, :45] = True
    whole = ramps()
    sample = CropSample("a", whole.planes, whole.targets, known)
    batches = CropBatches([sample], at((0, 30, 37)), 16, 1, 0, flips=False, zoom=0.3)
    for step in range(20):
        crops = batches(step)
        assert set(np.unique(crops.valid.numpy())) == {0.0, 1.0}
        x = crops.images[0, 1][crops.valid[0, 0] > 0]
        assert float(x.max()) <= 44  # the last known column


def test_grey_values_vary_and_targets_do_not() -> None:
    sample = numbered()
    crops = made(sample, (0, 3, 5), intensity_jitter=0.5)
    assert not np.allclose(crops.images[0].numpy(), sample.planes[:, 3:19, 5:21])
    np.testing.assert_array_equal(crops.targets[0, 0].numpy(), sample.targets[0, 3:19, 5:21])


def test_what_does_not_fit_together_is_refused() -> None:
    plane = np.zeros((1, 8, 9), np.float32)
    with pytest.raises(WrongShape, match="must have the same"):
        CropSample("a", plane, np.zeros((1, 9, 8), np.float32))
    with pytest.raises(WrongShape, match="must have the same"):
        CropSample("a", plane, plane, np.ones((8, 8), bool))
    with pytest.raises(InputError, match="no field"):
        CropBatches([], at(), 16, 1, 0)
