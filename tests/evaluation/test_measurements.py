"""Cell measurements against scikit-image, against arithmetic, and at scale."""

import csv
import io
import time

import numpy as np
import pytest
from skimage.draw import disk, ellipse
from skimage.measure import regionprops

from frugalseg.errors import BadPixels, SettingsError, WrongShape
from frugalseg.evaluation.measurements import measure_cells, measurements_csv


@pytest.fixture(scope="module")
def labels() -> np.ndarray:
    """A disk, a tilted ellipse, a bar at the border, a C, a single pixel and a cell in two parts."""
    out = np.zeros((120, 160), np.uint32)
    out[disk((30, 30), 20)] = 3
    out[ellipse(70, 100, 12, 30, rotation=0.6)] = 9
    out[100:120, 0:5] = 4
    out[90:115, 40:70] = 70000
    out[97:108, 50:70] = 0
    out[5, 150] = 12
    out[40:44, 140:150] = 13
    out[60:64, 140:150] = 13
    return out


def test_moments_agree_with_scikit_image(labels: np.ndarray) -> None:
    plane = np.random.default_rng(0).normal(100, 10, labels.shape)
    rows = measure_cells(labels, {"actin": plane})
    expected = regionprops(labels, intensity_image=plane)
    assert [row["label"] for row in rows] == [3, 4, 9, 12, 13, 70000]
    for row, cell in zip(rows, expected, strict=True):
        assert row["area"] == cell.area
        assert (row["centroid_y"], row["centroid_x"]) == pytest.approx(cell.centroid)
        assert row["equivalent_diameter"] == pytest.approx(cell.equivalent_diameter_area)
        assert row["major_axis"] == pytest.approx(cell.axis_major_length, abs=1e-6)
        assert row["minor_axis"] == pytest.approx(cell.axis_minor_length, abs=1e-6)
        assert row["eccentricity"] == pytest.approx(cell.eccentricity, abs=1e-6)
        assert row["mean_actin"] == pytest.approx(cell.intensity_mean)


def test_hull_and_perimeter_agree_with_scikit_image(labels: np.ndarray) -> None:
    from skimage.measure import perimeter_crofton

    for row in measure_cells(labels):
        mask = np.pad(labels == row["label"], 2)
        (cell,) = regionprops(mask.astype(np.uint8))
        assert row["perimeter"] == pytest.approx(perimeter_crofton(mask, directions=4), rel=1e-9)
        assert row["solidity"] == pytest.approx(cell.solidity, abs=0.015)


def test_shapes_with_a_known_answer(labels: np.ndarray) -> None:
    rows = {row["label"]: row for row in measure_cells(labels)}
    assert rows[3]["perimeter"] == pytest.approx(2 * np.pi * 20, rel=0.03)
    assert rows[3]["eccentricity"] == pytest.approx(0, abs=0.01)
    assert rows[4]["solidity"] == 1.0
    assert rows[9]["minor_axis"] == pytest.approx(24, rel=0.03)
    assert rows[9]["major_axis"] == pytest.approx(60, rel=0.03)
    assert rows[70000]["solidity"] < 0.75
    assert (rows[12]["area"], rows[12]["eccentricity"], rows[12]["solidity"]) == (1, 0.0, 1.0)
    assert [rows[k]["touches_border"] for k in (3, 4, 9)] == [False, True, False]


@pytest.mark.parametrize(("y", "x", "touches"), [(0, 2, 1), (4, 2, 1), (2, 0, 1), (2, 4, 1), (2, 2, 0)])
def test_each_rim_counts_as_border(y: int, x: int, touches: int) -> None:
    labels = np.zeros((5, 5), int)
    labels[y, x] = 1
    assert measure_cells(labels)[0]["touches_border"] is bool(touches)


def test_micrometres_only_with_a_pixel_size(labels: np.ndarray) -> None:
    plain = measure_cells(labels)[0]
    assert plain["area_um2"] is None
    assert plain["equivalent_diameter_um"] is None
    sized = measure_cells(labels, pixel_size=(0.5, 2.0))[0]
    assert sized["area_um2"] == sized["area"]
    assert sized["equivalent_diameter_um"] == pytest.approx(sized["equivalent_diameter"])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.int64])
def test_every_label_type_and_no_cell_at_all(dtype: type) -> None:
    empty = np.zeros((5, 6), dtype)
    assert measure_cells(empty, {"a": np.ones((5, 6))}) == []
    empty[1:3, 2:4] = np.iinfo(dtype).max
    (row,) = measure_cells(empty)
    assert (row["label"], row["area"]) == (np.iinfo(dtype).max, 4)


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(WrongShape, match=r"\(2, 3, 3\)"):
        measure_cells(np.zeros((2, 3, 3), int))
    with pytest.raises(WrongShape, match="'dapi'"):
        measure_cells(np.zeros((3, 3), int), {"dapi": np.zeros((3, 4))})


def test_sixty_thousand_cells_take_seconds() -> None:
    side, pitch = 2000, 8
    ys, xs = np.mgrid[:side, :side]
    labels = (ys // pitch * (side // pitch) + xs // pitch + 1).astype(np.uint32)
    labels[(ys % pitch == 0) | (xs % pitch == 0)] = 0
    start = time.perf_counter()
    rows = measure_cells(labels, {"a": xs})
    assert len(rows) == 62_500
    assert all(row["area"] == 49 for row in rows)
    assert time.perf_counter() - start < 20


def test_csv_reads_back_with_names_that_need_quotes() -> None:
    labels = np.zeros((6, 6), int)
    labels[2:4, 2:4] = 5
    text = measurements_csv(
        {
            'a,"b"\nc': measure_cells(labels, {"dapi": np.full((6, 6), 1 / 3)}),
            "d": measure_cells(labels),
            "e": [],
        }
    )
    first, second = list(csv.DictReader(io.StringIO(text)))
    assert first["field"] == 'a,"b"\nc'
    assert (first["label"], first["area"], first["mean_dapi"]) == ("5", "4", "0.333333")
    assert (first["area_um2"], first["touches_border"]) == ("", "0")
    assert (second["field"], second["mean_dapi"]) == ("d", "")


def test_a_pixel_size_is_one_number_or_two_above_0(labels: np.ndarray) -> None:
    assert measure_cells(labels, pixel_size=0.5) == measure_cells(labels, pixel_size=(0.5, 0.5))
    with pytest.raises(SettingsError, match=r"`pixel_size` is \(0, -1\); give micrometres per pixel"):
        measure_cells(labels, pixel_size=(0, -1))


def test_planes_may_be_lists() -> None:
    labels = np.array([[1, 1], [0, 2]])
    assert [row["mean_a"] for row in measure_cells(labels, {"a": [[1, 3], [9, 7]]})] == [2.0, 7.0]  # type: ignore[dict-item]


@pytest.mark.parametrize("value", [1.7, np.nan, 1j])
def test_labels_are_whole_numbers(value: complex) -> None:
    labels = np.zeros((4, 4), complex if isinstance(value, complex) else float)
    labels[1, 1] = value
    with pytest.raises(BadPixels, match=r"^`labels` "):
        measure_cells(labels)
    assert [row["label"] for row in measure_cells(np.array([[0.0, 7.0]]))] == [7]
