"""Fields of a study from arrays and from files answer alike."""

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import tifffile

from frugalseg.errors import InputError, MissingChannel
from frugalseg.images.fields import open_fields
from frugalseg.images.write import write_image, write_labels, write_text
from frugalseg.studies.plan.study_data import ArrayData, FileData
from frugalseg.studies.study_plan import plan_study


def test_files_and_arrays_answer_alike(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    phase = [random.integers(0, 999, (16, 12)).astype(np.uint16) for _ in range(2)]
    cells = np.zeros((16, 12), np.uint32)
    cells[2:5, 3:7] = 4
    for at, plane in enumerate(phase):
        write_image(tmp_path / f"{at}.tif", plane[None], channels=["phase"], pixel_size=(0.5, 0.5))
    write_labels(tmp_path / "cells.tif", cells)
    write_text(tmp_path / "fields.csv", "field,phase,cells\na,0.tif,cells.tif\nb,1.tif,\n")
    files = FileData(open_fields([tmp_path / "fields.csv"]))
    arrays = ArrayData({"phase": phase, "cells": [cells, None]}, ["a", "b"], [(0.5, 0.5)] * 2)
    assert files.names == arrays.names == ("a", "b")
    for data in (files, arrays):
        assert np.array_equal(data.inputs("b", "phase"), phase[1][None])
        assert np.array_equal(data.plane("a", "phase"), phase[0])
        assert np.array_equal(data.labels("a", "cells"), cells)
        assert (data.has("a", "cells"), data.has("b", "cells"), data.has("a", "dapi")) == (True, False, False)
        assert data.pixel_size("a") == (0.5, 0.5)
        with pytest.raises(MissingChannel, match="'b' has no"):
            data.labels("b", "cells")


def test_the_state_changes_with_the_pixels(tmp_path: Path) -> None:
    planes = [np.arange(64).reshape(8, 8), np.ones((8, 8))]
    before = ArrayData({"phase": planes}).state(["1", "2"], ["phase"])
    assert ArrayData({"phase": [one.copy() for one in planes]}).state(["1", "2"], ["phase"]) == before
    planes[0][3, 3] += 1
    changed = ArrayData({"phase": planes})
    assert changed.state(["1", "2"], ["phase"]) != before
    assert changed.state(["2"], ["phase"]) == ArrayData({"phase": [None, planes[1]]}).state(["2"], ["phase"])


def test_pixel_sizes_are_part_of_the_state() -> None:
    planes = {"phase": [np.ones((8, 8))]}
    states = {
        ArrayData(planes, pixel_sizes=[size]).state(["1"], ["phase"])
        for size in (None, (0.3, 0.3), (1.2, 1.2))
    }
    assert len(states) == 3


def test_another_channel_or_other_axes_of_the_same_file_are_other_pixels(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    write_image(
        tmp_path / "a.tif", random.integers(0, 999, (2, 16, 12)).astype(np.uint16), channels=["one", "two"]
    )
    tifffile.imwrite(tmp_path / "b.tif", random.integers(0, 999, (5, 6, 7)).astype(np.uint16))
    checksums, states = set(), set()
    for name, axes in (("a.tif#0", None), ("a.tif#1", None), ("b.tif", "ZYX"), ("b.tif", "YXZ")):
        write_text(tmp_path / "fields.csv", f"field,phase\na,{name}\n", overwrite=True)
        data = FileData(open_fields([tmp_path / "fields.csv"], axes=axes))
        checksums.add(data.checksum(["a"], ["phase"]))
        states.add(data.state(["a"], ["phase"]))
    assert (len(checksums), len(states)) == (4, 4)


def test_arrays_that_do_not_fit() -> None:
    with pytest.raises(InputError, match="give one array, or None, for each field"):
        ArrayData({"phase": [np.ones((4, 4))], "cells": []})
    with pytest.raises(InputError, match="1 different names for 2 fields"):
        ArrayData({"phase": [np.ones((4, 4))] * 2}, names=["a", "a"])
    with pytest.raises(InputError, match="no field is called 'z'; there are 1"):
        ArrayData({"phase": [np.ones((4, 4))]}).plane("z", "phase")
    planes = ArrayData({"phase": [np.ones((4, 4))]})
    assert planes.inputs("1", "phase[*]").shape == (1, 4, 4)
    for ask in (planes.inputs, planes.input_names):
        with pytest.raises(InputError, match=r"'phase\[1,3\]' names focal planes, and arrays are one plane"):
            ask("1", "phase[1,3]")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"names": ["a", "../b"]}, r"`names` has '\.\./b', which can't be a part of a file's name"),
        ({"names": [1, 2]}, "`names` has 1, which can't be a part"),
        ({"names": ["a", ".."]}, r"`names` has '\.\.', which"),
        ({"pixel_sizes": [(1, 1)]}, r"`pixel_sizes` is \[\(1, 1\)\]; give one .* for each of the 2 fields"),
        ({"pixel_sizes": 0.65}, "`pixel_sizes` is 0.65; give one"),
    ],
)
def test_names_and_sizes_that_fields_can_not_have(given: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        ArrayData({"phase": [np.zeros((8, 8))] * 2}, **given)


def test_whole_numbers_as_floats_are_labels_and_others_are_refused_by_name() -> None:
    data = ArrayData({"cells": [np.array([[0.0, 2.0]]), np.array([[0.0, 2.5]])]}, ["a", "b"])
    found = data.labels("a", "cells")
    assert found.dtype.kind in "iu"
    assert found.tolist() == [[0, 2]]
    with pytest.raises(InputError, match="field 'b', channel 'cells'"):
        data.labels("b", "cells")


def test_one_number_is_the_size_both_ways() -> None:
    data = ArrayData({"phase": [np.zeros((8, 8))] * 2}, pixel_sizes=[0.5, None])  # type: ignore[list-item]
    assert (data.pixel_size("1"), data.pixel_size("2")) == ((0.5, 0.5), None)


def test_a_task_without_fields_is_named(fakes: ModuleType, tmp_path: Path) -> None:
    design = fakes.plan(tmp_path / "out").design
    with pytest.raises(InputError, match="`data` has no fields for task 'cells', only for 'other'"):
        plan_study(design, {"other": fakes.data()}, tmp_path / "out", device="cpu")


def test_one_array_is_no_list_of_fields() -> None:
    with pytest.raises(InputError, match=r"channel 'phase' of `channels` is one array of shape \(8, 9\)"):
        ArrayData({"phase": np.zeros((8, 9))})  # type: ignore[dict-item]
    assert ArrayData({"phase": np.zeros((2, 8, 9))}).names == ("1", "2")


@pytest.mark.parametrize("channels", [np.zeros((2, 8, 8)), {"phase": (one for one in ())}, None])
def test_channels_are_a_dict_of_lists(channels: Any) -> None:
    with pytest.raises(
        InputError, match=r"^`channels` must be a dict: name of a channel -> a list with one array "
    ):
        ArrayData(channels)


def test_a_pixel_size_counts_wherever_it_is_stated(tmp_path: Path) -> None:
    """Predictions see images at its scale, also where a file states it that is not read."""
    states, sums = [], []
    for size in (0.5, 1.0):
        write_image(tmp_path / "a_phase.tif", np.ones((1, 8, 8)), overwrite=True)
        write_image(tmp_path / "a_dapi.tif", np.ones((1, 8, 8)), pixel_size=(size, size), overwrite=True)
        data = FileData(open_fields([tmp_path], pattern="{field}_{channel}.tif"))
        states.append(data.state(["a"], ["phase"]))
        sums.append(data.checksum(["a"], ["phase"]))
    assert states[0] != states[1]
    assert sums[0] != sums[1]
