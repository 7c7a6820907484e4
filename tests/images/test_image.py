"""Images and lazily read pixels behave as numpy says."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from frugalseg.errors import BadPixels, MissingChannel, WrongShape
from frugalseg.images.image import Image, LazyPixels, find_channel, finite_plane
from frugalseg.images.read import read_image
from frugalseg.images.value_checks import check_values
from frugalseg.models.image_cues import find_cues

STORED = np.random.default_rng(0).integers(0, 999, (3, 4, 6, 7)).astype(np.uint16)


def lazy(calls: list[tuple[int, int]] | None = None) -> LazyPixels:
    def read(c: int, z: int, rows: slice, columns: slice) -> np.ndarray:
        if calls is not None:
            calls.append((c, z))
        return STORED[c, z, rows, columns]

    return LazyPixels(STORED.shape, STORED.dtype, read)


@pytest.mark.parametrize(
    "key",
    [
        np.s_[1],
        np.s_[-1, 2],
        np.s_[1, 2, 3:5, 1],
        np.s_[...],
        np.s_[0:2, ..., 2:4],
        np.s_[:, -1],
        np.s_[..., 3],
        np.s_[[2, 0]],
        np.s_[3:, 0],
        np.s_[3:, 0, 1:3, 5],
        np.s_[1:2, 2, ::2, 1:7:3],
        np.array([2, 0]),
        np.s_[0, 0, np.array([1, 3])],
        np.s_[..., np.array([1, 3])],
    ],
)
def test_slices_are_those_of_numpy(key: object) -> None:
    expected = STORED[key]  # type: ignore[index]
    got = lazy()[key]
    assert got.dtype == expected.dtype
    np.testing.assert_array_equal(got, expected)


def test_only_the_planes_asked_for_are_read() -> None:
    calls: list[tuple[int, int]] = []
    lazy(calls)[1, 2:, :2]
    assert calls == [(1, 2), (1, 3)]


def test_dask_takes_lazy_pixels() -> None:
    import dask.array

    array = dask.array.from_array(lazy(), chunks=(1, 1, 6, 7))
    assert array[1].max().compute(scheduler="sync") == STORED[1].max()
    np.testing.assert_array_equal(np.asarray(lazy()), STORED)


def test_focal_planes_are_projected() -> None:
    image = Image(lazy(), ("a", "b", "c"))
    np.testing.assert_array_equal(image.plane("b"), STORED[1].max(axis=0))
    np.testing.assert_allclose(image.plane("b", "mean"), STORED[1].mean(axis=0), rtol=1e-6)
    planes = image.planes(["c", 0])
    assert planes.dtype == np.float32
    np.testing.assert_array_equal(planes, STORED[[2, 0]].max(axis=1))


def test_a_missing_channel_is_named_with_the_closest_one() -> None:
    names = ["phase", "nuclear"]
    with pytest.raises(MissingChannel, match=r"field a has no channel 'Nuclera'; .*Did you mean 'nuclear'\?"):
        find_channel("Nuclera", names, "field a")
    with pytest.raises(MissingChannel, match="it has 0: phase, 1: nuclear"):
        find_channel(2, names, "field a")
    with pytest.raises(MissingChannel):
        find_channel(-1, names, "field a")
    # A name that is a number wins over the index.
    assert find_channel("0", ["1", "0"], "field a") == 1
    assert find_channel(0, ["1", "0"], "field a") == 0


def test_where_names_are_numbers_a_number_is_a_name() -> None:
    assert find_channel("1", ["01", "02", "03"], "field a") == 0
    assert find_channel("03", ["1", "2", "3"], "field a") == 2
    assert find_channel("1", ["0", "1"], "field a") == 1
    assert find_channel(1, ["01", "02"], "field a") == 1
    assert find_channel("1", ["01", "dapi"], "field a") == 1
    for number, names in (("0", ["1", "2", "3"]), ("3", ["02", "04", "06", "08"]), ("1", ["01", "001"])):
        with pytest.raises(MissingChannel, match=f"no channel '{number}'; it has {', '.join(names)}[.]"):
            find_channel(number, names, "field a")


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_pixels_that_are_no_numbers_are_refused(bad: float) -> None:
    pixels = np.ones((2, 1, 4, 5))
    pixels[1, 0, 2, 3] = bad
    image = Image(pixels, ("a", "b"), name="img")
    assert image.plane("a").sum() == 20
    with pytest.raises(BadPixels, match=r"'b' of img has 1 pixels that are NaN or infinite \(5\.0%\)"):
        image.plane("b")


def test_finite_numbers_beyond_float32_are_called_so() -> None:
    pixels = np.ones((1, 1, 4, 5))
    pixels[0, 0, 2, 3] = -1e300
    with pytest.raises(
        BadPixels, match=r"has 1 pixels that are too large for float32 \(5\.0%\); replace them first"
    ):
        Image(pixels, ("a",)).plane("a")
    (found,) = check_values(pixels[0])
    assert found.text == "has 1 pixels that are too large for float32 (5.0%)"
    with pytest.raises(BadPixels, match="too large for float32"):
        find_cues(pixels[0], np.ones((4, 5)))


def test_complex_numbers_are_refused(tmp_path: Path) -> None:
    pixels = np.full((1, 1, 4, 5), 3 + 4j, np.complex64)
    tifffile.imwrite(tmp_path / "a.tif", pixels[0, 0])
    for make in (
        lambda: read_image(tmp_path / "a.tif"),
        lambda: Image(pixels, ("0",), name="a.tif"),
        lambda: finite_plane(pixels[0, 0], "a.tif"),
    ):
        with pytest.raises(
            BadPixels, match=r"^a\.tif holds complex numbers \(complex64\); save their magnitude"
        ):
            make()


def test_nan_in_any_focal_plane_is_found() -> None:
    pixels = np.ones((1, 3, 4, 5))
    pixels[0, 1, 0, 0] = np.nan
    with pytest.raises(BadPixels, match="NaN"):
        Image(pixels, ("a",)).plane("a")
    with pytest.raises(BadPixels, match="NaN"):
        Image(pixels, ("a",)).plane("a", "mean")


def test_shapes_that_are_no_image_are_refused() -> None:
    with pytest.raises(BadPixels, match="no pixels"):
        Image(np.ones((1, 1, 0, 5)), ("a",)).plane("a")
    with pytest.raises(WrongShape, match="must be"):
        Image(np.ones((4, 5)), ("a",))
    with pytest.raises(WrongShape, match="2 channel names for 1"):
        Image(np.ones((1, 1, 4, 5)), ("a", "b"))
