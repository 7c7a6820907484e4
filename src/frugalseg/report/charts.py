"""Small charts: data in, geometry out; the template draws it in the page's own colours."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 340.0, 204.0
LEFT, RIGHT, TOP, BOTTOM = 42.0, 10.0, 10.0, 38.0
_MOST_POINTS = 400

DENSITY_CELLS, DENSITY_LEVELS = 48, 6
"""Cells along each axis of a 2-D histogram, and its shades."""


@dataclass(frozen=True)
class Series:
    """One line of a chart; `role` is "main", "faint" or "other" and decides how it is drawn."""

    name: str
    xs: Sequence[float]
    ys: Sequence[float]
    role: str = "main"
    dots: bool = False


@dataclass
class Chart:
    """A chart in the coordinates of its drawing, y downwards."""

    title: str
    x_label: str
    x_ticks: list[tuple[float, str]]
    y_ticks: list[tuple[float, str]]
    y_label: str = ""
    note: str = ""
    lines: list[dict[str, Any]] = field(default_factory=list)
    bars: list[dict[str, Any]] = field(default_factory=list)
    mark: tuple[float, str] | None = None  # x of an upright line, and what it means
    density: list[str] = field(default_factory=list)  # paths in cells of a grid, from few points to many
    grid: str = ""  # the transform from that grid to the drawing
    width: float = WIDTH
    height: float = HEIGHT
    left: float = LEFT
    right: float = WIDTH - RIGHT
    top: float = TOP
    bottom: float = HEIGHT - BOTTOM


def line_chart(
    title: str,
    series: Sequence[Series],
    x_label: str,
    y_range: tuple[float, float] | None = None,
    note: str = "",
    mark: tuple[float, str] | None = None,
) -> Chart | None:
    """Draw lines over a common x axis; None when there is no finite point to draw."""
    clean = [_finite(one) for one in series]
    clean = [one for one in clean if len(one.xs)]
    if not clean:
        return None
    every_x = np.concatenate([np.asarray(one.xs, float) for one in clean])
    every_y = np.concatenate([np.asarray(one.ys, float) for one in clean])
    x_ticks, x_span = _axis(every_x.min(), every_x.max(), tight=True)
    low, high = y_range or (every_y.min(), every_y.max())
    y_ticks, y_span = _axis(low, high, tight=y_range is not None)
    chart = Chart(title, x_label, _placed_x(x_ticks, x_span), _placed_y(y_ticks, y_span), note=note)
    if mark is not None:
        chart.mark = (float(_x(np.array(mark[0]), x_span)), mark[1])
    other = 0
    for one in clean:
        xs, ys = _thin(np.asarray(one.xs, float), np.asarray(one.ys, float))
        points = list(zip(_x(xs, x_span).tolist(), _y(ys, y_span).tolist(), strict=True))
        other += one.role == "other"
        chart.lines.append(
            {
                "name": one.name,
                "style": f"other o{(other - 1) % 5}" if one.role == "other" else one.role,
                "path": "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points),
                "dots": points if one.dots or len(points) == 1 else [],
            }
        )
    return chart


def histogram(
    title: str,
    values: NDArray[Any],
    x_label: str,
    truth: NDArray[Any] | None = None,
    span: tuple[float, float] | None = None,
    unit: str = "",
) -> Chart | None:
    """Draw how many cells have which value, with the truth's cells as a line; None without a finite value."""
    values = values[np.isfinite(values)]
    if not len(values):
        return None
    low, high = span or (0.0, float(np.percentile(values, 99.5)) * 1.08)
    high = high if high > low else low + 1.0
    edges = np.linspace(low, high, int(np.clip(2 * len(values) ** 0.5, 10, 40)) + 1)
    counts, _ = np.histogram(np.clip(values, low, high), edges)
    true_counts = None if truth is None else np.histogram(np.clip(truth, low, high), edges)[0]
    top = max(counts.max(), 0 if true_counts is None else true_counts.max())
    x_ticks, x_span = _axis(low, high, tight=True)
    y_ticks, y_span = _axis(0, float(top), tight=False, whole=True)
    chart = Chart(title, x_label, _placed_x(x_ticks, x_span), _placed_y(y_ticks, y_span), "cells")
    for count, start, stop in zip(counts.tolist(), edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        x0, x1 = (float(_x(np.array(edge), x_span)) for edge in (start, stop))
        y = float(_y(np.array(count), y_span))
        tip = f"{start:.3g} to {stop:.3g}{unit}: {count} {'cell' if count == 1 else 'cells'}"
        bar = {
            "x": x0 + 0.75,
            "y": y,
            "width": max(0.5, x1 - x0 - 1.5),
            "height": chart.bottom - y,
            "tip": tip,
        }
        chart.bars.append(bar)
    if true_counts is not None:
        steps = zip(_x(np.repeat(edges, 2)[1:-1], x_span), _y(np.repeat(true_counts, 2), y_span), strict=True)
        path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in steps)
        chart.lines.append({"name": "truth", "style": "truth", "path": path, "dots": []})
    median = float(np.median(values))
    chart.mark = (float(_x(np.array(np.clip(median, low, high)), x_span)), f"median {median:.3g}{unit}")
    return chart


def density_chart(real: NDArray[Any], predicted: NDArray[Any]) -> Chart | None:
    """Draw how often which pair of values occurs, on one scale for both axes; None without two values."""
    pairs = np.stack([np.ravel(real), np.ravel(predicted)]).astype(float)
    pairs = pairs[:, np.isfinite(pairs).all(0)]
    low, high = np.percentile(pairs, (0.1, 99.9)).tolist() if pairs.size else (0.0, 0.0)
    if high <= low:
        return None
    ticks, span = _axis(low, high, tight=True)
    edges = np.linspace(*span, DENSITY_CELLS + 1)
    counts = np.histogram2d(pairs[1], pairs[0], [edges, edges])[0]  # rows are the predicted values
    chart = Chart("Predicted against real", "real", [], [], "predicted")
    chart.width, chart.height, chart.left, chart.top = 300.0, 300.0, 54.0, 10.0
    chart.right, chart.bottom = chart.width - RIGHT, chart.height - BOTTOM - 8
    share = [(tick - span[0]) / (span[1] - span[0]) for tick in ticks]
    names = [number(tick) for tick in ticks]
    across, down = chart.right - chart.left, chart.bottom - chart.top
    chart.x_ticks = [(chart.left + s * across, name) for s, name in zip(share, names, strict=True)]
    chart.y_ticks = [(chart.bottom - s * down, name) for s, name in zip(share, names, strict=True)]
    cell = (across / DENSITY_CELLS, -down / DENSITY_CELLS)
    chart.grid = f"translate({chart.left:g} {chart.bottom:g}) scale({cell[0]:.5g} {cell[1]:.5g})"
    # Counts span orders of magnitude: on a linear scale all but the background would vanish.
    level = np.ceil(DENSITY_LEVELS * np.log1p(counts) / np.log1p(max(counts.max(), 1.0))).astype(int)
    chart.density = [_runs(level == i) for i in range(1, DENSITY_LEVELS + 1)]
    return chart


def _runs(mask: NDArray[np.bool_]) -> str:
    """Give the cells of a grid as one path, each row's neighbours as one rectangle."""
    edges = np.diff(np.pad(mask.astype(np.int8), ((0, 0), (1, 1))), axis=1)
    starts, stops = np.argwhere(edges == 1).tolist(), np.argwhere(edges == -1).tolist()
    pairs = zip(starts, stops, strict=True)
    return "".join(f"M{x} {y}h{end - x}v1h{x - end}z" for (y, x), (_, end) in pairs)


def running_mean(values: Sequence[float], parts: int = 25) -> list[float]:
    """Smooth a curve with a centred window of one `parts`-th of its length, shorter at the ends."""
    array = np.asarray(values, float)
    half = len(array) // (2 * parts)
    total = np.concatenate([[0.0], np.cumsum(array)])
    at = np.arange(len(array))
    start, stop = np.maximum(at - half, 0), np.minimum(at + half + 1, len(array))
    smooth: list[float] = ((total[stop] - total[start]) / (stop - start)).tolist()
    return smooth


def number(value: float) -> str:
    """Write a tick's number short.

    >>> [number(v) for v in (0, 0.25, 1200, 45000, -3e6)]
    ['0', '0.25', '1200', '45k', '−3M']
    """
    size = abs(value)
    for limit, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if size >= limit:
            unit = 1e3 if letter == "k" else limit
            return f"{value / unit:g}{letter}".replace("-", "−")
    return f"{value:.6g}".replace("-", "−")


def _axis(
    low: float, high: float, tight: bool, whole: bool = False
) -> tuple[list[float], tuple[float, float]]:
    """Ticks at 1, 2 or 5 times a power of ten, and the span drawn: to the outer ticks unless `tight`."""
    if high <= low:
        pad = abs(low) * 0.1 or 1.0
        low, high = (low, high + pad) if whole else (low - pad, high + pad)
    rough = (high - low) / 5
    power = 10.0 ** np.floor(np.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    step = max(step, 1.0) if whole else step
    first, last = np.floor(low / step + 1e-9), np.ceil(high / step - 1e-9)
    ticks = [float(f"{k * step:.10g}") for k in np.arange(first, last + 1)]
    if not tight:
        return ticks, (ticks[0], ticks[-1])
    slack = (high - low) * 1e-9
    return [tick for tick in ticks if low - slack <= tick <= high + slack], (low, high)


def _finite(series: Series) -> Series:
    xs, ys = np.asarray(series.xs, float), np.asarray(series.ys, float)
    keep = np.isfinite(xs) & np.isfinite(ys)
    return Series(series.name, xs[keep].tolist(), ys[keep].tolist(), series.role, series.dots)


def _thin(xs: NDArray[Any], ys: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    if len(xs) <= _MOST_POINTS:
        return xs, ys
    parts = np.array_split(np.arange(len(xs)), _MOST_POINTS)
    return np.array([xs[part].mean() for part in parts]), np.array([ys[part].mean() for part in parts])


def _x(xs: NDArray[Any], span: tuple[float, float]) -> NDArray[Any]:
    return np.asarray(LEFT + (xs - span[0]) / (span[1] - span[0]) * (WIDTH - LEFT - RIGHT))


def _y(ys: NDArray[Any], span: tuple[float, float]) -> NDArray[Any]:
    return np.asarray(HEIGHT - BOTTOM - (ys - span[0]) / (span[1] - span[0]) * (HEIGHT - TOP - BOTTOM))


def _placed_x(ticks: list[float], span: tuple[float, float]) -> list[tuple[float, str]]:
    return [(float(_x(np.array(tick), span)), number(tick)) for tick in ticks]


def _placed_y(ticks: list[float], span: tuple[float, float]) -> list[tuple[float, str]]:
    return [(float(_y(np.array(tick), span)), number(tick)) for tick in ticks]
