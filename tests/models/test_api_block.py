"""The Python API as docs and notebooks use it: from arrays to each model, and the same labels as the command line's."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

import frugalseg as fs
from frugalseg.commands.command_settings import SegmentSettings
from frugalseg.commands.segment_cells import segment_cells
from frugalseg.runs.options import RunOptions
from frugalseg.synthetic.cells import SyntheticField

MAPS: dict[str, Any] = {"encoder": "small", "crop": 64, "batch": 4, "device": "cpu"}


def test_from_arrays_to_every_model(fields: list[SyntheticField], tmp_path: Path) -> None:
    images = [one.cytoplasm for one in fields[:3]]
    stains = [one.nuclear for one in fields[:3]]
    new = fields[3]

    nuclei = fs.segment_nuclei(new.nuclear)
    assert (nuclei.dtype, nuclei.shape, len(np.unique(nuclei)) - 1) == (np.uint32, (96, 104), 9)

    stain = fs.StainModel.fit(images, stains, max_steps=40, **MAPS)
    predicted = stain.predict(new.cytoplasm)
    assert (predicted.dtype, predicted.shape) == (np.float32, (96, 104))
    assert fs.pearson_correlation(predicted, new.nuclear) > 0.3
    assert new.nuclear.min() < np.median(predicted) < new.nuclear.max()  # grey values, not 0..1

    marker = fs.MarkerModel.fit(images, nuclei=stains, max_steps=10, device="cpu")
    labels = marker.predict(new.cytoplasm, nuclei=new.nuclear)
    assert (labels.dtype, labels.shape) == (np.uint32, (96, 104))
    assert set(np.unique(labels)) == set(range(10))
    assert fs.score_labels(new.cells, labels).cell_miou > 0.55

    cells = fs.ObjectModel.fit(images, [one.cells for one in fields[:3]], start=stain, max_steps=50, **MAPS)
    labels = cells.predict(new.cytoplasm)
    assert (labels.dtype, labels.shape) == (np.uint32, (96, 104))
    assert fs.mask_iou(new.cells > 0, labels > 0) > 0.7
    cells.save(tmp_path / "model")
    np.testing.assert_array_equal(fs.load_model(tmp_path / "model").predict(new.cytoplasm), labels)


@pytest.mark.real
@pytest.mark.slow
def test_arrays_give_the_labels_of_the_command(real_data: Path, tmp_path: Path) -> None:
    source = real_data / "phase_nuclear" / "fields.csv"
    field = fs.open_fields([source], where=["field=hela_2"])[0]
    phase, nuclear = field.plane("phase"), field.plane("nuclear")
    model = fs.MarkerModel.fit(phase, nuclei=nuclear, max_steps=60, seed=0, device="cpu")
    labels = model.predict(phase, nuclei=nuclear)
    assert labels.max() > 100

    settings = SegmentSettings(cells=("phase",), nuclei="nuclear", max_steps=60, seed=0, rounds=0)
    options = RunOptions(where=("field=hela_2",), device="cpu", quiet=True)
    segment_cells([source], tmp_path / "out", settings, options)
    written = tifffile.imread(tmp_path / "out" / "hela_2_labels.tif")
    np.testing.assert_array_equal(written, labels)
