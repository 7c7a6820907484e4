"""Nuclei as the best contours of an image: every nucleus gets a threshold of its own.

Thresholding an image at rising levels gives components that split and shrink: the component tree. A nucleus is the
component along its branch whose boundary is steepest for its size and whose shape is closest to an ellipse. So
neither a 100-fold spread of the stain nor glowing cytoplasm needs a threshold that fits all nuclei.
"""

from dataclasses import dataclass, fields

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

Float = NDArray[np.float64]
Plane = NDArray[np.float32]

#: Smallest component, px.
MIN_AREA = 9
#: Ratio of one level to the next, and the most levels.
STEP, MAX_LEVELS = 1.12, 90
#: Seen from less than this share of a circle's circumference, a boundary says little.
VISIBLE = 0.4
#: Ellipticity at which the shape score is 0, and how much more makes it 1.
RAGGED, TO_ELLIPSE = 0.8, 0.18
#: Diameters within this many octaves of the expected one count in full; beyond, with a Gaussian of this deviation.
TOLERANCE, FALLOFF = 0.3, 0.5
CROSS = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], np.uint8)


@dataclass(frozen=True)
class Level:
    """Components of one threshold, as columns of equal length (n,).

    Attributes
    ----------
    threshold, area, y, x
        Grey value; area and centre, px.
    ellipticity, steepness
        See `ellipticity`; mean gradient along the boundary, grey values per px.
    seed
        Flat index of one pixel inside.
    parent
        Index of the surrounding component in the level below; 0 at the lowest level.
    at_edge
        Whether the component touches the image's edge, so that part of it may be missing.
    """

    threshold: float
    area: Float
    y: Float
    x: Float
    ellipticity: Float
    steepness: Float
    seed: NDArray[np.int64]
    parent: NDArray[np.int64]
    at_edge: NDArray[np.bool_]


@dataclass(frozen=True)
class Contours:
    """Chosen components, as columns of equal length (n,); see `Level`. ``strength`` is steepness times radius."""

    area: Float
    y: Float
    x: Float
    ellipticity: Float
    strength: Float
    threshold: Float
    seed: NDArray[np.int64]
    at_edge: NDArray[np.bool_]

    @property
    def diameter(self) -> Float:
        """Diameter (n,) of the disk of the same area, px."""
        return np.sqrt(4 * self.area / np.pi)

    def __len__(self) -> int:
        """Return the number of components."""
        return self.area.size

    def __getitem__(self, which: NDArray[np.bool_]) -> "Contours":
        """Return the components where `which` (n,) is True."""
        return Contours(*(getattr(self, f.name)[which] for f in fields(self)))


def component_levels(lowest: float, highest: float, step: float = STEP) -> list[float]:
    """Return thresholds in geometric progression from `lowest` to just under `highest`."""
    if highest <= lowest:
        return []
    n = int(np.ceil(np.log(highest / lowest) / np.log(step)))
    if n > MAX_LEVELS:
        return [float(t) for t in np.geomspace(lowest, highest, MAX_LEVELS, endpoint=False)]
    return [lowest * step**k for k in range(n)]


def build_component_tree(
    plane: Plane, thresholds: list[float], hidden: NDArray[np.bool_] | None = None
) -> list[Level]:
    """Return the components of a plane above every threshold, each linked to the component around it.

    Parameters
    ----------
    plane
        (Y, X), background at 0.
    thresholds
        Rising grey values.
    hidden
        (Y, X), optional: pixels that belong to no component; a boundary with them does not count.

    Returns
    -------
    list of Level
        Lowest first, up to the first threshold without a component.
    """
    slope = gradient_magnitude(plane).ravel()
    levels: list[Level] = []
    # pixel -> component of the level below, -1 outside
    around: NDArray[np.int32] = np.zeros(plane.size, np.int32)
    for threshold in thresholds:
        mask = plane > threshold
        if hidden is not None:
            mask &= ~hidden
        index, inside, n = _components(mask)
        if n == 0:
            break
        boundary = mask.view(np.uint8) != _eroded(mask, hidden)
        level = _measure(threshold, inside, index, n, around, plane.shape, slope, boundary.ravel())
        levels.append(level)
        around.fill(-1)
        around[inside] = index
    return levels


def gradient_magnitude(plane: Plane) -> Plane:
    """Return the gradient (Y, X) of a plane, grey values per px."""
    gy = cv2.Sobel(plane, cv2.CV_32F, 0, 1, scale=1 / 8)
    gx = cv2.Sobel(plane, cv2.CV_32F, 1, 0, scale=1 / 8)
    return np.asarray(cv2.magnitude(gx, gy), np.float32)


def _components(mask: NDArray[np.bool_]) -> tuple[NDArray[np.int32], NDArray[np.int64], int]:
    """Return the component of every inside pixel (those under `MIN_AREA` left out), these pixels, and their number."""
    n, labels = cv2.connectedComponents(mask.view(np.uint8), connectivity=4, ltype=cv2.CV_32S)
    inside = np.flatnonzero(mask)
    index = labels.ravel()[inside]
    keep = np.bincount(index, minlength=n) >= MIN_AREA
    keep[0] = False
    renumber = np.cumsum(keep, dtype=np.int32) - 1
    of_interest = keep[index]
    return renumber[index[of_interest]], inside[of_interest], int(keep.sum())


def _eroded(mask: NDArray[np.bool_], hidden: NDArray[np.bool_] | None) -> NDArray[np.uint8]:
    # the image's edge and hidden pixels are no boundary of a nucleus: behind them it may go on
    known = mask if hidden is None else mask | hidden
    inner = cv2.erode(known.view(np.uint8), CROSS, borderType=cv2.BORDER_CONSTANT, borderValue=1)
    return np.asarray(inner, np.uint8) & mask.view(np.uint8)


def _measure(
    threshold: float,
    inside: NDArray[np.int64],
    index: NDArray[np.int32],
    n: int,
    around: NDArray[np.int32],
    shape: tuple[int, ...],
    slope: Plane,
    boundary: NDArray[np.bool_],
) -> Level:
    area = np.bincount(index, minlength=n).astype(float)
    y, x = np.divmod(inside, shape[1])
    cy, cx = np.bincount(index, y, n) / area, np.bincount(index, x, n) / area
    seed = np.zeros(n, np.int64)
    seed[index] = inside
    on_boundary = boundary[inside]
    length = np.bincount(index[on_boundary], minlength=n)
    steep = np.bincount(index[on_boundary], slope[inside[on_boundary]], n) / np.maximum(length, 1)
    steep = steep * np.minimum(length / (VISIBLE * np.sqrt(4 * np.pi * area)), 1)
    at_edge = np.zeros(n, bool)
    at_edge[index[(y == 0) | (x == 0) | (y == shape[0] - 1) | (x == shape[1] - 1)]] = True
    shape_of = ellipticity(y - cy[index], x - cx[index], index, area)
    return Level(threshold, area, cy, cx, shape_of, steep, seed, around[seed].astype(np.int64), at_edge)


def ellipticity(dy: Float, dx: Float, index: NDArray[np.int32], area: Float) -> Float:
    """Return the area of components over that of the ellipses with the same second moments.

    Parameters
    ----------
    dy, dx, index
        (pixels,) offset of each pixel from its component's centre, px, and its component.
    area
        (n,) of each component, px.

    Returns
    -------
    (n,)
        1 for an ellipse, 0.89 for two touching disks.
    """
    n = area.size
    # 1/12: a pixel is a square, not a point; matters for nuclei of 7 px
    yy = np.bincount(index, dy * dy, n) / area + 1 / 12
    xx = np.bincount(index, dx * dx, n) / area + 1 / 12
    yx = np.bincount(index, dy * dx, n) / area
    return np.asarray(area / (4 * np.pi * np.sqrt(np.maximum(yy * xx - yx * yx, 1e-6))))


def shape_score(ellipticities: Float) -> Float:
    """Return how nucleus-like shapes (n,) are by their ellipticity: 0 for ragged outlines, 1 for ellipses."""
    return np.asarray(np.clip((ellipticities - RAGGED) / TO_ELLIPSE, 0, 1) ** 2)


def choose_contours(levels: list[Level], diameter: float | None, largest: float) -> Contours:
    """Choose the components that do not lie in each other and are, together, the best nuclei.

    Parameters
    ----------
    levels
        From `build_component_tree`, lowest first.
    diameter
        Expected diameter in px; sizes far from it count less. None: all sizes up to `largest` count alike.
    largest
        Largest diameter in px that can be a nucleus.
    """
    values = [_value(level, diameter, largest) for level in levels]
    wins = [np.zeros(0, bool)] * len(levels)
    inherited = np.zeros(0)
    for k in range(len(levels) - 1, -1, -1):
        value = values[k]
        if k == len(levels) - 1:
            rivals = np.zeros(value.size)
        else:
            above, n = levels[k + 1].parent, value.size
            total = np.bincount(above, inherited, n)
            # children are weighted by their own value, so that specks of noise hardly count
            rivals = np.bincount(above, inherited**2, n) / np.maximum(total, 1e-12)
        wins[k] = (value >= rivals) & (value > 0)
        inherited = np.maximum(value, rivals)
    return _collect(levels, values, wins)


def _value(level: Level, diameter: float | None, largest: float) -> Float:
    d = np.sqrt(4 * level.area / np.pi)
    value = level.steepness * d / 2 * shape_score(level.ellipticity)
    if diameter is not None:
        off = np.log2(d / diameter)
        # components cut by the image's edge may be small
        off = np.where(level.at_edge, np.maximum(off, 0), off)
        value = value * np.exp(-0.5 * np.maximum(np.abs(off) - TOLERANCE, 0) ** 2 / FALLOFF**2)
    return np.asarray(np.where(d <= largest, value, 0.0))


def _collect(levels: list[Level], values: list[Float], wins: list[NDArray[np.bool_]]) -> Contours:
    rows = [np.zeros((6, 0))]
    seeds = [np.zeros(0, np.int64)]
    at_edge = [np.zeros(0, bool)]
    covered = np.zeros(0, bool)
    for k, level in enumerate(levels):
        under = np.zeros(level.area.size, bool) if k == 0 else covered[level.parent]
        chosen = wins[k] & ~under
        covered = under | chosen
        t = np.full(level.area.size, level.threshold)
        columns = (level.area, level.y, level.x, level.ellipticity, values[k], t)
        rows.append(np.stack([c[chosen] for c in columns]))
        seeds.append(level.seed[chosen])
        at_edge.append(level.at_edge[chosen])
    area, y, x, shape, strength, threshold = np.concatenate(rows, axis=1)
    return Contours(area, y, x, shape, strength, threshold, np.concatenate(seeds), np.concatenate(at_edge))


def paint_contours(plane: Plane, contours: Contours) -> NDArray[np.int32]:
    """Return the label map (Y, X) of the chosen components, holes filled, numbered from 1 in their order."""
    out = np.zeros(plane.shape, np.int32)
    for i in np.argsort(-contours.threshold):
        ys, xs, part = _component(
            plane, float(contours.threshold[i]), int(contours.seed[i]), float(contours.area[i])
        )
        window = out[ys, xs]
        window[ndi.binary_fill_holes(part) & (window == 0)] = i + 1
    return out


def _component(
    plane: Plane, threshold: float, seed: int, area: float
) -> tuple[slice, slice, NDArray[np.bool_]]:
    """Return the component around `seed`, in a window that grows until it holds all of it."""
    h, w = plane.shape
    y, x = divmod(seed, w)
    reach = int(np.ceil(2 * np.sqrt(area / np.pi))) + 2
    while True:
        ys = slice(max(y - reach, 0), min(y + reach + 1, h))
        xs = slice(max(x - reach, 0), min(x + reach + 1, w))
        mask = (plane[ys, xs] > threshold).astype(np.uint8)
        _, labels = cv2.connectedComponents(mask, connectivity=4)
        part = labels == labels[y - ys.start, x - xs.start]
        if part.sum() >= area or reach > max(h, w):
            return ys, xs, part
        reach *= 2
