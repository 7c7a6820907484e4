"""A design for images that nobody has described: valid as it is written, with a comment on every line."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
import yaml

from frugalseg.errors import InputError
from frugalseg.images.fields import open_fields
from frugalseg.images.write import write_image, write_labels
from frugalseg.runs.options import RunOptions
from frugalseg.runs.synthetic_set import write_synthetic_set
from frugalseg.studies.design.new_design import find_roles, new_design
from frugalseg.studies.design.study_design import Budget, LabelTask, StudyDesign
from frugalseg.studies.study_plan import plan_study
from frugalseg.synthetic.cells import SyntheticField, make_cells


@pytest.fixture(scope="module")
def field() -> SyntheticField:
    return make_cells((96, 96), n_cells=8, dim_nuclei=0, seed=3)


def write(
    folder: Path, field: SyntheticField, names: dict[str, str], n_fields: int = 2, n_labels: int = 2
) -> Path:
    """Write fields whose channels have other names; only the first ones have labels."""
    for i in range(n_fields):
        for name, channel in names.items():
            pixels, path = getattr(field, channel), folder / f"f{i}_{name}.tif"
            if channel not in ("cells", "nuclei"):
                write_image(path, pixels)
            elif i < n_labels:
                write_labels(path, pixels)
    return folder


OPTIONS = RunOptions(pattern="{field}_{channel}.tif")


def test_a_new_design_is_valid_and_every_line_has_a_comment(tmp_path: Path) -> None:
    table = write_synthetic_set(tmp_path / "images", 3, shape=(96, 96), n_cells=8, dim_nuclei=0.0)
    text = new_design([table], open_fields([table]), RunOptions(), tmp_path / "designs")
    lines = text.splitlines()
    assert all("  # " in line and len(line.split("  # ")[1]) > 10 for line in lines)
    (tmp_path / "designs").mkdir()
    (tmp_path / "designs" / "study.yaml").write_text(text)
    task = StudyDesign.read(tmp_path / "designs" / "study.yaml").tasks["cells"]
    assert isinstance(task, LabelTask)
    assert task.data == ("../images/fields.csv",)
    assert (task.inputs, task.labels, task.target) == ("phase", "cells", "cells")
    assert {name: start.kind for name, start in task.starts.items()} == {
        "nothing": "nothing",
        "imagenet": "imagenet",
        "stain": "stain",
        "student": "student",
    }
    assert (task.starts["stain"].stain, task.starts["student"].nuclei) == ("cytoplasm", "nuclear")  # type: ignore[union-attr]
    assert task.budgets == (Budget(), Budget(crops=1), Budget(1), Budget(2))
    # every start has the same network and sees cells of the same size, 30 px
    maps = [field.labels("cells") for field in open_fields([table])]
    sizes = np.concatenate(
        [np.unique(one[one > 0], return_counts=True)[1] for one in maps if one is not None]
    )
    diameter = float(np.sqrt(4 * np.median(sizes) / np.pi))
    assert task.settings == {
        "encoder": "efficientnet_lite0",
        "scale": round(min(1.0, 30 / diameter), 2),
        "crop": 128,
        "batch": 4,
        "hold_out": False,
    }
    plan = plan_study(tmp_path / "designs" / "study.yaml", None, tmp_path / "out", device="cpu")
    assert len({spec.fold for spec in plan.specs}) == 3


@pytest.mark.parametrize(("sides", "crop"), [((192, 300), 96), ((700, 600), 256), ((50, 90), 32)])
def test_a_crop_is_a_small_part_of_every_labelled_field(
    tmp_path: Path, sides: tuple[int, int], crop: int
) -> None:
    rng = np.random.default_rng(0)
    for name, side in (("a", sides[0]), ("b", sides[1])):
        labels = np.kron(np.arange(1, 5).reshape(2, 2), np.ones((side // 2, side // 2))).astype(np.uint16)
        noise = rng.normal(300, 9, labels.shape).astype(np.uint16)
        tifffile.imwrite(tmp_path / f"{name}_phase.tif", noise)
        tifffile.imwrite(tmp_path / f"{name}_cells.tif", labels)
    table = open_fields([tmp_path], pattern="{field}_{channel}.tif")
    design = StudyDesign.parse(_content(new_design([tmp_path], table, OPTIONS, tmp_path)))
    assert next(iter(design.tasks.values())).crop_size == crop  # type: ignore[union-attr]


def test_channels_are_known_by_what_they_show(tmp_path: Path, field: SyntheticField) -> None:
    names = {"w1": "brightfield", "w2 Hoechst": "nuclear", "w3": "cytoplasm", "outlines": "cells"}
    table = open_fields([write(tmp_path, field, names)], pattern="{field}_{channel}.tif")
    roles = find_roles(table)
    assert (roles.inputs, roles.nuclei, roles.stain) == ("w1", "w2 Hoechst", "w3")
    assert (roles.labels, roles.target, roles.labelled) == ("outlines", "cells", ("f0", "f1"))


def test_labels_of_nuclei_are_a_task_of_nuclei(tmp_path: Path, field: SyntheticField) -> None:
    names = {"phase": "phase", "dapi": "nuclear", "nuclei-masks": "nuclei"}
    table = open_fields([write(tmp_path, field, names)], pattern="{field}_{channel}.tif")
    roles = find_roles(table)
    assert (roles.target, roles.stain) == ("nuclei", "dapi")
    design = StudyDesign.parse(_content(new_design([tmp_path], table, OPTIONS, tmp_path)))
    task = design.tasks["nuclei"]
    assert isinstance(task, LabelTask)
    assert set(task.starts) == {"nothing", "imagenet", "stain"}
    assert (task.data, task.pattern) == ((".",), "{field}_{channel}.tif")


def test_many_fields_are_tested_once(tmp_path: Path, field: SyntheticField) -> None:
    names = {"phase": "phase", "cells": "cells"}
    table = open_fields([write(tmp_path, field, names, 9, 9)], pattern="{field}_{channel}.tif")
    design = StudyDesign.parse(_content(new_design([tmp_path], table, OPTIONS, tmp_path)))
    task = design.tasks["cells"]
    assert (task.test, set(getattr(task, "starts", ()))) == (("f7", "f8"), {"nothing", "imagenet"})
    assert getattr(task, "budgets", ()) == (Budget(crops=1), Budget(1), Budget(2), Budget(4))


@pytest.mark.parametrize(
    ("names", "n_labels", "sentence"),
    [
        (
            {"phase": "phase", "dapi": "nuclear"},
            2,
            r"no channel holds label images \(there are dapi, phase\); outline",
        ),
        (
            {"phase": "phase", "cells": "cells"},
            1,
            "only field 'f0' has labels in channel 'cells'; outline a second",
        ),
        ({"cells": "cells"}, 2, "there is no image beside the labels in 'cells'; add"),
    ],
)
def test_what_is_missing_for_a_study_is_said(
    tmp_path: Path, field: SyntheticField, names: dict[str, str], n_labels: int, sentence: str
) -> None:
    table = open_fields([write(tmp_path, field, names, 2, n_labels)], pattern="{field}_{channel}.tif")
    with pytest.raises(InputError, match=f"^{sentence}"):
        new_design([tmp_path], table, OPTIONS, tmp_path)


def _content(text: str) -> object:
    return yaml.safe_load(text)


def test_a_design_behind_a_link_finds_its_images_whatever_their_letters(
    tmp_path: Path, field: SyntheticField
) -> None:
    images = tmp_path / "scan\U0001f600"
    images.mkdir()
    write(images, field, {"phase": "phase", "cells": "cells", "dapi": "nuclear"})
    (tmp_path / "deep" / "real").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "deep" / "real")
    text = new_design([images], open_fields([images], pattern=OPTIONS.pattern), OPTIONS, tmp_path / "link")
    (tmp_path / "link" / "study.yaml").write_text(text, encoding="utf-8")
    (found,) = StudyDesign.read(tmp_path / "link" / "study.yaml").tasks["cells"].data
    assert (tmp_path / "link" / found).samefile(images)
