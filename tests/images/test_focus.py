"""The sharpest plane wins, whatever its brightness and noise."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from scipy import ndimage as ndi

from frugalseg.errors import BadPixels, WrongShape
from frugalseg.images.fields import open_fields
from frugalseg.images.focus import best_focus
from frugalseg.images.image import Image
from frugalseg.synthetic.cells import make_cells

CELLS = make_cells((160, 170), seed=3, noise=0.0)
BLURS = (4.0, 2.5, 1.2, 0.0, 1.5, 3.0)


def stack(channel: str, sharpest: int, **changed: object) -> np.ndarray:
    """One channel out of focus by some amount above and below plane `sharpest`; gain, offset and noise per plane."""
    values = {"gain": 1.0, "offset": 0.0, "noise": 0.0, **changed}
    plane = getattr(CELLS, channel).astype(np.float32)
    random = np.random.default_rng(5)
    order = np.roll(BLURS, sharpest - 3)
    gain, offset, noise = (np.broadcast_to(values[name], 6) for name in ("gain", "offset", "noise"))
    return np.stack(
        [
            gain[z] * ndi.gaussian_filter(plane, blur)
            + offset[z]
            + random.normal(0, 1, plane.shape) * noise[z]
            for z, blur in enumerate(order)
        ]
    )


@pytest.mark.parametrize("channel", ["nuclear", "cytoplasm", "phase", "brightfield"])
@pytest.mark.parametrize("sharpest", [0, 3, 5])
def test_the_plane_in_focus_is_found(channel: str, sharpest: int) -> None:
    contrast = float(getattr(CELLS, channel).std())
    assert best_focus(stack(channel, sharpest)) == sharpest
    # brightness falls and rises by up to 3 between planes
    gain = np.linspace(3, 1, 6) if sharpest else np.linspace(1, 3, 6)
    assert best_focus(stack(channel, sharpest, gain=gain, offset=np.arange(6) * 5 * contrast)) == sharpest
    # the planes out of focus are the noisier ones
    noise = np.where(np.arange(6) == sharpest, 0.05, 1.0) * contrast
    assert best_focus(stack(channel, sharpest, noise=noise)) == sharpest


def test_a_plane_of_noise_is_no_focus() -> None:
    planes = stack("nuclear", 2)
    planes[0] = np.random.default_rng(0).normal(100, 0.1 * planes[2].std(), planes[0].shape)
    planes[4] = 7.0
    assert best_focus(planes) == 2


def test_focus_is_a_projection() -> None:
    planes = stack("nuclear", 1)
    image = Image(planes[None], ("dapi",))
    np.testing.assert_array_equal(image.plane("dapi", "focus"), planes[1])
    np.testing.assert_array_equal(image.plane("dapi", "max"), planes.max(axis=0))
    np.testing.assert_array_equal(Image(planes[None, 4:5], ("dapi",)).plane("dapi", "focus"), planes[4])
    with pytest.raises(WrongShape, match="'max', 'mean' or 'focus', not 'sum'"):
        image.plane("dapi", "sum")  # type: ignore[arg-type]
    planes[3, 0, 0] = np.nan
    with pytest.raises(BadPixels, match="1 pixels that are NaN"):
        image.plane("dapi", "focus")


@pytest.mark.real
def test_blurring_a_real_plane_takes_it_out_of_focus(real_data: Path) -> None:
    field = open_fields([real_data / "phase_zstack_neurons"])["neurons_1"]
    stored = tifffile.imread(real_data / "phase_zstack_neurons" / "neurons_1_phase.tif").astype(np.float32)
    chosen = best_focus(stored)
    np.testing.assert_array_equal(field.plane("phase", "focus"), stored[chosen])
    part = stored[2, :384, :384]
    for sharp in (0, 2, 3):
        planes = np.stack([ndi.gaussian_filter(part, 1.5 * abs(z - sharp)) for z in range(5)])
        assert best_focus(planes) == sharp
