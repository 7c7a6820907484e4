"""Arrays that can't be used are refused with a sentence that says which and why; all others keep their values."""

from typing import Any

import numpy as np
import pytest
import torch

from frugalseg.errors import BadPixels, FrugalsegError, InputError, SettingsError, WrongShape
from frugalseg.images.label_checks import check_objects
from frugalseg.images.pixel_size import check_pixel_size
from frugalseg.models.inputs import (
    as_partners,
    as_sequence,
    check_channels,
    check_diameter,
    check_image,
    check_label_map,
    check_plane,
    for_each,
    names_of,
    owner_of,
)

PLANE = np.arange(30.0).reshape(5, 6)
LABELS = np.array([[0, 1, 1], [2, 2, 0]])


@pytest.mark.parametrize("kind", [bool, np.uint8, np.int16, np.uint16, np.float16, np.float32, np.float64])
def test_images_of_any_real_type_become_float32_with_the_same_values(kind: type) -> None:
    values = PLANE.astype(kind)
    image = check_image(values)
    assert (image.dtype, image.shape) == (np.float32, (1, 5, 6))
    np.testing.assert_array_equal(image[0], values.astype(np.float64))
    np.testing.assert_array_equal(check_image(np.stack([values, values]))[1], image[0])


def test_any_kind_of_array_is_one_image_and_a_list_is_several() -> None:
    assert len(as_sequence(PLANE)) == len(as_sequence(torch.zeros(5, 6))) == 1
    assert len(as_sequence([PLANE, PLANE])) == len(as_sequence((PLANE, PLANE))) == 2
    assert for_each(PLANE, lambda index, one: (index, one.shape)) == (0, (5, 6))
    assert for_each([PLANE, PLANE.T], lambda index, one: (index, one.shape)) == [(0, (5, 6)), (1, (6, 5))]


@pytest.mark.parametrize(
    ("values", "kind", "message"),
    [
        (np.zeros(4), WrongShape, r"shape \(4,\); allowed are \(Y,X\) and \(C,Y,X\)$"),
        (np.zeros((1, 2, 3, 4)), WrongShape, "give several images as a list of arrays"),
        *[
            (np.zeros((64, 80, count)), WrongShape, r"channels seem to come last.*moveaxis")
            for count in (1, 2, 4, 5, 7, 12, 16)
        ],
        (np.zeros((256, 256, 40)), WrongShape, "channels seem to come last"),
        (np.zeros((64, 64, 3)), WrongShape, r"channels seem to come last.*moveaxis"),
        (np.zeros((0, 4)), BadPixels, r"no pixels \(shape \(1, 0, 4\)\)"),
        (np.zeros((4, 4), complex), BadPixels, "type complex128.*give its magnitude"),
        (np.array([["a", "b"]]), BadPixels, "not of real numbers; give an array of numbers"),
        (np.array([[1, None]], object), BadPixels, "type object"),
        ([[1.0, 2.0], [3.0]], BadPixels, "can't be read as an array"),
        (np.array([[np.nan, 1.0], [np.inf, 2.0]]), BadPixels, r"2 pixels that are NaN or infinite \(50.0%\)"),
        (np.array([[1e300, 1.0]]), BadPixels, r"1 pixels that are too large for float32 \(50.0%\)"),
    ],
)
def test_images_that_cannot_be_used(values: Any, kind: type[FrugalsegError], message: str) -> None:
    with pytest.raises(kind, match=message) as raised:
        check_image(values, "images[2]")
    assert str(raised.value).startswith("images[2] ")


def test_what_belongs_to_an_image_has_its_shape() -> None:
    np.testing.assert_array_equal(check_plane(PLANE[None], "nuclei", (5, 6), "the image"), PLANE)
    with pytest.raises(
        WrongShape, match=r"images\[1\]: `nuclei` has the shape \(5, 6\) and the image \(6, 5\)"
    ):
        check_plane(PLANE, "nuclei", (6, 5), "images[1]")
    with pytest.raises(BadPixels, match=r"the image: `nuclei` has 1 pixels that are NaN"):
        check_plane(np.array([[np.nan, 1.0]]), "nuclei", (1, 2), "the image")


@pytest.mark.parametrize("kind", [np.uint8, np.int64, np.uint64, np.float32, np.float64])
def test_label_maps_of_whole_numbers_keep_their_ids(kind: type) -> None:
    labels = check_label_map(LABELS.astype(kind), "labels", (2, 3), "the image")
    np.testing.assert_array_equal(labels, LABELS)
    assert labels.dtype == (np.uint32 if kind in (np.uint8, np.uint64) else np.int32)


def test_labels_below_zero_are_kept_as_not_annotated() -> None:
    assert check_label_map(LABELS - 1, "labels", (2, 3), "the image").min() == -1


def test_label_maps_of_other_numbers_are_refused() -> None:
    with pytest.raises(BadPixels, match=r"images\[3\]: `labels` are not whole numbers"):
        check_label_map(LABELS / 2, "labels", (2, 3), "images[3]")
    with pytest.raises(BadPixels, match="complex128"):
        check_label_map(LABELS.astype(complex), "labels", (2, 3), "images[3]")


def test_masks_and_grey_images_are_no_label_maps() -> None:
    mask = np.zeros((8, 8), int)
    mask[1:3, 1:3] = mask[5:7, 5:7] = 255
    with pytest.raises(BadPixels, match="one label in 2 separate pieces, so it is a mask"):
        check_objects(mask, "`labels`")
    with pytest.raises(BadPixels, match="looks like a grey image"):
        check_objects(np.random.default_rng(0).integers(1, 99, (8, 8)), "`labels`")
    check_objects((mask > 0) * np.where(np.arange(8) < 4, 1, 2), "`labels`")


@pytest.mark.parametrize(
    ("images", "partners", "message"),
    [
        ([PLANE, PLANE], [PLANE], "there are 2 `images` and 1 `nuclei`; give one for each image"),
        ([PLANE], PLANE, "`images` is a list and `nuclei` is one array"),
        (PLANE, [PLANE], "`images` is one array and `nuclei` is a list"),
        ([], [], "`images` is an empty list"),
        ("a.tif", PLANE, "`images` is of type str; give an array"),
        (PLANE, 3, "`images` is one array and `nuclei` is a list"),
    ],
)
def test_every_image_has_its_partner(images: Any, partners: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        as_partners(partners, "nuclei", images)


def test_images_are_called_by_name_or_by_place() -> None:
    assert owner_of(0, PLANE) == "the image"
    assert owner_of(1, [PLANE, PLANE]) == "images[1]"
    assert owner_of(1, [PLANE, PLANE], ["a", "b"]) == "field 'b'"
    assert names_of([PLANE, PLANE], None) == ("image 1", "image 2")
    with pytest.raises(InputError, match="`names` must be a list of 2 names"):
        names_of([PLANE, PLANE], ["a"])


def test_channels_have_one_name_each() -> None:
    assert check_channels(None, 2) == ("0", "1")
    assert check_channels(None, 2, ("phase", "dic")) == ("phase", "dic")
    assert check_channels(None, 1, ("phase", "dic")) == ("0",)
    for wrong in (["phase"], "phase"):
        with pytest.raises(SettingsError, match="`channels` must be a list of 2 names"):
            check_channels(wrong, 2)


def test_pixel_sizes_are_above_zero() -> None:
    assert check_pixel_size(None) is None
    assert check_pixel_size(0.5) == (0.5, 0.5)
    assert check_pixel_size((0.5, 0.25)) == (0.5, 0.25)
    for wrong in (0, -1, float("nan"), (1.0, 0.0), (1, 2, 3)):
        with pytest.raises(SettingsError, match="`pixel_size` is"):
            check_pixel_size(wrong)  # type: ignore[arg-type]


def test_diameters_that_are_no_numbers_and_images_that_are_no_list() -> None:
    for wrong in ("30", [30, 30], None, np.nan):
        with pytest.raises(SettingsError, match="give a number of px above 2"):
            check_diameter(wrong)
    check_diameter(np.float32(12))
    with pytest.raises(InputError, match="`images` is of type dict"):
        as_sequence({"a": np.zeros((4, 4))})
    with pytest.raises(BadPixels, match="can't be read as an array"):
        check_image(torch.ones(8, 8, requires_grad=True))


def test_one_channel_may_be_narrow() -> None:
    """Few columns are no colours where there is one channel; images are looked at more than once."""
    once = check_image(np.arange(400).reshape(100, 4))
    assert check_image(once).shape == (1, 100, 4)
