"""What is computed window by window is what is computed on the whole image."""

import numpy as np
import pytest

from frugalseg.evaluation.measurements import measure_cells
from frugalseg.evaluation.pixel_scores import pearson_correlation
from frugalseg.evaluation.streamed import StreamedCorrelation, measure_tiles
from frugalseg.images.tiles import plan_tiles


def streamed(predicted: np.ndarray, true: np.ndarray, core: int) -> float:
    correlation = StreamedCorrelation()
    for tile in plan_tiles(predicted.shape, core, margin=0):
        correlation.add(predicted[tile.core], true[tile.core])
    return correlation.value()


@pytest.mark.parametrize("core", [7, 16, 1000])
@pytest.mark.parametrize("offset", [0.0, 6e4, 1e9])
def test_correlation_is_that_of_the_whole(core: int, offset: float) -> None:
    rng = np.random.default_rng(0)
    true = rng.normal(size=(50, 61)) + np.linspace(0, 3, 61)  # no tile has the mean of the whole
    predicted = 0.3 * true + rng.normal(size=true.shape) + offset
    assert streamed(predicted, true, core) == pytest.approx(
        np.corrcoef(predicted.ravel(), true.ravel())[0, 1], abs=1e-6
    )
    assert streamed(predicted, true, core) == pytest.approx(pearson_correlation(predicted, true), abs=1e-6)
    assert streamed(-2 * true + 9, true, core) == pytest.approx(-1.0, abs=1e-9)


def test_correlation_with_a_constant_is_not_defined() -> None:
    noise = np.random.default_rng(0).normal(size=(30, 30))
    assert np.isnan(streamed(np.full((30, 30), 0.1), noise, 7))
    assert np.isnan(streamed(noise, np.full((30, 30), 1e9 + 0.1), 7))
    assert np.isnan(StreamedCorrelation().value())


def cells(shape: tuple[int, int]) -> np.ndarray:
    """Touching blobs up to 22 px wide, numbered at random."""
    rng = np.random.default_rng(2)
    numbers = rng.permutation(np.arange(1, 400)) * 3
    y, x = np.indices(shape)
    labels = np.zeros(shape, np.uint32)
    for i in range(70):
        cy, cx = rng.uniform(-2, shape[0] + 2), rng.uniform(-2, shape[1] + 2)
        inside = np.hypot((y - cy) * rng.uniform(1, 2), x - cx) < rng.uniform(2, 11)
        labels[inside & (labels == 0)] = numbers[i]
    return labels


@pytest.mark.parametrize("core", [16, 37, 400])
def test_measurements_are_those_of_the_whole(core: int) -> None:
    labels = cells((130, 171))
    planes = np.random.default_rng(1).normal(500, 90, (2, 130, 171))
    expected = measure_cells(labels, dict(zip("ab", planes, strict=True)), (0.5, 0.25))
    calls = []
    rows = measure_tiles(
        lambda window: labels[window],
        lambda window: planes[:, *window],
        labels.shape,
        ("a", "b"),
        largest=24,
        core=core,
        pixel_size=(0.5, 0.25),
        progress=lambda done, total: calls.append((done, total)),
    )
    assert [row["label"] for row in rows] == [row["label"] for row in expected]
    assert 0 < sum(bool(row["touches_border"]) for row in rows) < len(rows)
    for row, whole in zip(rows, expected, strict=True):
        assert row.keys() == whole.keys()
        assert dict(row) == pytest.approx(whole, rel=1e-9)
    assert calls[-1] == (len(calls), len(calls))


def test_nothing_found_is_no_row() -> None:
    empty = np.zeros((40, 40), np.uint32)
    read = lambda window: np.zeros((1, *empty[window].shape))  # noqa: E731
    assert measure_tiles(lambda window: empty[window], read, (40, 40), ("a",), 5, 16) == []


def measured_in_tiles(labels: np.ndarray, largest: int, core: int) -> list[dict]:
    planes = np.arange(labels.size, dtype=float).reshape(1, *labels.shape)
    return [
        dict(row)
        for row in measure_tiles(
            lambda window: labels[window],
            lambda window: planes[:, *window],
            labels.shape,
            ("a",),
            largest,
            core,
            pixel_size=(0.5, 0.25),
        )
    ]


@pytest.mark.parametrize("core", [40, 64])
def test_a_cell_larger_than_a_window_is_measured_whole_and_once(core: int) -> None:
    y, x = np.indices((200, 200))
    disk = (np.hypot(y - 90, x - 110) < 70).astype(
        np.uint32
    )  # 140 px wide; windows reach 30 px beyond a tile
    horseshoe = np.zeros((200, 200), np.uint32)
    horseshoe[20:180, 20:30] = horseshoe[20:180, 170:180] = horseshoe[170:180, 20:180] = 5
    horseshoe[30:40, 60:70] = 2
    for labels in (disk, horseshoe):
        planes = {"a": np.arange(labels.size, dtype=float).reshape(labels.shape)}
        expected = measure_cells(labels, planes, (0.5, 0.25))
        rows = measured_in_tiles(labels, 30, core)
        assert [row["label"] for row in rows] == [row["label"] for row in expected]
        for row, whole in zip(rows, expected, strict=True):
            assert row == pytest.approx(whole, rel=1e-9)
