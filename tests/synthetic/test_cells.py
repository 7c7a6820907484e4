"""Synthetic cells: the truth is consistent, the images show it, and the seed decides every pixel."""

import csv
import time

import numpy as np
import pytest
from scipy import ndimage

from frugalseg.errors import OutputExists, SettingsError
from frugalseg.images.read import read_image
from frugalseg.runs import synthetic_set
from frugalseg.runs.synthetic_set import write_synthetic_set
from frugalseg.synthetic.cells import CHANNELS, make_cells

VALIDATIONS = [
    {"density": 0.6, "seed": 0},
    {"density": 1.0, "seed": 1},
    {"density": 0.1, "seed": 2},
    {"n_cells": 40, "seed": 3, "diameter": 16},
    {"n_cells": 1, "seed": 4},
    {"shape": (70, 190), "density": 0.8, "diameter": 12, "seed": (5, 1)},
    {"shape": (64, 64), "n_cells": 60, "diameter": 9, "seed": 6},
]


@pytest.mark.parametrize("settings", VALIDATIONS, ids=str)
def test_every_cell_is_one_piece_with_one_nucleus_and_its_marker(settings):
    field = make_cells(**settings)
    n = len(field.markers)
    if "n_cells" in settings:
        assert n == settings["n_cells"]
    assert np.unique(field.cells[field.cells > 0]).tolist() == list(range(1, n + 1))
    assert np.unique(field.nuclei[field.nuclei > 0]).tolist() == list(range(1, n + 1))
    assert (field.cells[field.nuclei > 0] == field.nuclei[field.nuclei > 0]).all()
    for i in range(1, n + 1):
        for labels in (field.cells, field.nuclei):
            assert ndimage.label(labels == i)[1] == 1, f"{i} is in pieces"
        assert field.markers[i - 1] == pytest.approx(np.argwhere(field.nuclei == i).mean(axis=0))
    y, x = np.rint(field.markers).astype(int).T
    assert (field.cells[y, x] == np.arange(1, n + 1)).all()


@pytest.mark.parametrize("density", [0.1, 0.3, 0.6, 0.9, 1.0])
def test_density_is_the_covered_part(density):
    field = make_cells((256, 256), density=density, seed=7)
    assert (field.cells > 0).mean() == pytest.approx(density, abs=0.01)
    areas = np.bincount(field.cells.ravel())[1:]
    assert 24 < np.sqrt(areas.mean() * 4 / np.pi) < 36  # asked for: 30


def test_cells_touch_and_vary_in_shape():
    field = make_cells((256, 256), seed=0)
    grown = ndimage.grey_dilation(field.cells, size=3)
    shrunk = ndimage.grey_erosion(np.where(field.cells == 0, 2**31, field.cells), size=3)
    touching = np.unique(field.cells[(field.cells > 0) & (grown != shrunk)])
    assert len(touching) > 0.7 * field.cells.max()
    areas = np.bincount(field.cells.ravel())[1:]
    assert areas.std() / areas.mean() > 0.25


def test_the_seed_decides_every_pixel():
    first, again, other = make_cells(seed=3), make_cells(seed=3), make_cells(seed=4)
    for name in (*CHANNELS, "cells", "nuclei", "markers"):
        assert np.array_equal(getattr(first, name), getattr(again, name)), name
    assert not np.array_equal(first.cells, other.cells)
    clean = make_cells(seed=3, noise=0, vignette=0, dim_nuclei=0.5)
    assert np.array_equal(first.cells, clean.cells)
    assert np.array_equal(first.nuclei, clean.nuclei)


def test_images_show_the_truth():
    field = make_cells((256, 256), seed=1, vignette=0, dim_nuclei=0)
    background = field.cells == 0
    body = (field.cells > 0) & (field.nuclei == 0)
    depth = ndimage.distance_transform_edt(~background)
    away = ndimage.distance_transform_edt(background)
    for name in CHANNELS:
        image = getattr(field, name)
        assert image.dtype == np.uint16
        assert image.shape == field.cells.shape
    assert np.median(field.nuclear[field.nuclei > 0]) > 5 * np.median(field.nuclear[body])
    assert np.median(field.cytoplasm[body]) > 3 * np.median(field.cytoplasm[background])
    edge = (depth > 0) & (depth <= 2)
    assert np.median(field.membrane[edge]) > 2 * np.median(field.membrane[depth > 5])
    # phase: the inside is darker than the background, and the halo just outside is brighter
    far = np.median(field.phase[away > 15])
    assert np.median(field.phase[depth > 4]) < 0.97 * far
    assert np.median(field.phase[(away > 0) & (away <= 2)]) > 1.03 * far
    # bright field: far weaker contrast than phase between cell and background, but edges and granules
    difference = np.median(field.brightfield[body]) / np.median(field.brightfield[background]) - 1
    assert abs(difference) < 0.05
    texture = field.brightfield / ndimage.uniform_filter(field.brightfield.astype(float), 15)
    assert texture[body].std() > 1.5 * texture[away > 15].std()


@pytest.mark.parametrize("noise", [1e-300, 1e-8, 1e-6, 2e-6])
def test_noise_too_little_to_be_seen_is_none(noise):
    little, none = (make_cells((64, 64), seed=2, noise=one) for one in (noise, 0))
    for channel in ("nuclear", "cytoplasm", "membrane", "phase", "brightfield"):
        difference = np.abs(getattr(little, channel).astype(int) - getattr(none, channel))
        assert (difference > 0).mean() < 0.01  # a value just beside the middle of two numbers
        assert difference.max() <= 1


def test_dim_nuclei_noise_and_vignette_do_what_they_say():
    settings = {"shape": (256, 256), "seed": 2, "noise": 0, "vignette": 0}
    bright, dim = make_cells(**settings, dim_nuclei=0), make_cells(**settings, dim_nuclei=0.3)
    ids = np.arange(1, bright.cells.max() + 1)
    ratio = ndimage.mean(dim.nuclear, dim.nuclei, ids) / ndimage.mean(bright.nuclear, bright.nuclei, ids)
    assert (ratio < 0.3).sum() == round(0.3 * len(ids))
    noisy = make_cells(**{**settings, "noise": 1.0})
    far = ndimage.distance_transform_edt(noisy.cells == 0) > 15
    assert noisy.phase[far].std() > 2 * bright.phase[far].std()
    dark = make_cells(**{**settings, "vignette": 0.5})
    corners, middle = np.s_[::255, ::255], np.s_[120:136, 120:136]
    fall = (dark.phase / bright.phase)[corners].mean() / (dark.phase / bright.phase)[middle].mean()
    assert fall == pytest.approx(0.5, abs=0.15)


def test_no_cells_is_an_empty_field():
    field = make_cells(n_cells=0)
    assert field.cells.max() == field.nuclei.max() == 0
    assert field.markers.shape == (0, 2)
    assert field.phase.std() > 0


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"density": 1.2}, "density"),
        ({"shape": (8, 64)}, "shape"),
        ({"diameter": 3}, "diameter"),
        ({"noise": -1}, "noise"),
        ({"noise": float("nan")}, "noise"),
        ({"noise": float("inf")}, "noise"),
        ({"diameter": float("nan")}, "diameter"),
        ({"diameter": float("inf")}, "diameter"),
        ({"seed": -1}, "seed"),
        ({"n_cells": 3.5}, "n_cells"),
        (
            {"shape": (64, 64), "n_cells": 1024, "diameter": 8, "seed": 1},
            "do not all find room in 64 x 64 px",
        ),
        ({"n_cells": -1}, "n_cells"),
        ({"n_cells": 10**6}, "n_cells"),
        ({"dim_nuclei": 2}, "dim_nuclei"),
    ],
)
def test_impossible_settings_are_named(settings, named):
    with pytest.raises(SettingsError, match=named):
        make_cells(**settings)


def test_planes_come_in_the_order_asked_for():
    field = make_cells((64, 64))
    planes = field.planes(["phase", "nuclear"])
    assert planes.dtype == np.float32
    assert np.array_equal(planes[0], field.phase)
    assert np.array_equal(planes[1], field.nuclear)


def test_a_written_set_reads_back(tmp_path):
    table = write_synthetic_set(tmp_path / "set", 4, shape=(64, 80), seed=9, diameter=20)
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["split"] for row in rows] == ["train", "train", "train", "test"]
    assert list(rows[0]) == ["field", "split", *CHANNELS, "cells", "nuclei"]
    for i, row in enumerate(rows):
        field = make_cells((64, 80), seed=(9, i), diameter=20)
        for column in (*CHANNELS, "cells", "nuclei"):
            image = read_image(table.parent / row[column])
            assert np.array_equal(np.asarray(image.pixels)[0, 0], getattr(field, column)), column
            assert image.pixel_size == pytest.approx((0.65, 0.65))
    with pytest.raises(OutputExists, match=r"fields\.csv"):
        write_synthetic_set(tmp_path / "set", 1)
    write_synthetic_set(tmp_path / "set", 1, shape=(64, 64), overwrite=True)
    assert len(table.read_text().splitlines()) == 2


def test_a_set_that_is_replaced_in_part_has_no_table(tmp_path, monkeypatch):
    table = write_synthetic_set(tmp_path, 2, shape=(64, 64))
    with pytest.raises(SettingsError, match="density"):
        write_synthetic_set(tmp_path, 2, density=3, overwrite=True)
    assert table.exists()  # nothing was replaced

    def stopped(*_args, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr(synthetic_set, "write_labels", stopped)  # after the images of the first field
    with pytest.raises(KeyboardInterrupt):
        write_synthetic_set(tmp_path, 2, shape=(64, 64), seed=1, overwrite=True)
    assert not table.exists()


def test_a_512_field_takes_less_than_two_seconds():
    started = time.process_time()
    make_cells((512, 512), seed=0)
    assert time.process_time() - started < 2
