"""On which scale a stain is learned: the target, what is kept of it, and what comes out of a model."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import frugalseg as fs
from frugalseg.evaluation.pixel_scores import pearson_correlation
from frugalseg.learning.from_stains.target_scales import TargetScale
from frugalseg.models import stain_dataset
from frugalseg.models.stain_scale import fit_stain_scale, learned_stain
from frugalseg.synthetic.cells import SyntheticField

QUICK: dict[str, Any] = {
    "encoder": "small",
    "crop": 32,
    "batch": 2,
    "max_steps": 2,
    "scale": 1.0,
    "device": "cpu",
}
KINDS: tuple[TargetScale, ...] = get_args(TargetScale)
#: Two fields of one stain at two exposures: background, dim nuclei and bright ones.
DARK = np.array([[100, 100, 100, 100, 110, 200]], np.float32)
LIT = np.array([[200, 200, 200, 200, 220, 400]], np.float32)


def test_linear_and_logarithm_are_measured_over_all_fields_together() -> None:
    linear = fit_stain_scale([DARK, LIT], "linear", (0, 100), "dapi")
    assert (linear.how, linear.centre, linear.spread, linear.channels) == (
        "percentile",
        (100,),
        (300,),
        ("dapi",),
    )
    np.testing.assert_allclose(learned_stain(linear, DARK)[0, 3:], [0, 1 / 30, 1 / 3], rtol=1e-6)
    log = fit_stain_scale([DARK, LIT], "log", (0, 100), "dapi")
    assert (log.black, log.floor) == ((100,), (6,))
    range_of_log = math.log(306 / 6)
    expected = [0, math.log(16 / 6) / range_of_log, math.log(106 / 6) / range_of_log]
    np.testing.assert_allclose(learned_stain(log, DARK)[0, 3:], expected, atol=1e-6)
    assert learned_stain(log, LIT)[0, 5] == pytest.approx(1)


def test_percentiles_of_each_field_make_exposures_alike() -> None:
    scale = fit_stain_scale([DARK, LIT], "field", (0, 100), "dapi")
    np.testing.assert_allclose(learned_stain(scale, DARK), learned_stain(scale, LIT))
    np.testing.assert_allclose(learned_stain(scale, DARK)[0, 3:], [0, 0.1, 1], rtol=1e-5)
    assert (scale.how, scale.centre, scale.spread) == ("field", (150,), (150,))  # of the median field


def test_the_threshold_is_each_field_s_own() -> None:
    scale = fit_stain_scale([DARK, LIT], "mask", (0, 100), "dapi")
    for field in (DARK, LIT):
        np.testing.assert_array_equal(learned_stain(scale, field), [[0, 0, 0, 0, 0, 1]])
    assert scale.how == "mask"
    assert 110 < scale.centre[0] < 400
    assert scale.spread == (1,)


@pytest.mark.parametrize("kind", ["field", "mask"])
def test_a_constant_field_is_measured_by_the_model_s_scale(kind: TargetScale) -> None:
    scale = fit_stain_scale([DARK, LIT, np.full_like(DARK, 300)], kind, (0, 100), "dapi")
    assert scale.centre == fit_stain_scale([DARK, LIT], kind, (0, 100), "dapi").centre
    assert learned_stain(scale, np.full((1, 2), 300, np.float32)).tolist() == [[1, 1]]


class Perfect(nn.Module):
    """Predicts a stain as well as can be, whatever it is given; a mask with borders that are not quite sharp."""

    def __init__(self, model: fs.StainModel, stain: np.ndarray) -> None:
        super().__init__()
        self.one = nn.Parameter(torch.ones(1))
        self.scale, self.stain = model.card.target_scale, stain.astype(np.float32)

    def forward(self, images: Tensor) -> Tensor:
        learned = torch.from_numpy(learned_stain(self.scale, self.stain))[None, None]
        if self.scale.how == "mask":
            soft = nn.functional.avg_pool2d(learned, 3, 1, 1, count_include_pad=False)
            return 6 * (learned + soft - 1) + 0.5
        return learned


def perfect(field: SyntheticField, kind: TargetScale) -> fs.StainModel:
    model = fs.StainModel.fit(
        field.nuclear, field.nuclear, target="dapi", target_scale=kind, hold_out=False, **QUICK
    )
    model.network = Perfect(model, field.nuclear)  # type: ignore[assignment]
    return model


@pytest.mark.parametrize("kind", KINDS)
def test_a_perfect_model_predicts_in_the_stain_s_units(cells: SyntheticField, kind: TargetScale) -> None:
    model = perfect(cells, kind)
    predicted, real = model.predict(cells.nuclear), cells.nuclear.astype(np.float32)
    if kind == "mask":
        above = learned_stain(model.card.target_scale, real) > 0
        assert predicted[above].min() > 0.5 > predicted[~above].max()
        assert (predicted.min(), predicted.max()) == pytest.approx((0.0025, 0.9975), abs=1e-4)
    elif kind == "log":  # nothing is known below black
        shown = real > model.card.target_scale.black[0]
        np.testing.assert_allclose(predicted[shown], real[shown], rtol=1e-3)
    else:
        rtol = 0.06 if kind == "field" else 1e-3  # its percentiles are measured on a part of the pixels
        np.testing.assert_allclose(predicted, real, rtol=rtol)


@pytest.mark.parametrize("kind", KINDS)
def test_both_correlations_are_told(cells: SyntheticField, kind: TargetScale) -> None:
    model = perfect(cells, kind)
    (score,) = model.evaluate(cells.nuclear, cells.nuclear)
    assert score.pcc_learned == pytest.approx(1, abs=0.05 if kind == "mask" else 1e-4)
    assert score.pcc == pytest.approx(
        pearson_correlation(model.predict(cells.nuclear), cells.nuclear), abs=1e-6
    )
    if kind == "mask":
        mask = learned_stain(model.card.target_scale, cells.nuclear.astype(np.float32))
        assert score.pcc == pytest.approx(pearson_correlation(mask, cells.nuclear), abs=0.05)
        assert score.pcc < score.pcc_learned - 0.02
    else:
        assert score.pcc == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_markers_are_found_in_every_predicted_stain(cells: SyntheticField, kind: TargetScale) -> None:
    predicted = perfect(cells, kind).predict(cells.nuclear)
    found, real = fs.find_markers(predicted), fs.find_markers(cells.nuclear)
    assert len(real) == 9
    assert len(found) == (8 if kind == "mask" else 9)  # one nucleus is below Otsu's threshold
    distances = np.linalg.norm(found.points[:, None] - real.points[None], axis=2)
    assert distances.min(axis=1).max() < 2


@pytest.mark.parametrize("kind", KINDS)
def test_a_saved_model_knows_its_scale(
    fields: Sequence[SyntheticField], kind: TargetScale, tmp_path: Path
) -> None:
    images, stains = [one.phase for one in fields], [one.nuclear for one in fields]
    model = fs.StainModel.fit(images, stains, target_scale=kind, **QUICK)
    model.save(tmp_path / "model")
    loaded = fs.StainModel.load(tmp_path / "model", device="cpu")
    assert loaded.card.target_scale == model.card.target_scale
    assert loaded.card.target_scale.how == {"linear": "percentile"}.get(kind, kind)
    assert loaded.card.settings["target_scale"] == kind
    np.testing.assert_allclose(loaded.predict(images[0]), model.predict(images[0]), rtol=1e-4)
    (new, *_), (seen, *_) = loaded.evaluate(images, stains), model.evaluate(images, stains)
    assert (new.pcc, new.pcc_learned) == pytest.approx((seen.pcc, seen.pcc_learned), abs=1e-4)


def test_crops_with_signal_are_found_in_grey_values(
    fields: Sequence[SyntheticField], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where their logarithm is learned, which shows noise where the stain shows nothing."""
    shown: list[np.ndarray] = []
    thresholds: list[float | None] = []
    sampler = stain_dataset.CropSampler

    def watched(planes: Any, *rest: Any, threshold: float | None) -> Any:
        shown.extend(planes)
        thresholds.append(threshold)
        return sampler(shown[-1:], *rest, threshold=threshold)

    monkeypatch.setattr(stain_dataset, "CropSampler", watched)
    one = fields[0]
    for kind in KINDS:
        fs.StainModel.fit(one.phase, one.nuclear, target_scale=kind, hold_out=False, **QUICK)
    linear, log, _, mask = shown
    grey = one.nuclear.astype(np.float32)
    black = np.percentile(grey[::4, ::4], 1)
    np.testing.assert_allclose(log, np.maximum(grey, black), rtol=1e-3)
    assert np.corrcoef(linear.ravel(), grey.ravel())[0, 1] == pytest.approx(1, abs=1e-5)
    assert set(np.unique(mask)) == {0, 1}
    assert thresholds == [None, None, None, 0.5]


@pytest.mark.parametrize("kind", ["log", "mask"])
def test_what_is_learned_is_the_scale_s_target(fields: Sequence[SyntheticField], kind: TargetScale) -> None:
    """The image is the target itself: a few steps learn it."""
    images = [np.log(one.nuclear.astype(np.float32) - 50) for one in fields]
    learn = {**QUICK, "max_steps": 40}
    model = fs.StainModel.fit(images, [one.nuclear for one in fields], target_scale=kind, **learn)
    scores = list(model.evaluate(images, [one.nuclear for one in fields]))
    assert min(score.pcc_learned for score in scores) > 0.7
    assert model.training is not None
    assert list(model.training.terms) == [{"log": "L1", "mask": "BCE"}[kind]]
