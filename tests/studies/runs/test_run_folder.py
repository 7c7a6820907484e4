"""What a run is known by: its specification, the runs and models that it needs, and the pixels that it reads."""

import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from frugalseg.images.fields import open_fields
from frugalseg.images.write import write_image, write_labels
from frugalseg.runs.synthetic_set import write_synthetic_set
from frugalseg.studies.plan.planned_runs import plan_runs
from frugalseg.studies.plan.run_specs import MarkerRun, RunSpec
from frugalseg.studies.plan.study_data import ArrayData, FileData, StudyData
from frugalseg.studies.runs.run_folder import (
    _what_decides,
    channels_read,
    fields_read,
    fingerprints,
    new_run_folder,
)

from ..conftest import design_of

Prints = Callable[..., dict[str, str]]


@pytest.fixture
def prints(fakes: ModuleType) -> Prints:
    """Return fingerprints of a study with some changes, by the run's name."""

    def of(data: StudyData | None = None, root: Path = Path(), **changed: Any) -> dict[str, str]:
        given = {"cells": data or fakes.data()}
        return fingerprints(plan_runs(design_of(cells=fakes.task(**changed)), given), given, root)

    return of


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    """Return the arms of runs that are in both, with another fingerprint."""
    return {name for name in before.keys() & after.keys() if before[name] != after[name]}


def specs_of(fields: ArrayData, **task: Any) -> list[RunSpec]:
    return list(plan_runs(design_of(t=task), {"t": fields}))


def test_a_changed_setting_concerns_its_runs_and_those_that_need_them(prints: Prints) -> None:
    before = prints()
    assert prints() == before
    assert len(set(before.values())) == len(before) == 10
    starts = {"nothing": {"kind": "nothing"}, "stain": {"kind": "stain", "stain": "nuclear"}}
    other = starts | {"nothing": {"kind": "nothing", "settings": {"crop": 64}}}
    assert changed(before, prints(starts=other)) == {name for name in before if "nothing" in name}
    other = starts | {"stain": {"kind": "stain", "stain": "nuclear", "stain_settings": {"crop": 64}}}
    assert changed(before, prints(starts=other)) == {name for name in before if "stain" in name}
    assert changed(before, prints(seeds=[0, 1, 2])) == set()


def test_steps_within_a_training_concern_networks_and_older_runs_stay(fakes: ModuleType) -> None:
    shown = {"inputs": "phase", "nuclei": "nuclear"}
    arms = {"net": {**shown, "method": "network"}, "own": shown}
    markers: dict[str, Any] = {"kind": "markers", "data": [], "labels": "cells", "arms": arms, "seeds": [0]}
    data = {"t": fakes.data()}
    without, some, more = (
        specs_of(data["t"], **markers, **steps) for steps in ({}, {"steps": [2, 4]}, {"steps": [2, 6]})
    )
    assert changed(fingerprints(without, data), fingerprints(some, data)) == {"t/net-all-seed_0"}
    assert changed(fingerprints(some, data), fingerprints(more, data)) == {"t/net-all-seed_0"}
    assert all("at_steps" not in _what_decides(spec) for spec in without)


def test_changed_pixels_concern_the_runs_that_read_them(fakes: ModuleType, prints: Prints) -> None:
    def with_plane(channel: str, field: int) -> ArrayData:
        planes = list(fakes.data().channels[channel])
        planes[field] = planes[field] + 1
        return ArrayData({**fakes.data().channels, channel: planes}, fakes.FIELDS)

    before = prints(seeds=[0])
    tested = prints(with_plane("cells", 0), seeds=[0])
    assert changed(before, tested) == {name for name in before if "start-" not in name}
    stains = prints(with_plane("nuclear", 3), seeds=[0])
    assert changed(before, stains) == {name for name in before if "stain" in name}
    assert changed(before, prints(with_plane("phase", 0), seeds=[0])) == set(before)


@pytest.mark.parametrize("place", ["model", "imagenet"])
def test_another_model_at_the_same_place_is_another_start(tmp_path: Path, prints: Prints, place: str) -> None:
    starts = {"nothing": {"kind": "nothing"}, "model": {"kind": "model", "path": place}}
    without = prints(root=tmp_path, starts=starts)
    (tmp_path / place).mkdir()
    (tmp_path / place / "card.yaml").write_text("sha256: 1")
    first = prints(root=tmp_path, starts=starts)
    (tmp_path / place / "card.yaml").write_text("sha256: 2")
    second = prints(root=tmp_path, starts=starts)
    of_model = {name for name in first if "model" in name}
    assert changed(without, first) == changed(first, second) == of_model


def test_files_are_known_by_their_names_and_what_they_hold(tmp_path: Path, prints: Prints) -> None:
    def found(folder: Path) -> dict[str, str]:
        data = FileData(open_fields([folder / "fields.csv"]))
        return prints(data, test=["synthetic_1"], budgets=[1], seeds=[0])

    first, copied = tmp_path / "first", tmp_path / "copied"
    write_synthetic_set(first, 2, shape=(32, 32), n_cells=1)
    before = found(first)
    shutil.copytree(first, copied, copy_function=shutil.copyfile)  # with other times of change
    assert found(copied) == before
    write_image(copied / "synthetic_2_membrane.tif", np.zeros((32, 32), np.uint16), overwrite=True)
    assert found(copied) == before  # nothing reads it
    write_image(copied / "synthetic_2_nuclear.tif", np.zeros((32, 32), np.uint16), overwrite=True)
    assert changed(before, found(copied)) == {name for name in before if "stain" in name}
    write_image(copied / "synthetic_1_phase.tif", np.zeros((32, 32), np.uint16), overwrite=True)
    write_labels(copied / "synthetic_1_cells.tif", np.ones((32, 32), int), overwrite=True)
    assert changed(before, found(copied)) == set(before)


def test_another_seed_of_an_arm_leaves_its_other_runs_as_they_are(fakes: ModuleType) -> None:
    def of(seeds: list[int]) -> dict[str, str]:
        arm = {"inputs": "phase", "nuclei": "nuclear", "seeds": seeds}
        specs = specs_of(fakes.data(), kind="markers", data=[], labels="cells", arms={"a": arm})
        return fingerprints(specs, {"t": fakes.data()})

    assert of([0, 1]).items() < of([0, 1, 2]).items()


def test_runs_read_the_channels_and_fields_of_their_specification(fakes: ModuleType) -> None:
    arms = {"a": {"inputs": "phase,nuclear", "nuclei": "nuclear"}}
    (markers,) = specs_of(fakes.data(), kind="markers", data=[], labels="cells", arms=arms, seeds=[0])
    assert isinstance(markers, MarkerRun)
    planes = markers.method.model_copy(update={"inputs": "phase[1,2],nuclear"})  # of files: arrays have none
    for one in (markers, markers.model_copy(update={"method": planes})):
        assert channels_read(one) == ("phase", "nuclear", "cells")
    assert fields_read(markers) == ("a", "b", "c", "d")
    labels = [one for one in specs_of(fakes.data(), **fakes.task(seeds=[0])) if one.kind == "labels"]
    assert fields_read(labels[0]) == (*labels[0].outlined, "a")


def test_a_block_that_ends_early_leaves_no_folder(tmp_path: Path) -> None:
    def stopped() -> None:
        with new_run_folder(tmp_path / "runs" / "a") as hidden:
            (hidden / "half").write_text("half")
            assert hidden.name.startswith(".a.")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert list((tmp_path / "runs").iterdir()) == []
