"""Foreground without a label: by every method, in fields of few, many and nearly only cells."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from frugalseg.cues.foreground import find_foreground
from frugalseg.cues.markers import Markers, find_markers, markers_from_labels, markers_from_points
from frugalseg.cues.scaled_plane import ScaledPlane, scale_plane
from frugalseg.cues.scribbles import scribble_features, scribble_foreground
from frugalseg.cues.texture import fill_small_holes, texture_evidence
from frugalseg.cues.two_classes import class_log_odds, fit_two_classes
from frugalseg.errors import BadPixels, NoMarkers, SettingsError, WrongShape
from frugalseg.synthetic.cells import SyntheticField, make_cells

SHAPE = (160, 192)


def _iou(mask: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    return float((mask & truth).sum() / (mask | truth).sum())


# Least IoU with the true mask. Measured over seeds 0 to 3, then lowered by 0.06 to 0.1.
BOUNDS = [
    ("cytoplasm", "intensity", 0.05, 0.84),
    ("cytoplasm", "intensity", 0.3, 0.86),
    ("cytoplasm", "intensity", 0.6, 0.88),
    ("cytoplasm", "intensity", 0.85, 0.90),
    ("cytoplasm", "intensity", 0.97, 0.77),
    ("membrane", "intensity", 0.6, 0.78),
    ("phase", "texture", 0.1, 0.40),
    ("phase", "texture", 0.3, 0.55),
    ("phase", "texture", 0.6, 0.70),
    ("phase", "texture", 0.85, 0.78),
    ("phase", "texture", 0.97, 0.90),
    ("brightfield", "texture", 0.05, 0.60),
    ("brightfield", "texture", 0.3, 0.73),
    ("brightfield", "texture", 0.6, 0.70),
    ("brightfield", "texture", 0.85, 0.72),
    ("brightfield", "texture", 0.97, 0.68),
]


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(("channel", "method", "density", "least"), BOUNDS)
def test_the_mask_is_where_the_cells_are(
    channel: str, method: str, density: float, least: float, seed: int
) -> None:
    """Nearly empty and nearly full fields among them, where half of the pixels are far from being cells."""
    field = make_cells(SHAPE, density=density, seed=seed)
    found = find_foreground(field.planes([channel]), field.markers, 30, method)  # type: ignore[arg-type]
    truth = field.cells > 0
    assert found.method == method
    assert found.mask.shape == found.probability.shape == SHAPE
    assert found.mask.dtype == bool
    assert found.probability.dtype == np.float32
    assert _iou(found.mask, truth) >= least
    # The evidence agrees with the mask: surer inside than outside, never beyond 0 to 1.
    assert 0 <= found.probability.min() < found.probability.max() <= 1
    if not found.mask.all():
        assert found.probability[found.mask].mean() > found.probability[~found.mask].mean() + 0.2


@pytest.mark.parametrize(("channel", "least"), [("phase", 0.45), ("brightfield", 0.65)])
@pytest.mark.parametrize("seed", [1, 2])
def test_a_large_field_with_eight_cells_is_mostly_background(channel: str, least: float, seed: int) -> None:
    """Measured: 0.54 to 0.62 and 0.71 to 0.77. A mixture over the whole field splits the background: 0.06 in phase."""
    field = make_cells((512, 512), n_cells=8, seed=seed, dim_nuclei=0.0)
    found = find_foreground(field.planes([channel]), field.markers, 30, "texture")
    assert _iou(found.mask, field.cells > 0) >= least


def test_false_markers_on_background_do_not_flood_it() -> None:
    """A fifth more markers, all of them on background that is smooth."""
    field = make_cells((256, 256), density=0.3, seed=1)
    background = np.argwhere(field.cells == 0)
    chosen = np.random.default_rng(0).integers(len(background), size=len(field.markers) // 5)
    markers = np.concatenate([field.markers, background[chosen]])
    planes = field.planes(["brightfield"])
    clean, dirty = (
        find_foreground(planes, points, 30, "texture").mask for points in (field.markers, markers)
    )
    assert _iou(clean, field.cells > 0) > 0.7
    assert _iou(dirty, clean) > 0.9


@pytest.mark.parametrize("density", [0.1, 0.6, 0.85])
@pytest.mark.parametrize(
    ("channel", "method"),
    [("cytoplasm", "intensity"), ("membrane", "intensity"), ("phase", "texture"), ("brightfield", "texture")],
)
def test_auto_picks_the_method_by_the_image(channel: str, method: str, density: float) -> None:
    field = make_cells(SHAPE, density=density, seed=0)
    auto = find_foreground(field.planes([channel]), field.markers, 30)
    forced = find_foreground(field.planes([channel]), field.markers, 30, method)  # type: ignore[arg-type]
    assert auto.method == method
    assert np.array_equal(auto.mask, forced.mask)


def test_a_mask_bleeds_little_over_the_border() -> None:
    """A texture window alone reaches 2 to 4 px beyond the cells, which at this size adds a quarter of their area."""
    field = make_cells((256, 256), density=0.3, seed=2)
    truth = field.cells > 0
    for channel in ("phase", "brightfield"):
        mask = find_foreground(field.planes([channel]), field.markers, 30, "texture").mask
        assert mask.sum() < 1.25 * truth.sum()


@pytest.mark.parametrize("diameter", [15, 60])
def test_the_cells_size_only_sets_the_scale(diameter: int) -> None:
    field = make_cells((diameter * 6, diameter * 7), density=0.6, diameter=diameter, seed=1)
    for channel, least in (("cytoplasm", 0.8), ("brightfield", 0.6)):
        found = find_foreground(field.planes([channel]), field.markers, diameter)
        assert found.mask.shape == field.cells.shape
        assert _iou(found.mask, field.cells > 0) > least


def test_one_plane_may_come_without_channel_axis_and_only_the_first_channel_counts() -> None:
    field = make_cells(SHAPE, seed=3)
    expected = find_foreground(field.planes(["cytoplasm"]), field.markers, 30).mask
    assert np.array_equal(find_foreground(field.cytoplasm, field.markers, 30).mask, expected)
    both = find_foreground(field.planes(["cytoplasm", "phase"]), field.markers, 30).mask
    assert np.array_equal(both, expected)


def _strokes(field: SyntheticField) -> NDArray[np.uint8]:
    """A few strokes, 3 px thick: through four cells, and four in the background."""
    truth = (field.cells > 0).astype(np.uint8)
    scribbles = np.zeros(truth.shape, np.uint8)
    inside = cv2.distanceTransform(truth, cv2.DIST_L2, 5)
    outside = cv2.distanceTransform(1 - truth, cv2.DIST_L2, 5)
    for depth, value in ((inside, 2), (outside, 1)):
        for _ in range(4):
            y, x = np.unravel_index(int(depth.argmax()), depth.shape)
            reach = max(1, int(depth[y, x]) - 3)
            cv2.line(scribbles, (int(x) - reach, int(y)), (int(x) + reach, int(y)), value, 3)
            cv2.circle(depth, (int(x), int(y)), 40, 0.0, -1)
    return scribbles


@pytest.mark.parametrize("channel", ["phase", "brightfield"])
def test_strokes_train_the_forest(channel: str) -> None:
    field = make_cells(SHAPE, density=0.5, seed=5)
    scribbles = _strokes(field)
    truth = field.cells > 0
    assert set(np.unique(scribbles)) == {0, 1, 2}
    assert (scribbles > 0).mean() < 0.1
    found = find_foreground(field.planes([channel]), field.markers, 30, scribbles=scribbles)
    assert found.method == "scribbles"
    assert _iou(found.mask, truth) > 0.6
    assert found.mask[scribbles == 2].all()
    assert not found.mask[scribbles == 1].any()
    # It is the strokes that decide: with the classes swapped, the mask is roughly the other way round.
    swapped = find_foreground(field.planes([channel]), field.markers, 30, scribbles=(3 - scribbles) % 3)
    assert _iou(swapped.mask, ~truth) > _iou(swapped.mask, truth)


def test_strokes_are_kept_against_all_evidence() -> None:
    field = make_cells((96, 96), density=0.4, seed=1)
    scribbles = _strokes(field)
    y, x = np.argwhere(field.cells == 0)[0]
    scribbles[y, x] = 2  # one pixel in the background
    mask, log_odds = scribble_foreground(field.planes(["cytoplasm"]), scribbles.astype(np.int64), 30)
    assert mask[y, x]
    assert log_odds[y, x] == log_odds.max()
    assert np.abs(log_odds).max() <= 4


def test_the_forest_sees_gaussian_variance_and_laplacian_of_every_channel() -> None:
    planes = make_cells((48, 64), seed=0).planes(["phase", "cytoplasm"])
    features = scribble_features(planes, 30)
    assert features.shape == (48, 64, 2 * len({*range(4)}) * 3)
    alone = scribble_features(planes[:1], 30)
    assert np.array_equal(features[..., : alone.shape[-1]], alone)
    # The image's unit does not matter.
    np.testing.assert_allclose(scribble_features(planes * 8 + 100, 30), features, atol=2e-2)
    # A spike: its own place has the lowest Laplacian and the highest Gaussian at each scale.
    spike = np.zeros((1, 41, 41), np.float32)
    spike[0, 20, 20] = 1.0
    at = scribble_features(spike, 30)
    for scale in range(4):
        smooth, _, laplacian = (at[..., 3 * scale + k] for k in range(3))
        assert smooth.argmax() == laplacian.argmin() == 20 * 41 + 20


def test_the_users_own_mask_is_taken_as_it_is() -> None:
    field = make_cells((64, 80), seed=0)
    own = np.zeros((64, 80), np.int32)
    own[3:20, 5:9] = 7
    for method in ("auto", "mask"):
        found = find_foreground(field.planes(["phase"]), field.markers, 30, method, mask=own)  # type: ignore[arg-type]
        assert found.method == "mask"
        assert np.array_equal(found.mask, own > 0)
        assert np.array_equal(found.probability, (own > 0).astype(np.float32))
    # It needs neither markers nor an image that shows something, and it wins over strokes.
    blank = find_foreground(np.zeros((64, 80)), [], 30, mask=own > 0, scribbles=own)
    assert np.array_equal(blank.mask, own > 0)


CELLS = make_cells((64, 80), seed=0).planes(["cytoplasm"])
POINT = [[30.0, 30.0]]


@pytest.mark.parametrize(
    ("cells", "points", "settings", "error", "says"),
    [
        (CELLS, [], {}, NoMarkers, "no marker"),
        (CELLS, POINT, {"method": "otsu"}, SettingsError, "'otsu' is unknown; choose one of auto, intensity"),
        (CELLS, POINT, {"method": "mask"}, SettingsError, "'mask' needs `mask`"),
        (CELLS, POINT, {"method": "scribbles"}, SettingsError, "'scribbles' needs `scribbles`"),
        *(
            (
                CELLS,
                POINT,
                {"method": method, "mask": np.ones((64, 80))},
                SettingsError,
                "no use for `mask`",
            )
            for method in ("intensity", "texture", "scribbles")
        ),
        (
            CELLS,
            POINT,
            {"method": "texture", "scribbles": np.ones((64, 80))},
            SettingsError,
            "no use for `scribbles`",
        ),
        (CELLS, POINT, {"mask": np.ones((64, 81))}, WrongShape, r"`mask` has shape \(64, 81\).*\(64, 80\)"),
        (CELLS, POINT, {"scribbles": np.ones((80, 64))}, WrongShape, "`scribbles` has shape"),
        (CELLS, POINT, {"scribbles": np.ones((64, 80))}, SettingsError, r"both classes.*\[1\]"),
        (CELLS, POINT, {"scribbles": np.zeros((64, 80))}, SettingsError, r"both classes.*\[0\]"),
        (CELLS * np.nan, POINT, {}, BadPixels, "NaN or infinite"),
        (CELLS * np.inf, POINT, {}, BadPixels, "NaN or infinite"),
        (np.full((64, 80), 7.0), POINT, {}, BadPixels, "constant"),
        (CELLS, POINT, {"mask": np.full((64, 80), np.nan)}, BadPixels, "`mask` has NaN"),
        (np.zeros((0, 80)), POINT, {}, WrongShape, r"with pixels, not of shape \(1, 0, 80\)"),
        (np.zeros((1, 1, 64, 80)), POINT, {}, WrongShape, r"\(C,Y,X\) or \(Y,X\)"),
        (np.zeros(5), POINT, {}, WrongShape, r"\(C,Y,X\) or \(Y,X\)"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bad_arguments_are_refused(
    cells: NDArray[np.float32],
    points: list[list[float]],
    settings: dict[str, object],
    error: type[Exception],
    says: str,
) -> None:
    with pytest.raises(error, match=says):
        find_foreground(cells, points, 30, **settings)  # type: ignore[arg-type]


def test_distance_to_the_nearest_point_or_outline() -> None:
    points = np.array([[2.4, 3.0], [9.0, 30.0]])  # the second lies beyond the edge
    plane, (y, x) = np.zeros((10, 20), np.float32), np.mgrid[:10, :20]
    scaled = scale_plane(plane, markers_from_points(points), 30)
    expected = np.minimum(np.hypot(y - 2, x - 3), np.hypot(y - 9, x - 19))
    np.testing.assert_allclose(scaled.distance, expected, rtol=1e-6)
    assert scaled.radius == 0
    assert not scaled.nuclei.any()
    nuclei = np.where(x < 4, 1, 0)
    areas = scale_plane(plane, markers_from_labels(nuclei), 30)
    np.testing.assert_allclose(areas.distance, np.maximum(0, x - 3), rtol=1e-6)
    assert areas.radius == pytest.approx(np.sqrt(40 / np.pi))
    np.testing.assert_array_equal(areas.nuclei, nuclei > 0)


def test_planes_are_enlarged_a_little_where_areas_are_known() -> None:
    plane, nuclei = np.zeros((40, 60), np.float32), np.zeros((40, 60), int)
    nuclei[10:14, 20:24] = 1
    markers = markers_from_labels(nuclei)
    sizes = {diameter: scale_plane(plane, markers, diameter) for diameter in (60, 20, 5)}
    assert {d: one.plane.shape for d, one in sizes.items()} == {60: (20, 30), 20: (60, 90), 5: (80, 120)}
    assert {d: one.diameter for d, one in sizes.items()} == {60: 30, 20: 30, 5: 10}
    points = scale_plane(plane, markers_from_points(markers.points), 20)
    assert (points.plane.shape, points.diameter) == ((40, 60), 20)


@pytest.mark.parametrize("share", [0.03, 0.5, 0.97])
def test_the_mixture_finds_both_classes_however_rare_one_is(share: float) -> None:
    """Known: a tenth of the cells. A free mixture of two would split the larger class."""
    random = np.random.default_rng(0)
    feature = random.normal(0.0, 1.0, (200, 200)).astype(np.float32)
    cell = np.zeros(feature.size, bool)
    cell[: int(share * feature.size)] = True
    cell = cell.reshape(feature.shape)
    feature[cell] = random.normal(4.0, 0.8, int(cell.sum()))
    certain = cell & (random.random(cell.shape) < 0.1)
    far = ~cell if share < 0.9 else np.zeros_like(cell)
    classes = fit_two_classes(feature, certain, far)
    assert classes.cells == pytest.approx(4.0, abs=0.25)
    assert classes.background == pytest.approx(0.0, abs=0.4)
    decided = class_log_odds(feature, classes) > 0
    assert _iou(decided, cell) > 0.8


def test_small_holes_are_filled_and_bays_are_not() -> None:
    mask = np.ones((20, 20), bool)
    mask[3:5, 3:5] = False  # 4 px
    mask[10:14, 10:14] = False  # 16 px
    mask[8, 0:2] = False  # a bay
    filled = fill_small_holes(mask, 6)
    assert filled[3:5, 3:5].all()
    assert np.array_equal(filled[5:], mask[5:])
    assert fill_small_holes(np.ones((4, 4), bool), 5).all()
    assert not fill_small_holes(np.zeros((4, 4), bool), 5).any()


def test_own_mask_is_foreground_wherever_it_is_above_zero() -> None:
    field = make_cells((64, 80), seed=0)
    soft = np.full((64, 80), 0.5)
    assert find_foreground(field.planes(["phase"]), field.markers, 30, mask=soft).mask.all()


def test_scribbles_of_a_third_value_are_refused() -> None:
    field = make_cells((64, 80), seed=0)
    strokes = np.zeros((64, 80), int)
    strokes[3], strokes[30], strokes[50] = 1, 2, 3
    with pytest.raises(SettingsError, match=r"also have \[3\]"):
        find_foreground(field.planes(["phase"]), field.markers, 30, scribbles=strokes)


@pytest.mark.parametrize("row", [20, 21])
def test_thin_strokes_on_large_cells_count_and_are_kept(row: int) -> None:
    field = make_cells((240, 240), diameter=60, seed=0)
    strokes = np.zeros((240, 240), int)
    strokes[row] = np.where(field.cells[row] > 0, 2, 1)
    mask = find_foreground(field.planes(["phase"]), field.markers, 60, scribbles=strokes).mask
    assert mask[strokes == 2].all()
    assert not mask[strokes == 1].any()


@pytest.mark.parametrize("diameter", [0.0, -3.0, float("nan")])
def test_a_diameter_that_is_none_is_refused(diameter: float) -> None:
    field = make_cells((64, 80), seed=0)
    with pytest.raises(SettingsError, match="diameter"):
        find_foreground(field.planes(["phase"]), field.markers, diameter)


def test_a_diameter_far_below_that_of_nuclei_still_finds_the_brightest_cells() -> None:
    field = make_cells((256, 256), n_cells=9, diameter=70, dim_nuclei=0, seed=1)
    mask = find_foreground(field.cytoplasm, find_markers(field.nuclear), 8, "intensity").mask
    assert mask[field.nuclei > 0].mean() > 0.9
    assert 0.3 < mask.mean() < 0.7  # cells cover 0.55


def test_markers_without_a_position_are_refused() -> None:
    field = make_cells((64, 80), seed=0)
    with pytest.raises(BadPixels, match="markers"):
        find_foreground(field.planes(["phase"]), [[np.nan, 3.0]], 30)


def test_a_field_without_a_pixel_far_from_a_marker_is_all_cell() -> None:
    """Cells told to be several times as wide as they are, or a crop from within one."""
    field = make_cells((96, 96), density=1.0, diameter=20, seed=3)
    found = find_foreground(field.planes(["phase"]), field.markers, 150, "texture")
    assert found.mask.all()
    one = find_foreground(field.planes(["phase"])[:, :20, :20], np.array([[10.0, 10.0]]), 80, "texture")
    assert one.mask.all()


def _nuclei(field: SyntheticField) -> Markers:
    """Markers with the areas of nuclei, as found in the stain."""
    return find_markers(field.nuclear)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(
    ("channel", "density", "least"),
    [
        ("cytoplasm", 0.3, 0.84),
        ("cytoplasm", 0.6, 0.86),
        ("cytoplasm", 0.97, 0.80),
        ("phase", 0.3, 0.55),
        ("phase", 0.6, 0.72),
        ("phase", 0.97, 0.90),
        ("brightfield", 0.3, 0.70),
        ("brightfield", 0.6, 0.70),
    ],
)
def test_nuclei_are_foreground_and_help_to_find_it(
    channel: str, density: float, least: float, seed: int
) -> None:
    field = make_cells(SHAPE, density=density, seed=seed, dim_nuclei=0.0)
    markers = _nuclei(field)
    found = find_foreground(field.planes([channel]), markers, 30)
    assert markers.nuclei is not None
    assert found.mask[markers.nuclei > 0].all()
    assert found.probability[markers.nuclei > 0].mean() > 0.95
    assert _iou(found.mask, field.cells > 0) >= least


@pytest.mark.parametrize("channel", ["cytoplasm", "phase"])
def test_a_nucleus_is_foreground_whatever_the_image_shows(channel: str) -> None:
    """A nucleus that the stain shows where the image is empty."""
    field = make_cells((192, 192), density=0.4, seed=1, dim_nuclei=0.0)
    markers = _nuclei(field)
    assert markers.nuclei is not None
    distance = cv2.distanceTransform((field.cells == 0).astype(np.uint8), cv2.DIST_L2, 5)
    nuclei = markers.nuclei.copy()
    cv2.circle(nuclei, np.unravel_index(distance.argmax(), distance.shape)[::-1], 6, len(markers) + 1, -1)
    with_ghost = markers_from_labels(nuclei)
    assert find_foreground(field.planes([channel]), with_ghost, 30).mask[nuclei > 0].all()


def test_uneven_light_keeps_dim_cells() -> None:
    """Light that falls to an eighth from left to right, over an offset: from points alone, cells at the right are cut."""
    field = make_cells((256, 384), density=0.5, seed=3, dim_nuclei=0.0)
    light = np.geomspace(1, 1 / 8, 384)[None]
    dark = float(np.quantile(field.cytoplasm, 0.01))
    noise = np.random.default_rng(0).normal(0, 2, field.cytoplasm.shape)
    plane = dark + (field.cytoplasm - dark) * light + noise
    markers, right = _nuclei(field), np.s_[:, 256:]
    truth = (field.cells > 0)[right]
    found, blind = (
        find_foreground(plane, given, 30, "intensity").mask[right] for given in (markers, markers.points)
    )
    assert _iou(found, truth) > 0.78
    assert _iou(found, truth) > _iou(blind, truth) + 0.05


def test_nuclei_must_belong_to_the_image() -> None:
    field = make_cells((64, 80), seed=0)
    with pytest.raises(WrongShape, match=r"`markers.nuclei` has shape \(64, 80\)"):
        find_foreground(field.planes(["phase"])[:, :, :60], _nuclei(field), 30)


def test_nuclei_alone_are_all_cell() -> None:
    """A crop from within one nucleus has nothing to compare it with."""
    plane = np.random.default_rng(0).random((20, 20)).astype(np.float32)
    nuclei = markers_from_labels(np.ones((20, 20), int))
    assert find_foreground(plane, nuclei, 60, "texture").mask.all()
    scaled = ScaledPlane(plane, np.ones((20, 20), np.uint32), 30.0, True)
    assert texture_evidence(scaled) is None


@pytest.mark.parametrize("channel", ["phase", "cytoplasm"])
def test_hot_pixels_change_nothing(channel: str) -> None:
    """`find_cues` has replaced them before; whoever calls this function directly must get the same mask."""
    field = make_cells(SHAPE, dim_nuclei=0, seed=2)
    plane = field.planes([channel])[0]
    clean = find_foreground(plane, field.markers, 30)
    hot = plane.copy()
    hot.ravel()[np.random.default_rng(0).choice(hot.size, 30, replace=False)] = 65_535
    found = find_foreground(hot, field.markers, 30)
    assert found.method == clean.method
    assert _iou(found.mask, clean.mask) > 0.97


@pytest.mark.parametrize("side", [1, -1])
def test_one_bright_side_of_phase_contrast_costs_nothing(side: int) -> None:
    """The contrast of cells rises with the light, so that the dim side passed for background."""
    cells = make_cells((360, 420), density=0.4, diameter=30, vignette=0.0, dim_nuclei=0, seed=2)
    light = (1 + 0.5 * np.linspace(-side, side, 420, dtype=np.float32))[None]
    markers = find_markers(cells.nuclear)
    found = [
        find_foreground(cells.phase * one, markers, 30.0).mask for one in (np.ones((1, 1), np.float32), light)
    ]
    truth = cells.cells > 0
    even, uneven = ((truth & one).sum() / (truth | one).sum() for one in found)
    assert uneven > even - 0.02
