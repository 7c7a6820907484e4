"""Settings that say the same thing twice are refused, instead of one of them being passed over in silence."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from frugalseg.commands.command_settings import SegmentSettings
from frugalseg.errors import BadModel, SettingsError
from frugalseg.images.fields import open_fields
from frugalseg.networks.cards import ObjectCard, TrainingSummary
from frugalseg.networks.object_net import object_network
from frugalseg.networks.store import save_model
from frugalseg.runs.channel_settings import CueChannels
from frugalseg.runs.field_cues import read_cues, request_of
from frugalseg.synthetic.cells import make_cells


@pytest.mark.parametrize("kind", [CueChannels, SegmentSettings])
@pytest.mark.parametrize(
    ("given", "says"),
    [
        (
            {"markers": "dots", "nuclei": "dapi"},
            "give one of `nuclei`, `nuclei_from` and `markers`",
        ),
        ({"markers": "dots", "nuclei_from": "model"}, "give one of `nuclei`"),
        ({"mask": "own", "foreground": "texture"}, "`mask` own is the foreground itself"),
        (
            {"mask": "own", "foreground": "scribbles", "scribbles": "few"},
            "`mask` own is the foreground itself",
        ),
        ({"mask": "own", "scribbles": "few"}, "the foreground itself, so `scribbles` few have no use"),
        ({"markers": "dots", "nuclei_diameter": 9}, "`nuclei_diameter` says how nuclei are found in a stain"),
        ({"scribbles": "few", "foreground": "intensity"}, "intensity has no use for `scribbles` few"),
    ],
)
def test_what_would_be_passed_over_is_refused(kind: Any, given: dict[str, Any], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        kind(cells=("phase",), **given)


def test_what_fits_together_is_taken() -> None:
    both = CueChannels(cells=("phase",), nuclei="dapi", nuclei_from="model", mask="own")
    assert (both.nuclei, both.foreground) == ("dapi", "auto")
    strokes = CueChannels(cells=("phase",), markers="dots", scribbles="few", foreground="scribbles")
    strokes.check_source()
    for nothing_or_both in ({}, {"nuclei_from": "model", "markers": None, "nuclei": None}):
        kind = CueChannels(cells=("phase",), **nothing_or_both)
        if kind.nuclei_from is None:
            with pytest.raises(SettingsError, match="give one of `nuclei`, `nuclei_from` and `markers`"):
                kind.check_source()
        else:
            kind.check_source()


def test_only_a_stain_model_predicts_nuclei(tmp_path: Path) -> None:
    training = TrainingSummary(steps=1, stopped_because="x", seconds=0, seed=0, fields=("a",))
    card = ObjectCard(
        kind="cells", channels=("phase",), settings={}, training=training, scale=1.0, diameter=20.0
    )
    save_model(tmp_path / "cells", card, object_network("cells", "small", 1))
    wrong = CueChannels(cells=("phase",), nuclei_from=str(tmp_path / "cells"))
    with pytest.raises(BadModel, match=r"is a model of kind 'cells'; `nuclei_from` needs a stain model"):
        request_of(wrong)


def test_messages_name_channels_and_never_none(tmp_path: Path) -> None:
    cells = make_cells((96, 96), n_cells=6, dim_nuclei=0, seed=1)
    tifffile.imwrite(tmp_path / "phase.tif", cells.phase)
    tifffile.imwrite(tmp_path / "nlab.tif", cells.nuclei.astype(np.uint16))
    (tmp_path / "fields.csv").write_text("field,phase,nlab\na,phase.tif,nlab.tif\n")
    (field,) = open_fields([tmp_path / "fields.csv"])
    found = read_cues(field, CueChannels(cells=("phase",), nuclei="nlab"))
    (said,) = (one for one in found.image.warnings if "label map" in one)
    assert "`markers`" in said  # which a command calls --markers
    assert "None" not in said


@pytest.mark.parametrize("kind", ["mask", "scribbles"])
def test_a_field_without_the_foreground_that_others_have_says_so(tmp_path: Path, kind: str) -> None:
    cells = make_cells((96, 96), n_cells=6, dim_nuclei=0, seed=1)
    tifffile.imwrite(tmp_path / "phase.tif", cells.phase)
    tifffile.imwrite(tmp_path / "dapi.tif", cells.nuclear)
    drawn = np.where(cells.cells > 0, 2, 1) if kind == "scribbles" else cells.cells > 0
    tifffile.imwrite(tmp_path / "own.tif", drawn.astype(np.uint8))
    rows = ["field,phase,dapi,own", "a,phase.tif,dapi.tif,own.tif", "b,phase.tif,dapi.tif,", ""]
    (tmp_path / "fields.csv").write_text("\n".join(rows))
    settings = CueChannels(cells=("phase",), nuclei="dapi", diameter=26, **{kind: "own"})  # type: ignore[arg-type]
    a, b = (read_cues(field, settings).image for field in open_fields([tmp_path / "fields.csv"]))
    said = f"There is no file for the {kind} 'own', so the foreground was found without."
    assert [said in one.warnings for one in (a, b)] == [False, True]
    assert [one.foreground.method == kind for one in (a, b)] == [True, False]
