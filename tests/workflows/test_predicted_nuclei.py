"""Markers from a predicted stain: what is predicted is used, what is imaged is only compared with."""

from pathlib import Path

import numpy as np
import pytest

from frugalseg.cues.markers import find_markers
from frugalseg.errors import BadModel, MissingChannel
from frugalseg.evaluation.marker_agreement import marker_agreement
from frugalseg.images.fields import open_fields
from frugalseg.images.normalize import IntensityScale
from frugalseg.networks.cards import StainCard, TrainingSummary
from frugalseg.networks.store import load_card, save_model
from frugalseg.networks.unet import Unet
from frugalseg.runs.synthetic_set import write_synthetic_set
from frugalseg.workflows import predicted_nuclei as predicted_nuclei_module
from frugalseg.workflows.cues import CueSettings, find_cues
from frugalseg.workflows.predicted_nuclei import predicted_nuclei


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_synthetic_set(tmp_path_factory.mktemp("images"), 1, seed=3, shape=(128, 128), diameter=30.0)


@pytest.fixture(scope="module")
def model(images: Path) -> Path:
    """A stain model, untrained; what it predicts is replaced in the tests."""
    training = TrainingSummary(steps=1, stopped_because="x", seconds=0, seed=0, fields=("a",))
    card = StainCard(
        channels=("nuclear",),
        settings={"encoder": "small"},
        training=training,
        scale=1.0,
        target="dapi",
        target_scale=IntensityScale(how="percentile", centre=(100.0,), spread=(50.0,)),
    )
    save_model(images.parent / "model", card, Unet("small", 1, 1))
    return images.parent / "model"


@pytest.fixture
def same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Predict the z-scored input itself."""
    monkeypatch.setattr(
        "frugalseg.workflows.predicted_nuclei.predict_stain", lambda network, planes, scale: planes[0]
    )


def test_the_stain_comes_in_grey_values(images: Path, model: Path, same: None) -> None:
    field = open_fields([images])[0]
    real = field.plane("nuclear").astype(np.float64)
    expected = 100 + 50 * (real - real.mean()) / real.std()
    np.testing.assert_allclose(predicted_nuclei(field, model), expected, rtol=1e-4, atol=1e-2)


def test_the_image_is_resized_to_the_model_s_pixel_size(
    images: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `predict` does it with the same model."""
    field = open_fields([images])[0]
    (card, network), scales = predicted_nuclei_module._loaded(str(model), load_card(model).sha256), []
    of_model = card.model_copy(update={"pixel_size": (0.3, 0.3), "scale": 0.5})
    monkeypatch.setattr(predicted_nuclei_module, "_loaded", lambda *_: (of_model, network))
    monkeypatch.setattr(type(field), "pixel_size", property(lambda _: (0.6, 0.6)))
    monkeypatch.setattr(
        predicted_nuclei_module,
        "predict_stain",
        lambda network, planes, scale: scales.append(scale) or planes[0],
    )
    predicted_nuclei(field, model)
    assert scales == [pytest.approx(1.0)]


def test_markers_are_those_of_the_predicted_stain(images: Path, model: Path, same: None) -> None:
    field = open_fields([images])[0]
    usual = find_cues(field, CueSettings(cells=("phase",), nuclei="nuclear"))
    found = find_cues(field, CueSettings(cells=("phase",), nuclei_from=str(model), nuclei="nuclear"))
    np.testing.assert_allclose(found.markers.points, usual.markers.points, atol=0.5)
    assert found.synthetic is not None
    assert (found.synthetic["missed"], found.synthetic["invented"]) == (0, 0)
    assert found.synthetic["n_real"] == len(usual.markers)
    assert usual.synthetic is None


def test_a_bad_prediction_is_told_by_its_markers(
    images: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of the nuclei are wiped out: exactly these are missed."""

    def half(network: object, planes: np.ndarray, scale: float) -> np.ndarray:
        stain = planes[0].copy()
        stain[:, : stain.shape[1] // 2] = stain.min()
        return stain

    monkeypatch.setattr("frugalseg.workflows.predicted_nuclei.predict_stain", half)
    field = open_fields([images])[0]
    real = find_markers(field.plane("nuclear")).points
    found = find_cues(field, CueSettings(cells=("phase",), nuclei_from=str(model), nuclei="nuclear"))
    assert found.synthetic is not None
    wiped, kept = (int((real[:, 1] < 56).sum()), int((real[:, 1] > 72).sum()))
    assert wiped <= found.synthetic["missed"] <= len(real) - kept
    assert wiped >= 5
    assert kept >= 5


def test_without_the_real_stain_nothing_is_compared(images: Path, model: Path, same: None) -> None:
    field = open_fields([images])[0]
    assert find_cues(field, CueSettings(cells=("phase",), nuclei_from=str(model))).synthetic is None


def test_a_missing_input_and_a_missing_model_are_said(images: Path, tmp_path: Path, model: Path) -> None:
    table = images.parent / "less.csv"
    table.write_text("field,phase\na,synthetic_1_phase.tif\n")
    with pytest.raises(MissingChannel, match="nuclear"):
        predicted_nuclei(open_fields([table])[0], model)
    with pytest.raises(BadModel, match="no model folder"):
        predicted_nuclei(open_fields([images])[0], tmp_path / "none")


def test_a_run_is_known_by_the_model_not_by_its_folder(model: Path, tmp_path: Path) -> None:
    settings = CueSettings(cells=("phase",), nuclei_from=str(model))
    assert settings.as_request() == settings.model_dump() | {"nuclei_from_sha256": load_card(model).sha256}
    assert "nuclei_from_sha256" not in CueSettings(cells=("phase",), nuclei="nuclear").as_request()
    with pytest.raises(BadModel, match="no model folder"):
        CueSettings(cells=("phase",), nuclei_from=str(tmp_path / "none")).as_request()


def test_markers_are_paired_nearest_first_and_one_to_one() -> None:
    real = np.array([[0.0, 0.0], [0.0, 4.0], [20.0, 20.0]])
    found = np.array([[0.0, 3.0], [0.0, 5.5], [40.0, 40.0]])
    # 3.0 takes the real one at 4.0; 5.5 is left, and 0.0 has nobody within reach 2.5.
    assert marker_agreement(found, real, 2.5).to_dict() == {
        "n_real": 3,
        "n_found": 3,
        "missed": 2,
        "invented": 2,
        "missed_share": pytest.approx(2 / 3),
        "invented_share": pytest.approx(2 / 3),
    }
    assert marker_agreement(np.zeros((0, 2)), np.zeros((0, 2)), 2.5).to_dict()["missed_share"] is None
