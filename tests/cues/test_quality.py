"""What cues say about each other, on masks whose shares can be counted."""

import json

import numpy as np
import pytest

from frugalseg.cues.quality import evaluate_cues
from frugalseg.errors import SettingsError, WrongShape


def test_values_of_a_drawn_case() -> None:
    mask = np.zeros((100, 200), bool)
    mask[:, :80] = True
    points = [[20, 20], [20, 50], [80, 20], [50, 150]]
    quality = evaluate_cues(points, mask, diameter=30)
    assert quality.n_markers == 4
    assert quality.markers_outside_foreground == 1
    assert quality.markers_per_megapixel_foreground == pytest.approx(3 / 8000 * 1e6)
    assert quality.foreground_fraction == pytest.approx(0.4)
    assert quality.median_spacing == pytest.approx((30 + 60) / 2)
    y, x = np.mgrid[:100, :80]
    far = np.min([np.hypot(y - a, x - b) for a, b in points], axis=0) > 30
    assert quality.foreground_without_marker == pytest.approx(far.mean())


def test_good_cues_raise_no_doubt() -> None:
    points = np.stack(np.meshgrid(np.arange(10, 200, 20), np.arange(10, 200, 20)), -1).reshape(-1, 2)
    mask = np.zeros((200, 250), bool)
    mask[:, :200] = True
    assert evaluate_cues(points, mask, 20).warnings == ()


def test_missing_nuclei_are_told_with_their_share() -> None:
    mask = np.zeros((100, 100), bool)
    mask[:50] = True
    warnings = evaluate_cues([[25, 25]], mask, 25).warnings
    share = (np.hypot(*(np.mgrid[:50, :100] - np.array([25, 25])[:, None, None])) > 25).mean()
    assert f"{share:.0%} of the foreground is further than one cell diameter" in warnings[0]


@pytest.mark.parametrize(
    ("points", "value", "says"),
    [
        ([], 1, "No marker was found"),
        ([[50, 50]], 0, "foreground is empty"),
        ([[50, 50]], 1, "100% of the image is foreground"),
        ([[50, 50], [50, 53]], 1, "cut in pieces"),
    ],
)
def test_doubts(points: list[list[float]], value: int, says: str) -> None:
    assert any(says in w for w in evaluate_cues(points, np.full((100, 100), value), 40).warnings)


def test_markers_outside_are_told() -> None:
    mask = np.zeros((100, 100), bool)
    mask[:20, :20] = True
    assert any(
        "1 of 2 markers lie outside" in w for w in evaluate_cues([[5, 5], [90, 90]], mask, 20).warnings
    )


def test_json_has_no_nan() -> None:
    text = json.dumps(evaluate_cues([[5, 5]], np.ones((20, 20)), 10).to_dict(), allow_nan=False)
    assert json.loads(text)["median_spacing"] is None


@pytest.mark.parametrize("points", [[[5, 25]], [[-3, 5]], [[1, 2, 3]], [[np.nan, 1]]])
def test_bad_points_are_refused(points: list[list[float]]) -> None:
    with pytest.raises(WrongShape):
        evaluate_cues(points, np.ones((20, 20)), 10)


def test_bad_diameter_is_refused() -> None:
    with pytest.raises(SettingsError, match="above 0"):
        evaluate_cues([[5, 5]], np.ones((20, 20)), 0)
