"""What nuclei as an input bring on each field: which arms are pairs, and where the marks are drawn."""

import re
from typing import Any

import pytest

from frugalseg.studies.design.study_design import StudyDesign
from frugalseg.studies.figures import nuclei_gain
from frugalseg.studies.figures.nuclei_gain import (
    NucleiGain,
    draw_nuclei_gain,
    find_nuclei_gains,
    nuclei_pairs,
)
from frugalseg.studies.figures.plot_style import COLOURS
from frugalseg.studies.report.study_report import write_results

PHASE = {"inputs": "phase", "nuclei": "dapi"}
NETWORK = {"method": "network", "settings": {"max_steps": 9}}


def design(arms: dict[str, Any]) -> StudyDesign:
    task = {"kind": "markers", "data": ["x"], "labels": "cells", "arms": arms}
    return StudyDesign.parse({"title": "nuclei", "tasks": {"cells": task}})


@pytest.fixture
def rows(make_rows):
    scores = {
        "plain": {"a": [0.5, 0.7], "b": [0.5, 0.5]},
        "own": {"a": [0.7, 0.8], "b": [0.4, 0.4], "c": [0.9]},
    }
    found = [
        row
        for arm, fields in scores.items()
        for row in make_rows({(arm, "", 0): fields}, metric="cell_miou", steps=9)
    ]
    return found + make_rows(
        {("own", "", 0): {"a": [-0.1, -0.1], "b": [0.2], "c": [0.3]}}, metric="roundness_gain", steps=9
    )


def test_pairs_differ_in_the_nuclei_alone():
    arms = {
        "plain": {**PHASE, "seeds": [1]},
        "own": {**PHASE, "inputs": "phase, dapi"},
        "blind": {**PHASE, "inputs": "phase,dapi", "with_nuclei": False},
        "both": {**PHASE, "inputs": "phase,cyto"},
        "both_own": {**PHASE, "inputs": "phase,dapi,cyto"},
        "net": {**PHASE, **NETWORK},
        "net_own": {**PHASE, **NETWORK, "inputs": "phase,dapi"},
        "longer": {**PHASE, "inputs": "phase,dapi", "method": "network"},
    }
    assert nuclei_pairs(design(arms).tasks["cells"]) == (
        ("plain", "own"),
        ("both", "both_own"),
        ("net", "net_own"),
    )


def test_the_gain_is_that_of_a_field_over_the_seeds(rows):
    found = find_nuclei_gains(design({"plain": PHASE, "own": {**PHASE, "inputs": "phase,dapi"}}), rows)
    about = [(one.task, one.arm, one.method, one.field) for one in found]
    assert about == [("cells", "own", "student", "a"), ("cells", "own", "student", "b")]
    assert [(one.roundness, round(one.gain, 6)) for one in found] == [(-0.1, 0.15), (0.2, -0.1)]


def test_every_mark_has_the_colour_of_its_task():
    gains = [
        NucleiGain("round", "own", "student", "a", 0.2, -0.1),
        NucleiGain("long", "own", "student", "b", -0.3, 0.2),
        NucleiGain("long", "net", "network", "b", -0.3, 0.1),
    ]
    plot = draw_nuclei_gain(gains)
    assert plot is not None
    said = re.findall(r"<text[^>]*>([^<]*)</text>", plot.svg.decode())
    assert {"round: student", "long: student", "long: network", "gain in mean cell IoU by nuclei"} <= set(
        said
    )
    drawn = [plot.svg.count(f"stroke: {colour.lower()}".encode()) for colour in COLOURS[:3]]
    assert drawn[0] > 0
    assert drawn == [drawn[0], 2 * drawn[0], 0]
    assert draw_nuclei_gain([]) is None


def test_no_name_leaves_the_picture(monkeypatch):
    drawn = []
    monkeypatch.setattr(nuclei_gain, "finish_plot", lambda figure, *_: drawn.append(figure))
    names = ("macrophages_phase", "hela_fluorescence", "t" * 60)
    draw_nuclei_gain([NucleiGain(name, "own", "student", "a", 0.2, -0.1) for name in names])
    drawn[0].draw_without_rendering()
    (legend,) = drawn[0].legends
    for one in (legend, *legend.get_texts()):
        extent = one.get_window_extent()
        assert 0 <= extent.x0 < extent.x1 <= drawn[0].bbox.x1


def test_it_is_among_the_results_only_where_there_are_pairs(rows, tmp_path):
    write_results(
        design({"plain": PHASE, "own": {**PHASE, "inputs": "phase,dapi"}}), rows, tmp_path / "pairs"
    )
    write_results(design({"plain": PHASE, "own": {**PHASE, **NETWORK}}), rows, tmp_path / "none")
    assert {path.name for path in (tmp_path / "pairs").glob("nuclei*")} == {
        "nuclei_gain.png",
        "nuclei_gain.svg",
    }
    assert "What nuclei as an input bring, by field" in (tmp_path / "pairs" / "report.html").read_text()
    assert not list((tmp_path / "none").glob("nuclei*"))
