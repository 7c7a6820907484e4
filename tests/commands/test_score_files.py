"""`score`: what can't be scored is refused, and why."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr

from frugalseg.commands.score_files import score_files
from frugalseg.errors import BadPixels, MissingChannel, OutputFailed


def test_a_truth_in_which_nothing_is_annotated_is_no_truth(tmp_path: Path) -> None:
    labels = np.zeros((20, 20), np.int16)
    labels[3:9, 3:9] = 1
    tifffile.imwrite(tmp_path / "a_labels.tif", labels.astype(np.uint16))
    tifffile.imwrite(tmp_path / "truth.tif", np.full_like(labels, -1))
    with pytest.raises(BadPixels, match=r"nothing in the truth truth\.tif is annotated"):
        score_files(tmp_path / "a_labels.tif", tmp_path / "truth.tif")
    tifffile.imwrite(tmp_path / "truth.tif", np.where(labels > 0, 1, -1).astype(np.int16))
    assert score_files(tmp_path / "a_labels.tif", tmp_path / "truth.tif").mean["cell_miou"].mean == 1


@pytest.mark.parametrize("overwrite", [False, True])
def test_scores_go_into_a_file(tmp_path: Path, overwrite: bool) -> None:
    """What lies at the place of the file is looked at before anything is read."""
    with pytest.raises(OutputFailed, match=r"is a folder, .*; give the name of a file$"):
        score_files("nowhere", "nowhere", json_file=tmp_path, overwrite=overwrite)


def test_the_truth_can_be_a_plate_or_a_channel(tmp_path: Path) -> None:
    """Label images of an OME-Zarr, and one channel of a file that has several; `labels` says which, and is never ignored."""
    maps = np.zeros((2, 20, 20), np.uint16)
    maps[0, 3:9, 3:9], maps[1, 2:9, 2:9] = 1, 1
    plate = zarr.open_group(tmp_path / "plate.zarr", mode="w", zarr_format=2)
    plate.attrs["plate"] = {"wells": [{"path": "A/1"}]}
    well = plate.create_group("A/1")
    well.attrs["well"] = {"images": [{"path": "0"}, {"path": "1"}]}
    for index, cells in enumerate(maps):
        image = well.create_group(str(index))
        labels = image.create_group("labels")
        labels.attrs["labels"] = ["cells", "blank"]
        for group, data in (
            (image, 7 * cells),
            (labels.create_group("cells"), cells),
            (labels.create_group("blank"), 0 * cells),
        ):
            group.create_array("0", data=data)
            group.attrs["multiscales"] = [
                {
                    "version": "0.4",
                    "axes": [{"name": a, "type": "space"} for a in "yx"],
                    "datasets": [{"path": "0"}],
                }
            ]
        (tmp_path / "run").mkdir(exist_ok=True)
        tifffile.imwrite(tmp_path / "run" / f"A1_{index}_labels.tif", maps[0])
    table = score_files(tmp_path / "run", tmp_path / "plate.zarr")
    assert {name: one.cell_miou for name, one in table.scores.items()} == {"A1_0": 1, "A1_1": 36 / 49}
    assert table.notes == ("truth is 'cells' of plate.zarr; `labels` names another",)
    assert table.to_dict()["mean"]["ap50"]["mean"] == 1  # type: ignore[index,call-overload]
    blank = score_files(tmp_path / "run", tmp_path / "plate.zarr", labels="blank")
    assert [one.n_true for one in blank.scores.values()] == [0, 0]
    one = tmp_path / "plate.zarr" / "A" / "1" / "1"
    (scores,) = score_files(tmp_path / "run" / "A1_1_labels.tif", one / "labels" / "cells").scores.values()
    assert scores.cell_miou == 36 / 49
    tifffile.imwrite(
        tmp_path / "both.ome.tif", maps, metadata={"axes": "CYX", "Channel": {"Name": ["nuclei", "cells"]}}
    )
    (scores,) = score_files(
        tmp_path / "run" / "A1_1_labels.tif", tmp_path / "both.ome.tif", "cells"
    ).scores.values()
    assert scores.cell_miou == 36 / 49
    with pytest.raises(MissingChannel, match="'nucleus'"):
        score_files(tmp_path / "run" / "A1_1_labels.tif", tmp_path / "both.ome.tif", "nucleus")
