"""Small charts: values in, geometry out; the template draws it in the page's own colours.

matplotlib was left out: it takes half a second to import, and its drawings don't follow the page's light and dark colours.
Figures that are also files of their own, such as those of a study, are drawn with it and come as `Drawing`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from frugalseg.report.number_texts import tick_text

SIZE, FRAME = (340.0, 204.0), (42.0, 330.0, 166.0, 10.0)
"""(width, height) of a chart, and left, right, bottom and top of its axes."""

DENSITY_SIZE, DENSITY_FRAME = (300.0, 300.0), (54.0, 290.0, 254.0, 10.0)
"""The same of a 2-D histogram."""

DENSITY_CELLS, DENSITY_LEVELS = 48, 6
"""Cells along each axis of a 2-D histogram, and its shades."""

_MOST_POINTS = 400
_OTHER_STYLES = 5  # colours of lines that are not the run's own

Numbers = Sequence[float] | NDArray[Any]


class Series(NamedTuple):
    """One line of a chart, before it is drawn."""

    name: str
    xs: Numbers
    ys: Numbers
    role: Literal["main", "faint", "other"] = "main"
    dots: bool = False


class Line(NamedTuple):
    """One line as it is drawn: its name, its class in the style sheet, its path, and points to mark."""

    name: str
    style: str
    path: str
    dots: Sequence[tuple[float, float]] = ()


class Bar(NamedTuple):
    """One bar of a histogram as it is drawn, and its text when pointed at."""

    x: float
    y: float
    width: float
    height: float
    tip: str


@dataclass(frozen=True)
class Axis:
    """Values from `low` to `high`, drawn from `start` to `stop`; y axes start at the bottom, where y is larger."""

    low: float
    high: float
    start: float
    stop: float
    ticks: tuple[float, ...]

    def at(self, values: Any) -> Any:
        """Return the position of a value, or the positions of an array."""
        return self.start + (values - self.low) / (self.high - self.low) * (self.stop - self.start)

    @property
    def labels(self) -> list[tuple[float, str]]:
        """Position and text of every tick."""
        return [(float(self.at(tick)), tick_text(tick)) for tick in self.ticks]


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A chart in the coordinates of its drawing, y downwards."""

    title: str
    x_label: str
    x: Axis
    y: Axis
    y_label: str = ""
    lines: Sequence[Line] = ()
    bars: Sequence[Bar] = ()
    mark: tuple[float, str] | None = None  # x of an upright line, and its meaning
    density: Sequence[str] = ()  # paths in cells of a grid, from few points to many
    size: tuple[float, float] = SIZE

    @property
    def grid(self) -> str:
        """Transform from the cells of a 2-D histogram to the drawing."""
        across, up = ((axis.stop - axis.start) / DENSITY_CELLS for axis in (self.x, self.y))
        return f"translate({self.x.start:g} {self.y.start:g}) scale({across:.5g} {up:.5g})"


def line_chart(
    title: str,
    series: Sequence[Series],
    x_label: str,
    y_range: tuple[float, float] | None = None,
    mark: tuple[float, str] | None = None,
) -> Chart | None:
    """Draw lines over a common x axis; return None without a finite point.

    Parameters
    ----------
    series
        Points that are not finite are left out.
    y_range
        Ends of the y axis; by default those of the values, rounded.
    mark
        x value of an upright line, and its meaning.
    """
    finite = [line for line in map(_finite, series) if len(line.xs)]
    if not finite:
        return None
    xs, ys = (np.concatenate(parts) for parts in ([line.xs for line in finite], [line.ys for line in finite]))
    x = _axis(xs.min(), xs.max(), *FRAME[:2], tight=True)
    low, high = y_range or (ys.min(), ys.max())
    y = _axis(low, high, *FRAME[2:], tight=y_range is not None)
    lines: list[Line] = []
    for values in finite:
        xs, ys = x.at(_thin(values.xs)), y.at(_thin(values.ys))
        others = sum(line.style.startswith("other") for line in lines)
        style = f"other o{others % _OTHER_STYLES}" if values.role == "other" else values.role
        dots = list(zip(xs.tolist(), ys.tolist(), strict=True)) if values.dots or len(xs) == 1 else []
        lines.append(Line(values.name, style, _path(xs, ys), dots))
    placed = None if mark is None else (float(x.at(mark[0])), mark[1])
    return Chart(title=title, x_label=x_label, x=x, y=y, lines=lines, mark=placed)


def histogram(
    title: str,
    values: NDArray[Any],
    x_label: str,
    truth: NDArray[Any] | None = None,
    span: tuple[float, float] | None = None,
    unit: str = "",
) -> Chart | None:
    """Draw how many cells have which value, those of the truth as a line; return None without a finite value.

    Parameters
    ----------
    values, truth
        One number per cell.
    span
        Ends of the x axis; values outside are counted in the outer bars.
    unit
        Text behind the numbers, such as " px".
    """
    values = values[np.isfinite(values)]
    if not len(values):
        return None
    low, high = span or (0.0, float(np.percentile(values, 99.5)) * 1.08)
    high = high if high > low else low + 1.0
    edges = np.linspace(low, high, int(np.clip(2 * len(values) ** 0.5, 10, 40)) + 1)
    cells = [values] if truth is None else [values, truth]
    counts = [np.histogram(np.clip(numbers, low, high), edges)[0] for numbers in cells]
    x = _axis(low, high, *FRAME[:2], tight=True)
    y = _axis(0, float(np.max(counts)), *FRAME[2:], tight=False, whole=True)
    bars = []
    for count, start, stop in zip(counts[0].tolist(), edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        tip = f"{start:.3g} to {stop:.3g}{unit}: {count} {'cell' if count == 1 else 'cells'}"
        width = max(0.5, x.at(stop) - x.at(start) - 1.5)
        bars.append(Bar(x.at(start) + 0.75, y.at(count), width, y.start - y.at(count), tip))
    corners = x.at(np.repeat(edges, 2)[1:-1])
    lines = [Line("truth", "truth", _path(corners, y.at(np.repeat(steps, 2)))) for steps in counts[1:]]
    median = float(np.median(values))
    mark = (float(x.at(np.clip(median, low, high))), f"median {median:.3g}{unit}")
    return Chart(title=title, x_label=x_label, x=x, y=y, lines=lines, bars=bars, mark=mark)


def density_chart(real: NDArray[Any], predicted: NDArray[Any]) -> Chart | None:
    """Draw how often which pair of values occurs, on one scale for both axes; return None without two values."""
    pairs = np.stack([np.ravel(real), np.ravel(predicted)]).astype(float)
    pairs = pairs[:, np.isfinite(pairs).all(0)]
    low, high = np.percentile(pairs, (0.1, 99.9)).tolist() if pairs.size else (0.0, 0.0)
    if high <= low:
        return None
    x, y = (_axis(low, high, *ends, tight=True) for ends in (DENSITY_FRAME[:2], DENSITY_FRAME[2:]))
    edges = np.linspace(x.low, x.high, DENSITY_CELLS + 1)
    counts = np.histogram2d(pairs[1], pairs[0], [edges, edges])[0]  # rows are the predicted values
    # Counts span orders of magnitude: on a linear scale all but the background would vanish.
    level = np.ceil(DENSITY_LEVELS * np.log1p(counts) / np.log1p(max(counts.max(), 1.0))).astype(int)
    return Chart(
        title="Predicted against real",
        x_label="real",
        y_label="predicted",
        x=x,
        y=y,
        density=[_cells_path(level == i) for i in range(1, DENSITY_LEVELS + 1)],
        size=DENSITY_SIZE,
    )


def running_mean(values: Sequence[float], parts: int = 25) -> list[float]:
    """Smooth a curve with a centred window of one `parts`-th of its length, shorter at the ends."""
    half = len(values) // (2 * parts)
    total = np.concatenate([[0.0], np.cumsum(values)])
    at = np.arange(len(values))
    start, stop = np.maximum(at - half, 0), np.minimum(at + half + 1, len(values))
    smooth: list[float] = ((total[stop] - total[start]) / (stop - start)).tolist()
    return smooth


def _axis(low: float, high: float, start: float, stop: float, *, tight: bool, whole: bool = False) -> Axis:
    """Return an axis with ticks at 1, 2 or 5 times a power of ten, up to the outer ticks unless `tight`."""
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
        return Axis(ticks[0], ticks[-1], start, stop, tuple(ticks))
    slack = (high - low) * 1e-9
    inside = tuple(tick for tick in ticks if low - slack <= tick <= high + slack)
    return Axis(float(low), float(high), start, stop, inside)


def _finite(series: Series) -> Series:
    xs, ys = np.asarray(series.xs, float), np.asarray(series.ys, float)
    keep = np.isfinite(xs) & np.isfinite(ys)
    return series._replace(xs=xs[keep], ys=ys[keep])


def _thin(values: Numbers) -> NDArray[Any]:
    """Return at most `_MOST_POINTS` values, means of neighbours where there are more."""
    parts = np.array_split(np.asarray(values, float), min(len(values), _MOST_POINTS))
    return np.array([part.mean() for part in parts])


def _path(xs: NDArray[Any], ys: NDArray[Any]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in zip(xs.tolist(), ys.tolist(), strict=True))


def _cells_path(mask: NDArray[np.bool_]) -> str:
    """Return the cells of a grid as one path, neighbours of a row as one rectangle."""
    edges = np.diff(np.pad(mask.astype(np.int8), ((0, 0), (1, 1))), axis=1)
    starts, stops = np.argwhere(edges == 1).tolist(), np.argwhere(edges == -1).tolist()
    pairs = zip(starts, stops, strict=True)
    return "".join(f"M{x} {y}h{end - x}v1h{x - end}z" for (y, x), (_, end) in pairs)
