"""Objects of a kind that nobody can use, given by mistake: one sentence in place of an error of Python's."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

import frugalseg as fs
from frugalseg.errors import FrugalsegError, InputError, SettingsError, WrongShape
from frugalseg.synthetic.cells import SyntheticField

QUICK: dict[str, Any] = {"encoder": "small", "crop": 32, "batch": 2, "max_steps": 1, "device": "cpu"}
IMAGES_FOR_CUES = r"^`cues` are of type ndarray; give what `frugalseg.find_cues` returns "


@pytest.fixture(scope="module")
def model(cells: SyntheticField) -> fs.ObjectModel:
    return fs.ObjectModel.fit(cells.phase, cells.cells, **QUICK)


@pytest.fixture(scope="module")
def markers(cells: SyntheticField) -> fs.MarkerModel:
    return fs.MarkerModel.fit_to_cues(fs.find_cues(cells.phase, cells.nuclear), max_steps=1, device="cpu")


def test_images_are_no_cues(cells: SyntheticField, model: fs.ObjectModel, markers: fs.MarkerModel) -> None:
    takers: Sequence[Callable[[Any], Any]] = (
        model.segment,
        markers.segment,
        lambda image: fs.MarkerModel.fit_to_cues([image], max_steps=1, device="cpu"),
        lambda image: fs.self_train_on_cues([image], max_steps=1, device="cpu"),
    )
    for take in takers:
        with pytest.raises(InputError, match=IMAGES_FOR_CUES):
            take(cells.phase)


def test_cues_of_one_image_train_a_marker_network(cells: SyntheticField, markers: fs.MarkerModel) -> None:
    several = fs.MarkerModel.fit_to_cues(
        [fs.find_cues(cells.phase, cells.nuclear)], max_steps=1, device="cpu"
    )
    assert markers.training is not None
    assert several.training is not None
    assert markers.training.losses == several.training.losses


def test_a_study_takes_fields_and_no_dict_of_channels(cells: SyntheticField, tmp_path: Path) -> None:
    task = {"kind": "labels", "target": "cells", "inputs": "phase", "labels": "cells", "budgets": [1]}
    task |= {"starts": {"a": {"kind": "nothing"}}, "test": ["2"], "data": ["given below"]}
    design = fs.StudyDesign.parse({"title": "t", "tasks": {"cells": task}})
    with pytest.raises(
        InputError,
        match=r"^the fields of task 'cells' in `data` are of type list; give `frugalseg.ArrayData`",
    ):
        fs.run_study(design, {"cells": [cells.cells] * 2}, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("size", ["a", ("0.5", "um"), {"y": 1}, [[0.5, 0.5]], object()])
def test_pixel_sizes_are_numbers(cells: SyntheticField, model: fs.ObjectModel, size: Any) -> None:
    with pytest.raises(
        SettingsError, match=r"^`pixel_size` is .*; give micrometres per pixel, above 0, as one number or as "
    ):
        model.predict(cells.phase, pixel_size=size)


def test_labels_are_not_none(cells: SyntheticField) -> None:
    with pytest.raises(InputError, match=r"^`labels` is None; give one array for each image$"):
        fs.ObjectModel.fit(cells.phase, None)


@pytest.mark.parametrize("n", ["3", 2.5, 0])
def test_crops_are_counted_in_whole_numbers(cells: SyntheticField, model: fs.ObjectModel, n: Any) -> None:
    with pytest.raises(SettingsError, match=rf"^`n` is {n!r}; ask for at least 1 crop, in whole numbers$"):
        fs.suggest(model, cells.phase, crop=48, n=n)


@pytest.mark.parametrize("crop", [48.0, "48"])
def test_crops_are_whole_pixels_wide(cells: SyntheticField, model: fs.ObjectModel, crop: Any) -> None:
    with pytest.raises(SettingsError, match=rf"^`crop` is {crop!r}; give a whole number of px$"):
        fs.suggest(model, cells.phase, crop=crop)


def test_a_stain_is_called_by_a_text(cells: SyntheticField) -> None:
    with pytest.raises(SettingsError, match=r"^`target` is 3; give the name of the stain, in quotes$"):
        fs.StainModel.fit(cells.phase, cells.nuclear, target=3, **QUICK)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("points", "error"), [(object(), WrongShape), ("three", WrongShape), ([[1, None]], WrongShape)]
)
def test_points_are_numbers(points: Any, error: type[FrugalsegError]) -> None:
    with pytest.raises(error, match=r"^`points` .*give \(N, 2\) finite numbers, y and x in px$"):
        fs.markers_from_points(points)


@pytest.mark.parametrize("returned", [0.5, [0.5], {"mAP": None}])
def test_snapshots_return_numbers_by_name(cells: SyntheticField, returned: Any) -> None:
    snapshots = fs.Snapshots((1,), lambda step, model: returned)
    with pytest.raises(
        SettingsError, match=r"^`take` of snapshots returned (float|list|dict); it returns numbers by name, "
    ):
        fs.ObjectModel.fit(cells.phase, cells.cells, snapshots=snapshots, **QUICK)
