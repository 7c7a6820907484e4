"""Cues of one image, from nuclei or from the user's own markers."""

from typing import Any

import numpy as np
import pytest

import frugalseg as fs
from frugalseg.errors import BadPixels, FrugalsegError, NoMarkers, SettingsError, WrongShape
from frugalseg.evaluation.baselines import BASELINES
from frugalseg.models.baseline_scores import score_baselines
from frugalseg.models.marker_samples import collect_samples, marker_sample
from frugalseg.synthetic.cells import SyntheticField, make_cells


def test_cues_of_synthetic_cells(cells: SyntheticField) -> None:
    image = np.stack([cells.phase, cells.cytoplasm])
    cues = fs.find_cues(image, cells.nuclear, name="a")
    assert (cues.name, cues.shape, len(cues.markers)) == ("a", (96, 104), 9)
    assert cues.modalities == ("label-free", "fluorescent")
    assert cues.foreground.method == "texture"
    assert cues.markers.method == "threshold"
    np.testing.assert_array_equal(cues.planes, image.astype(np.float32))
    np.testing.assert_array_equal(cues.nuclei, cells.nuclear.astype(np.float32))
    low, high = cues.diameter / cues.size_factor, cues.diameter * cues.size_factor
    start = f"9 markers (threshold), cell diameter {cues.diameter:.0f} px ({low:.0f} to {high:.0f}), "
    assert cues.line().startswith(start)
    assert cues.size_factor >= 1.2
    given = fs.find_cues(image, cells.nuclear, diameter=30)
    assert given.size_factor == 1
    assert given.line().startswith("9 markers (threshold), cell diameter 30 px, ")
    for found in (cues, given):
        assert found.markers.nuclei is not None
        assert found.foreground.mask[found.markers.nuclei > 0].all()


def test_markers_can_be_a_label_map_points_or_markers(cells: SyntheticField) -> None:
    found = fs.find_markers(cells.nuclear)
    for given in (found, found.points, found.points.tolist(), found.nuclei):
        cues = fs.find_cues(cells.cytoplasm, markers=given, diameter=30)
        np.testing.assert_allclose(cues.markers.points, found.points)
    assert fs.find_cues(cells.cytoplasm, markers=found.nuclei.astype(float)).markers.method == "labels"  # type: ignore[union-attr]
    unknown = np.where(found.nuclei == 1, -1, found.nuclei)
    assert len(fs.find_cues(cells.cytoplasm, markers=unknown).markers) == 8


@pytest.mark.parametrize("method", ["threshold", "log", "doh"])
def test_every_way_to_find_nuclei_can_be_chosen(cells: SyntheticField, method: Any) -> None:
    cues = fs.find_cues(cells.cytoplasm, cells.nuclear, nuclei_method=method, diameter=30)
    assert cues.markers.method == method
    assert 7 <= len(cues.markers) <= 11


def test_dots_are_no_nuclei(cells: SyntheticField) -> None:
    dots = np.zeros(cells.cytoplasm.shape, int)
    for number, (y, x) in enumerate(np.round(cells.markers).astype(int), start=1):
        dots[y, x] = number
    cues = fs.find_cues(cells.cytoplasm, markers=dots)
    assert np.isnan(cues.markers.diameter)
    assert cues.markers.nuclei is None
    assert cues.diameter < 30


def test_dots_of_some_px_are_named_where_cells_are_as_wide_as_nuclei_allow(cells: SyntheticField) -> None:
    dots = np.zeros(cells.cytoplasm.shape, int)
    for number, (y, x) in enumerate(np.round(cells.markers).astype(int), start=1):
        dots[y - 1 : y + 2, x - 1 : x + 2] = number
    cues = fs.find_cues(cells.cytoplasm, markers=dots)
    assert any("5.4 times your markers, which is the most" in warning for warning in cues.warnings)
    nuclei = fs.find_cues(cells.cytoplasm, markers=fs.find_markers(cells.nuclear))
    assert not any("your markers" in warning for warning in nuclei.warnings)


def test_a_mask_and_scribbles_are_the_users_foreground(cells: SyntheticField) -> None:
    for mask in (cells.cells, cells.cells > 0, (cells.cells > 0) * 0.5):
        cues = fs.find_cues(cells.phase, cells.nuclear, mask=mask)
        assert cues.foreground.method == "mask"
        np.testing.assert_array_equal(cues.foreground.mask, cells.cells > 0)
    strokes = np.where(cells.cells > 0, 2, 1)
    found = fs.find_cues(cells.phase, cells.nuclear, scribbles=strokes).foreground
    assert found.method == "scribbles"
    np.testing.assert_array_equal(found.mask, cells.cells > 0)


@pytest.mark.parametrize(
    ("given", "kind", "message"),
    [
        ({}, SettingsError, "nothing to start cells from; give `nuclei`, a nuclear stain, or `markers`"),
        ({"nuclei": "stain", "markers": "truth"}, SettingsError, "`nuclei` and `markers` both say"),
        ({"nuclei": "flat"}, BadPixels, r"field 'a': `nuclei` is constant \(every pixel is 7\)"),
        (
            {"nuclei": "noise"},
            NoMarkers,
            "field 'a': no nucleus was found in `nuclei`; is it the nuclear stain",
        ),
        ({"nuclei": "narrow"}, WrongShape, r"field 'a': `nuclei` has the shape \(96, 50\)"),
        ({"nuclei": "nan"}, BadPixels, "field 'a': `nuclei` has 1 pixels that are NaN"),
        ({"nuclei": "complex"}, BadPixels, "field 'a': `nuclei` is of type complex"),
        ({"markers": "zero"}, NoMarkers, "field 'a': there is no label or point in `markers`"),
        (
            {"markers": "far"},
            WrongShape,
            "field 'a': 1 of 2 `markers` lie outside of the image of 96 x 104 px",
        ),
        ({"markers": "two"}, SettingsError, "field 'a': .*from 2 points alone.*`diameter`"),
        ({"markers": "narrow"}, WrongShape, r"field 'a': `markers` has the shape \(96, 50\)"),
        ({"nuclei": "stain", "mask": "zero"}, BadPixels, "field 'a': `mask` is 0 everywhere"),
        ({"nuclei": "stain", "mask": "narrow"}, WrongShape, "field 'a': `mask` has the shape"),
        ({"nuclei": "stain", "scribbles": "half"}, BadPixels, "field 'a': `scribbles` are not whole numbers"),
    ],
)
def test_cues_that_cannot_be_found(
    cells: SyntheticField, given: dict[str, str], kind: type[FrugalsegError], message: str
) -> None:
    stain = cells.nuclear.astype(float)
    arrays = {
        "stain": stain,
        "truth": cells.cells,
        "flat": np.full(stain.shape, 7.0),
        "noise": np.random.default_rng(0).normal(100, 1, stain.shape),
        "narrow": stain[:, :50],
        "nan": np.where(np.arange(stain.size).reshape(stain.shape) == 5, np.nan, stain),
        "complex": stain.astype(complex),
        "zero": np.zeros(stain.shape, int),
        "half": np.full(stain.shape, 0.5),
        "far": [[1.0, 2.0], [3.0, 200.0]],
        "two": [[10.0, 20.0], [30.0, 40.0]],
    }
    with pytest.raises(kind, match=message):
        fs.find_cues(
            cells.cytoplasm, name="a", **{parameter: arrays[key] for parameter, key in given.items()}
        )


def test_settings_that_exclude_each_other(cells: SyntheticField) -> None:
    with pytest.raises(SettingsError, match="`mask` is the foreground itself, so `foreground` 'texture'"):
        fs.find_cues(cells.phase, cells.nuclear, mask=cells.cells, foreground="texture")
    with pytest.raises(SettingsError, match="`foreground` 'texture' has no use for `scribbles`"):
        fs.find_cues(cells.phase, cells.nuclear, scribbles=cells.cells, foreground="texture")


def test_cells_far_too_small_for_the_image(cells: SyntheticField, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("frugalseg.models.image_cues.MOST_PIXELS", 100_000)
    with pytest.raises(SettingsError, match=r"cells of 5\.0 px in an image of 96 x 104 px are too small"):
        fs.find_cues(cells.phase, cells.nuclear, diameter=5)


def test_points_that_lie_on_each_other(cells: SyntheticField) -> None:
    for apart, far in (([0, 0], "0.0"), ([0, 1], "1.4")):
        each = np.array([[0, 0], apart, apart[::-1]])
        points = (cells.markers[:, None] + each).reshape(-1, 2)
        message = f"the image: the second nearest of the points is mostly {far} px away, so points lie on each other"
        with pytest.raises(SettingsError, match=message):
            fs.find_cues(cells.cytoplasm, markers=points)
        assert fs.find_cues(cells.cytoplasm, markers=points, diameter=24).diameter == 24


@pytest.mark.parametrize("channel", ["cytoplasm", "phase"])
def test_cells_far_smaller_than_their_nuclei(channel: str) -> None:
    field = make_cells((256, 256), n_cells=9, diameter=70, dim_nuclei=0, seed=1)
    message = r"the image: `diameter` is 8\.0 px and nuclei are 3\d\.\d px wide; a cell is at least as wide"
    with pytest.raises(SettingsError, match=message):
        fs.find_cues(getattr(field, channel), field.nuclear, diameter=8)
    with pytest.raises(SettingsError, match=message):
        fs.find_cues(getattr(field, channel), markers=field.nuclei, diameter=8)
    assert fs.find_cues(getattr(field, channel), field.nuclear, diameter=30).diameter == 30
    points = fs.find_cues(
        getattr(field, channel), markers=field.markers, diameter=8
    )  # their nuclei are unknown
    assert points.diameter == 8


def test_a_constant_channel_is_named(cells: SyntheticField) -> None:
    image = np.stack([cells.cytoplasm, np.full_like(cells.cytoplasm, 3)])
    with pytest.raises(BadPixels, match=r"the image: channel 1 is constant \(every pixel is 3\)"):
        fs.find_cues(image, cells.nuclear)
    with pytest.raises(BadPixels, match=r"the image: channel 'gfp' is constant"):
        fs.find_cues(image, cells.nuclear, channels=["actin", "gfp"])


def test_one_nucleus_is_enough() -> None:
    one = make_cells((96, 96), n_cells=1, dim_nuclei=0.0, seed=2)
    cues = fs.find_cues(one.cytoplasm, one.nuclear)
    assert len(cues.markers) == 1
    true = np.sqrt(4 / np.pi * (one.cells > 0).sum())
    assert true / cues.size_factor < cues.diameter < true * cues.size_factor
    assert cues.size_factor > 1.3  # less sure than in a field of many


def test_samples_have_the_model_scale_and_the_modalities_of_the_first_image(
    fields: list[SyntheticField],
) -> None:
    cues = [fs.find_cues(one.cytoplasm, one.nuclear, diameter=20 + n) for n, one in enumerate(fields[:3])]
    assert cues[0].factor == 1.5
    sample = marker_sample(cues[0])
    assert sample.planes.shape == (1, 144, 156)
    assert (sample.planes.mean(), sample.planes.std()) == (
        pytest.approx(0, abs=1e-5),
        pytest.approx(1, abs=1e-4),
    )
    data = collect_samples(iter(cues))
    assert (data.modalities, data.diameter, len(data.samples)) == (("fluorescent",), 21, 3)
    assert collect_samples(cues[:2]).diameter == 20.5
    two = fs.find_cues(np.stack([fields[0].cytoplasm, fields[0].phase]), fields[0].nuclear, name="b")
    with pytest.raises(WrongShape, match="b has 2 channels and image 1"):
        collect_samples([cues[0], two])


def test_classical_methods_are_scored_from_the_same_cues(cells: SyntheticField) -> None:
    cues = fs.find_cues(cells.cytoplasm, cells.nuclear, mask=cells.cells, diameter=26)
    scores = score_baselines(cells.cells, cues)
    assert set(scores) == set(BASELINES)
    assert scores["voronoi"].n_predicted == scores["propagation"].n_predicted == 9
    assert min(scores["voronoi"].cell_miou, scores["propagation"].cell_miou) > 0.6


def test_a_label_map_in_place_of_a_stain_is_named() -> None:
    cells = make_cells((96, 96), n_cells=9, dim_nuclei=0, seed=4)
    found = [fs.find_cues(cells.phase, one, diameter=24).doubts for one in (cells.nuclear, cells.cells)]
    assert found[0] == ()
    (doubt,) = found[1]
    assert doubt.endswith("give label maps as `markers`.")
