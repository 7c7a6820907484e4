"""What a model that was learned from arrays does not say of its channels is asked for, unless fields leave no choice."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

import frugalseg as fs
from frugalseg.commands.command_settings import PredictSettings, SuggestSettings
from frugalseg.commands.predict_fields import predict_fields
from frugalseg.commands.suggest_crops import suggest_crops
from frugalseg.errors import SettingsError
from frugalseg.runs.options import RunOptions

from .bright_network import Bright

QUICK: dict[str, Any] = {"max_steps": 1, "device": "cpu"}
SMALL: dict[str, Any] = {**QUICK, "encoder": "small", "crop": 32, "batch": 2}
QUIET = RunOptions(device="cpu", quiet=True)
CELLS = fs.make_cells((96, 104), n_cells=9, dim_nuclei=0.0, seed=4)
KINDS = ["stain", "cells", "markers"]


def cells_model(image: np.ndarray) -> fs.ObjectModel:
    """Return a model that learned nothing, and finds what is bright."""
    model = fs.ObjectModel.fit(image, CELLS.cells, **SMALL)
    model.network = Bright()  # type: ignore[assignment]
    return model


@pytest.fixture(autouse=True)
def bright(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let models of cells be loaded with the network that they were saved with."""
    monkeypatch.setattr("frugalseg.models.object_model.object_network", lambda *_: Bright())


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders of models whose one channel is called 0, the phase image."""
    folder = tmp_path_factory.mktemp("models")
    made: dict[str, Any] = {
        "stain": fs.StainModel.fit(CELLS.phase, CELLS.nuclear, **SMALL),
        "cells": cells_model(CELLS.phase),
        "markers": fs.MarkerModel.fit(CELLS.phase, nuclei=CELLS.nuclear, diameter=26, **QUICK),
    }
    for kind, model in made.items():
        assert model.card.channels == ("0",)
        model.save(folder / kind)
    return {kind: folder / kind for kind in made}


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A field with one channel, and one with three, of which phase is the last; of each a table."""
    folder = tmp_path_factory.mktemp("set")
    for channel, plane in (("dapi", CELLS.nuclear), ("gfp", CELLS.cytoplasm), ("phase", CELLS.phase)):
        tifffile.imwrite(folder / f"{channel}.tif", plane)
    (folder / "one.csv").write_text("field,phase\na,phase.tif\n")
    (folder / "three.csv").write_text("field,dapi,gfp,phase\na,dapi.tif,gfp.tif,phase.tif\n")
    (folder / "two.csv").write_text("field,dapi,phase\na,dapi.tif,phase.tif\n")
    return {name: folder / f"{name}.csv" for name in ("one", "two", "three")}


def predicted(model: Path, table: Path, out: Path, **settings: Any) -> np.ndarray:
    """Return what is written of the field a."""
    result = predict_fields(model, [table], out, PredictSettings(baselines=False, **settings), QUIET)
    assert result.record.failed == {}
    (path,) = out.glob("a_*.tif")
    return tifffile.imread(path)


@pytest.mark.parametrize("kind", [*KINDS, "cells with nuclei"])
def test_it_is_asked_which_of_several_channels_is_meant(
    models: dict[str, Path], images: dict[str, Path], tmp_path: Path, kind: str
) -> None:
    model = models[kind.split()[0]]
    nuclei = {"nuclei": "dapi"} if kind in ("markers", "cells with nuclei") else {}
    said = "was learned from a channel without a name, and the fields have dapi, gfp, phase; say with `cells` what it sees"
    with pytest.raises(SettingsError, match=f"^{model} {said}$"):
        predicted(model, images["three"], tmp_path / "out", **nuclei)
    assert not (tmp_path / "out").exists()
    found = {
        name: predicted(model, images["three"], tmp_path / name, cells=(name,), **nuclei)
        for name in ("phase", "gfp")
    }
    assert found["phase"].any()
    loaded, about = fs.load_model(model, "cpu"), {"nuclei": CELLS.nuclear} if nuclei else {}
    expected, other = (loaded.predict(plane, **about) for plane in (CELLS.phase, CELLS.cytoplasm))  # type: ignore[arg-type]
    np.testing.assert_allclose(found["phase"], expected, atol=0.51)  # a stain is rounded
    np.testing.assert_allclose(found["gfp"], other, atol=0.51)
    assert np.abs(found["gfp"] - expected).max() > 0.51


@pytest.mark.parametrize("kind", ["stain", "cells"])
def test_the_only_channel_is_the_one_that_is_meant(
    models: dict[str, Path], images: dict[str, Path], tmp_path: Path, kind: str
) -> None:
    own = predicted(models[kind], images["one"], tmp_path / "own")
    np.testing.assert_array_equal(
        own, predicted(models[kind], images["one"], tmp_path / "given", cells=("phase",))
    )
    assert own.any()


@pytest.mark.parametrize("kind", ["cells", "markers"])
def test_what_is_given_as_nuclei_is_not_meant(
    models: dict[str, Path], images: dict[str, Path], tmp_path: Path, kind: str
) -> None:
    own, given = (
        predicted(models[kind], images["two"], tmp_path / name, nuclei="dapi", **cells)
        for name, cells in (("own", {}), ("given", {"cells": ("phase",)}))
    )
    np.testing.assert_array_equal(own, given)
    assert own.any()


def test_suggest_asks_for_inputs(models: dict[str, Path], images: dict[str, Path], tmp_path: Path) -> None:
    settings = SuggestSettings(crop=40, count=1)
    with pytest.raises(
        SettingsError, match=r"the fields have dapi, gfp, phase; say with `inputs` what it sees$"
    ):
        suggest_crops(models["cells"], [images["three"]], tmp_path / "out", settings, QUIET)
    assert not (tmp_path / "out").exists()


def test_several_channels_without_names_are_counted(images: dict[str, Path], tmp_path: Path) -> None:
    two = np.stack([CELLS.phase, CELLS.cytoplasm])
    cells_model(two).save(tmp_path / "two")
    with pytest.raises(
        SettingsError, match="was learned from 2 channels without a name, and the fields have dapi,"
    ):
        predicted(tmp_path / "two", images["three"], tmp_path / "out")


def test_a_model_that_names_no_nuclear_channel_says_just_that(
    models: dict[str, Path], images: dict[str, Path], tmp_path: Path
) -> None:
    said = "names no nuclear channel; give one of `nuclei_from`, `nuclei` and `markers`"
    with pytest.raises(SettingsError, match=f"^{models['markers']} {said}$"):
        predicted(models["markers"], images["three"], tmp_path / "out", cells=("phase",))
