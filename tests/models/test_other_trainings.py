"""A checkpoint is not continued by a training that learns anything else: other cues, cells, images, or another start."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import frugalseg as fs
from frugalseg.errors import BadModel
from frugalseg.synthetic.cells import SyntheticField

STUDENT: dict[str, Any] = {"encoder": "small", "rounds": 1, "max_steps": 2, "device": "cpu", "diameter": 24.0}
OTHER = "other images, settings, seed or start"


def masks(cells: SyntheticField) -> list[np.ndarray]:
    """The foreground, and the same but for a corner."""
    less = cells.cells > 0
    less[:40, :40] = False
    return [cells.cells > 0, less]


def test_a_marker_network_of_another_foreground(cells: SyntheticField, tmp_path: Path) -> None:
    mask, less = masks(cells)
    how: dict[str, Any] = {"max_steps": 2, "diameter": 24.0, "device": "cpu", "checkpoint": tmp_path}
    fs.MarkerModel.fit(cells.cytoplasm, markers=cells.nuclei, masks=mask, **how)
    fs.MarkerModel.fit(cells.cytoplasm, markers=cells.nuclei, masks=mask, **how, resume=True)
    with pytest.raises(BadModel, match=OTHER):
        fs.MarkerModel.fit(cells.cytoplasm, markers=cells.nuclei, masks=less, **how, resume=True)


@pytest.mark.parametrize("what", ["masks", "markers"])
def test_a_student_of_other_cells(cells: SyntheticField, tmp_path: Path, what: str) -> None:
    mask, less = masks(cells)
    fewer = np.where(cells.nuclei % 3 == 0, 0, cells.nuclei)
    how: dict[str, Any] = {**STUDENT, "checkpoint": tmp_path, "masks": mask, "markers": cells.nuclei}
    fs.self_train(cells.phase, **how)
    fs.self_train(cells.phase, **how, resume=True)
    with pytest.raises(BadModel, match=OTHER):
        fs.self_train(cells.phase, **how | {what: less if what == "masks" else fewer}, resume=True)


def test_a_model_from_another_start_that_was_not_saved(cells: SyntheticField, tmp_path: Path) -> None:
    stains = [
        fs.StainModel.fit(
            cells.phase,
            cells.nuclear,
            target="dapi",
            encoder="small",
            crop=64,
            batch=2,
            max_steps=1,
            device="cpu",
            seed=seed,
        )
        for seed in (0, 1)
    ]
    how: dict[str, Any] = {"target": "nuclei", "crop": 64, "batch": 2, "max_steps": 1, "device": "cpu"}
    how |= {"hold_out": False, "checkpoint": tmp_path}
    fs.ObjectModel.fit(cells.phase, cells.nuclei, start=stains[0], **how)
    fs.ObjectModel.fit(cells.phase, cells.nuclei, start=stains[0], **how, resume=True)
    with pytest.raises(BadModel, match=OTHER):
        fs.ObjectModel.fit(cells.phase, cells.nuclei, start=stains[1], **how, resume=True)
    fs.self_train(cells.phase, cells.nuclear, start=stains[0], **STUDENT, checkpoint=tmp_path / "student")
    with pytest.raises(BadModel, match=OTHER):
        fs.self_train(
            cells.phase,
            cells.nuclear,
            start=stains[1],
            **STUDENT,
            checkpoint=tmp_path / "student",
            resume=True,
        )


@pytest.mark.parametrize("replaced", range(6))
def test_a_stain_model_of_which_any_image_was_replaced(
    cells: SyntheticField, tmp_path: Path, replaced: int
) -> None:
    images = [np.roll(cells.phase, 8 * i, axis=0) for i in range(6)]
    stains = [np.roll(cells.nuclear, 8 * i, axis=0) for i in range(6)]
    how: dict[str, Any] = {"target": "dapi", "encoder": "small", "crop": 64, "batch": 1, "max_steps": 1}
    how |= {"device": "cpu", "hold_out": False, "checkpoint": tmp_path}
    fs.StainModel.fit(images, stains, **how)
    images[replaced] = images[replaced][:, ::-1]
    with pytest.raises(BadModel, match=OTHER):
        fs.StainModel.fit(images, stains, **how, resume=True)
