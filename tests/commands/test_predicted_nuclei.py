"""Markers from a predicted stain: what is predicted is used, what is imaged is only compared with."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from frugalseg.cues.markers import find_markers
from frugalseg.errors import BadModel, MissingChannel
from frugalseg.evaluation.marker_agreement import marker_agreement
from frugalseg.images.fields import open_fields
from frugalseg.images.normalize import IntensityScale
from frugalseg.models.stain_model import StainModel
from frugalseg.networks.cards import StainCard, TrainingSummary
from frugalseg.networks.store import load_card, save_model
from frugalseg.networks.unet import Unet
from frugalseg.runs import field_cues
from frugalseg.runs.channel_settings import CueChannels
from frugalseg.runs.field_cues import predict_nuclei, read_cues, request_of
from frugalseg.runs.synthetic_set import write_synthetic_set


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
        "frugalseg.models.stain_model.predict_stain", lambda network, planes, scale: planes[0]
    )


def test_the_stain_comes_in_grey_values(images: Path, model: Path, same: None) -> None:
    field = open_fields([images])[0]
    real = field.plane("nuclear").astype(np.float64)
    expected = 100 + 50 * (real - real.mean()) / real.std()
    np.testing.assert_allclose(predict_nuclei(field, str(model)), expected, rtol=1e-4, atol=1e-2)


def test_the_image_is_resized_to_the_model_s_pixel_size(
    images: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `predict` does it with the same model."""
    field = open_fields([images])[0]
    loaded, scales = StainModel.load(model), list[float]()
    loaded.card = loaded.card.model_copy(update={"pixel_size": (0.3, 0.3), "scale": 0.5})
    monkeypatch.setattr(field_cues, "_stain_model", lambda *_: loaded)
    monkeypatch.setattr(type(field), "pixel_size", property(lambda _: (0.6, 0.6)))
    monkeypatch.setattr(
        "frugalseg.models.stain_model.predict_stain",
        lambda network, planes, scale: scales.append(scale) or planes[0],
    )
    predict_nuclei(field, str(model))
    assert scales == [pytest.approx(1.0)]


def test_markers_are_those_of_the_predicted_stain(images: Path, model: Path, same: None) -> None:
    field = open_fields([images])[0]
    usual = read_cues(field, CueChannels(cells=("phase",), nuclei="nuclear"))
    found = read_cues(field, CueChannels(cells=("phase",), nuclei_from=str(model), nuclei="nuclear"))
    np.testing.assert_allclose(found.image.markers.points, usual.image.markers.points, atol=0.5)
    assert found.agreement is not None
    assert (found.agreement.missed, found.agreement.invented) == (0, 0)
    assert found.agreement.n_real == len(usual.image.markers)
    assert usual.agreement is None


def test_a_bad_prediction_is_told_by_its_markers(
    images: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of the nuclei are wiped out: exactly these are missed."""

    def half(network: object, planes: np.ndarray, scale: float) -> np.ndarray:
        stain = planes[0].copy()
        stain[:, : stain.shape[1] // 2] = stain.min()
        return stain

    monkeypatch.setattr("frugalseg.models.stain_model.predict_stain", half)
    field = open_fields([images])[0]
    real = find_markers(field.plane("nuclear")).points
    found = read_cues(field, CueChannels(cells=("phase",), nuclei_from=str(model), nuclei="nuclear"))
    assert found.agreement is not None
    wiped, kept = (int((real[:, 1] < 56).sum()), int((real[:, 1] > 72).sum()))
    assert wiped <= found.agreement.missed <= len(real) - kept
    assert wiped >= 5
    assert kept >= 5


def test_without_the_real_stain_nothing_is_compared(images: Path, model: Path, same: None) -> None:
    field = open_fields([images])[0]
    assert read_cues(field, CueChannels(cells=("phase",), nuclei_from=str(model))).agreement is None


def test_a_missing_input_and_a_missing_model_are_said(images: Path, tmp_path: Path, model: Path) -> None:
    table = images.parent / "less.csv"
    table.write_text("field,phase\na,synthetic_1_phase.tif\n")
    with pytest.raises(MissingChannel, match="nuclear"):
        predict_nuclei(open_fields([table])[0], str(model))
    with pytest.raises(BadModel, match="no model folder"):
        predict_nuclei(open_fields([images])[0], str(tmp_path / "none"))


def test_a_run_is_known_by_the_model_not_by_its_folder(model: Path, tmp_path: Path) -> None:
    settings = CueChannels(cells=("phase",), nuclei_from=str(model))
    assert request_of(settings) == settings.model_dump() | {"nuclei_from_sha256": load_card(model).sha256}
    assert "nuclei_from_sha256" not in request_of(CueChannels(cells=("phase",), nuclei="nuclear"))
    with pytest.raises(BadModel, match="no model folder"):
        request_of(CueChannels(cells=("phase",), nuclei_from=str(tmp_path / "none")))


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


@pytest.mark.parametrize("how", ["percentile", "field", "log", "mask"])
def test_markers_are_found_in_a_stain_of_any_scale(
    images: Path, model: Path, how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The network predicts the real stain as well as can be, on the scale that it learned."""
    field = open_fields([images])[0]
    real = field.plane("nuclear").astype(np.float32)
    low, high = np.percentile(real, [1, 99.8])
    values: dict[str, Any] = {"how": how, "centre": (low,), "spread": (high - low,)}
    if how == "log":
        floor = 0.02 * (high - low)
        spread = float(np.log((high - low + floor) / floor))
        values |= {"centre": (float(np.log(floor)),), "spread": (spread,), "black": (low,), "floor": (floor,)}
    scale = IntensityScale(**values)
    save_model(
        tmp_path / "model", load_card(model).model_copy(update={"target_scale": scale}), Unet("small", 1, 1)
    )
    learned = (real - low) / (high - low) * 12 - 2 if how == "mask" else scale.apply(real[None])[0]
    monkeypatch.setattr("frugalseg.models.stain_model.predict_stain", lambda *_: learned)
    channels = CueChannels(cells=("phase",), nuclei_from=str(tmp_path / "model"), nuclei="nuclear")
    found = read_cues(field, channels)
    assert found.agreement is not None
    assert (found.agreement.missed, found.agreement.invented) == (0, 0)
    predicted = predict_nuclei(field, str(tmp_path / "model"))
    assert (float(predicted.max()) <= 1) == (how == "mask")
