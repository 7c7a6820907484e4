"""Stacks of focal planes: cells without a stain are found in the sharpest, whatever command looks for them."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

import frugalseg as fs
from frugalseg.commands.command_settings import (
    LearnLabelsSettings,
    PredictSettings,
    SegmentSettings,
    SuggestSettings,
)
from frugalseg.commands.learn_labels import learn_labels
from frugalseg.commands.predict_fields import predict_fields
from frugalseg.commands.segment_cells import segment_cells
from frugalseg.commands.suggest_crops import suggest_crops
from frugalseg.cues.stacks import cell_plane
from frugalseg.errors import SettingsError
from frugalseg.images.channels import lazy_inputs, parse_channels
from frugalseg.images.fields import open_fields
from frugalseg.images.normalize import blur
from frugalseg.runs.input_planes import doubts_on_stacks, named_planes
from frugalseg.runs.options import RunOptions

QUIET = RunOptions(quiet=True, pattern="{field}_{channel}.tif")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two fields as stacks, and as the sharpest planes of these, with a student and a stain model."""
    root = tmp_path_factory.mktemp("stacks")
    for kind in ("stacks", "flat"):
        (root / kind).mkdir()
    for index, name in enumerate("ab"):
        cells = fs.make_cells((96, 96), n_cells=7, dim_nuclei=0, seed=index)
        phase = cells.phase.astype(np.float32)
        planes = np.stack([blur(phase, 1.5), phase, blur(phase, 2)]).astype(np.uint16)
        for kind, image in (("stacks", planes), ("flat", planes[1])):
            stored = {"imagej": True, "metadata": {"axes": "ZYX"[-image.ndim :]}}
            tifffile.imwrite(root / kind / f"{name}_phase.tif", image, **stored)
            if name == "a":
                fs.write_labels(root / kind / "a_cells.tif", cells.cells)
    how: dict[str, Any] = {"encoder": "small", "max_steps": 2, "device": "cpu"}
    fs.self_train(cells.phase, cells.nuclear, rounds=1, channels=["phase"], **how | {"max_steps": 60}).save(
        root / "student"
    )
    fs.StainModel.fit(
        cells.phase, cells.nuclear, channels=["phase"], target="dapi", crop=32, batch=1, **how
    ).save(root / "stain")
    return root


def test_predict_sees_the_sharpest_plane(folders: Path, tmp_path: Path) -> None:
    settings = PredictSettings(diameter=25)
    for kind in ("stacks", "flat"):
        done = predict_fields(folders / "student", [folders / kind], tmp_path / kind, settings, QUIET)
        assert (list(done.fields), done.failed) == (["a", "b"], {})
    found = [tifffile.imread(tmp_path / kind / "b_labels.tif") for kind in ("stacks", "flat")]
    assert found[0].any()
    np.testing.assert_array_equal(found[0], found[1])
    named = PredictSettings(diameter=25, cells=("phase[1]",))
    predict_fields(folders / "student", [folders / "stacks"], tmp_path / "named", named, QUIET)
    assert (tifffile.imread(tmp_path / "named" / "b_labels.tif") != found[0]).any()


def test_planes_of_a_stain_model_are_inputs_of_their_own(folders: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"phase\[1\], phase\[2\], phase\[3\] are 3; give as many"):
        predict_fields(folders / "stain", [folders / "stacks"], tmp_path / "out", options=QUIET)


def test_crops_to_outline_are_of_the_sharpest_plane_and_are_learned_from(
    folders: Path, tmp_path: Path
) -> None:
    settings = SuggestSettings(count=1, crop=48, diameter=25, inputs="phase")
    done = suggest_crops(
        folders / "student", [folders / "stacks"], tmp_path / "next", settings, QUIET
    ).to_dict()
    assert "--from phase " in str(done["next_step"])
    (table,) = open_fields([tmp_path / "next" / "crops"])
    suggestions: Any = done["suggestions"]
    flat = tifffile.imread(folders / "flat" / f"{suggestions[0]['name']}_phase.tif")
    y, x = suggestions[0]["y"], suggestions[0]["x"]
    np.testing.assert_array_equal(table.plane("phase"), flat[y : y + 48, x : x + 48])
    learn = LearnLabelsSettings(
        labels="cells", target="cells", start=folders / "student", inputs="phase", max_steps=1
    )
    model = learn_labels([folders / "stacks"], tmp_path / "tuned", learn, QUIET)
    assert json.loads((model.folder / "record.json").read_text())["inputs"] == ["phase"]


def test_what_becomes_of_a_stack_is_said(folders: Path) -> None:
    """Of cells without a stain the sharpest plane is taken; of one plane that is named, or the only one, nothing is said."""
    (stack, _), (flat, _) = (
        open_fields([folders / kind], pattern="{field}_{channel}.tif") for kind in ("stacks", "flat")
    )
    (said,) = doubts_on_stacks(stack, ["phase"])
    assert said == (
        "Channel 'phase' has 3 focal planes and shows cells without a stain: the sharpest, plane 2, is used. To use the same plane of "
        "every field, name it, such as phase[2]."
    )
    assert doubts_on_stacks(stack, ["phase[2]"]) == doubts_on_stacks(flat, ["phase"]) == []


def test_segment_says_so(folders: Path, tmp_path: Path) -> None:
    """In the record of the field, and so in its report."""
    cells = fs.make_cells((96, 96), n_cells=7, dim_nuclei=0, seed=0)
    (tmp_path / "set").mkdir()
    shutil.copy(folders / "stacks" / "a_phase.tif", tmp_path / "set")
    tifffile.imwrite(tmp_path / "set" / "a_dapi.tif", cells.nuclear)
    for named, n in (("phase", 1), ("phase[2]", 0), ("phase[1,3]", 0)):
        settings = SegmentSettings(
            cells=(named,), nuclei="dapi", rounds=1, max_steps=1, encoder="small", diameter=25
        )
        done = segment_cells([tmp_path / "set"], tmp_path / named, settings, options=QUIET)
        assert sum("focal planes" in one for one in done.fields["a"].warnings) == n


def test_tiles_are_of_one_plane_and_a_stain_is_projected(tmp_path: Path) -> None:
    """Of fluorescence the maximum is taken, in tiles and whole; of phase contrast the same plane of every tile."""
    cells = fs.make_cells((96, 96), n_cells=7, seed=3)
    stain = cells.cytoplasm.astype(np.float32)
    stored = {
        "phase": [blur(cells.phase, 2), blur(cells.phase, 1.5), cells.phase],
        "stain": [0.4 * stain, stain],
    }
    for channel, planes in stored.items():
        tifffile.imwrite(
            tmp_path / f"a_{channel}.tif",
            np.stack(planes).astype(np.float32),
            imagej=True,
            metadata={"axes": "ZYX"},
        )
    (field,) = open_fields([tmp_path], pattern="{field}_{channel}.tif")
    image = lazy_inputs(field, parse_channels("phase,stain"), cell_plane)
    assert (image.channels, image.pixels.shape) == (("phase", "stain"), (2, 1, 96, 96))
    np.testing.assert_array_equal(image.pixels[0, 0, 10:20, 5:50], cells.phase[10:20, 5:50])
    np.testing.assert_array_equal(image.pixels[1, 0, 10:20, 5:50], stain[10:20, 5:50])
    np.testing.assert_array_equal(named_planes(field, ["phase", "stain"]), np.asarray(image.pixels[:, 0]))
    assert ["fluorescent" in one for one in doubts_on_stacks(field, ["phase", "stain"])] == [False, True]
