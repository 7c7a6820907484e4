"""Arrays of numpy with masked pixels are refused wherever they would be read as if nothing were masked."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import frugalseg as fs
from frugalseg.errors import BadPixels
from frugalseg.studies.plan.study_data import ArrayData

FIELD = fs.make_cells((64, 64), n_cells=5, dim_nuclei=0, seed=1)
CELLS, NUCLEI = FIELD.cells.astype(np.int32), FIELD.nuclei.astype(np.int32)


def _masked(values: np.ndarray) -> Any:
    return np.ma.masked_array(values, mask=np.arange(64)[None] * np.ones((64, 1)) > 40)


def _fit(labels: Any, image: Any = FIELD.phase) -> Any:
    return fs.ObjectModel.fit(image, labels, encoder="small", crop=32, batch=1, max_steps=1, device="cpu")


CALLS: dict[str, Callable[[], Any]] = {
    "truth": lambda: fs.score_labels(_masked(CELLS), CELLS),
    "predicted": lambda: fs.score_labels(CELLS, _masked(CELLS)),
    "labels": lambda: _fit(_masked(CELLS)),
    "image": lambda: _fit(CELLS, _masked(FIELD.phase)),
    "stain": lambda: fs.segment_nuclei(_masked(FIELD.nuclear)),
    "markers of a stain": lambda: fs.find_markers(_masked(FIELD.nuclear)),
    "markers of labels": lambda: fs.markers_from_labels(_masked(NUCLEI)),
    "own markers": lambda: fs.find_cues(FIELD.phase, markers=_masked(NUCLEI)),
    "own mask": lambda: fs.find_cues(FIELD.phase, markers=NUCLEI, mask=_masked(CELLS > 0)),
    "scribbles": lambda: fs.find_cues(FIELD.phase, markers=NUCLEI, scribbles=_masked(1 + (CELLS > 0))),
    "cells that are measured": lambda: fs.measure_cells(_masked(CELLS)),
    "planes that are measured": lambda: fs.measure_cells(CELLS, {"dapi": _masked(FIELD.nuclear)}),
    "a study": lambda: ArrayData({"cells": [_masked(CELLS)]}).labels("1", "cells"),
}


@pytest.mark.parametrize("what", CALLS)
def test_masked_pixels_are_refused(what: str) -> None:
    with pytest.raises(BadPixels, match=r"has 1472 masked pixels.* -1, which means not annotated"):
        CALLS[what]()


def test_nuclei_that_correct_cells_too() -> None:
    model = _fit(CELLS)
    with pytest.raises(BadPixels, match="`nuclei` has 1472 masked pixels"):
        model.predict(FIELD.phase, nuclei=_masked(NUCLEI))
    with pytest.raises(BadPixels, match="has 1472 masked pixels"):
        model.predict(_masked(FIELD.phase))


def test_labels_that_are_written(tmp_path: Path) -> None:
    with pytest.raises(BadPixels, match="has 1472 masked pixels"):
        fs.write_labels(tmp_path / "a.tif", _masked(CELLS))
    assert not list(tmp_path.iterdir())


def test_an_array_without_a_masked_pixel_is_an_array_like_any() -> None:
    assert fs.score_labels(np.ma.masked_array(CELLS, mask=False), CELLS).mAP == 1.0
