"""Stains in panels of examples: as imaged and as predicted, beside the image and before the truth."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from frugalseg.images.write import write_image, write_labels
from frugalseg.report.previews import preview
from frugalseg.studies.design.study_design import LabelTask, MarkerTask, StainTask
from frugalseg.studies.figures.example_panels import Example, same_stains
from frugalseg.studies.figures.stain_pictures import find_stain_files, stain_file, stain_pictures
from frugalseg.studies.figures.study_figures import draw_task, stain_channels
from frugalseg.studies.plan.study_data import ArrayData
from frugalseg.studies.scores.score_rows import ScoreRow

MakeRows = Callable[..., list[ScoreRow]]

LABELS = LabelTask.model_validate(
    {
        "kind": "labels",
        "data": ["x"],
        "target": "cells",
        "inputs": "phase",
        "labels": "cells",
        "starts": {"plain": {"kind": "nothing"}, "stain": {"kind": "stain", "stain": "nuclear"}},
        "budgets": [1],
    }
)
STAINS = StainTask.model_validate(
    {
        "kind": "stains",
        "data": ["x"],
        "inputs": "phase",
        "stain": "nuclear",
        "arms": {"linear": {}, "log": {"target_scale": "log"}},
        "steps": [10, 20],
    }
)


def stain_rows(make_rows: MakeRows, arms: tuple[str, ...], task: str, fields: str = "ab") -> list[ScoreRow]:
    """Return what runs that learn a stain are scored with, of two seeds and after two numbers of steps."""
    scores = {(arm, "", 0): {field: [0.7, 0.8] for field in fields} for arm in arms}
    return [
        row
        for metric in ("pcc", "pcc_learned")
        for steps in (10, 20)
        for row in make_rows(scores, task=task, metric=metric, steps=steps)
    ]


def write_stains(rows: list[ScoreRow], data: ArrayData, out: Path) -> None:
    """Write of each seed another stain, as runs do."""
    for row in rows:
        stain = data.plane(row.field, "nuclear").astype(np.uint16) // (row.seed + 2)
        write_image(stain_file(out, row), stain, overwrite=True)


def headings(svg: bytes) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg.decode())


def test_the_stain_stands_between_image_and_truth(
    make_rows: MakeRows, cells_data: ArrayData, tmp_path: Path
) -> None:
    label_rows = make_rows({(arm, "1 field", 9): {f: [0.5, 0.6] for f in "ab"} for arm in ("plain", "stain")})
    for row in label_rows:
        write_labels(
            tmp_path / "runs" / row.run / f"{row.field}_labels.tif", cells_data.labels(row.field, "cells")
        )
    of_stain = stain_rows(make_rows, ("stain",), "cells")
    write_stains(of_stain, cells_data, tmp_path)
    *_, panel = draw_task("cells", LABELS, [*of_stain, *label_rows], tmp_path, cells_data)
    assert panel.name == "examples_cells"
    columns = ["nuclear", "nuclear, predicted", "truth", "random weights", "stain model"]
    assert headings(panel.svg) == ["a", *columns, "b", *columns]
    assert "each stretched to its own grey values" in panel.caption
    for row in of_stain:
        stain_file(tmp_path, row).unlink(missing_ok=True)
    *_, panel = draw_task("cells", LABELS, [*of_stain, *label_rows], tmp_path, cells_data)
    assert headings(panel.svg) == ["a", *columns[2:], "b", *columns[2:]]
    assert "grey values" not in panel.caption


def test_a_study_of_stains_shows_them_too(make_rows: MakeRows, cells_data: ArrayData, tmp_path: Path) -> None:
    rows = stain_rows(make_rows, ("linear", "log"), "s")
    [curves] = draw_task("s", STAINS, rows, tmp_path, cells_data)  # of an earlier version: nothing was kept
    write_stains(rows, cells_data, tmp_path)
    curves, panel = draw_task("s", STAINS, rows, tmp_path, cells_data)
    assert (curves.name, panel.name) == ("curves_s", "examples_s")
    columns = ["nuclear", "nuclear, linear", "nuclear, log"]
    assert headings(panel.svg) == ["a", *columns, "b", *columns]
    assert "in the middle of a test field" in panel.caption


def test_pictures_are_of_the_first_seed_and_show_the_right_plane(
    make_rows: MakeRows, cells_data: ArrayData, tmp_path: Path
) -> None:
    rows = stain_rows(make_rows, ("stain",), "cells", "a")
    write_stains(rows, cells_data, tmp_path)
    files = find_stain_files(rows[::-1], {"stain": "nuclear"}, tmp_path)
    [(field, (file,))] = [(field, tuple(own.values())) for field, own in files.items()]
    assert (field, file.parent.name[-2:]) == ("a", "-0")
    shown = stain_pictures("a", files["a"], {"stain": "nuclear"}, {}, cells_data)
    assert list(shown) == ["nuclear", "nuclear, predicted"]
    real = cells_data.plane("a", "nuclear")
    assert np.array_equal(shown["nuclear"], preview(real))
    assert np.array_equal(shown["nuclear, predicted"], preview(real.astype(np.uint16) // 2))
    assert find_stain_files(rows, {"other": "nuclear"}, tmp_path) == {}


def test_a_damaged_or_cut_picture_is_left_out(
    make_rows: MakeRows, cells_data: ArrayData, tmp_path: Path
) -> None:
    rows = stain_rows(make_rows, ("stain",), "cells", "a")
    write_stains(rows, cells_data, tmp_path)
    [file] = find_stain_files(rows, {"stain": "nuclear"}, tmp_path)["a"].values()
    file.write_bytes(b"no image")
    assert stain_pictures("a", {"stain": file}, {"stain": "nuclear"}, {}, cells_data) == {}
    write_image(file, np.zeros((8, 8), np.uint16), overwrite=True)
    assert stain_pictures("a", {"stain": file}, {"stain": "nuclear"}, {}, cells_data) == {}


def test_rows_of_a_panel_have_the_same_columns() -> None:
    grey = np.zeros((5, 6), np.uint8)
    one = Example("1", grey, grey, {}, {"x": grey, "y": grey, "small": grey[:3]})
    other = Example("2", grey, grey, {}, {"y": grey, "small": grey[:3]})
    assert [list(found.stains) for found in same_stains([one, other])] == [["y"], ["y"]]
    assert same_stains([]) == []


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        (LABELS, {"stain": "nuclear"}),
        (STAINS, {"linear": "nuclear", "log": "nuclear"}),
        (
            MarkerTask.model_validate(
                {
                    "kind": "markers",
                    "data": ["x"],
                    "labels": "cells",
                    "learn": "alone",
                    "arms": {
                        "real": {"inputs": "phase", "nuclei": "nuclear"},
                        "predicted": {
                            "inputs": "phase",
                            "nuclei": "nuclear",
                            "predicted_nuclei": {"kind": "stain", "stain": "nuclear", "steps": 5},
                        },
                    },
                }
            ),
            {"predicted_nuclei": "nuclear"},
        ),
    ],
)
def test_the_stain_of_every_kind_of_task(
    task: LabelTask | StainTask | MarkerTask, expected: dict[str, str]
) -> None:
    assert stain_channels(task) == expected
